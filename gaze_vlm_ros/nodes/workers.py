"""The threads of a node that run while it is active."""

from __future__ import annotations

import threading
from collections.abc import Callable

STOPS_WITHIN_S = 5.0
Body = Callable[[threading.Event], None]


class Workers:
    """Bodies that each get a thread and an event ``halt``, and return once it is set; ``failed`` hears what they raise
    before."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self.threads: list[threading.Thread] = []
        self._bodies: list[Body] = []
        self._failed = failed
        self._halt = threading.Event()

    def add(self, body: Body) -> None:
        self._bodies.append(body)

    def start(self) -> None:
        self._halt = threading.Event()
        for body in self._bodies:
            thread = threading.Thread(target=self._run, args=(body, self._halt), daemon=True)
            self.threads.append(thread)
            thread.start()

    def halt(self) -> None:
        """Asks all to end."""
        self._halt.set()

    def end(self) -> None:
        """Waits for all to end, but for none too long."""
        self.halt()
        for thread in self.threads:
            thread.join(STOPS_WITHIN_S)
        self.threads = []

    def forget(self) -> None:
        """The bodies are gone; end them before."""
        self._bodies = []

    def _run(self, body: Body, halt: threading.Event) -> None:
        try:
            body(halt)
        except Exception as error:  # a worker has nobody above it who could hear
            if not halt.is_set():
                self._failed(error)
