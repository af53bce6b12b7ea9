"""``gaze-vlm-ros replay PATH``: a recording through the graph, ending in a report."""

from __future__ import annotations

import argparse
from pathlib import Path

from gaze_vlm_ros.cli.inputs import check
from gaze_vlm_ros.cli.recorded_run import RunError, interrupt_on_term, own_folder, print_summary, run_graph
from gaze_vlm_ros.environment import enter, require_messages
from gaze_vlm_ros.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, help="Aria .vrs or its folder, Neon recording folder, .mcap or its folder")
    parser.add_argument(
        "--out", type=Path, default=None, help="folder for report and recording (default out/replay-NAME)"
    )
    parser.add_argument("--rate", type=float, default=1.0, help="speed of replay; 1 is as recorded")
    parser.add_argument("--checkpoint", default="", help="folder of the model; empty: the shipped one")
    parser.add_argument("--eye-cameras", action="store_true", help="gaze from the recorded pictures of the eyes")
    parser.add_argument("--calibration", default="", help="with --eye-cameras: file of the wearer's eye calibration")


def run(args: argparse.Namespace) -> int:
    if not args.rate > 0:
        raise RunError(f"--rate must be positive, got {args.rate}")
    enter()
    require_messages()
    interrupt_on_term()
    path = args.path.resolve()
    eyes = {"eye_cameras": str(args.eye_cameras).lower(), "calibration": args.calibration}
    check({"path": str(path), "checkpoint": args.checkpoint, **eyes})
    with own_folder(args.out or Path("out") / f"replay-{path.stem}") as folder:
        recording = folder / "replay.mcap"
        arguments = {"path": str(path), "rate": str(args.rate), "record": str(recording), "checkpoint": args.checkpoint}
        arguments |= eyes
        with Progress() as progress:
            run_graph("replay", arguments, folder / "log.txt", progress)
            task = progress.add_task("report", total=None)
            report = _report(recording, folder, f"Replay of {path.name}")
            progress.update(task, total=1, completed=1)
        print_summary(report, folder)
    return 0


def _report(recording: Path, folder: Path, title: str) -> dict:
    from gaze_vlm_ros.report import build_report

    return build_report(recording, folder, {"title": title})
