"""The arms beside each other: rates with intervals over models and episodes, and the differences that matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from gaze_vlm_ros.statistics import Estimate, crossed_bootstrap, wilson
from gaze_vlm_ros.training.arms.arm import BASE_VARIANTS, ArmError
from gaze_vlm_ros.training.arms.figures import EXACT, GIVEN, HALLUCINATED, MASS, NEXT_OBJECT, RGB
from gaze_vlm_ros.training.arms.plan import selection_score

BASE = "base"
FIGURES = (*EXACT, *NEXT_OBJECT.values(), HALLUCINATED, MASS)
_SAME = ("minutes", "steps", "batch", "most", "draw", "text_layers")
_UNLIKE = 0.1


class Comparison:
    """The results of all trials; ``base`` can be named as an arm."""

    def __init__(self, results: Sequence[dict]) -> None:
        """Raises ArmError where the trials had different budgets, data, encoders or test episodes."""
        if not results:
            raise ArmError("there are no trials to compare")
        self._check(results)
        self._results: dict[tuple[str, float], dict[int, dict]] = {}
        for result in results:
            trial = result["trial"]
            self._results.setdefault((trial["arm"], trial["share"]), {})[trial["seed"]] = result
        self.about = {key: results[0]["trial"][key] for key in _SAME}
        self.about |= {key: results[0]["stage"][key] for key in ("data_sha256",)}
        self.about["encoder_sha256"] = results[0]["stage"]["settings"]["encoder_sha256"]
        self.about["test_episodes"] = len(results[0]["test"][RGB]["episodes"])
        self.base = {share: name for share in self.shares if (name := self._best_base(share))}

    @property
    def shares(self) -> list[float]:
        return sorted({share for _, share in self._results})

    @property
    def arms(self) -> list[str]:
        """Those that were trained, and ``base`` first where there is one."""
        return [*([BASE] if self.base else []), *dict.fromkeys(arm for arm, _ in self._results)]

    def has(self, arm: str, share: float) -> bool:
        return (self.base.get(share) if arm == BASE else arm, share) in self._results

    def of(self, arm: str, share: float) -> dict[int, dict]:
        """seed -> result. Raises ArmError where that was not tried."""
        if not self.has(arm, share):
            raise ArmError(f"{arm} was not trained on a share of {share:g}")
        return self._results[(self.base[share] if arm == BASE else arm, share)]

    def rate(self, arm: str, share: float, figure: str, source: str = RGB) -> Estimate:
        """One figure with its interval; where all outcomes agree that of Wilson, with one case an episode."""
        totals, counts = self._table(self.of(arm, share).values(), figure, source)
        estimate = crossed_bootstrap((totals, counts))
        if estimate.value not in (0.0, 1.0):
            return estimate
        cases = int((counts.sum(0) > 0).sum())
        honest = wilson(cases if estimate.value else 0, cases)
        return Estimate(estimate.value, estimate.n, honest.low, honest.high)

    def difference(self, ours: tuple[str, float], rival: tuple[str, float], figure: str) -> Estimate:
        """(arm, share) minus (arm, share), from frames alone, model by model of the same seed."""
        pair = self.of(*ours), self.of(*rival)
        seeds = sorted(set(pair[0]) & set(pair[1]))
        if not seeds:
            raise ArmError(f"{ours[0]} and {rival[0]} have no seed in common")
        return crossed_bootstrap(*(self._table([side[seed] for seed in seeds], figure, RGB) for side in pair))

    def unlike(self) -> list[str]:
        """Arms whose trials took over 10 % more or fewer steps than the median trial in the same time."""
        steps = {arm: self._median_steps(arm) for arm in dict.fromkeys(arm for arm, _ in self._results)}
        middle = float(np.median(list(steps.values())))
        return [
            f"{arm} ({n:.0f} steps, median {middle:.0f})" for arm, n in steps.items() if abs(n / middle - 1) > _UNLIKE
        ]

    def _median_steps(self, arm: str) -> float:
        of_arm = [found for (name, _), found in self._results.items() if name == arm]
        return float(np.median([result["stage"]["steps"] for found in of_arm for result in found.values()]))

    def _best_base(self, share: float) -> str | None:
        found = {name: self._results[(name, share)] for name in BASE_VARIANTS if (name, share) in self._results}
        scores = {name: np.mean([selection_score(result) for result in of.values()]) for name, of in found.items()}
        return max(scores, key=scores.get) if scores else None

    @staticmethod
    def _table(results: Sequence[dict], figure: str, source: str) -> tuple[np.ndarray, np.ndarray]:
        found = [result["test"][source][figure] for result in results]
        return np.array([f["total"] for f in found]), np.array([f["count"] for f in found])

    @staticmethod
    def _check(results: Sequence[dict]) -> None:
        first = results[0]
        for result in results:
            for key in _SAME:
                if result["trial"][key] != first["trial"][key]:
                    said = f"{first['trial'][key]} and {result['trial'][key]}"
                    raise ArmError(f"arms are compared on equal terms only, but {key} is {said}")
            stages = first["stage"], result["stage"]
            keys = [(s["data_sha256"], s["settings"]["encoder_sha256"]) for s in stages]
            if keys[0] != keys[1] or result["test"][RGB]["episodes"] != first["test"][RGB]["episodes"]:
                raise ArmError("the trials are of different episodes or encoders; use one --out for each")
        twice = Counter((r["trial"]["arm"], r["trial"]["share"], r["trial"]["seed"]) for r in results)
        if repeated := [trial for trial, n in twice.items() if n > 1]:
            raise ArmError(f"the trial {repeated[0]} is there twice")


def summarize(comparison: Comparison) -> dict:
    """All of it as one JSON tree: ``about``, ``base`` (share -> variant), ``scores`` (arm -> share -> figure; under
    ``given`` the same of a model that is given gaze, or the oracle's, beside its frames), ``teacher_forced`` apart, and
    ``differences`` (name -> figure); estimates as everywhere.
    """
    tried = [(arm, share) for arm in comparison.arms for share in comparison.shares if comparison.has(arm, share)]
    scores: dict = {}
    forced: dict = {}
    for arm, share in tried:
        own = scores.setdefault(arm, {})[f"{share:g}"] = {
            figure: comparison.rate(arm, share, figure).as_dict() for figure in FIGURES
        }
        results = comparison.of(arm, share)
        if given := [source for source in GIVEN if all(source in r["test"] for r in results.values())]:
            own["given"] = {
                source: {figure: comparison.rate(arm, share, figure, source).as_dict() for figure in FIGURES}
                for source in given
            }
        own["seeds"] = sorted(results)
        own["steps"] = [results[seed]["stage"]["steps"] for seed in own["seeds"]]
        own["learning_rate"] = [results[seed]["trial"]["learning_rate"] for seed in own["seeds"]]
        own["validation"] = float(np.mean([selection_score(result) for result in results.values()]))
        forced.setdefault(arm, {})[f"{share:g}"] = {
            key: [results[seed]["test"]["teacher_forced"][key] for seed in own["seeds"]] for key in ("sentence", "word")
        }
    return {
        "about": comparison.about,
        "base": {f"{share:g}": name for share, name in comparison.base.items()},
        "unequal_steps": comparison.unlike(),
        "scores": scores,
        "differences": {
            name: {figure: comparison.difference(*pair, figure).as_dict() for figure in FIGURES}
            for name, pair in wanted_differences(comparison).items()
        },
        "teacher_forced": forced,
    }


def wanted_differences(comparison: Comparison) -> dict[str, tuple[tuple[str, float], tuple[str, float]]]:
    """Every arm minus base on the same share, gaze minus any object, and gaze on half minus base on all."""
    pairs = {}
    for share in comparison.shares:
        others = [arm for arm in comparison.arms if arm not in (BASE, *BASE_VARIANTS)]
        pairs |= {f"{arm} minus base at {share:g}": ((arm, share), (BASE, share)) for arm in others}
        pairs[f"gaze minus any_object at {share:g}"] = ("gaze", share), ("any_object", share)
    pairs["gaze at 0.5 minus base at 1"] = ("gaze", 0.5), (BASE, 1.0)
    return {name: pair for name, pair in pairs.items() if all(comparison.has(*side) for side in pair)}
