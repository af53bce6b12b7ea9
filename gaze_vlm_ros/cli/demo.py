"""``gaze-vlm-ros demo``: the closed loop in simulation, recorded and reported."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from gaze_vlm_ros.cli.inputs import check
from gaze_vlm_ros.cli.recorded_run import RunError, interrupt_on_term, own_folder, print_summary, run_graph
from gaze_vlm_ros.environment import enter, require_messages
from gaze_vlm_ros.progress import Progress

DEMO_FIRST_SEED = 2_000_000
"""Added to ``--seed``, so that no kitchen of the demo was ever trained on."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("out/demo"), help="folder for report and recording")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the loop runs")
    parser.add_argument(
        "--seed",
        type=int,
        default=3,
        help=f"seed of kitchen and wearer, the simulator's less {DEMO_FIRST_SEED}: none that a model was trained on; "
        "in the default one something is seen to be brought",
    )
    parser.add_argument(
        "--rollouts", type=int, default=30, help="paired rollouts that the rivals are measured on; 0 for none"
    )
    parser.add_argument("--checkpoint", default="", help="folder of the model; empty: the shipped one")
    parser.add_argument(
        "--policy", default="bring", help="trained policy that helps (default %(default)s); empty: the arm only points"
    )


def run(args: argparse.Namespace) -> int:
    if not args.seconds > 0 or args.rollouts < 0 or args.seed < 0:
        raise RunError("--seconds must be positive, --rollouts and --seed not negative")
    enter()
    require_messages()
    interrupt_on_term()
    check({"checkpoint": args.checkpoint, "policy": args.policy})
    with own_folder(args.out) as folder:
        recording = folder / "demo.mcap"
        arguments = {
            "seed": str(DEMO_FIRST_SEED + args.seed), "record": str(recording), "checkpoint": args.checkpoint,
            "policy": args.policy,
        }  # fmt: skip
        with Progress() as progress:
            run_graph("sim", arguments, folder / "log.txt", progress, args.seconds)
            extra = {"rollouts": _rollouts(args, progress)} if args.rollouts else None
            task = progress.add_task("report", total=None)
            report = _report(recording, folder, extra)
            progress.update(task, total=1, completed=1)
        print_summary(report, folder)
    return 0


def _rollouts(args: argparse.Namespace, progress: Progress) -> dict:
    from gaze_vlm_ros.training.rollouts import run_rollouts
    from gaze_vlm_ros.vlm.checkpoint import default_checkpoint

    task = progress.add_task("paired rollouts", total=args.rollouts)
    return run_rollouts(
        Path(args.checkpoint) if args.checkpoint else default_checkpoint(),
        args.rollouts,
        workers=min(2, os.cpu_count() or 1),
        on_progress=lambda done, _: progress.update(task, completed=done),
    )


def _report(recording: Path, folder: Path, extra: dict | None) -> dict:
    from gaze_vlm_ros.report import build_report

    return build_report(recording, folder, extra)
