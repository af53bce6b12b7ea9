"""How an eye stands in its socket when it looks at a target: Listing's law, angle kappa, cornea and limbus."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.geometry.transforms import skew
from gaze_vlm_ros.sim.eye_images.anatomy import Eyeball

_FORWARD = np.array([0.0, 0.0, 1.0])
_ITERATIONS = 4
RIM_POINTS = 36


@dataclass(frozen=True, eq=False)
class EyePose:
    """One eye in its socket frame; unit axes (3,), points (3,) [mm]. ``rotation`` (3, 3) turns eye into socket axes."""

    rotation: np.ndarray
    visual_axis: np.ndarray
    cornea_centre_mm: np.ndarray
    pupil_centre_mm: np.ndarray
    limbus_centre_mm: np.ndarray

    @property
    def optical_axis(self) -> np.ndarray:
        return self.rotation[:, 2]

    def ring(self, centre_mm: np.ndarray, radius_mm: float) -> np.ndarray:
        """Points (RIM_POINTS, 3) of a circle about the optical axis."""
        turn = 2.0 * np.pi / RIM_POINTS * np.arange(RIM_POINTS)
        return centre_mm + radius_mm * (np.column_stack([np.cos(turn), np.sin(turn)]) @ self.rotation[:, :2].T)


def pose_towards(eyeball: Eyeball, target_mm: np.ndarray) -> EyePose:
    """The pose in which the visual axis, drawn through the centre of the cornea, meets ``target_mm`` (3,) [socket].

    Without torsion (Listing's law), the primary position being the one that looks straight ahead.
    """
    at_rest = rotation_between(eyeball.visual_axis, _FORWARD)
    visual = target_mm / np.linalg.norm(target_mm)
    for _ in range(_ITERATIONS):  # the cornea's centre moves with the eye: a contraction by 5 mm / distance
        rotation = rotation_between(_FORWARD, visual) @ at_rest
        cornea = eyeball.cornea_offset_mm * rotation[:, 2]
        visual = (target_mm - cornea) / np.linalg.norm(target_mm - cornea)
    optical = rotation[:, 2]
    return EyePose(rotation, visual, cornea, eyeball.iris_plane_mm * optical, eyeball.limbus_plane_mm * optical)


def rotation_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotation (3, 3) that takes the unit vector ``start`` to ``end``, which is not its opposite."""
    turn = skew(skew(start) @ end)
    return np.eye(3) + turn + turn @ turn / (1.0 + start @ end)
