"""Which thing the robot should help with: the choice by prediction, and the interface that its rivals share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gaze_vlm_ros.policies.fresh import is_fresh, is_late
from gaze_vlm_ros.policies.memory import ThingMemory
from gaze_vlm_ros.types import NS_PER_S, Prediction, PredictionKind, WearerState

PICK_UP = "pick up"


@dataclass(frozen=True)
class Choice:
    """The thing to help with ("" for none), why, and the stamp of the prediction it rests on (0 for none)."""

    label: str
    reason: str
    prediction_stamp_ns: int = 0


class Chooser(Protocol):
    """Decides what to help with from what it has been told."""

    def on_prediction(self, prediction: Prediction) -> None: ...

    def choose(self, now_ns: int, memory: ThingMemory, wearer: WearerState | None) -> Choice: ...


@dataclass(frozen=True)
class ChoiceSettings:
    """Help begins with a thing whose weight is ``start_confidence``, and goes on above ``keep_confidence``.

    The weight is the probability that the thing is picked up next, times up to ``1 + dwell_gain`` where the wearer has
    looked at it for ``dwell_s`` or longer. A hand within ``hand_m`` of a thing has no need of help with it. A
    prediction older than ``max_age_s`` is worth nothing.
    """

    start_confidence: float = 0.3
    keep_confidence: float = 0.2
    max_age_s: float = 1.5
    dwell_s: float = 0.5
    dwell_gain: float = 0.5
    hand_m: float = 0.12

    def __post_init__(self) -> None:
        if not 0.0 < self.keep_confidence <= self.start_confidence <= 1.0:
            raise ValueError(
                f"need 0 < keep_confidence <= start_confidence <= 1, got {self.keep_confidence} and "
                f"{self.start_confidence}"
            )
        for name in ("max_age_s", "dwell_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        for name in ("dwell_gain", "hand_m"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")


@dataclass(frozen=True)
class _Candidate:
    """A thing, how probable it is that it is picked up next, how long it has been looked at, and what it weighs."""

    label: str
    probability: float
    dwell_s: float
    weight: float

    def __str__(self) -> str:
        looked = f", looked at for {self.dwell_s:.1f} s" if self.dwell_s > 0.0 else ""
        return f"the {self.label} ({self.probability:.0%}{looked})"


class PredictionChooser:
    """Helps with the thing that the wearer is about to pick up.

    What counts is how probable it is that a thing is picked up next, whatever the sentence: the sum over all hypotheses
    that say so. So a model that abstains, because no single sentence is likely enough to be said, does not forbid help
    with a thing that many of them agree on.
    """

    def __init__(self, settings: ChoiceSettings | None = None) -> None:
        self.settings = settings or ChoiceSettings()
        self._latest: Prediction | None = None
        self._label = ""

    def on_prediction(self, prediction: Prediction) -> None:
        """Takes in an event prediction; an activity, or one older than the latest, changes nothing."""
        if prediction.kind is not PredictionKind.EVENT:
            return
        if self._latest is None or not is_late(prediction.stamp_ns, self._latest.stamp_ns):
            self._latest = prediction

    def choose(self, now_ns: int, memory: ThingMemory, wearer: WearerState | None) -> Choice:
        latest, helped = self._latest, self._label
        self._label = ""
        if latest is None:
            return Choice("", "No event has been predicted yet.")
        if not is_fresh(latest.stamp_ns, now_ns, self.settings.max_age_s):
            return Choice("", f"The last prediction is {(now_ns - latest.stamp_ns) / NS_PER_S:.1f} s old.")
        if latest.out_of_domain:
            return Choice("", "The prediction is out of the model's domain.")
        ranked = sorted(self._candidates(now_ns, memory), key=lambda one: -one.weight)
        if not ranked:
            return Choice("", _nothing_to_do(latest))
        best = ranked[0]
        begins = best.weight >= self.settings.start_confidence
        if begins and best.label != helped and self._hand_is_at(best.label, now_ns, memory, wearer):
            return Choice("", f"The wearer's hand is at {best} already.", latest.stamp_ns)
        kept = next((one for one in ranked if one.label == helped), None)
        if not begins:
            if kept is None or kept.weight < self.settings.keep_confidence:
                return Choice("", f"{_nothing_to_do(latest)} Not sure enough of {best}.")
            best = kept
        self._label = best.label
        return Choice(best.label, f"The wearer is about to pick up {best}.", latest.stamp_ns)

    def _candidates(self, now_ns: int, memory: ThingMemory) -> list[_Candidate]:
        settings, probability = self.settings, pick_up_probabilities(self._latest)
        found = []
        for label, share in probability.items():
            dwell_s = memory.dwell_s(label, now_ns)
            weight = share * (1.0 + settings.dwell_gain * min(dwell_s / settings.dwell_s, 1.0))
            found.append(_Candidate(label, share, dwell_s, weight))
        return found

    def _hand_is_at(self, label: str, now_ns: int, memory: ThingMemory, wearer: WearerState | None) -> bool:
        thing = memory.find(label, now_ns)
        if thing is None or wearer is None:
            return False
        hands = np.array([wearer.left_hand_m, wearer.right_hand_m])
        return bool((np.linalg.norm(hands - thing.position_m, axis=1) < self.settings.hand_m).any())


def pick_up_probabilities(prediction: Prediction) -> dict[str, float]:
    """Thing -> probability that it is picked up next: the sum over hypotheses that say so, NaN as 0."""
    shares: dict[str, float] = {}
    for hypothesis in prediction.hypotheses:
        if hypothesis.verb == PICK_UP and hypothesis.object and hypothesis.probability > 0.0:
            shares[hypothesis.object] = shares.get(hypothesis.object, 0.0) + hypothesis.probability
    return shares


def _nothing_to_do(prediction: Prediction) -> str:
    if not prediction.text:
        return f"The model abstains ({prediction.confidence:.0%})."
    return f'Nothing to point at: "{prediction.text}" ({prediction.confidence:.0%}).'
