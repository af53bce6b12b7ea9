"""The figures of the eye-image estimators as one JSON line: ``python -m benchmarks.bench_eyes``.

What goes on is on standard error. benchmarks/README.md says what each key is. The line always has the same keys; what
cannot be measured here is null, and standard error says why and what helps.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Sequence

import torch
from rich.console import Console

from benchmarks.eye_figures import FIGURES, KEYS, QUICK, Counts
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.progress import Progress


def measure(names: Sequence[str], seed: int, counts: Counts, console: Console) -> dict:
    """All KEYS; null for those that cannot be measured, and those of figures that are not named."""
    line = dict.fromkeys(KEYS)
    for name in names:
        figure, keys = FIGURES[name]
        began = time.monotonic()
        try:
            with Progress(console=console) as bar:
                task = bar.add_task(name, total=1.0)
                found = figure(seed, counts, lambda share: bar.update(task, completed=share), console)  # noqa: B023
        except GazeVlmError as error:
            console.print(f"NOT MEASURED: {name}: {error}", markup=False, soft_wrap=True)
            found = dict.fromkeys(keys)
        for key in keys:
            console.print(f"{key}: {found[key]}", markup=False, soft_wrap=True)
        console.print(f"{name} took {time.monotonic() - began:.0f} s", markup=False)
        line |= found
    return line


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_eyes", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of people and looks (default %(default)s)")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=FIGURES,
        default=list(FIGURES),
        metavar="FIGURE",
        help=f"these alone: {', '.join(FIGURES)}",
    )
    parser.add_argument("--quick", action="store_true", help="tiny counts, to see that all runs; figures mean nothing")
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error("--seed must not be negative")
    torch.set_num_threads(2)
    with contextlib.redirect_stdout(sys.stderr):
        console = Console(stderr=True)
        line = measure(options.only, options.seed, QUICK if options.quick else Counts(), console)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
