"""What ``demo`` and ``replay`` share: a folder of one's own, a graph that runs and is recorded, its log."""

from __future__ import annotations

import fcntl
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from gaze_vlm_ros.cli.processes import NodeDied, ProcessGraph
from gaze_vlm_ros.environment import DomainLease
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.graph import Deployment, build
from gaze_vlm_ros.progress import Progress

READY_WITHIN_S = 60.0
_MANAGER_READY = "INFO ready:"
_AGED = ("gaze_vlm/activity", "gaze_vlm/gaze_target")
"""Topics whose age is a headline."""
RESULTS = ("metadata.yaml", "report.html", "report.json", "preview.png", "log.txt")


class RunError(GazeVlmError):
    """A run cannot be made as asked."""


@contextmanager
def own_folder(wanted: Path) -> Iterator[Path]:
    """``wanted``, or ``wanted-2`` and so on while other runs write there; emptied of an earlier run's results."""
    for number in range(1, 100):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        with _lock_beside(folder) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not folder.is_dir() and folder.exists():
                raise RunError(f"{folder} is a file; name a folder with --out")
            folder.mkdir(exist_ok=True)
            for name in RESULTS:
                (folder / name).unlink(missing_ok=True)
            for recording in folder.glob("*.mcap"):
                recording.unlink()
            yield folder
            return
    raise RunError(f"{wanted} and 98 folders beside it are in use; name another with --out")


def _lock_beside(folder: Path) -> TextIO:
    """The file whose lock says that ``folder`` is in use. Raises RunError where nothing can be written there."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return open(folder.with_name(f".{folder.name}.lock"), "w", encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write to {folder} ({error.strerror}); name another folder with --out") from None


def run_graph(
    name: str,
    arguments: dict[str, str],
    log_path: Path,
    progress: Progress,
    seconds: float | None = None,
    watch: Callable[[ProcessGraph], bool | None] = lambda _: None,
) -> None:
    """As ``run_deployment``, of the deployment ``name`` with those ``arguments`` that are not empty."""
    deployment = build(name, {key: value for key, value in arguments.items() if value})
    run_deployment(deployment, log_path, progress, seconds, watch)


def run_deployment(
    deployment: Deployment,
    log_path: Path,
    progress: Progress,
    seconds: float | None = None,
    watch: Callable[[ProcessGraph], bool | None] = lambda _: None,
) -> None:
    """Brings a deployment up in a domain of its own, and down after ``seconds``, or when it ends by itself (None).

    ``watch`` is called with the running graph about once a second; where it returns True the run is over.
    Raises NodeDied, naming the node and why, where one does not live.
    """
    is_ready: list[bool] = []
    with open(log_path, "w", encoding="utf-8") as log, DomainLease() as lease:

        def on_line(line: str) -> None:
            log.write(line + "\n")
            log.flush()
            if _MANAGER_READY in line:
                is_ready.append(True)

        starting = progress.add_task("starting the nodes", total=None)
        with ProcessGraph(deployment, lease.domain_id, on_line) as graph:
            is_alive = graph.wait(READY_WITHIN_S, until=lambda: bool(is_ready))
            if not is_ready:
                raise NodeDied(f"the graph was not ready within {READY_WITHIN_S:.0f} s; see {log_path}")
            progress.update(starting, total=1, completed=1)
            living = progress.add_task(deployment.name, total=seconds)
            while is_alive and (seconds is None or progress.tasks[living].completed < seconds - 1e-6):
                is_alive = graph.wait(min(1.0, seconds or 1.0))
                if watch(graph):
                    break
                progress.advance(living, min(1.0, seconds or 1.0))
            if seconds is None:
                progress.update(living, total=1, completed=1)


def interrupt_on_term() -> None:
    """Makes SIGTERM end the run as Ctrl-C does, so that no process stays behind."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def print_summary(report: dict, folder: Path) -> None:
    predictions = report["predictions"]
    print(
        f"{report['frames']} frames, {report['gaze_samples']} gaze samples, "
        f"{predictions['activity']} activity and {predictions['event']} event predictions"
    )
    rows = headline(report)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows if len(rows) > 1 else ():
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"report: {folder / 'report.html'}")


def headline(report: dict) -> list[tuple[str, ...]]:
    """What the run and the paired rollouts of a report measured, as the rows of a table; "" is not measured."""
    rollouts, assist = report["rollouts"] or {}, report["assist"]
    rows = [("", "this run", "rollouts", "beside it")]
    for kind in ("activity", "event"):
        key, majority = f"{kind}_accuracy", report["majority"][kind]
        rival = f"majority {_rate(majority)}" if majority else ""
        rows.append((f"{kind} right", _rate(report[key]), _rate(rollouts.get(key)), rival))
    without, truth = assist["without_prediction"], assist["with_truth"]
    rivals = f"without prediction {_rate(without)}, with the truth {_rate(truth)}" if without else ""
    rows.append(("pointed in time", _rate(report["pointed_in_time"]), _rate(assist["success"]), rivals))
    if brought := report["brought"]:
        said = f"{brought['by_robot']} of {brought['waited_for']} waited for, {brought['ahead']} more"
        rows.append(("brought by the robot", said, "", f"waited {brought['waited_s']:.0f} s"))
    for name, age in report["age_ms"].items():
        if name in _AGED and age:
            rows.append((f"age of {name}, p95", f"{age['p95']:.0f} ms", "", ""))
    return [row for row in rows if any(row[1:])]


def _rate(estimate: dict | None) -> str:
    if not estimate or estimate["value"] is None:
        return ""
    low, high = estimate["ci95"]
    return f"{estimate['value']:.2f} [{low:.2f}, {high:.2f}], n = {estimate['n']}"
