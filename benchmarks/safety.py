"""The figures of safety as one JSON line: ``python -m benchmarks.safety``. Everything else is on standard error.

What cannot be measured here is left out of the line, and the reason printed. docs/safety.md says what each key is.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence

from rich.console import Console

from benchmarks import end_to_end, fault_runs, fuzz, governor, load_runs, recording_loss
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.progress import Progress

Report = Callable[[float], None]


def _governor(full: bool, quick: bool, seed: int, report: Report) -> dict:
    return {"governor": governor.measure(2_000 if quick else 1_000_000, seed, report)}


def _fuzz(full: bool, quick: bool, seed: int, report: Report) -> dict:
    inputs = 400 if quick else 2_000_000 if full else 200_000
    return {"fuzz": fuzz.summary(fuzz.measure(inputs, seed, report))}


def _recording(full: bool, quick: bool, seed: int, report: Report) -> dict:
    return recording_loss.measure(1 if quick else 100 if full else 20, seed, report)


def _end_to_end(full: bool, quick: bool, seed: int, report: Report) -> dict:
    return {"governor": end_to_end.measure(6.0 if quick else 300.0 if full else 60.0, seed, report)}


def _load(full: bool, quick: bool, seed: int, report: Report) -> dict:
    return load_runs.measure(6 if quick else 1800 if full else 180, seed, report, clip_s=2 if quick else 0)


def _faults(full: bool, quick: bool, seed: int, report: Report) -> dict:
    return fault_runs.measure(fault_runs.chosen(quick), 1 if quick else 10 if full else 3, seed, report)


FIGURES: dict[str, Callable[[bool, bool, int, Report], dict]] = {
    "governor": _governor,
    "end_to_end": _end_to_end,
    "fuzz": _fuzz,
    "recording": _recording,
    "load": _load,
    "faults": _faults,
}


def measure(names: Sequence[str], full: bool, quick: bool, seed: int, console: Console) -> dict:
    """The keys of the figures named, and how long each took [s]."""
    line: dict = {"seed": seed, "full": full, "took_s": {}}
    with Progress(console=console) as bar:
        for name in names:
            task, began_s = bar.add_task(name, total=1.0), time.monotonic()
            try:
                found = FIGURES[name](full, quick, seed, lambda share, task=task: bar.update(task, completed=share))
            except GazeVlmError as error:
                console.print(f"{name} left out: {error}", markup=False, soft_wrap=True)
                continue
            for key, value in found.items():
                line[key] = line[key] | value if key in line else value
            line["took_s"][name] = round(time.monotonic() - began_s, 1)
    return line


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.safety", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of commands, damage and moments (default %(default)s)")
    parser.add_argument("--only", nargs="+", choices=FIGURES, default=list(FIGURES), metavar="FIGURE")
    parser.add_argument("--full", action="store_true", help="the long counts")
    parser.add_argument("--quick", action="store_true", help="tiny counts, to see that all runs; figures mean little")
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error("--seed must not be negative")
    print(json.dumps(measure(options.only, options.full, options.quick, options.seed, Console(stderr=True))))


if __name__ == "__main__":
    main()
