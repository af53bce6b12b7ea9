"""From pairs of eye pictures to the gaze of one wearer: estimate, calibrate, combine, correct slippage, keep count."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from gaze_vlm_ros.gaze.eyes.binocular import BinocularGaze, EyeGeometry, combine
from gaze_vlm_ros.gaze.eyes.calibration import Calibration
from gaze_vlm_ros.gaze.eyes.estimate import BinocularEstimate, EyeEstimate
from gaze_vlm_ros.gaze.eyes.implicit import ImplicitOffset, PursuitWatch
from gaze_vlm_ros.gaze.eyes.pairs import EyePair
from gaze_vlm_ros.gaze.eyes.quality import EyePictureError
from gaze_vlm_ros.gaze.reaches import SlipWatch
from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.transforms import invert_transform, transform_points
from gaze_vlm_ros.types import CameraModel, EyeState, GazeSample, WearerState

_NUMBER = re.compile(r"\d+(\.\d+)?")


class Estimator(Protocol):
    """What ``estimator.EyeEstimator`` offers here."""

    def estimate(self, left: np.ndarray | None, right: np.ndarray | None) -> BinocularEstimate: ...

    def with_adapters(self, adapters: object) -> Estimator: ...


@dataclass(frozen=True)
class SeenEyes:
    """``estimate`` as the estimator in force has it, before calibration and slippage; ``gaze`` after both."""

    estimate: BinocularEstimate
    gaze: BinocularGaze


class EyeStream:
    """One wearer's gaze. Set ``camera`` (the scene camera) and ``geometry`` when they are known.

    All methods belong to one thread.
    """

    def __init__(self, estimator: Estimator, calibration: Calibration, corrects_slip: bool = True) -> None:
        self.camera: CameraModel | None = None
        self.geometry = EyeGeometry()
        self.valid = 0
        """Valid samples so far."""
        self.invalid = 0
        self.reasons: Counter[str] = Counter()
        """Why samples were invalid, numbers left out, and how often."""
        self.newest_reason = ""
        """Of the newest sample, numbers and all; "" for a valid one."""
        self._generic, self._corrects_slip = estimator, corrects_slip
        self.use(calibration)

    def use(self, calibration: Calibration) -> None:
        """From now on ``calibration``. Raises EyeNetError for adapters of another network; then nothing changes."""
        estimator = self._generic.with_adapters(calibration.adapters) if calibration.adapters else self._generic
        self.calibration, self._estimator = calibration, estimator
        self.slip = ImplicitOffset()
        self._reaches, self._pursuit = SlipWatch(self.slip), PursuitWatch()
        self._base_T_camera: np.ndarray | None = None
        self._gripper_m: np.ndarray | None = None

    def generic(self, pair: EyePair) -> BinocularEstimate:
        """What the estimator says of anybody's eyes."""
        return self._generic.estimate(pair.left, pair.right)

    def see(self, pair: EyePair, sequence: int) -> SeenEyes:
        """The gaze of one pair of pictures; pictures of an unusable form are invalid with that reason."""
        try:
            estimate = self._estimator.estimate(pair.left, pair.right)
        except EyePictureError as error:
            unusable = EyeEstimate.invalid("unusable", str(error))
            estimate = BinocularEstimate(*(None if one is None else unusable for one in (pair.left, pair.right)))
        gaze = combine(self.calibration.apply(estimate), self.geometry, self.camera, pair.stamp_ns, sequence)
        if gaze.sample.valid:
            self._look_for_slip(gaze.sample)
            gaze = self._corrected(gaze)
        self._count(gaze.reason)
        return SeenEyes(estimate, gaze)

    def on_wearer(self, wearer: WearerState) -> None:
        """Head and hands; a hand that takes hold of a thing is an implicit target."""
        self._reaches.on_wearer(wearer)
        if np.isfinite(wearer.base_T_head).all():
            self._base_T_camera = wearer.base_T_head

    def on_gripper(self, position_m: np.ndarray) -> None:
        """Where the robot's gripper (3,) is in its base [m]; while gaze follows it, it is an implicit target."""
        self._gripper_m = position_m

    def _look_for_slip(self, sample: GazeSample) -> None:
        self._reaches.on_gaze([sample])
        if self._gripper_m is not None and self._base_T_camera is not None:
            thing = transform_points(invert_transform(self._base_T_camera), self._gripper_m)
            event = self._pursuit.add(sample.stamp_ns, sample.ray, thing / np.linalg.norm(thing))
            if event is not None:
                self.slip.reached(event)

    def _corrected(self, gaze: BinocularGaze) -> BinocularGaze:
        """Gaze without the slip that is sure."""
        slip = self.slip.estimate
        if not (slip.slipped and self._corrects_slip):
            return gaze
        sample = gaze.sample
        ray = _shifted(sample.ray, slip.shift_rad)
        point_px = project(self.camera, ray[None])[0]
        if not np.isfinite(point_px).all():
            return gaze
        left, right = (_eye_shifted(eye, slip.shift_rad) for eye in (sample.left, sample.right))
        return replace(gaze, sample=replace(sample, ray=ray, point_px=point_px, left=left, right=right))

    def _count(self, reason: str) -> None:
        self.newest_reason = reason
        self.invalid += bool(reason)
        if reason:
            self.reasons[_NUMBER.sub("...", reason)] += 1
        else:
            self.valid += 1


def _shifted(ray: np.ndarray, shift_rad: np.ndarray) -> np.ndarray:
    """A unit ray (3,) of an optical frame without the shift (2,) to the right and down."""
    way = np.append(np.tan(np.arctan2(ray[:2], ray[2]) - shift_rad), 1.0)
    return way / np.linalg.norm(way)


def _eye_shifted(eye: EyeState, shift_rad: np.ndarray) -> EyeState:
    return replace(eye, ray=_shifted(eye.ray, shift_rad)) if eye.valid else eye
