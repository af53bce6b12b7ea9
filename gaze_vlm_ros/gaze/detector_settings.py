"""What counts as a saccade, a fixation and a blink, by the rate at which gaze comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError

MIN_RATE_HZ = 25.0
ADAPTIVE_RATE_HZ = 120.0


class RateTooLow(GazeVlmError):
    """Gaze comes too slowly to tell fixations from saccades."""


@dataclass(frozen=True)
class DetectorSettings:
    """Settings of ``EyeMovementDetector``; ``for_rate`` gives the preset.

    The speed of a sample is the slope fitted over ``window_s`` (at least three samples). A saccade begins where it
    exceeds ``noise_factor`` times the noise of the last ``context_s``, kept between ``min_speed_rad_s`` and
    ``max_speed_rad_s``; it moves the gaze by ``min_amplitude_rad`` and ends within ``max_saccade_s``. Fixations
    shorter than ``min_fixation_s`` belong to the saccades round them. A pause of invalid samples is a blink if it
    lasts ``min_blink_s`` to ``max_blink_s``; shorter ones are bridged, longer ones are lost data. Samples that do not
    come at all for ``max_gap_s`` are lost data too.
    """

    rate_hz: float
    window_s: float
    min_speed_rad_s: float
    max_speed_rad_s: float
    min_amplitude_rad: float
    noise_factor: float = 4.5
    context_s: float = 2.0
    min_fixation_s: float = 0.06
    max_saccade_s: float = 0.3
    min_blink_s: float = 0.05
    max_blink_s: float = 0.6
    max_gap_s: float = 0.1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0.0:
                raise ValueError(f"{name} must be positive, got {value}")
        for low, high in (("min_speed_rad_s", "max_speed_rad_s"), ("min_blink_s", "max_blink_s")):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} {getattr(self, low)} must not exceed {high} {getattr(self, high)}")

    @classmethod
    def for_rate(cls, rate_hz: float) -> DetectorSettings:
        """The preset for a source of ``rate_hz``; raises RateTooLow below 25 Hz.

        25 to 60 Hz, camera rate: a saccade is over within one or two samples, so that only a step well above the noise
        tells it. From 120 Hz: the threshold follows the noise. Between the two the first holds: on synthetic gaze at
        80 and 100 Hz with 0.5 degrees of noise its fixations have the higher F1 (0.96 against 0.91).
        """
        if not rate_hz >= MIN_RATE_HZ:
            raise RateTooLow(
                f"gaze at {rate_hz:.1f} Hz is too slow for eye movements: they need at least {MIN_RATE_HZ:.0f} Hz"
            )
        if rate_hz < ADAPTIVE_RATE_HZ:
            return cls(rate_hz, 0.05, np.radians(45.0), np.radians(120.0), np.radians(1.5), max_gap_s=0.15)
        return cls(rate_hz, 0.035, np.radians(35.0), np.radians(200.0), np.radians(0.8))
