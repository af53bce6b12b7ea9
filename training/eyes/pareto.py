"""Accuracy against latency over the width of the student's first stage, which the paper leaves at the teacher's.

Every width gets the same teacher, the same pictures and the same processor time for distillation and generic phase.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from gaze_vlm_ros.gaze.eyes.network import count
from gaze_vlm_ros.training.command import run_command
from gaze_vlm_ros.training.eyes.latency import both_eyes_ms
from gaze_vlm_ros.training.eyes.scores import estimate_all
from gaze_vlm_ros.training.eyes.steady import after_five_looks
from gaze_vlm_ros.training.eyes.train import SHARES, EyeTraining, distil, generic
from gaze_vlm_ros.training.eyes.weights import load_net
from gaze_vlm_ros.vlm.checkpoint import write_atomically

WIDTHS = (8, 12, 20, 28, 40)
PARETO = "pareto.json"


def trace_curve(job: EyeTraining, widths: tuple[int, ...]) -> list[dict]:
    """Trains a student of each of ``widths`` below ``job.out/widths``; writes and returns their rows.

    A row: ``first_width``, ``parameters``, ``deg`` on validation people as they come, ``affine_deg`` after five looks,
    ``both_eyes_ms``, the median on one core.
    """
    seen = load_net(job.folder("teacher")).config
    job = replace(job, image_px=seen.image_px, view=seen.view)
    validation = job.load("validation")
    judged = validation.subset(validation.open)
    nets = {}
    for width in widths:
        out = job.out / "widths" / str(width)
        one = replace(job, first_width=width, out=out, teacher=job.folder("teacher"))
        for stage in (distil, generic):
            stage(one)
        nets[str(width)] = load_net(one.folder("generic"))
    times = both_eyes_ms(nets)
    rows = [
        {
            "first_width": int(width),
            "parameters": count(list(net.parameters())),
            **{name: score[name] for name in ("deg", "affine_deg")},
            "both_eyes_ms": float(np.median(times[width])),
        }
        for width, net in nets.items()
        for score in [after_five_looks(estimate_all(net, judged.pictures), judged)]
    ]
    write_atomically(job.out / PARETO, (json.dumps(rows, indent=2) + "\n").encode())
    return rows


def table(rows: list[dict]) -> str:
    """``rows`` as Markdown."""
    head = (
        "| first stage | parameters | error [deg] | after five looks | both eyes, one core [ms] |\n"
        + 5 * "|---"
        + "|\n"
    )
    line = "| {first_width} | {parameters:,} | {deg:.2f} | {affine_deg:.2f} | {both_eyes_ms:.2f} |\n"
    return head + "".join(line.format(**row) for row in rows)


def main(arguments: list[str] | None = None) -> int:
    default = EyeTraining()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=default.data, help="where the pictures lie (%(default)s)")
    parser.add_argument("--out", type=Path, default=default.out, help="where the teacher lies (%(default)s)")
    parser.add_argument("--people", type=int, default=default.people, help="to train on (default %(default)s)")
    parser.add_argument(
        "--minutes",
        type=float,
        default=20.0,
        help="as of the training, of which each width gets "
        f"{SHARES['distil'] + SHARES['generic']:.0%}, the shares of its two stages".replace("%", "%%")
        + " (default %(default)s)",
    )
    parser.add_argument("--widths", type=int, nargs="+", default=list(WIDTHS))
    parser.add_argument("--threads", type=int, default=2, help="torch threads (default %(default)s)")
    options = parser.parse_args(arguments)
    job = EyeTraining(options.data, options.out, options.people, options.minutes)

    def action() -> None:
        sys.stdout.write(table(trace_curve(job, tuple(options.widths))))

    return run_command(action, options.threads)


if __name__ == "__main__":
    raise SystemExit(main())
