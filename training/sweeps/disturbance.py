"""What may be wrong with gaze at inference, in steps from nothing to much.

All of it acts on the tracker's samples before they become a heatmap. Draws depend on the episode and on the kind of
disturbance, not on its size, so that a curve is not rough by chance; gaze that leaves the picture is lost, as live.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.geometry.camera import project, unproject
from gaze_vlm_ros.training.sweeps.recorded_gaze import RecordedGaze
from gaze_vlm_ros.types import CameraModel

Points = list[np.ndarray]
"""For each frame gaze points (K, 2) in the recorded picture."""


def with_noise(gaze: RecordedGaze, stamp_s: np.ndarray, sigma_deg: float, rng: np.random.Generator) -> Points:
    """Each sample is off by a normal error of its own, ``sigma_deg`` to the side and as much up or down."""
    points = gaze.at(stamp_s)
    sigma = np.radians(sigma_deg)
    return [turned(gaze.camera, own, sigma * rng.normal(size=own.shape)) for own in points]


def with_bias(gaze: RecordedGaze, stamp_s: np.ndarray, bias_deg: float, rng: np.random.Generator) -> Points:
    """All samples of the episode are off by ``bias_deg`` in one direction, drawn for the episode."""
    direction = rng.uniform(0.0, 2.0 * np.pi)
    offset = np.radians(bias_deg) * np.array([np.cos(direction), np.sin(direction)])
    return [turned(gaze.camera, own, np.broadcast_to(offset, own.shape)) for own in gaze.at(stamp_s)]


def with_dropout(gaze: RecordedGaze, stamp_s: np.ndarray, share: float, rng: np.random.Generator) -> Points:
    """A frame has no gaze with the probability ``share``, each frame for itself."""
    is_kept = rng.random(len(stamp_s)) >= share
    return [own if kept else own[:0] for own, kept in zip(gaze.at(stamp_s), is_kept, strict=True)]


def with_latency(gaze: RecordedGaze, stamp_s: np.ndarray, age_ms: float, rng: np.random.Generator) -> Points:
    """A frame has the gaze that belongs to a frame ``age_ms`` earlier, as where a tracker's clock runs late.

    The points stand where they were in that earlier picture; that the head has turned since is part of the error.
    """
    return gaze.at(stamp_s, age_ms / 1000.0)


def turned(camera: CameraModel, points_px: np.ndarray, offset_rad: np.ndarray) -> np.ndarray:
    """Points (K, 2) whose lines of sight are turned by the angles (K, 2) to the right and downwards, NaN where that
    leads behind the camera.
    """
    ray = unproject(camera, points_px)
    right = np.cross([0.0, 1.0, 0.0], ray)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    way = offset_rad[:, :1] * right + offset_rad[:, 1:] * np.cross(ray, right)
    angle = np.linalg.norm(offset_rad, axis=1, keepdims=True)
    return project(camera, np.cos(angle) * ray + np.sinc(angle / np.pi) * way)


@dataclass(frozen=True)
class Sweep:
    """One kind of disturbance; ``levels`` beyond 0, in ``unit``."""

    name: str
    title: str
    unit: str
    levels: tuple[float, ...]
    disturb: Callable[[RecordedGaze, np.ndarray, float, np.random.Generator], Points]

    def is_told_by(self, gaze: RecordedGaze, level: float) -> bool:
        """Whether the recording is fast enough to hold what this ``level`` needs."""
        return self.disturb is not with_latency or gaze.offers(level / 1000.0)

    def points(self, gaze: RecordedGaze, stamp_s: np.ndarray, level: float, seed: int) -> Points:
        """Disturbed points for frames at ``stamp_s`` (F,)."""
        rng = np.random.default_rng([seed, list(SWEEPS).index(self.name), gaze.number])
        return self.disturb(gaze, stamp_s, level, rng)


SWEEPS = {
    sweep.name: sweep
    for sweep in (
        Sweep("noise", "Noise of each sample, 1 sigma per axis", "deg", (0.5, 1.0, 2.0, 4.0, 8.0), with_noise),
        Sweep("bias", "Constant bias in one direction per episode", "deg", (1.0, 2.0, 4.0, 8.0), with_bias),
        Sweep("dropout", "Share of frames without gaze", "", (0.25, 0.5, 0.75, 1.0), with_dropout),
        Sweep("latency", "Age of the gaze", "ms", (100.0, 200.0, 400.0, 500.0, 800.0, 1000.0), with_latency),
    )
}
