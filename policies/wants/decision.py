"""When help begins, with what, and when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gaze_vlm_ros.policies.fresh import is_fresh
from gaze_vlm_ros.policies.wants.evidence import Evidence
from gaze_vlm_ros.policies.wants.weights import WantWeights
from gaze_vlm_ros.types import NS_PER_S

MAX_AGE_S = 1.5
"""A prediction older than that is worth nothing."""
LINGER_S = 8.0


@dataclass(frozen=True)
class Want:
    """The thing to help with ("" for none), how probable it is that it is wanted, and why, in words."""

    label: str
    probability: float
    reason: str


class WantDecision:
    """Weighs ``evidence`` at each ``step``; evidence comes from outside.

    Help that has begun goes on for ``linger_s`` while nothing speaks for it, unless another thing is wanted: who waits
    for a thing looks elsewhere now and then, at the robot above all.
    """

    def __init__(self, weights: WantWeights, evidence: Evidence | None = None, linger_s: float = LINGER_S) -> None:
        self.weights, self.evidence, self._linger_s = weights, evidence or Evidence(), linger_s
        self.probable: dict[str, float] = {}
        """The candidates of the last step and how probable it was that each is wanted."""
        self._label, self._kept_ns = "", 0

    def step(self, now_ns: int, candidates: Sequence[str]) -> Want:
        """What to help with now. ``candidates`` are the things with which help is possible: known, out of the wearer's
        reach. Help with one that is no candidate any more ends.
        """
        self.probable = {}
        if problem := self._problem(now_ns):
            self._label = ""
            return Want("", 0.0, problem)
        things = sorted(candidates)
        found = dict(zip(things, self.weights.probabilities(*self.evidence.features(things)), strict=True))
        best = max(found, key=found.get, default="")
        self.probable = found
        if not best:
            self._label = ""
            return Want("", 0.0, "Nothing that the wearer could want is out of reach.")
        known = not self.evidence.out_of_domain
        if known and found[best] >= self.weights.start:
            self._label = best
        if known and found.get(self._label, 0.0) >= self.weights.keep:
            self._kept_ns = now_ns
        elif self._label not in found or now_ns - self._kept_ns >= self._linger_s * NS_PER_S:
            self._label = ""
        label = self._label or best
        return Want(self._label, float(found[label]), self._reason(label, found[label], now_ns))

    def _reason(self, label: str, probability: float, now_ns: int) -> str:
        dwell_s = self.evidence.dwell_s(label)
        looked = f", looked at for {dwell_s:.1f} s" if dwell_s > 0.0 else ""
        sure = f"the {label} ({probability:.0%}{looked})"
        if self._label:
            return f"The wearer wants {sure}." if self._kept_ns == now_ns else f"The wearer wanted {sure} a moment ago."
        if self.evidence.out_of_domain:
            return "The prediction is out of the model's domain."
        return f"Not sure enough of {sure}."

    def _problem(self, now_ns: int) -> str:
        stamp_ns = self.evidence.prediction_ns
        if stamp_ns is None:
            return "No event has been predicted yet."
        age_s = (now_ns - stamp_ns) / NS_PER_S
        return "" if is_fresh(stamp_ns, now_ns, MAX_AGE_S) else f"The last prediction is {age_s:.1f} s old."
