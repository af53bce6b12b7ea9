"""``gaze-vlm-ros recover PATH``: what a crash, a kill or a full disk left of a recording, as a recording again."""

from __future__ import annotations

import argparse
from pathlib import Path

from gaze_vlm_ros.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, help=".mcap file that was cut off; it stays as it is")
    parser.add_argument("--out", type=Path, default=None, help="new folder (default NAME-recovered beside the file)")


def run(args: argparse.Namespace) -> int:
    from gaze_vlm_ros.recording.recovery import recover

    with Progress() as progress:
        task = progress.add_task("recover", total=1.0)
        summary = recover(args.path, args.out, lambda share: progress.update(task, completed=share))
    print(
        f"{summary.path}: {summary.messages} messages on {len(summary.topics)} topics, {summary.duration_s:.1f} s"
        f" ({summary.problem or 'nothing was lost but the summary'})"
    )
    return 0
