"""``gaze-vlm-ros demo``: the closed loop in simulation, recorded and reported."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.progress import Progress

from gaze_vlm_ros.cli.processes import NodeDied, ProcessGraph
from gaze_vlm_ros.environment import DomainLease, enter, require_messages
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.graph import build

READY_WITHIN_S = 60.0
_MANAGER_READY = "| INFO ready:"


class DemoError(GazeVlmError):
    """The demo cannot run as asked."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for report and recording")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the loop runs")
    parser.add_argument("--seed", type=int, default=1, help="seed of the kitchen and the wearer")
    parser.add_argument("--rollouts", type=int, default=30, help="paired rollouts that the rivals are measured on; 0 for none")
    parser.add_argument("--checkpoint", default="", help="folder of the model; empty: the shipped one")


def run(args: argparse.Namespace) -> int:
    if args.seconds <= 0 or args.rollouts < 0:
        raise DemoError("--seconds must be positive and --rollouts not negative")
    enter()
    require_messages()
    signal.signal(signal.SIGTERM, _interrupt)
    with ExitStack() as stack:
        folder = stack.enter_context(own_folder(args.out))
        recording = folder / "demo.mcap"
        arguments = {"seed": str(args.seed), "record": str(recording), "checkpoint": args.checkpoint}
        progress = stack.enter_context(Progress())
        log = stack.enter_context(open(folder / "log.txt", "w", encoding="utf-8"))
        _run_graph(arguments, args.seconds, progress, log)
        extra = {"rollouts": _rollouts(args, progress)} if args.rollouts else None
        task = progress.add_task("report", total=None)
        report = _report(recording, folder, extra)
        progress.update(task, total=1, completed=1)
    _print_summary(report, folder)
    return 0


@contextmanager
def own_folder(wanted: Path) -> Iterator[Path]:
    """``wanted``, or ``wanted-2`` and so on while other runs write there; emptied of an earlier run's results."""
    for number in range(1, 100):
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open(folder.with_name(f".{folder.name}.lock"), "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            folder.mkdir(exist_ok=True)
            for name in ("demo.mcap", "metadata.yaml", "report.html", "report.json", "preview.png", "log.txt"):
                (folder / name).unlink(missing_ok=True)
            yield folder
            return
    raise DemoError(f"{wanted} and 98 folders beside it are in use; name another with --out")


def _run_graph(arguments: dict[str, str], seconds: float, progress: Progress, log) -> None:
    """Brings the graph up, lets it live for ``seconds``, takes it down. Raises NodeDied where a node does not live."""
    deployment = build("sim", {name: value for name, value in arguments.items() if value})
    is_ready: list[bool] = []

    def on_line(line: str) -> None:
        log.write(line + "\n")
        log.flush()
        if _MANAGER_READY in line:
            is_ready.append(True)

    with DomainLease() as lease:
        starting = progress.add_task("starting the nodes", total=None)
        with ProcessGraph(deployment, lease.domain_id, on_line) as graph:
            graph.wait(READY_WITHIN_S, until=lambda: bool(is_ready))
            if not is_ready:
                raise NodeDied(f"the graph was not ready within {READY_WITHIN_S:.0f} s; see {log.name}")
            progress.update(starting, total=1, completed=1)
            living = progress.add_task("closed loop", total=seconds)
            for _ in range(max(1, round(seconds))):
                graph.wait(seconds / max(1, round(seconds)))
                progress.advance(living, seconds / max(1, round(seconds)))


def _rollouts(args: argparse.Namespace, progress: Progress) -> dict:
    from gaze_vlm_ros.training.rollouts import run_rollouts
    from gaze_vlm_ros.vlm.checkpoint import default_checkpoint

    task = progress.add_task("paired rollouts", total=args.rollouts)
    return run_rollouts(
        Path(args.checkpoint) if args.checkpoint else default_checkpoint(), args.rollouts,
        workers=min(2, os.cpu_count() or 1), on_progress=lambda done, _: progress.update(task, completed=done),
    )


def _report(recording: Path, folder: Path, extra: dict | None) -> dict:
    from gaze_vlm_ros.report import build_report

    return build_report(recording, folder, extra)


def _print_summary(report: dict, folder: Path) -> None:
    counts = report["predictions"]
    print(f"{report['frames']} frames, {report['gaze_samples']} gaze samples, {counts['activity']} + {counts['event']} predictions")
    print(f"report: {folder / 'report.html'}")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
