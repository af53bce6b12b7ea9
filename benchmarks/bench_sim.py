"""The figures of the simulated world beside its rivals', as one JSON line: ``python -m benchmarks.bench_sim``.

What goes on is on standard error. benchmarks/README.md says what each key is.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress

from benchmarks.figures import FIGURES, QUICK, RIVALS_READY, Counts, Unavailable
from gaze_vlm_ros.errors import GazeVlmError


def measure(names: Sequence[str], seed: int, counts: Counts, console: Console) -> dict:
    """The keys of all figures named; one that cannot be measured here is left out, and the reason printed."""
    line: dict = {"seed": seed}
    with Progress(console=console) as bar:
        for name in names:
            task = bar.add_task(name, total=1.0)
            try:
                found = FIGURES[name](seed, counts, lambda share, task=task: bar.update(task, completed=share))
            except (Unavailable, GazeVlmError) as error:
                console.print(f"{name} left out: {error}", markup=False, soft_wrap=True)
                continue
            for key, value in found.items():
                console.print(f"{key}: {value}", markup=False, soft_wrap=True)
            line |= found
    return line


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_sim", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of scenes, episodes and people (default %(default)s)")
    parser.add_argument(
        "--only", nargs="+", choices=FIGURES, default=list(FIGURES), metavar="FIGURE", help="these alone"
    )
    parser.add_argument("--quick", action="store_true", help="tiny counts, to see that all runs; figures mean nothing")
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error("--seed must not be negative")
    console = Console(stderr=True)
    if "speeds" in options.only and not RIVALS_READY.exists():
        console.print("no .venv-rivals, so that rivals are left out: `make bench-sim` makes it", markup=False)
    line = measure(options.only, options.seed, QUICK if options.quick else Counts(), console)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
