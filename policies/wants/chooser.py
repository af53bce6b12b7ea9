"""The decision as a ``Chooser``: for policies that are told of the wearer by messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.policies.choice import Choice
from gaze_vlm_ros.policies.handing import REACH_M, is_in_reach
from gaze_vlm_ros.policies.memory import KnownThing, ThingMemory
from gaze_vlm_ros.policies.wants.decision import WantDecision
from gaze_vlm_ros.policies.wants.evidence import at_hand
from gaze_vlm_ros.policies.wants.weights import WantWeights
from gaze_vlm_ros.types import Prediction, WearerState


class WantChooser:
    """Helps with what is wanted and out of reach: kinds of things that can be handled, no places, hands or walls.

    A thing nearer than ``reach_m`` to the wearer's shoulders, or than ``hand_m`` to a hand, needs no help. Where the
    wearer is not seen every known thing may be out of reach.
    """

    def __init__(self, weights: WantWeights, reach_m: float = REACH_M, hand_m: float = 0.12) -> None:
        self.decision, self._reach_m, self._hand_m = WantDecision(weights), reach_m, hand_m

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
            far = [thing.label for thing in things if self._needs_help(thing, wearer, hands)]
        want = self.decision.step(now_ns, far)
        return Choice(want.label, want.reason, self.decision.evidence.prediction_ns or 0)

    def _watch_hands(self, things: Sequence[KnownThing], hands_m: np.ndarray, stamp_ns: int) -> None:
        places = {thing.label: thing.position_m for thing in things}
        self.decision.evidence.on_hands(hands_m, stamp_ns)
        self.decision.evidence.on_things(tuple(places), at_hand(places, hands_m), stamp_ns)

    def _needs_help(self, thing: KnownThing, wearer: WearerState, hands_m: np.ndarray) -> bool:
        held = (np.linalg.norm(hands_m - thing.position_m, axis=1) < self._hand_m).any()
        return bool(not is_in_reach(thing.position_m, wearer, self._reach_m) and not held)
