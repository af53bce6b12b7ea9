"""A simulated eye tracker: the wearer's true eyes become gaze samples such as the real device sends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.sim.devices.disturbance import Disturbance, DisturbanceStream
from gaze_vlm_ros.sim.devices.presets import TrackerPreset, tracker_preset
from gaze_vlm_ros.types import NS_PER_S, CameraModel, EyeState, GazeSample

EYEBALL_MM = 10.392
"""From the eye's centre to the pupil's, as in pye3d's eye model: what the eye turns by when the glasses move."""
_KAPPA_SPREAD_DEG = 1.0
_SMALLEST_VERGENCE_RAD = 1e-3
_NO_EYE = EyeState()
_OPEN_EYE = EyeState(valid=True)


@dataclass(frozen=True)
class TrueEyes:
    """The wearer's eyes at one instant; positions [m] and camera pose in one frame, such as the world's.

    ``gaze_point_m`` (3,) is what both lines of sight meet; ``eyes_m`` (2, 3) are the centres of the left and the right
    eye; ``world_T_camera`` (4, 4) is the pose of the scene camera's optical frame.
    """

    gaze_point_m: np.ndarray
    eyes_m: np.ndarray
    world_T_camera: np.ndarray
    blinking: bool = False


class Delivery(NamedTuple):
    """A gaze sample, and when it reaches whoever listens [s, of the same clock as its stamp]."""

    sample: GazeSample
    available_s: float


