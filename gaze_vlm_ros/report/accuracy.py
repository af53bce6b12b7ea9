"""Predictions against the simulator's truth, in a live run.

Consecutive predictions are nearly copies of each other, so counting each of them says too much about long phases and
pretends to more cases than there are. The headline figure therefore judges each phase of the wearer once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.report.run import Run, Said, Target, Truth
from gaze_vlm_ros.statistics import Estimate, cluster_bootstrap, wilson_of
from gaze_vlm_ros.types import NS_PER_S

MATCH_NS = 60_000_000
"""A truth message describes a prediction when their stamps differ by at most this."""
LEAD_NS = NS_PER_S // 2
"""An event counts as anticipated when it was predicted at least this long before it happened."""
REPLAN_NS = NS_PER_S
"""The time of one event may be re-estimated by less than this; a larger jump is another event."""


@dataclass(frozen=True)
class Phase:
    """A maximal run of one true activity, or of one event to come that happens at ``event_ns``."""

    text: str
    start_ns: int
    end_ns: int
    event_ns: int = 0


@dataclass(frozen=True)
class Accuracy:
    """``per_phase`` is the headline; ``per_prediction`` counts every prediction, its interval resamples phases."""

    per_phase: Estimate
    per_prediction: Estimate

    def as_dict(self) -> dict:
        return {**self.per_phase.as_dict(), "per_prediction": self.per_prediction.as_dict()}


class TruthLookup:
    """Truth at an instant."""

    def __init__(self, truth: Sequence[Truth]) -> None:
        self._truth = truth
        self._stamps = np.array([item.stamp_ns for item in truth], dtype=np.int64)

    def at(self, stamp_ns: int, within_ns: int = MATCH_NS) -> Truth | None:
        """The truth nearest to ``stamp_ns``, None where none lies within ``within_ns``."""
        if not len(self._stamps):
            return None
        right = int(np.searchsorted(self._stamps, stamp_ns))
        near = [i for i in (right - 1, right) if 0 <= i < len(self._stamps)]
        best = min(near, key=lambda i: abs(int(self._stamps[i]) - stamp_ns))
        return self._truth[best] if abs(int(self._stamps[best]) - stamp_ns) <= within_ns else None


def activity_phases(truth: Sequence[Truth]) -> list[Phase]:
    """The wearer's activities in order."""
    phases: list[Phase] = []
    for item in truth:
        if phases and phases[-1].text == item.activity:
            phases[-1] = Phase(item.activity, phases[-1].start_ns, item.stamp_ns)
        else:
            phases.append(Phase(item.activity, item.stamp_ns, item.stamp_ns))
    return phases


def event_phases(truth: Sequence[Truth]) -> list[Phase]:
    """The events to come in order, each from when it became the next one; stretches with none to come are left out."""
    phases: list[Phase] = []
    open_phase = False
    for item in truth:
        same = open_phase and phases[-1].text == item.event and abs(phases[-1].event_ns - item.event_ns) < REPLAN_NS
        open_phase = bool(item.event)
        if same:
            phases[-1] = Phase(item.event, phases[-1].start_ns, item.stamp_ns, item.event_ns)
        elif item.event:
            phases.append(Phase(item.event, item.stamp_ns, item.stamp_ns, item.event_ns))
    return phases


def activity_accuracy(run: Run) -> Accuracy | None:
    """Exact match of activity texts; a phase is judged by the last prediction inside it. None without truth."""
    if not run.truth:
        return None
    phases = activity_phases(run.truth)
    verdicts = [_last_says(run.activities, phase, phase.end_ns) for phase in phases]
    return Accuracy(_rate(verdicts), _each(run.activities, run.truth, phases, "activity"))


def event_accuracy(run: Run) -> Accuracy | None:
    """Exact match of event texts; an event is judged by the last prediction at least 0.5 s before it. None without truth.

    An event whose deadline lies beyond the recording is not judged.
    """
    if not run.truth:
        return None
    phases = event_phases(run.truth)
    due = [phase for phase in phases if phase.event_ns - LEAD_NS <= run.truth[-1].stamp_ns]
    verdicts = [_last_says(run.events, phase, phase.event_ns - LEAD_NS) for phase in due]
    return Accuracy(_rate(verdicts), _each(run.events, run.truth, phases, "event"))


def target_accuracy(run: Run) -> tuple[Estimate, list[float]] | None:
    """Rate of gaze targets with the true label, and distances to the true gaze point [m]. None without truth."""
    if not run.truth:
        return None
    lookup = TruthLookup(run.truth)
    pairs: list[tuple[Target, Truth]] = [(target, lookup.at(target.stamp_ns)) for target in run.targets]
    pairs = [(target, truth) for target, truth in pairs if truth is not None]
    named = [(target, truth) for target, truth in pairs if truth.gaze_label]
    hits = [target.label == truth.gaze_label for target, truth in named]
    looks = np.cumsum([i == 0 or named[i][1].gaze_label != named[i - 1][1].gaze_label for i in range(len(named))])
    errors = [float(np.linalg.norm(np.subtract(t.position_m, truth.gaze_position_m))) for t, truth in pairs]
    return cluster_bootstrap(hits, looks.tolist()), [error for error in errors if np.isfinite(error)]


def _last_says(said: Sequence[Said], phase: Phase, until_ns: int) -> bool | None:
    inside = [item for item in said if phase.start_ns <= item.stamp_ns <= until_ns]
    return inside[-1].text == phase.text if inside else None


def _rate(verdicts: Sequence[bool | None]) -> Estimate:
    return wilson_of([verdict for verdict in verdicts if verdict is not None])


def _each(said: Sequence[Said], truth: Sequence[Truth], phases: Sequence[Phase], what: str) -> Estimate:
    lookup = TruthLookup(truth)
    starts = [phase.start_ns for phase in phases]
    hits, clusters = [], []
    for item in said:
        actual = lookup.at(item.stamp_ns)
        if actual is not None and getattr(actual, what):
            hits.append(item.text == getattr(actual, what))
            # Nearest truth may be a little later than the prediction; hence by its own stamp.
            clusters.append(int(np.searchsorted(starts, actual.stamp_ns, side="right")))
    return cluster_bootstrap(hits, clusters)
