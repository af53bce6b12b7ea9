"""The assistance study.

``python -m gaze_vlm_ros.training.assist_study tune`` logs validation wearers and writes how evidence is weighed and
when help starts; ``run`` plays test wearers under all conditions, paired by seed, and writes figures and a page. Both
go on where they were stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gaze_vlm_ros.policies.wants.files import FITTED
from gaze_vlm_ros.policies.wants.weights import INPUTS, WantWeights
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.training.assist_study.log import load_moments
from gaze_vlm_ros.training.assist_study.settings import (
    CONDITIONS,
    NO_ROBOT,
    PREDICTED,
    TEST_SEED,
    VALIDATION_SEED,
    Run,
    StudySettings,
)
from gaze_vlm_ros.training.assist_study.store import Store, log_all, log_runs, play_all
from gaze_vlm_ros.training.assist_study.summary import figures, page
from gaze_vlm_ros.training.assist_study.tune import tune
from gaze_vlm_ros.training.command import run_command, say

REQUESTS_S = (0.5, 1.0, 2.0, 4.0)


def plan(first_seed: int, seeds: int, conditions: Sequence[str], requests_s: Sequence[float]) -> list[Run]:
    """The runs of a study, wearer by wearer: what does not depend on the cost of asking is played once."""
    runs = []
    for seed in range(first_seed, first_seed + seeds):
        for condition in conditions:
            if condition == NO_ROBOT:
                runs.append(Run(seed, condition, requests_s[0]))
                continue
            runs += [Run(seed, condition, request_s) for request_s in requests_s]
            if condition in PREDICTED:
                runs.append(Run(seed, condition, idle=True))
    return runs


def run_study(
    store: Store, first_seed: int, seeds: int, conditions: Sequence[str], requests_s: Sequence[float], workers: int
) -> list[dict]:
    """Figures for each cost of asking."""
    runs = plan(first_seed, seeds, conditions, requests_s)
    with Progress() as bar:
        task = bar.add_task("playing wearers", total=len(runs))
        outcomes = play_all(store, runs, workers, lambda done: bar.advance(task, done))
    told = []
    for request_s in requests_s:
        shared = {replace(run, request_s=request_s): one for run, one in outcomes.items() if run.condition == NO_ROBOT}
        told.append(figures(outcomes | shared, request_s))
    return told


def fitted_weights() -> tuple[tuple[str, WantWeights], ...]:
    return tuple((name, WantWeights.load(name)) for name in INPUTS)


def _run(options: argparse.Namespace) -> None:
    store = Store(options.out, StudySettings(), fitted_weights())
    told = run_study(store, options.seed, options.seeds, options.conditions, options.requests, options.workers)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "study.json").write_text(json.dumps(told, indent=2) + "\n")
    (options.out / "study.md").write_text(page(told))
    print(json.dumps(told))


def _tune(options: argparse.Namespace) -> None:
    settings = StudySettings()
    runs = log_runs(options.seed, options.seeds)
    with Progress() as bar:
        task = bar.add_task("logging wearers", total=len(runs))
        paths = log_all(options.out, settings, runs, options.workers, lambda done: bar.advance(task, done))
    moments = [one for path in paths for one in load_moments(path)]
    for name in INPUTS:
        weights, score = tune(moments, name, settings.patience_s, options.requests[0])
        told = {
            "command": f"python -m gaze_vlm_ros.training.assist_study tune --seed {options.seed} "
            f"--seeds {options.seeds} --requests {options.requests[0]:g}",
            "wearers": [options.seed, options.seed + options.seeds - 1],
            "moments": len(moments),
            "log": paths[0].parent.name,
            "held_out_quarters": {key: round(value, 4) for key, value in vars(score).items()},
        }
        replace(weights, provenance=told).save(options.fitted / f"{name}.json")
        say(f"{name}: start {weights.start}; held out: {score}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gaze_vlm_ros.training.assist_study", description=__doc__)
    parser.add_argument("what", choices=("run", "tune"))
    parser.add_argument("--out", type=Path, default=Path("runs/assist"), help="logs and results (default %(default)s)")
    parser.add_argument("--seed", type=int, help="of the first wearer")
    parser.add_argument("--seeds", type=int, default=24, help="how many wearers (default %(default)s)")
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=list(CONDITIONS))
    parser.add_argument("--requests", nargs="+", type=float, default=list(REQUESTS_S), help="costs of asking [s]")
    parser.add_argument("--fitted", type=Path, default=FITTED, help="where tune writes (default: the shipped files)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default: one for each core)")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.workers < 1:
        parser.error("--seeds and --workers must be at least 1")
    if not all(request_s >= 0.0 for request_s in options.requests):
        parser.error("--requests must not be negative")
    tuning = options.what == "tune"
    if options.seed is None:
        options.seed = VALIDATION_SEED if tuning else TEST_SEED
    if tuning and options.requests == list(REQUESTS_S):
        options.requests = [2.0]
    return run_command(lambda: (_tune if tuning else _run)(options), 1)


if __name__ == "__main__":
    sys.exit(main())
