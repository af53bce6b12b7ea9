"""The order of a comparison: each arm's own learning rate, sought on the validation episodes, then its trials."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gaze_vlm_ros.training.arms.arm import CORE, ArmError, arm_of
from gaze_vlm_ros.training.arms.trial import Setup, Trial, result_of, run_trial
from gaze_vlm_ros.training.command import say
from gaze_vlm_ros.training.crew import run_jobs

SEARCH_SEED = 999_983
"""Of the trials that look for a learning rate: none of the seeds that are reported."""


@dataclass(frozen=True)
class Plan:
    """Every arm of ``arms`` with every one of ``shares`` and ``seeds``, ``workers`` trials side by side.

    Before that every arm is tried once with each of ``rates``, on all of the training episodes, for ``search_part`` of
    a trial's time.
    """

    setup: Setup
    arms: tuple[str, ...] = CORE
    shares: tuple[float, ...] = (0.25, 0.5, 1.0)
    seeds: tuple[int, ...] = (0, 1, 2)
    rates: tuple[float, ...] = (4e-4, 8e-4, 1.6e-3)
    search_part: float = 0.25
    workers: int = 2

    def __post_init__(self) -> None:
        for name in ("arms", "shares", "seeds", "rates"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise ArmError(f"{name} must be given, each once; got {', '.join(map(str, values)) or 'none'}")
        for arm in self.arms:
            arm_of(arm)
        if not 0.0 < self.search_part <= 1.0:
            raise ArmError(f"the part of a trial's time for a search lies in 0..1, got {self.search_part}")
        if self.workers < 1:
            raise ArmError(f"at least one worker is needed, got {self.workers}")
        if SEARCH_SEED in self.seeds:
            raise ArmError(f"seed {SEARCH_SEED} is that of the search for learning rates; choose others")

    def searches(self) -> list[Trial]:
        """The trials that look for learning rates; none where there is only one."""
        if len(self.rates) == 1:
            return []
        setup = self.setup
        if setup.steps:
            setup = replace(setup, steps=max(1, round(setup.steps * self.search_part)))
        else:
            setup = replace(setup, minutes=setup.minutes * self.search_part)
        return [Trial(setup, arm, 1.0, SEARCH_SEED, rate, search=True) for rate in self.rates for arm in self.arms]

    def trials(self, rates: dict[str, float]) -> list[Trial]:
        """All others, arms in turn, so that a machine whose speed drifts does so for all."""
        return [
            Trial(self.setup, arm, share, seed, rates[arm])
            for seed in self.seeds
            for share in self.shares
            for arm in self.arms
        ]


def selection_score(result: dict) -> float:
    """By what settings are chosen: the mean of exact activity and exact event on the validation episodes."""
    scores = [score for score in result["stage"]["validation"].values() if score is not None]
    if not scores:
        raise ArmError("the validation episodes hold nothing to be judged; generate more episodes")
    return sum(scores) / len(scores)


def carry_out(plan: Plan) -> list[dict]:
    """The results of all trials of ``plan``. Finished trials are kept: the same plan goes on where it was left."""
    return results_of(plan.trials(best_rates(plan)), plan.workers)


def best_rates(plan: Plan) -> dict[str, float]:
    """arm -> the learning rate that was best for it on the validation episodes; of equals the lowest."""
    if len(plan.rates) == 1:
        return dict.fromkeys(plan.arms, plan.rates[0])
    return {arm: max(sorted(scores), key=scores.get) for arm, scores in search(plan).items()}


def search(plan: Plan) -> dict[str, dict[float, float]]:
    """arm -> learning rate -> how good it was on the validation episodes."""
    found: dict[str, dict[float, float]] = {}
    for result in results_of(plan.searches(), plan.workers):
        trial = result["trial"]
        found.setdefault(trial["arm"], {})[trial["learning_rate"]] = selection_score(result)
    return found


def results_of(trials: Sequence[Trial], workers: int) -> list[dict]:
    """The results of ``trials`` in their order, those that lack made by ``workers`` processes."""
    lacking = [trial for trial in trials if result_of(trial) is None]
    began = time.monotonic()
    with contextlib.closing(run_jobs(_work, lacking, min(workers, len(lacking)), "trial")) as finished:
        for number, trial in enumerate(finished, 1):
            left_s = (time.monotonic() - began) / number * (len(lacking) - number)
            say(f"{number} of {len(lacking)} trials: {trial.folder.name}; about {left_s / 60:.0f} min to go")
    return [result for trial in trials if (result := result_of(trial))]


def _work(trial: Trial) -> None:
    """In a worker: one trial, which says how it gets on line by line, for several do so at once."""
    os.environ["TTY_COMPATIBLE"] = "0"
    with contextlib.redirect_stdout(sys.stderr):
        run_trial(trial)
