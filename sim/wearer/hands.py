"""Poses of a hand and the ways between them.

A pose is an array (6,): x, y, z [m] in the world and yaw, pitch, roll [rad]; its rotation is Rx(pitch) Ry(roll)
Rz(yaw), about axes of the world. With all angles zero the fingers point along +y (away from the wearer) and what is
held stands upright. Positive yaw turns the fingers to the left, positive pitch tips the top of a held thing towards the
wearer, negative roll tips it to the left.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gaze_vlm_ros.sim.eyes.profiles import minimum_jerk

Motion = Callable[[float], np.ndarray]
"""Share (0..1) of a phase -> pose (6,)."""
Begin = Callable[[np.ndarray], Motion]
"""Pose (6,) at the start of a phase -> its motion."""
Course = Callable[[float, float, np.ndarray], tuple[float, ...]]
"""Share of the time, seconds, way (3,) to a second point of interest -> displacement (6,) that starts at zero."""

FITTS_A_S, FITTS_B_S = 0.35, 0.17
_YAW_SHARE, _LARGEST_YAW_RAD = 0.7, 0.9


def movement_time_s(distance_m: float, width_m: float = 0.05) -> float:
    """Fitts's law, a + b log2(2 D / W) (Fitts 1954), for unhurried everyday reaches; at least 0.35 s."""
    return FITTS_A_S + FITTS_B_S * max(0.0, math.log2(max(2.0 * distance_m / width_m, 1.0)))


def rotation_of(pose: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) of a pose (6,)."""
    _, _, _, yaw, pitch, roll = pose.tolist()
    cz, sz, cx, sx, cy, sy = (
        math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch), math.cos(roll), math.sin(roll)
    )  # fmt: skip
    return np.array(
        [
            [cy * cz, -cy * sz, sy],
            [sx * sy * cz + cx * sz, cx * cz - sx * sy * sz, -sx * cy],
            [sx * sz - cx * sy * cz, cx * sy * sz + sx * cz, cx * cy],
        ]
    )


def pose_at(point_m: np.ndarray, shoulder_m: np.ndarray, pitch_rad: float = 0.0) -> np.ndarray:
    """Pose (6,) at a point, with the fingers roughly in line with the arm."""
    x, y = float(point_m[0] - shoulder_m[0]), float(point_m[1] - shoulder_m[1])
    yaw = _YAW_SHARE * math.atan2(-x, max(y, 0.1))
    yaw = min(max(yaw, -_LARGEST_YAW_RAD), _LARGEST_YAW_RAD)
    return np.array([point_m[0], point_m[1], point_m[2], yaw, pitch_rad, 0.0])


def travel(goal: Callable[[], np.ndarray], lift_m: float, live: bool = False) -> Begin:
    """Minimum jerk to a pose, lifted in an arc. ``live``: the goal may still move, and the hand corrects for it."""

    def begin(start: np.ndarray) -> Motion:
        fixed = goal()
        lift = lift_m * min(1.0, float(np.linalg.norm(fixed[:3] - start[:3])) / 0.2)

        def motion(share: float) -> np.ndarray:
            done = minimum_jerk(share)
            pose = start + done * ((goal() if live else fixed) - start)
            pose[2] += lift * math.sin(math.pi * done)
            return pose

        return motion

    return begin


def stay(start: np.ndarray) -> Motion:
    """The hand rests where it is."""
    return lambda share: start


def away_by(way_m: np.ndarray) -> Begin:
    """From wherever the hand is by a little way (3,)."""
    way = np.concatenate([way_m, np.zeros(3)])
    return lambda start: lambda share: start + minimum_jerk(share) * way


def along(
    course: Course,
    duration_s: float,
    way: Callable[[], np.ndarray],
    base: Callable[[], np.ndarray] | None = None,
) -> Begin:
    """A use: the displacements of ``course`` from where it begins, or from ``base``, which may move."""

    def begin(start: np.ndarray) -> Motion:
        there = way()
        return lambda share: (start if base is None else base()) + course(share, share * duration_s, there)

    return begin
