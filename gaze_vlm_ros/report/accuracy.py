"""Predictions against the simulator's truth, in a live run.

Consecutive predictions are nearly copies of each other, so counting each of them says too much about long phases and
pretends to more cases than there are. The headline figure therefore judges each phase of the wearer once, by the rules
of :mod:`gaze_vlm_ros.scoring`, as every other score of this package.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gaze_vlm_ros import scoring
from gaze_vlm_ros.language import parse, plain
from gaze_vlm_ros.report.run import Run, Said, Truth
from gaze_vlm_ros.statistics import Estimate, clustered_rate, wilson_of
from gaze_vlm_ros.types import NS_PER_S

MATCH_NS = 60_000_000
"""A truth message describes a prediction when their stamps differ by at most this."""
REPLAN_NS = NS_PER_S


@dataclass(frozen=True)
class Accuracy:
    """``per_phase`` is the headline; ``per_prediction`` counts every prediction, its interval resamples phases."""

    per_phase: Estimate
    per_prediction: Estimate

    def as_dict(self) -> dict:
        return {**self.per_phase.as_dict(), "per_prediction": self.per_prediction.as_dict()}


class TruthLookup:
    """Truth at an instant; ``truth`` is in the order of its stamps."""

    def __init__(self, truth: Sequence[Truth]) -> None:
        self._truth = truth
        self._stamps = np.array([item.stamp_ns for item in truth], dtype=np.int64)

    def at(self, stamp_ns: int, within_ns: int = MATCH_NS) -> Truth | None:
        """The truth nearest to ``stamp_ns``, None where none lies within ``within_ns``."""
        index = self._nearest(stamp_ns)
        near = index is not None and abs(int(self._stamps[index]) - stamp_ns) <= within_ns
        return self._truth[index] if near else None

    def _nearest(self, stamp_ns: int) -> int | None:
        right = int(np.searchsorted(self._stamps, stamp_ns))
        around = [i for i in (right - 1, right) if 0 <= i < len(self._stamps)]
        return min(around, key=lambda i: abs(int(self._stamps[i]) - stamp_ns), default=None)


def activity_accuracy(run: Run) -> Accuracy | None:
    """Exact match of activity texts, a phase judged by the last prediction inside it. None without truth."""
    if not run.truth:
        return None
    points = scoring.activity_points(_sentences(run, run.activities), _actual(run))
    return Accuracy(scoring.score(points).model, _each(run.activities, run.truth, "activity"))


def event_accuracy(run: Run) -> Accuracy | None:
    """Exact match of event texts, an event judged by the last prediction 0.5 s before it. None without truth.

    An event that was due only after the end of the recording is not judged.
    """
    if not run.truth:
        return None
    end_s = run.seconds(run.truth[-1].stamp_ns)
    actual = [moment for moment in _actual(run) if moment.event and moment.event_time_s <= end_s]
    points = scoring.event_points(_sentences(run, run.events), actual)
    return Accuracy(scoring.score(points).model, _each(run.events, run.truth, "event"))


def pointed_in_time(run: Run) -> Estimate | None:
    """Rate of pick-ups at whose moment the arm pointed at the thing picked up. None without truth."""
    if not run.truth:
        return None
    truth = with_settled_events(run.truth)
    done = [
        (before, after)
        for before, after in itertools.pairwise(truth)
        if before.event and before.event_ns <= after.stamp_ns and before.event_ns != after.event_ns
    ]
    # The truth right after the event is the first that tells where the arm pointed when it happened.
    return wilson_of(
        [after.pointed_label == before.event_object for before, after in done if _is_pick_up(before.event)]
    )


def with_settled_events(truth: Sequence[Truth]) -> list[Truth]:
    """``truth`` with the last estimate of its time for each event.

    A simulation that falls behind the clock moves the time of an event a little with every message; a jump of
    ``REPLAN_NS`` or more is another event.
    """
    settled: list[Truth] = []
    for item, following in zip(reversed(truth), [None, *reversed(truth)], strict=False):
        same = following and item.event == following.event and abs(item.event_ns - following.event_ns) < REPLAN_NS
        settled.append(replace(item, event_ns=settled[-1].event_ns) if same else item)
    return settled[::-1]


def target_accuracy(run: Run) -> tuple[Estimate, list[float]] | None:
    """Rate of gaze targets with the true label, and distances to the true gaze point [m]. None without truth."""
    if not run.truth:
        return None
    lookup = TruthLookup(run.truth)
    pairs = [(target, truth) for target in run.targets if (truth := lookup.at(target.stamp_ns)) is not None]
    named = [(target, truth) for target, truth in pairs if truth.gaze_label]
    hits = [target.label == truth.gaze_label for target, truth in named]
    errors = [float(np.linalg.norm(np.subtract(target.position_m, truth.gaze_position_m))) for target, truth in pairs]
    looks = _stretches([truth.gaze_label for _, truth in named])
    return clustered_rate(hits, looks), [error for error in errors if np.isfinite(error)]


def _sentences(run: Run, said: Sequence[Said]) -> list[scoring.Said]:
    return [scoring.Said(run.seconds(item.stamp_ns), item.text) for item in said]


def _actual(run: Run) -> list[scoring.Actual]:
    return [
        scoring.Actual(run.seconds(item.stamp_ns), item.activity, item.event, run.seconds(item.event_ns))
        for item in with_settled_events(run.truth)
    ]


def _each(said: Sequence[Said], truth: Sequence[Truth], kind: str) -> Estimate:
    """Rate of predictions that mean the ``kind`` ("activity" or "event") of their instant."""
    lookup = TruthLookup(truth)
    pairs = [
        (plain(item.text, kind), plain(label, kind))
        for item in said
        if (actual := lookup.at(item.stamp_ns)) and (label := getattr(actual, kind))
    ]
    return clustered_rate([text == actual for text, actual in pairs], _stretches([actual for _, actual in pairs]))


def _stretches(labels: Sequence[str]) -> list[int]:
    """A number for each maximal run of one label."""
    return np.cumsum([i > 0 and label != labels[i - 1] for i, label in enumerate(labels)]).tolist()


def _is_pick_up(event: str) -> bool:
    slots = parse(event)
    return slots is not None and slots.verb == "pick up"
