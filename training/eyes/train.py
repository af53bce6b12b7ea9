"""DFT Gaze in stages, each of which goes on where it was left: render, teacher, distil, generic, sigma, export."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.training.command import run_command
from gaze_vlm_ros.training.eyes.renders import RenderSettings, render_set


def render(options: argparse.Namespace) -> None:
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("eye pictures, in blocks of people", total=1.0)
        render_set(
            options.data,
            RenderSettings(train=options.people, validation=max(10, options.people // 16)),
            options.workers,
            lambda done, wanted: bar.update(task, completed=done / wanted),
        )


STAGES = {"render": render}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES))
    parser.add_argument("--data", type=Path, default=Path("data/eyes"), help="where the pictures lie (%(default)s)")
    parser.add_argument("--people", type=int, default=2600, help="people to train on (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="rendering processes (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="torch threads (default %(default)s)")
    options = parser.parse_args(arguments)

    def action() -> None:
        for name in options.stages:
            STAGES[name](options)

    return run_command(action, options.threads)


if __name__ == "__main__":
    raise SystemExit(main())