class EyeTracker:
    """Images the eyes at its own rate from ``start_s`` on, and hands samples out when they have arrived.

    ``camera`` is the scene camera that points refer to; None takes the preset's own. All randomness comes from ``rng``,
    and each sample takes its share whether it is lost or not: neither how often the device is read nor what the wearer
    does changes the errors of later samples.

    As with the real devices, the ray goes from the scene camera to the point looked at. A device that gives a distance
    finds that point with it; one that does not is taken to map eyes to scene pixels directly, without parallax error.
    Numbers are NaN and the confidence is 0 in a blink, in a loss, and where the scene camera could not see the point at
    all. ``sigma_rad`` covers everything that the device does to the signal.
    """

    def __init__(
        self,
        preset: TrackerPreset | str,
        rng: np.random.Generator,
        camera: CameraModel | None = None,
        start_s: float = 0.0,
    ) -> None:
        self.preset = tracker_preset(preset) if isinstance(preset, str) else preset
        if camera is None and self.preset.scene is None:
            raise ValueError(f"the tracker '{self.preset.name}' has no scene camera of its own; give it a camera")
        self.camera = camera if camera is not None else self.preset.scene.camera
        self._start_s = start_s
        self._stream = DisturbanceStream(self.preset, rng)
        kappa_deg = self.preset.kappa_deg
        self._kappa_rad = np.deg2rad(rng.normal(kappa_deg, _KAPPA_SPREAD_DEG if kappa_deg else 0.0, 2))
        self._imaged = 0
        self._seen: list[TrueEyes] = []
        self._on_the_way: deque[Delivery] = deque()
        self._last_arrival_s = -np.inf

    @property
    def next_exposure_s(self) -> float:
        """When the eyes are imaged next."""
        return self._start_s + self._imaged / self.preset.gaze_rate_hz

    def advance(self, now_s: float, eyes_at: Callable[[float], TrueEyes]) -> None:
        """Images the eyes at every exposure up to and including ``now_s``; ``eyes_at`` is asked for those instants."""
        while self.next_exposure_s <= now_s + 1e-9:
            self._seen.append(eyes_at(self.next_exposure_s))
            self._imaged += 1

    def take(self, now_s: float) -> list[Delivery]:
        """The samples that have arrived by ``now_s`` and were not taken before, in order; ``np.inf`` takes all."""
        if self._seen:
            self._measure()
        taken = []
        while self._on_the_way and self._on_the_way[0].available_s <= now_s + 1e-9:
            taken.append(self._on_the_way.popleft())
        return taken

    def _measure(self) -> None:
        """Turns what was seen since the last call into samples, all at once."""
        seen, self._seen = self._seen, []
        wrong = self._stream.take(len(seen))
        first = self._imaged - len(seen)
        times_s = self._start_s + np.arange(first, self._imaged) / self.preset.gaze_rate_hz
        view = _HeadView.of(seen, from_the_camera=not self.preset.distance_known)
        direction = self._disturbed(view.direction, wrong)
        distance_m, told = self._measured_distance(view, wrong)
        point_m = view.origin_m + direction * distance_m[:, None]
        rays, length_m = _unit(point_m)
        blinking = np.array([eyes.blinking for eyes in seen])
        points_px = project(self.camera, rays)
        known = ~blinking & ~wrong.lost & np.isfinite(points_px).all(axis=1)
        rays[~known] = points_px[~known] = np.nan
        told_m = np.where(known & told, length_m, np.nan)
        sigma = self._sigma(view, times_s)
        eyes = self._eye_states(view, wrong, known, blinking)
        for index, time_s in enumerate(times_s):
            sample = GazeSample(
                stamp_ns=round(time_s * NS_PER_S),
                point_px=points_px[index],
                ray=rays[index],
                sequence=first + index,
                distance_m=float(told_m[index]),
                sigma_rad=sigma[index],
                confidence=float(known[index]),
                left=eyes[0][index],
                right=eyes[1][index],
            )
            # One connection: no sample overtakes another.
            self._last_arrival_s = max(self._last_arrival_s, float(time_s + wrong.latency_s[index]))
            self._on_the_way.append(Delivery(sample, self._last_arrival_s))

    def _disturbed(self, direction: np.ndarray, wrong: Disturbance) -> np.ndarray:
        """Unit directions (n, 3) as the device finds them.

        When the glasses move on the head, the pupils move in the eye cameras although the eyes do not turn. A device
        that believes the eyeballs where they were takes that for a turn, by more where the eye looks across the slip.
        """
        slipped, _ = _unit(direction * EYEBALL_MM - self.preset.slippage_share * wrong.slip_mm)
        return _turned(slipped, wrong.angle_rad)

    def _measured_distance(self, view: _HeadView, wrong: Disturbance) -> tuple[np.ndarray, np.ndarray]:
        """Distance (n,) [m] from the origin at which the device puts the point looked at, and where it tells it.

        Eyes that stand parallel for the device give no distance.
        """
        if not self.preset.distance_known:
            return view.distance_m, np.zeros(len(wrong), bool)
        angle = view.vergence_rad + wrong.vergence_rad
        told = angle > _SMALLEST_VERGENCE_RAD
        angle = np.maximum(angle, _SMALLEST_VERGENCE_RAD)
        return view.distance_m * np.tan(view.vergence_rad / 2) / np.tan(angle / 2), told

    def _sigma(self, view: _HeadView, times_s: np.ndarray) -> np.ndarray:
        """1 sigma of yaw and pitch (n, 2) [rad] of all errors together."""
        preset = self.preset
        angle = np.deg2rad(np.hypot(preset.offset_sigma_deg, preset.noise_sigma_deg))
        slipped_by_now = -np.expm1(-(times_s - self._start_s) / preset.slippage_every_s)
        slip = slipped_by_now * (preset.slippage_share * preset.slippage_mm / EYEBALL_MM) ** 2
        yaw, pitch = _yaw_pitch(view.direction).T
        parallax = np.zeros((len(times_s), 2))
        if preset.distance_known:
            # A wrong distance moves the point along the line of sight, which the scene camera sees from aside.
            to_the_right = np.column_stack([np.cos(yaw), np.zeros(len(yaw)), -np.sin(yaw)])
            downwards = np.cross(view.direction, to_the_right)
            aside = np.column_stack([np.sum(view.origin_m * way, axis=1) for way in (to_the_right, downwards)])
            parallax = (aside * np.deg2rad(preset.vergence_sigma_deg) / view.between_eyes_m[:, None]) ** 2
        # A turn across the line of sight makes more yaw the farther up or down the eye looks.
        level = np.column_stack([np.cos(pitch) ** 2, np.ones(len(pitch))])
        # And every shift of the point makes a larger angle at the scene camera where that is nearer than the eyes.
        nearer = view.distance_m / np.linalg.norm(view.origin_m + view.direction * view.distance_m[:, None], axis=1)
        parallax *= (nearer**2)[:, None]
        return nearer[:, None] * np.sqrt(angle**2 + (slip[:, None] + parallax) / level)

    def _eye_states(
        self, view: _HeadView, wrong: Disturbance, known: np.ndarray, blinking: np.ndarray
    ) -> tuple[list[EyeState], list[EyeState]]:
        """What is told of the left and of the right eye in each sample."""
        told_open = _OPEN_EYE if self.preset.reports_blinks else _NO_EYE
        unknown = [_NO_EYE if blink else told_open for blink in blinking]
        if not self.preset.binocular:
            return unknown, unknown
        sides = []
        for side, sign in enumerate((-1.0, 1.0)):
            # Temporal is left for the left eye; too much vergence turns the left eye to the right.
            turn = np.zeros((len(known), 2))
            turn[:, 0] = sign * (self._kappa_rad[side] - wrong.vergence_rad / 2)
            rays = self._disturbed(_turned(view.eye_directions[side], turn), wrong)
            sides.append(
                [EyeState(rays[i], valid=True) if known[i] else unknown[i] for i in range(len(known))],
            )
        return sides[0], sides[1]


