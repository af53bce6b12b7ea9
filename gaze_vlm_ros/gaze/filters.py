"""Causal smoothing of the gaze signal that leaves saccades sharp."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gaze_vlm_ros.gaze.detector_settings import ADAPTIVE_RATE_HZ
from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.types import NS_PER_S, GazeSample


@dataclass(frozen=True)
class GazeFilterSettings:
    """One-euro filter (Casiez et al., CHI 2012) on gaze directions.

    ``min_cutoff_hz`` smooths a fixation; ``beta`` [1/rad] lets the cut-off rise with the gaze's speed;
    ``jump_rad`` is the step at which the filter starts anew, so that a saccade is passed on as it is;
    ``max_gap_s`` without a valid sample starts it anew too.
    """

    min_cutoff_hz: float = 4.0
    beta: float = 10.0
    speed_cutoff_hz: float = 5.0
    jump_rad: float = float(np.radians(2.0))
    max_gap_s: float = 0.15

    def __post_init__(self) -> None:
        for name in ("min_cutoff_hz", "speed_cutoff_hz", "jump_rad", "max_gap_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.beta >= 0.0:
            raise ValueError(f"beta must be >= 0, got {self.beta}")

    @classmethod
    def for_rate(cls, rate_hz: float) -> GazeFilterSettings:
        """Settings for a source of this rate, chosen for the least error with 0.1 to 0.5 degrees of white noise.

        At camera rate a fixation has too few samples to average, so that the cut-off lies higher and only steps that
        noise cannot make restart the filter; at 120 Hz and more a lower one removes 60 % of 0.5 degrees of noise.
        """
        return cls(min_cutoff_hz=5.0, jump_rad=float(np.radians(2.5))) if rate_hz < ADAPTIVE_RATE_HZ else cls()


class GazeFilter:
    """Smooths the ray and, by the same weights, the point of each sample; everything else passes unchanged."""

    def __init__(self, settings: GazeFilterSettings | None = None) -> None:
        self.settings = settings or GazeFilterSettings()
        self.reset()

    def reset(self) -> None:
        """Forget the past, as when a stream starts over."""
        self._stamp_ns = 0
        self._raw: np.ndarray | None = None
        self._ray = np.full(3, np.nan)
        self._point = np.full(2, np.nan)
        self._speed = np.zeros(3)

    def update(self, sample: GazeSample) -> GazeSample:
        """The smoothed sample, same stamp. Invalid samples, and stamps that do not rise, come back as they are."""
        if not sample.valid:
            return sample
        elapsed = (sample.stamp_ns - self._stamp_ns) / NS_PER_S
        if self._raw is not None and elapsed <= 0.0:
            return sample
        settings = self.settings
        lost = self._raw is None or elapsed > settings.max_gap_s
        if lost or angle_between(self._ray, sample.ray) > settings.jump_rad:
            self._restart(sample)
            return sample
        speed = (sample.ray - self._raw) / elapsed
        self._speed += _weight(settings.speed_cutoff_hz, elapsed) * (speed - self._speed)
        cutoff = settings.min_cutoff_hz + settings.beta * float(np.linalg.norm(self._speed))
        weight = _weight(cutoff, elapsed)
        ray = self._ray + weight * (sample.ray - self._ray)
        self._stamp_ns, self._raw, self._ray = sample.stamp_ns, sample.ray, ray / np.linalg.norm(ray)
        self._point = self._point + weight * (sample.point_px - self._point)
        return replace(sample, ray=self._ray.copy(), point_px=self._point.copy())

    def _restart(self, sample: GazeSample) -> None:
        self._stamp_ns, self._raw = sample.stamp_ns, np.asarray(sample.ray, dtype=np.float64)
        self._ray, self._point = self._raw, np.asarray(sample.point_px, dtype=np.float64)
        self._speed = np.zeros(3)


def _weight(cutoff_hz: float, elapsed_s: float) -> float:
    """Weight of the new value in a first-order low-pass."""
    return 1.0 / (1.0 + 1.0 / (2.0 * np.pi * cutoff_hz * elapsed_s))
