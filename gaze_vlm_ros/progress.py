"""Progress for people: bars on a terminal; elsewhere, as in a log, a line now and then."""

from __future__ import annotations

import threading
import time

import rich.progress
from rich.console import Console
from rich.progress import TaskID

LINE_EVERY_S = 10.0


class Progress(rich.progress.Progress):
    """As rich's, on standard error unless another ``console`` is given. rich's bars are invisible where that is no
    terminal: there it prints a line every ten seconds.
    """

    def __init__(self, *columns, **settings) -> None:
        super().__init__(*columns, **{"console": Console(stderr=True), **settings})
        self._began_s = self._said_s = time.monotonic()
        self._lines = threading.Lock()
        self._over = threading.Event()
        self._newest: TaskID | None = None
        self.disable = self.disable or not self.console.is_terminal
        if self.disable:
            self.live.auto_refresh = False  # with it, ``track`` counts in a thread that lives only where there are bars

    def start(self) -> None:
        super().start()
        if self.disable:
            self._over.clear()
            threading.Thread(target=self._beat, daemon=True).start()

    def stop(self) -> None:
        self._over.set()
        super().stop()

    def add_task(self, description: str, *arguments, **settings) -> TaskID:
        task_id = super().add_task(description, *arguments, **settings)
        self._say(task_id)
        return task_id

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._say_in_time(task_id)

    def update(self, task_id: TaskID, **changes) -> None:
        super().update(task_id, **changes)
        self._say_in_time(task_id)

    def _beat(self) -> None:
        """Says that work goes on where nothing is finished for long."""
        while not self._over.wait(max(0.1, self._said_s + LINE_EVERY_S - time.monotonic())):
            if self._newest is not None and not self._tasks[self._newest].finished:
                self._say_in_time(self._newest)

    def _say_in_time(self, task_id: TaskID) -> None:
        with self._lines:
            if time.monotonic() - self._said_s >= LINE_EVERY_S:
                self._say(task_id)

    def _say(self, task_id: TaskID) -> None:
        if not self.disable:
            return
        self._newest, self._said_s = task_id, time.monotonic()
        task = self._tasks[task_id]
        share = "" if not task.total else f" {task.percentage:.0f} %"
        line = f"{task.description}{share} ({self._said_s - self._began_s:.0f} s)"
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)
        self.console.file.flush()
