"""What speaks for each thing being wanted next: predictions and gaze, over several spans of time, hands, and habits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.policies.fresh import is_late
from gaze_vlm_ros.policies.wants.habits import Habits, shipped_habits
from gaze_vlm_ros.types import NS_PER_S, Hypothesis, Prediction, PredictionKind

GAZE_SPANS_S = (0.3, 1.0, 3.0)
PREDICTION_SPAN_S = 0.8
DWELL_GAP_S = 0.3
"""A look away for less does not end a dwell: a blink, or one wrong label."""
LOST_S = 1.0
"""After so long without gaze, it is not known what was looked at meanwhile."""
LONGEST_DWELL_S, LONG_DWELL_S = 2.0, 0.6
AT_HAND_M, TAKEN_S = 0.1, 0.4
"""A thing that a hand has been so near to for so long has been taken."""
MOST_TAKEN = 12
"""So many things taken last are remembered: habits were learnt from no longer rows."""
_LONGEST_STEP_S = 0.1
_LEAST = 0.005
THING_FEATURES = (
    "log probability now", "log probability lately", "named first",
    *(f"gaze in {span:g} s" for span in GAZE_SPANS_S), "dwell", "long dwell", "log probability by habit",
)  # fmt: skip
NOTHING_FEATURES = (
    "always", "probability of no thing", "largest probability", "gaze on no thing in 1 s", "hands at rest",
    "log probability of nothing by habit",
)  # fmt: skip
REST_SPAN_S, MOVING_M_S = 5.0, 0.05
"""Hands that moved at all within about so long belong to somebody who is doing something."""


def needed_thing(hypothesis: Hypothesis) -> str:
    """The thing that must be within reach for ``hypothesis``, an event, to happen: what is picked up or pressed, or
    what is in the hand is brought to; "" where none is."""
    if hypothesis.verb in ("pick up", "press"):
        return hypothesis.object
    return hypothesis.place if hypothesis.place in OBJECT_KINDS else ""


def at_hand(things: Mapping[str, np.ndarray], hands_m: np.ndarray) -> str:
    """The thing of ``things``, positions (3,), that is nearest to one of the hands (2, 3), if nearer than AT_HAND_M; ""
    for none. A hand of NaN is unseen."""
    away = {thing: np.linalg.norm(hands_m - position, axis=1) for thing, position in things.items()}
    near = {thing: ways[ways < AT_HAND_M].min() for thing, ways in away.items() if (ways < AT_HAND_M).any()}
    return min(near, key=near.get, default="")


class Evidence:
    """Accumulates predictions of events and looks at things; ``features`` says what they come to at a moment.

    Probabilities and gaze fade with the time constants of this module (leaky integrators), so that nothing is kept but
    a few numbers for each thing, and what was taken. ``habits``: by default the shipped ones.
    """

    def __init__(self, habits: Habits | None = None) -> None:
        self._habits = habits or shipped_habits()
        self._expected: tuple[tuple, dict[str, float]] = ((), {})
        self._present: tuple[str, ...] = ()
        self._taken: list[str] = []
        self._at_hand = ("", 0)
        self._now: dict[str, float] = {}
        self._lately: dict[str, float] = {}
        self._first = ""
        self.prediction_ns: int | None = None
        self.out_of_domain = False
        self._gaze: dict[float, dict[str, float]] = {span: {} for span in GAZE_SPANS_S}
        self._gaze_ns: int | None = None
        self._dwell: tuple[str, int, int] = ("", 0, -NS_PER_S)
        self._hands_m, self._hands_ns = np.full((2, 3), np.nan), None
        self._rest = 1.0

    def on_prediction(self, prediction: Prediction) -> None:
        """Takes in an event; an activity, or one older than the latest, changes nothing."""
        elapsed_s = _passed_s(self.prediction_ns, prediction.stamp_ns)
        if prediction.kind is not PredictionKind.EVENT or elapsed_s <= 0.0:
            return
        now: dict[str, float] = {}
        for hypothesis in prediction.hypotheses:
            if (thing := needed_thing(hypothesis)) and math.isfinite(hypothesis.probability):
                now[thing] = now.get(thing, 0.0) + hypothesis.probability
        _fade(self._lately, now, math.exp(-elapsed_s / PREDICTION_SPAN_S))
        self._now, self.prediction_ns, self.out_of_domain = now, prediction.stamp_ns, prediction.out_of_domain
        self._first = max(now, key=lambda thing: (now[thing], thing)) if now else ""

    def on_look(self, label: str, stamp_ns: int) -> None:
        """The wearer looks at ``label`` ("" for no thing); one older than the latest changes nothing. Where nothing was
        heard for long, what was looked at before that fades, and no dwell goes on."""
        elapsed_s = 0.0 if self._gaze_ns is None else _passed_s(self._gaze_ns, stamp_ns)
        if elapsed_s < 0.0:
            return
        lost = elapsed_s > LOST_S
        for span, levels in self._gaze.items():
            if lost:
                _fade(levels, {}, math.exp(-elapsed_s / span))
            _fade(levels, {label: 1.0}, math.exp(-min(elapsed_s, _LONGEST_STEP_S) / span))
        self._gaze_ns = stamp_ns
        looked, since_ns, until_ns = self._dwell
        if label == looked and not lost:
            self._dwell = label, since_ns, stamp_ns
        elif lost or stamp_ns - until_ns > DWELL_GAP_S * NS_PER_S:
            self._dwell = label, stamp_ns, stamp_ns

    def on_hands(self, hands_m: np.ndarray, stamp_ns: int) -> None:
        """Where the hands are, (2, 3), NaN where unseen; one older than the latest changes nothing. A hand that comes
        into view elsewhere has moved, and while none is seen nobody knows that they rest."""
        elapsed_s = _passed_s(self._hands_ns, stamp_ns)
        if elapsed_s <= 0.0:
            return
        seen = np.isfinite(hands_m).all(axis=1)
        if math.isfinite(elapsed_s):
            moves = (np.linalg.norm(hands_m - self._hands_m, axis=1) > MOVING_M_S * elapsed_s).any()
            level = float(seen.any())
            self._rest = 0.0 if moves else level - (level - self._rest) * math.exp(-elapsed_s / REST_SPAN_S)
        elif not seen.any():
            self._rest = 0.0
        self._hands_m, self._hands_ns = np.where(seen[:, None], hands_m, self._hands_m), stamp_ns

    @property
    def hands_rest_s(self) -> float:
        """For how long [s] the hands have been seen at rest."""
        return REST_SPAN_S * -math.log(max(1.0 - self._rest, 1e-9))

    def on_things(self, present: Sequence[str], at_hand: str, stamp_ns: int) -> None:
        """What things there are, and at which of them a hand is ("" for none)."""
        self._present = tuple(sorted(present))
        label, since_ns = self._at_hand
        if at_hand != label:
            self._at_hand = at_hand, stamp_ns
        elif label and label not in self._taken[-1:] and stamp_ns - since_ns >= TAKEN_S * NS_PER_S:
            self._taken = [*self._taken, label][-MOST_TAKEN:]

    def _by_habit(self, things: Sequence[str]) -> dict[str, float]:
        known = tuple(things), self._present, tuple(self._taken)
        if known != self._expected[0]:
            present = sorted({*self._present, *things})
            self._expected = known, self._habits.probabilities(self._taken, present, things)
        return self._expected[1]

    def dwell_s(self, label: str) -> float:
        """How long [s] the wearer has been looking at ``label``, up to now; 0 for what is not looked at."""
        looked, since_ns, until_ns = self._dwell
        return (until_ns - since_ns) / NS_PER_S if label == looked and label else 0.0

    def features(self, things: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """For ``things`` (T, len(THING_FEATURES)), and for the case that none of them is wanted (NOTHING_FEATURES,)."""
        mine, expected = np.zeros((len(things), len(THING_FEATURES))), self._by_habit(things)
        for row, thing in enumerate(things):
            dwell_s = min(self.dwell_s(thing), LONGEST_DWELL_S)
            mine[row] = [
                math.log(self._now.get(thing, 0.0) + _LEAST),
                math.log(self._lately.get(thing, 0.0) + _LEAST),
                float(thing == self._first),
                *(levels.get(thing, 0.0) for levels in self._gaze.values()),
                dwell_s,
                max(dwell_s - LONG_DWELL_S, 0.0),
                math.log(expected.get(thing, 0.0) + _LEAST),
            ]
        probable = [self._now.get(thing, 0.0) for thing in things]
        elsewhere = self._gaze[GAZE_SPANS_S[1]].get("", 0.0)
        nothing = math.log(expected[""] + _LEAST)
        none = [1.0, 1.0 - min(sum(probable), 1.0), max(probable, default=0.0), elsewhere, self._rest, nothing]
        return mine, np.array(none)


def _passed_s(before_ns: int | None, stamp_ns: int) -> float:
    """Seconds from one stamp to the next, negative where it came out of order; infinite after none, or after one of a
    clock that was set back since."""
    if before_ns is None or (stamp_ns < before_ns and not is_late(stamp_ns, before_ns)):
        return math.inf
    return (stamp_ns - before_ns) / NS_PER_S


def _fade(levels: dict[str, float], new: dict[str, float], kept: float) -> None:
    for thing in {**levels, **new}:
        levels[thing] = kept * levels.get(thing, 0.0) + (1.0 - kept) * new.get(thing, 0.0)
