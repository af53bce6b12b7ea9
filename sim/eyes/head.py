"""The head: it turns towards far gaze targets after the eyes, smoothly, and carries the eyes and the scene camera.

Angles are in the world: yaw positive to the right of +y, pitch positive upwards.
"""

from __future__ import annotations

import math

import numpy as np

from gaze_vlm_ros.sim.eyes.profiles import Quintic
from gaze_vlm_ros.sim.eyes.traits import EyeTraits

_PIVOT_TO_EYES = (0.10, 0.09)
"""The point between the eyes lies this far above and before the joint about which the head turns [m]."""
_EASY_RAD = math.radians(34.0)
"""The head leaves no more than this to the eyes for long."""
_SWAY_M = 0.004
_LARGEST_RAD = (math.radians(75.0), math.radians(50.0))


def pose_of(yaw_rad: float, pitch_rad: float, position_m: tuple[float, ...]) -> np.ndarray:
    """Pose (4, 4) in the world of an upright optical frame (x right, y down, z along the direction)."""
    cy, sy, cp, sp = math.cos(yaw_rad), math.sin(yaw_rad), math.cos(pitch_rad), math.sin(pitch_rad)
    x, y, z = position_m
    return np.array([[cy, sy * sp, sy * cp, x], [-sy, cy * sp, cy * cp, y], [0.0, -cp, sp, z], [0.0, 0.0, 0.0, 1.0]])


def angles_of(way: tuple[float, float, float]) -> tuple[float, float, float]:
    """Yaw, pitch [rad] and length of a vector."""
    x, y, z = way
    flat = math.hypot(x, y)
    return math.atan2(x, y), math.atan2(z, flat), math.hypot(flat, z)


class Head:
    """Direction and position of the head. ``seat_m`` (3,) is the point between the eyes while the head rests."""

    def __init__(
        self, rng: np.random.Generator, seat_m: np.ndarray, rest_target_m: np.ndarray, traits: EyeTraits
    ) -> None:
        self._rng, self._traits = rng, traits
        yaw, pitch, _ = angles_of(tuple(np.asarray(rest_target_m, float) - seat_m))
        self._rest = (yaw, pitch)
        self._axes = [Quintic(0.0, 1e-3, yaw, yaw, 0.0, 0.0), Quintic(0.0, 1e-3, pitch, pitch, 0.0, 0.0)]
        self._gaze_goal = (yaw, pitch)
        self._own_goal = (yaw, pitch)
        self._due_s = math.inf
        self._wander_s = 0.0
        self._sway = [float(angle) for angle in rng.uniform(0.0, 2.0 * math.pi, 5)]
        ahead = self._eyes_ahead(yaw, pitch)
        self._pivot = tuple(float(seat) - one for seat, one in zip(seat_m, ahead, strict=True))

    def angles(self, now_s: float) -> tuple[float, float]:
        """Yaw and pitch [rad] at ``now_s``, a little sway included."""
        sway = 0.004
        return (
            self._axes[0].at(now_s) + sway * math.sin(0.61 * now_s + self._sway[3]),
            self._axes[1].at(now_s) + sway * math.sin(0.83 * now_s + self._sway[4]),
        )

    def position(self, now_s: float, angles: tuple[float, float]) -> tuple[float, float, float]:
        """The point between the eyes [m, world]: it moves as the head turns, and sways a little."""
        ahead, pivot, sway = self._eyes_ahead(*angles), self._pivot, self._sway
        return (
            pivot[0] + ahead[0] + _SWAY_M * math.sin(0.7 * now_s + sway[0]),
            pivot[1] + ahead[1] + _SWAY_M * math.sin(0.5 * now_s + sway[1]),
            pivot[2] + ahead[2] + _SWAY_M * math.sin(0.9 * now_s + sway[2]),
        )

    def follow(self, gaze_yaw: float, gaze_pitch: float, now_s: float) -> None:
        """Gaze has set out for a direction [rad]: the head follows where the eyes would be too far off."""
        off = gaze_yaw - self._gaze_goal[0], gaze_pitch - self._gaze_goal[1]
        eccentricity = math.hypot(*off)
        if eccentricity <= self._traits.eye_only_rad:
            return
        share = self._traits.head_gain * (1.0 - self._traits.eye_only_rad / eccentricity)
        share = max(share, 1.0 - _EASY_RAD / eccentricity)
        self._gaze_goal = self._gaze_goal[0] + share * off[0], self._gaze_goal[1] + share * off[1]
        self._due_s = min(self._due_s, now_s + self._traits.head_lag_s)

    def advance(self, now_s: float) -> None:
        coupling = self._traits.eye_head_coupling
        if coupling < 1.0 and now_s >= self._wander_s:
            self._wander_s = now_s + float(self._rng.uniform(1.5, 4.0))
            self._own_goal = (
                self._rest[0] + float(self._rng.normal(0.0, 0.2)),
                self._rest[1] + float(self._rng.normal(0.0, 0.1)),
            )
            self._due_s = now_s
        if now_s >= self._due_s:
            self._due_s = math.inf
            self._turn(now_s, coupling)

    def _turn(self, now_s: float, coupling: float) -> None:
        goal = [
            min(max(own + coupling * (gaze - own), -most), most)
            for own, gaze, most in zip(self._own_goal, self._gaze_goal, _LARGEST_RAD, strict=True)
        ]
        way = math.hypot(goal[0] - self._axes[0].at(now_s), goal[1] - self._axes[1].at(now_s))
        # 20 degrees in 0.37 s, a peak of 100 degrees per second; a head that goes its own way is in no hurry.
        duration_s = (0.25 + 0.35 * way) * (1.0 + 2.0 * (1.0 - coupling))
        self._axes = [axis.towards(one, now_s, duration_s) for axis, one in zip(self._axes, goal, strict=True)]

    @staticmethod
    def _eyes_ahead(yaw: float, pitch: float) -> tuple[float, float, float]:
        up, forward = _PIVOT_TO_EYES
        cp, sp = math.cos(pitch), math.sin(pitch)
        flat = forward * cp - up * sp
        return math.sin(yaw) * flat, math.cos(yaw) * flat, forward * sp + up * cp
