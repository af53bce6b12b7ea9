"""What the assist policy is measured against."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.policies.arm import ArmModel
from gaze_vlm_ros.policies.assist import AssistPolicy, AssistSettings
from gaze_vlm_ros.policies.choice import Choice
from gaze_vlm_ros.policies.memory import ThingMemory
from gaze_vlm_ros.types import Prediction, WearerState


class NearestToHand:
    """Without prediction: the known thing nearest to either of the wearer's hands."""

    def on_prediction(self, prediction: Prediction) -> None:
        """Predictions are what this rival does without."""

    def choose(self, now_ns: int, memory: ThingMemory, wearer: WearerState | None) -> Choice:
        things = memory.things(now_ns)
        hands = (
            []
            if wearer is None
            else [hand for hand in (wearer.left_hand_m, wearer.right_hand_m) if np.isfinite(hand).all()]
        )
        if not things or not hands:
            return Choice("", "No thing or no hand is known.")
        distance = {t.label: min(float(np.linalg.norm(t.position_m - hand)) for hand in hands) for t in things}
        label = min(distance, key=distance.get)
        return Choice(label, f"The {label} is nearest to the wearer's hand ({distance[label]:.2f} m).")


def nearest_to_hand(settings: AssistSettings, arm: ArmModel) -> AssistPolicy:
    """An assist policy that moves and yields like ours but chooses without prediction."""
    return AssistPolicy(settings, arm, chooser=NearestToHand())
