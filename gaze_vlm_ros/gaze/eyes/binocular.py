"""Two eyes' directions become one gaze: a ray of the scene camera, a point of its picture, a distance by vergence.

Both eyes look at one point, so their rays meet there. The angle between them is small (6 degrees at 0.6 m) and each
ray is wrong by a degree or so: the distance is known near by only, and is NaN where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from gaze_vlm_ros.gaze.eyes.estimate import BinocularEstimate, EyeEstimate
from gaze_vlm_ros.gaze.eyes.frames import direction_of, yaw_pitch_of
from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.transforms import rotate_vectors, transform_points
from gaze_vlm_ros.types import CameraModel, EyeState, GazeSample

BETWEEN_EYES_M = 0.063
USUAL_NEARNESS, NEARNESS_SIGMA = 1.4, 0.7
"""[1/m] Where people look who work with their hands, 0.5 to 1.4 m; used as far as vergence does not say better."""
_SURE_SIGMAS = 2.0
_DISAGREE_SIGMAS, _DISAGREE_RAD = 4.0, np.radians(4.0)
_FARTHEST_NEARNESS = 0.05


@dataclass(frozen=True)
class EyeGeometry:
    """``camera_T_rig`` (4, 4): the rig in the scene camera's optical frame; ``eyes_m`` (2, 3): the eyes in the rig."""

    camera_T_rig: np.ndarray = field(default_factory=lambda: np.eye(4))
    eyes_m: np.ndarray = field(default_factory=lambda: np.array([[-0.5, 0.0, 0.0], [0.5, 0.0, 0.0]]) * BETWEEN_EYES_M)

    def directions_to(self, point_m: np.ndarray) -> np.ndarray:
        """Unit directions (2, 3) [rig] of the left and the right eye that look at a point (3,) [scene camera, m]."""
        rotation, place = self.camera_T_rig[:3, :3], self.camera_T_rig[:3, 3]
        ways = (np.asarray(point_m) - place) @ rotation - self.eyes_m
        return ways / np.linalg.norm(ways, axis=1, keepdims=True)


@dataclass(frozen=True)
class BinocularGaze:
    """``sample`` for the gaze stream; ``distance_sigma_m`` is 1-sigma of its distance, NaN where that is unknown.

    ``reason`` says why an invalid sample is invalid, "" for a valid one.
    """

    sample: GazeSample
    distance_sigma_m: float
    reason: str


def combine(
    estimate: BinocularEstimate, geometry: EyeGeometry, camera: CameraModel | None, stamp_ns: int, sequence: int = 0
) -> BinocularGaze:
    """The gaze of one pair of eye pictures taken at ``stamp_ns``. One eye is enough; its distance is NaN.

    ``camera`` None: the scene camera's calibration is not known yet, and no sample is valid.
    The eyes' directions are averaged by inverse variance; ``confidence`` is the share of eyes that were used.
    """
    sides = (estimate.left, estimate.right)
    states = tuple(_eye_state(side, geometry) for side in sides)
    used = [index for index, side in enumerate(sides) if side is not None and side.valid]
    reason = _why_none(sides) if not used else "the scene camera's calibration has not come" if camera is None else ""
    if not reason and len(used) == 2:
        reason = _disagreement(sides, geometry)
    if reason:
        worn = sides == (None, None) or any(side is not None and side.state != "absent" for side in sides)
        nothing = GazeSample(stamp_ns, np.full(2, np.nan), np.full(3, np.nan), sequence, confidence=0.0, worn=worn)
        return BinocularGaze(_with_eyes(nothing, states), float("nan"), reason)
    gaze = _Cyclopean.of([sides[index] for index in used], geometry.eyes_m[used])
    point_m = transform_points(geometry.camera_T_rig, gaze.at(gaze.best_nearness))
    ray, sigma = _unit(point_m), gaze.sigma_seen_from(geometry.camera_T_rig[:3, 3])
    point_px = project(camera, ray[None])[0]
    distance_m = sigma_m = float("nan")
    if gaze.nearness > _SURE_SIGMAS * gaze.nearness_sigma:
        distance_m = float(np.linalg.norm(transform_points(geometry.camera_T_rig, gaze.at(gaze.nearness))))
        sigma_m = gaze.nearness_sigma / gaze.nearness**2
    outside = not np.isfinite(point_px).all()
    reason = "the eyes look where the scene camera does not see" if outside else ""
    confidence = 0.0 if outside else len(used) / 2
    sample = GazeSample(stamp_ns, point_px, ray, sequence, distance_m, sigma, confidence)
    return BinocularGaze(_with_eyes(sample, states), sigma_m, reason)


def _with_eyes(sample: GazeSample, states: tuple[EyeState, EyeState]) -> GazeSample:
    return replace(sample, left=states[0], right=states[1])


