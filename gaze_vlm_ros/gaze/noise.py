"""The noise of the gaze signal, and the speed above which the eye moves."""

from __future__ import annotations

from collections import deque

import numpy as np

from gaze_vlm_ros.gaze.detector_settings import DetectorSettings

_QUANTILE = 0.3
_RAYLEIGH_QUANTILE = float(np.sqrt(-2.0 * np.log(1.0 - _QUANTILE)))
_MIN_HISTORY_S = 0.25


class SpeedThreshold:
    """Follows the noise of the last seconds (cf. Nystroem and Holmqvist 2010 and REMoDNaV).

    The speed of a resting eye with noise sigma per axis is Rayleigh distributed. Its 30 % quantile gives sigma; it
    lies so low that saccades, up to half of all samples, hardly move it. So nothing is left out by a threshold, which
    could then lock itself in.
    """

    def __init__(self, settings: DetectorSettings) -> None:
        self._low, self._high = settings.min_speed_rad_s, settings.max_speed_rad_s
        self._factor = settings.noise_factor
        self._speeds: deque[float] = deque(maxlen=max(8, int(settings.context_s * settings.rate_hz)))
        self._needed = max(5, int(_MIN_HISTORY_S * settings.rate_hz))

    def add(self, speed: float) -> None:
        """Take in the newest speed [rad/s]."""
        self._speeds.append(speed)

    @property
    def sigma(self) -> float:
        """Noise of the speed per axis [rad/s]; in the first 0.25 s the one that gives the highest threshold."""
        if len(self._speeds) < self._needed:
            return self._high / self._factor
        rank = int(_QUANTILE * len(self._speeds))
        return float(np.partition(np.fromiter(self._speeds, dtype=np.float64), rank)[rank]) / _RAYLEIGH_QUANTILE

    def value(self) -> float:
        """The speed [rad/s] above which the eye is taken to move."""
        return min(max(self._factor * self.sigma, self._low), self._high)
