"""The figures of the gaze-regularised model as one JSON line: ``python -m benchmarks.bench_vlm``.

What goes on is on standard error. benchmarks/README.md says what each key is. A part that cannot be measured here is
left out; ``not_measured`` says which and why.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import vlm_learning
from gaze_vlm_ros.errors import GazeVlmError

PARTS = ("learning", "streaming")
STREAMING = "benchmarks.vlm_streaming"
"""Has ``measure(seed) -> dict``."""


def measure(parts: dict[str, Callable[[], dict]], seed: int, console: Console) -> dict:
    """The keys of all ``parts``, in the order given."""
    line: dict = {"seed": seed}
    missing = {}
    for name, part in parts.items():
        began = time.monotonic()
        try:
            found = part()
        except (GazeVlmError, ImportError) as error:
            missing[name] = str(error)
            console.print(f"NOT MEASURED: {name}: {error}", markup=False, soft_wrap=True, style="bold red")
            continue
        console.print(f"{name} took {(time.monotonic() - began) / 60:.1f} min", markup=False)
        for key, value in found.items():
            console.print(f"{key}: {value}", markup=False, soft_wrap=True)
        line |= found
    return line | ({"not_measured": missing} if missing else {})


def streaming(seed: int) -> dict:
    """The keys of the running model. Raises ImportError where that half is not there."""
    return importlib.import_module(STREAMING).measure(seed)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_vlm", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of episodes and training (default %(default)s)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help="these alone")
    parser.add_argument("--quick", action="store_true", help="tiny counts, to see that all runs; figures mean nothing")
    parser.add_argument("--tokens", type=Path, help="learn from this token cache, not from episodes made for the seed")
    parser.add_argument("--encoder", type=Path, help="the checkpoint that made --tokens, if not the shipped one")
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error("--seed must not be negative")
    if options.encoder and not options.tokens:
        parser.error("--encoder goes with --tokens")
    console, counts = Console(stderr=True), vlm_learning.QUICK if options.quick else vlm_learning.Counts()
    known = {
        "learning": lambda: vlm_learning.measure(options.seed, counts, options.tokens, options.encoder),
        "streaming": lambda: streaming(options.seed),
    }
    with contextlib.redirect_stdout(sys.stderr):
        line = measure({name: known[name] for name in PARTS if name in options.only}, options.seed, console)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