def _eye_state(eye: EyeEstimate | None, geometry: EyeGeometry) -> EyeState:
    if eye is None or not eye.valid:
        return EyeState()
    return EyeState(rotate_vectors(geometry.camera_T_rig, eye.direction), True, eye.pupil_diameter_mm)


def _why_none(sides: tuple[EyeEstimate | None, EyeEstimate | None]) -> str:
    said = [
        f"{name} eye: {'no picture' if side is None else side.reason or side.state}"
        for name, side in zip(("left", "right"), sides, strict=True)
    ]
    return "; ".join(said)


def _disagreement(sides: tuple[EyeEstimate, EyeEstimate], geometry: EyeGeometry) -> str:
    """Eyes of one head look at one point: level with each other, and never apart."""
    (left_yaw, left_pitch), (right_yaw, right_pitch) = (yaw_pitch_of(side.direction) for side in sides)
    yaw_sigma, pitch_sigma = np.hypot(sides[0].sigma_rad, sides[1].sigma_rad)
    level, apart = abs(left_pitch - right_pitch), right_yaw - left_yaw
    if level > max(_DISAGREE_SIGMAS * pitch_sigma, _DISAGREE_RAD):
        return (
            f"the eyes disagree by {np.degrees(level):.0f} deg in height; are their pictures upright and of one person?"
        )
    if apart > max(_DISAGREE_SIGMAS * yaw_sigma, _DISAGREE_RAD):
        return f"the eyes look {np.degrees(apart):.0f} deg apart; are left and right exchanged?"
    return ""


@dataclass(frozen=True)
class _Cyclopean:
    """One line of sight [rig, m] from ``origin_m`` (3,) along ``direction`` (3,), and what vergence says [1/m].

    Nearness is 1 / distance: its error does not depend on the distance. NaN with an infinite sigma for one eye.
    """

    origin_m: np.ndarray
    direction: np.ndarray
    sigma_rad: np.ndarray
    nearness: float
    nearness_sigma: float

    @classmethod
    def of(cls, eyes: list[EyeEstimate], eyes_m: np.ndarray) -> _Cyclopean:
        weights = np.array([eye.sigma_rad for eye in eyes]) ** -2.0  # (n, 2) of yaw and pitch
        angles = np.array([yaw_pitch_of(eye.direction) for eye in eyes])
        yaw, pitch = np.sum(weights * angles, axis=0) / weights.sum(axis=0)
        origin = weights[:, 0] @ eyes_m / weights[:, 0].sum()
        sigma, direction = weights.sum(axis=0) ** -0.5, direction_of(yaw, pitch)
        if len(eyes) == 1:
            return cls(origin, direction, sigma, float("nan"), float("inf"))
        return cls(origin, direction, sigma, *_triangulated(eyes, eyes_m, origin))

    @property
    def best_nearness(self) -> float:
        """What vergence says, with what is usual where it says little (both normal)."""
        usual, told = NEARNESS_SIGMA**-2, self.nearness_sigma**-2
        mean = USUAL_NEARNESS if told == 0.0 else (usual * USUAL_NEARNESS + told * self.nearness) / (usual + told)
        return max(mean, _FARTHEST_NEARNESS)

    def at(self, nearness: float) -> np.ndarray:
        """The point (3,) on the line at this nearness."""
        return self.origin_m + self.direction / nearness

    def sigma_seen_from(self, rig_in_camera_m: np.ndarray) -> np.ndarray:
        """1-sigma (2,) of yaw and pitch of the ray from the scene camera, which stands beside the line of sight."""
        told = NEARNESS_SIGMA**-2 + self.nearness_sigma**-2
        aside = np.abs((self.origin_m + rig_in_camera_m)[:2])
        return np.hypot(self.sigma_rad, aside * told**-0.5)


def _triangulated(eyes: list[EyeEstimate], eyes_m: np.ndarray, origin_m: np.ndarray) -> tuple[float, float]:
    """Nearness [1/m] of the point in which the rays meet, seen from ``origin_m``, and its 1-sigma; not positive for
    rays that meet nowhere before the eyes.

    Both rays are first laid into the plane of the eyes and the mean direction: how much one eye looks higher than the
    other is noise, and the point next to two skew rays would lie too near by it.
    """
    ahead = _unit(eyes[0].direction + eyes[1].direction)
    apart = eyes_m[1] - eyes_m[0]
    deeper = float(apart @ ahead)
    across = apart - deeper * ahead
    width = float(np.linalg.norm(across))
    left, right = (float(eye.direction @ across / (eye.direction @ ahead) / width) for eye in eyes)
    sigma = float(np.hypot(eyes[0].sigma_rad[0], eyes[1].sigma_rad[0])) / width
    nearness = (left - right) / (width - right * deeper)
    if nearness > _FARTHEST_NEARNESS:
        nearness = 1.0 / (1.0 / nearness - float((origin_m - eyes_m[0]) @ ahead))
    return nearness, sigma


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
