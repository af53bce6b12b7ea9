"""Eyes of the simulated wearer: saccades, fixations that drift, following of what moves, vergence and blinks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gaze_vlm_ros.sim.eyes.blinks import Blinks
from gaze_vlm_ros.sim.eyes.head import Head, angles_of, pose_of
from gaze_vlm_ros.sim.eyes.profiles import saccade_duration_s, saccade_share
from gaze_vlm_ros.sim.eyes.traits import EyeTraits

EYE_DISTANCE_M = 0.063
_EITHER_SIDE_M = np.array([[-0.5], [0.5]]) * EYE_DISTANCE_M
_FARTHEST_IN_HEAD_RAD = math.radians(42.0)
"""How far the eyes turn in the head."""
_LARGE_RAD = math.radians(10.0)
_FOLLOWED_RAD = math.radians(0.4)
_CATCH_UP_RAD = math.radians(2.5)
_CATCH_UP_AFTER_S = (0.13, 0.24)
_PURSUIT_GAIN, _PURSUIT_RAD_S = 0.95, math.radians(50.0)
_VERGENCE_S = 0.08
_DRIFT = ((0.37, 0.8), (0.91, 0.5), (2.3, 0.3))
"""Frequencies [Hz] and weights of the drift within a fixation."""

Target = np.ndarray | Callable[[], np.ndarray]
"""A point (3,) in the world [m], or a function that gives the one of the moment."""


class Eyes:
    """Where the wearer looks, in the world frame (z up); times in seconds of simulation.

    Gaze is kept in the world, so that the eyes counter-rotate exactly while the head turns (vestibulo-ocular reflex).
    ``seat_m`` (3,) is the point between the eyes at rest, ``rest_target_m`` (3,) what the head then faces,
    ``head_T_camera`` (4, 4) how the scene camera sits on the head (head frame: between the eyes, optical axes).
    Call ``advance`` at 100 Hz or faster. Between the last two ticks all answers are interpolated; a time after the last
    tick is extrapolated along the movements under way.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        seat_m: np.ndarray,
        rest_target_m: np.ndarray,
        traits: EyeTraits,
        head_T_camera: np.ndarray | None = None,
    ) -> None:
        self.traits = traits
        self._head_T_camera = np.eye(4) if head_T_camera is None else np.asarray(head_T_camera, dtype=float)
        self._head = Head(np.random.default_rng(rng.integers(2**63)), seat_m, rest_target_m, traits)
        self._blinks = Blinks(rng, traits.blink_interval_s)
        self._rng = np.random.default_rng(rng.integers(2**63))
        self._drift = rng.uniform(0.0, 2.0 * math.pi, (len(_DRIFT), 2)).tolist()
        self._target: Target = np.array(rest_target_m, dtype=float)
        self._moving_target = False
        head = self._head.angles(0.0)
        self._position = self._head.position(0.0, head)
        yaw, pitch, distance = self._direction_of_target()
        self._gaze, self._aim, self._nearness = (yaw, pitch), (yaw, pitch), 1.0 / distance
        self._from = self._to = self._gaze
        self._saccade_s, self._saccade_until_s, self._amplitude_rad = -1.0, -1.0, 0.0
        self._catch_up_s = self._landed_s = 0.0
        self._posed: tuple[float, ...] = ()
        self._pose = np.eye(4)
        self._now = self._state(0.0)
        self._before = self._now

    # --- what the wearer wants

    def look_at(self, target: Target, now_s: float) -> None:
        """Starts a saccade to ``target``; one that is nearer than 0.4 degrees, or that moves later, is followed."""
        self._target, self._moving_target = target, callable(target)
        self._gaze = self._within_reach(*self._gaze_at(now_s), self._head.angles(now_s))
        self._aim = self._direction_of_target()[:2]
        error = self._angle(self._gaze, self._aim)
        self._saccade_until_s = -1.0
        if error > _FOLLOWED_RAD:
            self._jump(now_s, error)

    def advance(self, now_s: float, dt_s: float) -> None:
        """The state at ``now_s``, ``dt_s`` after the call before."""
        self._head.advance(now_s)
        self._blinks.advance(now_s)
        yaw, pitch, distance = self._direction_of_target()
        if now_s >= self._saccade_until_s:
            self._fixate(yaw, pitch, now_s, dt_s)
        self._aim = yaw, pitch
        self._nearness += (1.0 - math.exp(-dt_s / _VERGENCE_S)) * (1.0 / distance - self._nearness)
        self._before, self._now = self._now, self._state(now_s)
        self._position = self._now[6:9]

    def _fixate(self, yaw: float, pitch: float, now_s: float, dt_s: float) -> None:
        """Holds gaze, moves it along with the target, and jumps after it where it is left behind."""
        if self._saccade_until_s > 0.0:
            self._catch_up_s = self._saccade_until_s + float(self._rng.uniform(*_CATCH_UP_AFTER_S))
            self._gaze, self._saccade_until_s = self._to, -1.0
        step = yaw - self._aim[0], pitch - self._aim[1]
        length = math.hypot(*step)
        gain = _PURSUIT_GAIN if self._moving_target else 1.0
        if length > _PURSUIT_RAD_S * dt_s:
            gain *= _PURSUIT_RAD_S * dt_s / length
        self._gaze = self._gaze[0] + gain * step[0], self._gaze[1] + gain * step[1]
        error = self._angle(self._gaze, (yaw, pitch))
        if error > _CATCH_UP_RAD and now_s >= self._catch_up_s:
            self._aim = yaw, pitch
            self._jump(now_s, error)

    def _jump(self, now_s: float, error_rad: float) -> None:
        gain = 1.0
        if error_rad > _LARGE_RAD:
            gain = min(
                self.traits.saccade_gain + self.traits.saccade_scatter * float(self._rng.standard_normal()), 1.05
            )
        self._from = self._gaze
        (yaw, pitch), (to_yaw, to_pitch) = self._gaze, self._aim
        self._to = yaw + gain * (to_yaw - yaw), pitch + gain * (to_pitch - pitch)
        self._amplitude_rad = self._angle(self._from, self._to)
        duration_s = saccade_duration_s(self._amplitude_rad) * self.traits.saccade_pace
        self._saccade_s, self._saccade_until_s = now_s, now_s + duration_s
        self._landed_s = self._saccade_until_s
        self._head.follow(*self._aim, now_s)
        self._blinks.gaze_shift(error_rad, now_s)

    # --- where it is, by angles

    def _direction_of_target(self) -> tuple[float, float, float]:
        target = self._target() if self._moving_target else self._target
        x, y, z = self._position
        yaw, pitch, distance = angles_of((float(target[0]) - x, float(target[1]) - y, float(target[2]) - z))
        return yaw, pitch, max(distance, 0.08)

    @staticmethod
    def _angle(a: tuple[float, float], b: tuple[float, float]) -> float:
        """Angle [rad] between two directions by yaw and pitch."""
        return math.hypot((b[0] - a[0]) * math.cos(0.5 * (a[1] + b[1])), b[1] - a[1])

    @staticmethod
    def _within_reach(yaw: float, pitch: float, head: tuple[float, float]) -> tuple[float, float]:
        """What the eyes can do of it: beyond their range gaze waits for the head, and comes along with it."""
        off = yaw - head[0], pitch - head[1]
        share = min(1.0, _FARTHEST_IN_HEAD_RAD / max(math.hypot(*off), 1e-9))
        return head[0] + share * off[0], head[1] + share * off[1]

    def _gaze_at(self, now_s: float) -> tuple[float, float]:
        if now_s < self._saccade_until_s:
            phase = (now_s - self._saccade_s) / (self._saccade_until_s - self._saccade_s)
            share = saccade_share(phase, self._amplitude_rad)
            a, b = self._from, self._to
            return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
        return self._to if self._saccade_until_s > 0.0 else self._gaze

    def _state(self, now_s: float) -> tuple[float, ...]:
        """Time, gaze (yaw, pitch), nearness [1/m], head (yaw, pitch), position (3)."""
        head = self._head.angles(now_s)
        yaw, pitch = self._within_reach(*self._gaze_at(now_s), head)
        size = self.traits.drift_rad
        for (hertz, weight), (a, b) in zip(_DRIFT, self._drift, strict=True):
            turn = 2.0 * math.pi * hertz * now_s
            yaw += size * weight * math.sin(turn + a)
            pitch += size * weight * math.sin(turn + b)
        return (now_s, yaw, pitch, self._nearness, *head, *self._head.position(now_s, head))

    def _at(self, now_s: float | None) -> tuple[float, ...]:
        a, b = self._before, self._now
        if now_s is None or now_s == b[0]:
            return b
        if now_s > b[0]:
            return self._state(now_s)
        share = max((now_s - a[0]) / (b[0] - a[0]), 0.0) if b[0] > a[0] else 1.0
        return tuple([one + share * (other - one) for one, other in zip(a, b, strict=True)])

    def _head_at(self, now_s: float | None) -> np.ndarray:
        """``world_T_head``, kept for the next question about the same moment."""
        state = self._at(now_s)
        if state != self._posed:
            self._posed, self._pose = state, pose_of(state[4], state[5], state[6:9])
        return self._pose

    # --- what others ask; ``now_s`` None means the last tick

    @property
    def position_m(self) -> np.ndarray:
        """The point between the eyes (3,) at the last tick."""
        return np.array(self._now[6:9])

    def gaze_point_m(self, now_s: float | None = None) -> np.ndarray:
        """The point (3,) on which the eyes converge, in mid-saccade too."""
        _, yaw, pitch, nearness, _, _, x, y, z = self._at(now_s)
        flat = math.cos(pitch) / nearness
        return np.array([x + math.sin(yaw) * flat, y + math.cos(yaw) * flat, z + math.sin(pitch) / nearness])

    def vergence_distance_m(self, now_s: float | None = None) -> float:
        """Distance of that point from the point between the eyes; it needs 0.2 s longer than the direction."""
        return 1.0 / self._at(now_s)[3]

    def world_T_head(self, now_s: float | None = None) -> np.ndarray:
        """Pose (4, 4) of the head: origin between the eyes, x right, y down, z forward."""
        return self._head_at(now_s).copy()

    def world_T_camera(self, now_s: float | None = None) -> np.ndarray:
        """Pose (4, 4) of the scene camera's optical frame."""
        return self._head_at(now_s) @ self._head_T_camera

    def eye_centres_m(self, now_s: float | None = None) -> np.ndarray:
        """Centres (2, 3) of the left and the right eye, 63 mm apart."""
        pose = self._head_at(now_s)
        return pose[:3, 3] + _EITHER_SIDE_M * pose[:3, 0]

    def eye_rays(self, now_s: float | None = None) -> np.ndarray:
        """Unit directions (2, 3) of the left and the right eye in the world; both meet the gazed point."""
        ways = self.gaze_point_m(now_s) - self.eye_centres_m(now_s)
        return ways / np.linalg.norm(ways, axis=1, keepdims=True)

    def saccading(self, now_s: float | None = None) -> bool:
        """Whether a saccade is under way."""
        now_s = self._now[0] if now_s is None else now_s
        return self._saccade_s <= now_s < self._saccade_until_s

    def landing_s(self, now_s: float) -> float:
        """When the saccade under way lands; ``now_s`` while gaze rests."""
        return max(now_s, self._landed_s)

    def resting_s(self, now_s: float) -> float:
        """How long gaze has rested since the last saccade [s]; 0 while one is under way."""
        return max(now_s - self._landed_s, 0.0)

    def lid_opening(self, now_s: float | None = None) -> float:
        """Share (0 shut .. 1 open) of the usual lid opening."""
        return self._blinks.opening(self._now[0] if now_s is None else now_s)

    def blinking(self, now_s: float | None = None) -> bool:
        """Whether the lids hide the pupil."""
        return self.lid_opening(now_s) < 0.5

    def mouth_m(self) -> np.ndarray:
        """A point (3,) just before the mouth, at the last tick."""
        pose = self.world_T_head()
        return pose[:3, 3] + pose[:3, :3] @ [0.0, 0.085, 0.05]