@dataclass(frozen=True)
class _HeadView:
    """The eyes of n instants in the scene camera's optical frame: where they are, and where they look.

    ``direction`` (n, 3) and ``distance_m`` (n,) lead from ``origin_m`` (n, 3) to the point looked at. The origin is
    between the eyes, or, for a device that maps eyes to scene pixels directly, the scene camera.
    """

    origin_m: np.ndarray
    direction: np.ndarray
    distance_m: np.ndarray
    eye_directions: tuple[np.ndarray, np.ndarray]
    vergence_rad: np.ndarray
    between_eyes_m: np.ndarray

    @classmethod
    def of(cls, seen: list[TrueEyes], from_the_camera: bool) -> _HeadView:
        poses = np.array([eyes.world_T_camera for eyes in seen])
        rotation, place_m = poses[:, :3, :3], poses[:, :3, 3]
        gaze_m = np.einsum("nji,nj->ni", rotation, np.array([eyes.gaze_point_m for eyes in seen]) - place_m)
        eyes_m = np.einsum("nji,nsj->nsi", rotation, np.array([eyes.eyes_m for eyes in seen]) - place_m[:, None])
        origin_m = np.zeros_like(gaze_m) if from_the_camera else eyes_m.mean(axis=1)
        direction, distance_m = _unit(gaze_m - origin_m)
        left, _ = _unit(gaze_m - eyes_m[:, 0])
        right, _ = _unit(gaze_m - eyes_m[:, 1])
        vergence_rad = 2.0 * np.arctan2(np.linalg.norm(left - right, axis=1), np.linalg.norm(left + right, axis=1))
        across = np.linalg.norm(eyes_m[:, 1] - eyes_m[:, 0], axis=1)
        return cls(origin_m, direction, distance_m, (left, right), vergence_rad, across)


def _yaw_pitch(directions: np.ndarray) -> np.ndarray:
    """Angles (n, 2) [rad] of unit directions (n, 3)."""
    yaw = np.arctan2(directions[:, 0], directions[:, 2])
    return np.column_stack([yaw, np.arcsin(np.clip(directions[:, 1], -1.0, 1.0))])


def _turned(directions: np.ndarray, by_rad: np.ndarray) -> np.ndarray:
    """Unit directions (n, 3) turned by yaw and pitch (n, 2) [rad]."""
    yaw, pitch = (_yaw_pitch(directions) + by_rad).T
    return np.column_stack([np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)])


def _unit(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors and lengths of the vectors (n, 3)."""
    lengths = np.linalg.norm(vectors, axis=1)
    return vectors / lengths[:, None], lengths
