"""Which thing the robot should help with: the choice by prediction, and the interface that its rivals share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gaze_vlm_ros.policies.memory import ThingMemory
from gaze_vlm_ros.types import NS_PER_S, Hypothesis, Prediction, PredictionKind, WearerState

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
    """Confidence from which help begins, above which it goes on, and the age at which a prediction is worth nothing."""

    start_confidence: float = 0.3
    keep_confidence: float = 0.2
    max_age_s: float = 1.5

    def __post_init__(self) -> None:
        if not 0.0 < self.keep_confidence <= self.start_confidence <= 1.0:
            raise ValueError(
                f"need 0 < keep_confidence <= start_confidence <= 1, got {self.keep_confidence} and "
                f"{self.start_confidence}"
            )
        if not self.max_age_s > 0.0:
            raise ValueError(f"max_age_s must be positive, got {self.max_age_s}")


class PredictionChooser:
    """Helps with the thing that the wearer is about to pick up."""

    def __init__(self, settings: ChoiceSettings | None = None) -> None:
        self.settings = settings or ChoiceSettings()
        self._latest: Prediction | None = None
        self._label = ""

    def on_prediction(self, prediction: Prediction) -> None:
        """Takes in an event prediction; an activity, or one older than the latest, changes nothing."""
        if prediction.kind is not PredictionKind.EVENT:
            return
        if self._latest is not None and prediction.stamp_ns < self._latest.stamp_ns:
            return
        self._latest = prediction
        self._label = self._decide(prediction)

    def choose(self, now_ns: int, memory: ThingMemory, wearer: WearerState | None) -> Choice:
        latest = self._latest
        if latest is None:
            return Choice("", "No event has been predicted yet.")
        age_s = (now_ns - latest.stamp_ns) / NS_PER_S
        if age_s > self.settings.max_age_s:
            self._label = ""
            return Choice("", f"The last prediction is {age_s:.1f} s old.")
        if latest.out_of_domain:
            return Choice("", "The prediction is out of the model's domain.")
        if self._label:
            share = self._probability(self._label)
            return Choice(
                self._label, f"The wearer is about to pick up the {self._label} ({share:.0%}).", latest.stamp_ns
            )
        if not latest.text:
            return Choice("", f"The model abstains ({latest.confidence:.0%}).")
        return Choice("", f'Nothing to point at: "{latest.text}" ({latest.confidence:.0%}).')

    def _decide(self, prediction: Prediction) -> str:
        """The label to help with from now on; thresholds with hysteresis."""
        if prediction.out_of_domain or not prediction.hypotheses:
            return ""
        best = prediction.hypotheses[0]
        if prediction.text and prediction.confidence >= self.settings.start_confidence:
            return best.object if best.verb == PICK_UP else ""
        return self._label if self._probability(self._label) >= self.settings.keep_confidence else ""

    def _probability(self, label: str) -> float:
        """Of picking up ``label``, from the latest prediction; 0 where it is not among the hypotheses."""
        for rank, hypothesis in enumerate(self._latest.hypotheses):
            if hypothesis.verb == PICK_UP and hypothesis.object == label:
                return self._latest.confidence if rank == 0 else _number(hypothesis)
        return 0.0


def _number(hypothesis: Hypothesis) -> float:
    return hypothesis.probability if hypothesis.probability == hypothesis.probability else 0.0
