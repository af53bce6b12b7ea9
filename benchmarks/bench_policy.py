"""The figures of acting and assisting as one JSON line: ``python -m benchmarks.bench_policy``.

What goes on is on standard error. benchmarks/README.md says what each key is. A part that cannot be measured here is
null, and what is missing is said.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import policy_parts
from benchmarks.policy_parts import QUICK, Counts, shipped_policy
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.foveated import FoveatedConfig, FoveatedPolicy
from gaze_vlm_ros.policies.skills import skill_names
from gaze_vlm_ros.policies.skills.load import SHIPPED

KEYS = {
    "tasks": ("tasks", "mean_success", "best_fixed_camera", "oracle_eye", "perturbed"),
    "search": ("search",),
    "speed": ("foveated_speedup",),
    "assist": ("assist",),
    "rates": ("eye_hz", "hand_hz"),
}
"""Keys of each part, in the order of the line."""


def measure(parts: dict[str, Callable[[], dict]], console: Console) -> dict:
    """All of KEYS; null where a part is not among ``parts``, or cannot be measured."""
    line: dict = {}
    for name, keys in KEYS.items():
        found: dict = {}
        if name in parts:
            began = time.monotonic()
            try:
                found = parts[name]()
            except (GazeVlmError, ImportError) as error:
                console.print(f"NOT MEASURED: {name}: {error}", markup=False, soft_wrap=True, style="bold red")
            console.print(f"{name} took {(time.monotonic() - began) / 60:.1f} min", markup=False)
        line |= {key: found.get(key) for key in keys}
        if name in parts:
            console.print(json.dumps({key: line[key] for key in keys}), markup=False, soft_wrap=True)
    return line


def known_parts(
    seed: int, counts: Counts, policy: Path | None, workers: int, out: Path, console: Console
) -> dict[str, Callable[[], dict]]:
    """What measures each part; a policy is looked for only when a part needs it."""

    def folder() -> Path:
        return policy or shipped_policy()

    def config() -> FoveatedConfig:
        return FoveatedPolicy.load(policy).config if policy else FoveatedConfig()

    return {
        "tasks": lambda: policy_parts.tasks(folder(), seed, counts, workers, console.print),
        "search": lambda: policy_parts.search(FoveatedPolicy.load(folder()), seed, counts),
        "speed": lambda: policy_parts.speed(config(), console.print),
        "assist": lambda: policy_parts.assist(seed, counts, workers, out),
        "rates": lambda: policy_parts.rates(folder(), seed, counts),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_policy", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of episodes and wearers (default %(default)s)")
    parts = list(KEYS)
    parser.add_argument(
        "--only", nargs="+", choices=parts, default=parts, metavar="PART", help=f"these alone: {', '.join(parts)}"
    )
    parser.add_argument("--quick", action="store_true", help="tiny counts, to see that all runs; figures mean nothing")
    parser.add_argument("--policy", type=Path, help="folder of a trained policy; the shipped one by default")
    parser.add_argument(
        "--out", type=Path, default=Path("out/bench_policy"), help="runs of the study, kept for resuming"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default %(default)s)")
    options = parser.parse_args(arguments)
    if options.seed < 0 or options.workers < 1:
        parser.error("--seed must not be negative, --workers at least 1")
    if options.policy and not options.policy.is_dir():
        parser.error(f"--policy {options.policy} is no folder; shipped are {', '.join(skill_names())}, in {SHIPPED}")
    counts = QUICK if options.quick else Counts()
    with contextlib.redirect_stdout(sys.stderr):
        console = Console(stderr=True)
        known = known_parts(options.seed, counts, options.policy, options.workers, options.out, console)
        line = measure({name: known[name] for name in KEYS if name in options.only}, console)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
