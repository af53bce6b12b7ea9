"""Head and eyes of the simulated wearer: saccades on the main sequence, a head that follows, blinks, device noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SACCADE_BASE_S = 0.021
SACCADE_PER_DEGREE_S = 0.0022
"""Main sequence: duration = 21 ms + 2.2 ms per degree (Bahill et al. 1975)."""


@dataclass(frozen=True)
class TrackerNoise:
    """Errors of the simulated eye tracker: constant offset and sample noise (1 sigma, degrees), data loss (0..1)."""

    accuracy_deg: float = 0.8
    precision_deg: float = 0.25
    data_loss: float = 0.01


def look_rotation(forward: np.ndarray) -> np.ndarray:
    """World rotation (3, 3) of an upright optical frame (x right, y down, z along ``forward``)."""
    z = forward / np.linalg.norm(forward)
    x = np.cross(z, [0.0, 0.0, 1.0])
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(z, x), z])


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b))


class Eyes:
    """Keeps the direction of head and gaze. Positions and directions are in the world frame, time in seconds.

    The head turns towards ``head_share`` of the way from its resting direction to the gazed point with a first-order
    lag; the eyes counter-rotate, so that gaze stays on its target while the head moves (vestibulo-ocular reflex).
    """

    def __init__(
        self, rng: np.random.Generator, head_m: np.ndarray, rest_target_m: np.ndarray, noise: TrackerNoise
    ) -> None:
        self._rng = rng
        self._rest = rest_target_m
        self._noise = noise
        # The tracker draws from a stream of its own: how often it is read must not change what the wearer does.
        self._tracker_rng = np.random.default_rng(rng.integers(2**63))
        self.head_share = float(rng.uniform(0.55, 0.85))
        self.head_lag_s = float(rng.uniform(0.15, 0.3))
        self._seat_m = head_m
        self.position_m = head_m.copy()
        self._offset_rad = np.deg2rad(rng.normal(0.0, noise.accuracy_deg / np.sqrt(2), 2))
        self.target_m = rest_target_m.copy()
        self._from_m = rest_target_m.copy()
        self._saccade = (-1.0, 0.0)
        self._head_target_m = rest_target_m.copy()
        self._blink_until_s = -1.0
        self._next_blink_s = float(rng.exponential(4.0)) + 0.5
        self._sway = rng.uniform(0, 2 * np.pi, 3)

    def look_at(self, target_m: np.ndarray, now_s: float) -> None:
        """Starts a saccade to ``target_m`` (3,), or follows it where it has moved by less than a degree."""
        target_m = np.asarray(target_m, dtype=float)
        gaze = self.gaze_point_m(now_s)
        amplitude = _angle(gaze - self.position_m, target_m - self.position_m)
        if amplitude > np.deg2rad(1.0):
            self._from_m = gaze
            self._saccade = (now_s, SACCADE_BASE_S + SACCADE_PER_DEGREE_S * float(np.rad2deg(amplitude)))
        self.target_m = target_m

    def gaze_point_m(self, now_s: float) -> np.ndarray:
        """The point (3,) that the line of sight passes through, mid-saccade included."""
        start, duration = self._saccade
        if start < 0 or now_s >= start + duration:
            return self.target_m
        phase = np.clip((now_s - start) / duration, 0.0, 1.0)
        share = phase**3 * (10 - 15 * phase + 6 * phase**2)
        return self._from_m + share * (self.target_m - self._from_m)

    def advance(self, now_s: float, dt_s: float) -> None:
        wanted = self._rest + self.head_share * (self.target_m - self._rest)
        self._head_target_m += (1 - np.exp(-dt_s / self.head_lag_s)) * (wanted - self._head_target_m)
        self.position_m = self._seat_m + 0.006 * np.sin(np.array([0.7, 0.5, 0.9]) * now_s + self._sway)
        if now_s >= self._next_blink_s:
            self._blink_until_s = now_s + float(self._rng.uniform(0.1, 0.25))
            self._next_blink_s = now_s + 0.5 + float(self._rng.exponential(4.0))

    def blinking(self, now_s: float) -> bool:
        return now_s < self._blink_until_s

    def world_T_camera(self) -> np.ndarray:
        """Pose (4, 4) of the scene camera's optical frame."""
        pose = np.eye(4)
        pose[:3, :3] = look_rotation(self._head_target_m - self.position_m)
        pose[:3, 3] = self.position_m
        return pose

    def measured_ray(self, now_s: float) -> np.ndarray:
        """The tracker's unit ray (3,) in the scene camera's optical frame, with its errors; NaN in a blink or
        a loss.
        """
        if self.blinking(now_s) or self._tracker_rng.random() < self._noise.data_loss:
            return np.full(3, np.nan)
        pose = self.world_T_camera()
        ray = pose[:3, :3].T @ (self.gaze_point_m(now_s) - self.position_m)
        error = self._offset_rad + np.deg2rad(self._tracker_rng.normal(0.0, self._noise.precision_deg, 2))
        yaw = np.arctan2(ray[0], ray[2]) + error[0]
        pitch = np.arctan2(ray[1], np.hypot(ray[0], ray[2])) + error[1]
        return np.array([np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)])

    @property
    def sigma_rad(self) -> float:
        """1-sigma of one angle that the device states for its rays."""
        return float(np.deg2rad(np.hypot(self._noise.accuracy_deg / np.sqrt(2), self._noise.precision_deg)))
