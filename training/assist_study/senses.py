"""What the robot gets to know of the wearer: the model's predictions, late as in the graph, and the gaze."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.language import parse
from gaze_vlm_ros.policies.wants import Evidence
from gaze_vlm_ros.policies.wants.evidence import at_hand
from gaze_vlm_ros.sim.assistance import AssistedKitchen
from gaze_vlm_ros.training.assist_study.settings import GAZE, RGB, SHUFFLED, TRUTH
from gaze_vlm_ros.types import NS_PER_S, Frame, GazeSample, Hypothesis, Prediction, PredictionKind
from gaze_vlm_ros.vlm.predictor import StreamingPredictor

NEAR_RAD = np.radians(6.0)
"""A thing further than that from the line of sight is not looked at."""
_GAZE_SPAN_S = 0.2


class Senses:
    """Watches one wearer for one condition and tells ``evidence``. ``predictor`` may be None where none is needed."""

    def __init__(
        self, kitchen: AssistedKitchen, condition: str, age_s: float, predictor: StreamingPredictor | None
    ) -> None:
        self.kitchen, self.condition, self.evidence = kitchen, condition, Evidence()
        self._predictor, self._age_s = predictor, age_s
        self.newest: Prediction | None = None
        """The prediction that arrived last."""
        self._samples: list[GazeSample] = []
        self._on_their_way: list[tuple[float, Prediction]] = []
        self._other = _shuffled(kitchen.things, kitchen.config.seed) if condition == SHUFFLED else {}
        if predictor is not None:
            predictor.reset()

    def look(self, new: list[GazeSample]) -> None:
        """Takes in the hands, and the gaze since the last call: at what thing the newest valid sample looks."""
        kitchen, wearer, things = self.kitchen, self.kitchen.wearer_state(), self.kitchen.thing_positions_in_base()
        hands_m, names = np.array([wearer.left_hand_m, wearer.right_hand_m]), sorted(things)
        self.evidence.on_hands(hands_m, wearer.stamp_ns)
        self.evidence.on_things(names, at_hand(things, hands_m), wearer.stamp_ns)
        self._samples = [
            one for one in self._samples + new if one.stamp_ns >= (kitchen.time_s - _GAZE_SPAN_S) * NS_PER_S
        ]
        if self.condition not in (GAZE, SHUFFLED):
            return
        valid = [one for one in new if one.valid]
        if not valid:
            return
        pose = kitchen.base_T_camera()
        ways = np.array([things[name] for name in names]) - pose[:3, 3]
        off = angle_between(ways, pose[:3, :3] @ valid[-1].ray)
        nearest = int(np.argmin(off))
        label = names[nearest] if off[nearest] < NEAR_RAD else ""
        self.evidence.on_look(self._other.get(label, label), valid[-1].stamp_ns)

    def predict(self) -> None:
        """Predicts from the present."""
        if self.condition == TRUTH:
            self.send(_true_event(self.kitchen))
        elif self._predictor is not None:
            self.observe(self.kitchen.render(depth=False))
            self.send(self._swapped(self._predictor.predict(self.condition != RGB).event))

    def observe(self, frame: Frame) -> None:
        """Shows the predictor a frame, with the gaze before it."""
        camera = self.kitchen.camera
        self._predictor.observe(frame, self._samples, (camera.width, camera.height))

    def send(self, prediction: Prediction) -> None:
        """A prediction arrives ``age_s`` from now."""
        self._on_their_way.append((self.kitchen.time_s + self._age_s, prediction))

    def arrive(self) -> bool:
        """Takes in the predictions that have arrived by now; whether there were any."""
        due = [one for one in self._on_their_way if one[0] <= self.kitchen.time_s + 1e-9]
        for one in due:
            self._on_their_way.remove(one)
            self.evidence.on_prediction(one[1])
            self.newest = one[1]
        return bool(due)

    def _swapped(self, prediction: Prediction) -> Prediction:
        if not self._other:
            return prediction
        swap = self._other
        hypotheses = tuple(
            replace(one, object=swap.get(one.object, one.object), place=swap.get(one.place, one.place))
            for one in prediction.hypotheses
        )
        return replace(prediction, hypotheses=hypotheses)


def _shuffled(things: tuple[str, ...], seed: int) -> dict[str, str]:
    """Each thing stands for another one: what is said and looked at has then nothing to do with what is wanted."""
    order = np.random.default_rng([seed, 9]).permutation(sorted(things)).tolist()
    return dict(zip(order, order[1:] + order[:1], strict=True))


def _true_event(kitchen: AssistedKitchen) -> Prediction:
    """The wearer's next event, as a perfect model of events would say it."""
    truth = kitchen.truth()
    slots = parse(truth.event)
    hypothesis = Hypothesis(truth.event, slots.verb, slots.object, slots.place, 1.0)
    stamp_ns = round(kitchen.time_s * NS_PER_S)
    return Prediction(stamp_ns, PredictionKind.EVENT, truth.event, 1.0, (hypothesis,), model_name="truth")
