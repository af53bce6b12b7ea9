"""The decision as a ``Chooser``: for policies that are told of the wearer by messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.policies.choice import Choice
from gaze_vlm_ros.policies.handing import REACH_M, SURELY_M, is_in_reach
from gaze_vlm_ros.policies.memory import KnownThing, ThingMemory
from gaze_vlm_ros.policies.wants.decision import WantDecision
from gaze_vlm_ros.policies.wants.evidence import at_hand
from gaze_vlm_ros.policies.wants.weights import WantWeights
from gaze_vlm_ros.types import Prediction, WearerState

_HAND_M = 0.12
_STARES_S, _RESTS_S = 2.0, 1.5


class WantChooser:
    """Helps with what is wanted and out of reach: kinds of things that can be handled, no places, hands or walls.

    What is within reach, or at a hand, needs no help. Of what may be within reach or not (``handing.SURELY_M``), that
    alone does which the wearer looks at for long with hands at rest, and which the robot has not brought there. Where
    the wearer is not seen every known thing may be out of reach.
    """

    def __init__(self, weights: WantWeights) -> None:
        self.decision, self._chosen = WantDecision(weights), ""

    def on_prediction(self, prediction: Prediction) -> None:
        self.decision.evidence.on_prediction(prediction)

    def choose(self, now_ns: int, memory: ThingMemory, wearer: WearerState | None) -> Choice:
        label, looked_ns = memory.looked
        if looked_ns:
            self.decision.evidence.on_look(label, looked_ns)
        things = [thing for thing in memory.things(now_ns) if thing.label in OBJECT_KINDS]
        far = [thing.label for thing in things]
        if wearer is not None:
            hands = np.array([wearer.left_hand_m, wearer.right_hand_m])
            self._watch_hands(things, hands, wearer.stamp_ns)
            waited_for = self._waited_for(memory, now_ns)
            far = [thing.label for thing in things if _needs_help(thing, wearer, hands, waited_for)]
        want = self.decision.step(now_ns, far)
        self._chosen = want.label
        return Choice(want.label, want.reason, self.decision.evidence.prediction_ns or 0)

    def _watch_hands(self, things: Sequence[KnownThing], hands_m: np.ndarray, stamp_ns: int) -> None:
        places = {thing.label: thing.position_m for thing in things}
        self.decision.evidence.on_hands(hands_m, stamp_ns)
        self.decision.evidence.on_things(tuple(places), at_hand(places, hands_m), stamp_ns)

    def _waited_for(self, memory: ThingMemory, now_ns: int) -> set[str]:
        """What the wearer waits for as it seems, and what is being helped with."""
        label, _ = memory.looked
        stares = memory.dwell_s(label, now_ns) >= _STARES_S and self.decision.evidence.hands_rest_s >= _RESTS_S
        return {self._chosen, label} if stares else {self._chosen}


def _needs_help(thing: KnownThing, wearer: WearerState, hands_m: np.ndarray, waited_for: set[str]) -> bool:
    if (np.linalg.norm(hands_m - thing.position_m, axis=1) < _HAND_M).any():
        return False
    may_be_far = thing.label in waited_for and not thing.brought
    return not is_in_reach(thing.position_m, wearer, SURELY_M if may_be_far else REACH_M)
