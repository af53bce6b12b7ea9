"""The decision as a ``Chooser``: for policies that are told of the wearer by messages."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.policies.choice import Choice
from gaze_vlm_ros.policies.memory import KnownThing, ThingMemory
from gaze_vlm_ros.policies.wants.decision import WantDecision
from gaze_vlm_ros.policies.wants.weights import WantWeights
from gaze_vlm_ros.types import Prediction, WearerState

_SHOULDERS_BELOW_M = 0.24
"""Below the scene camera, along the base's z axis."""


class WantChooser:
    """Helps with what is wanted and out of reach.

    A thing nearer than ``reach_m`` to the wearer's shoulders, or than ``hand_m`` to a hand, needs no help. Where the
    wearer is not seen every known thing may be out of reach.
    """

    def __init__(self, weights: WantWeights, reach_m: float = 0.6, hand_m: float = 0.12) -> None:
        self.decision, self._reach_m, self._hand_m = WantDecision(weights), reach_m, hand_m

    def on_prediction(self, prediction: Prediction) -> None:
        self.decision.evidence.on_prediction(prediction)

    def choose(self, now_ns: int, memory: ThingMemory, wearer: WearerState | None) -> Choice:
        label, looked_ns = memory.looked
        if looked_ns:
            self.decision.evidence.on_look(label, looked_ns)
        if wearer is not None:
            hands = np.array([wearer.left_hand_m, wearer.right_hand_m])
            self.decision.evidence.on_hands(hands, wearer.stamp_ns)
        far = [thing.label for thing in memory.things(now_ns) if wearer is None or self._needs_help(thing, wearer)]
        want = self.decision.step(now_ns, far)
        return Choice(want.label, want.reason, self.decision.evidence.prediction_ns or 0)

    def _needs_help(self, thing: KnownThing, wearer: WearerState) -> bool:
        shoulders = wearer.base_T_head[:3, 3] - [0.0, 0.0, _SHOULDERS_BELOW_M]
        hands = np.array([wearer.left_hand_m, wearer.right_hand_m])
        at_hand = (np.linalg.norm(hands - thing.position_m, axis=1) < self._hand_m).any()
        return bool(np.linalg.norm(thing.position_m - shoulders) > self._reach_m and not at_hand)
