"""In what the eyes and the head of one person differ from another's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class EyeTraits:
    """How one person moves eyes and head.

    ``head_gain``: share (0..1) of a gaze shift beyond ``eye_only_rad`` that the head takes over; ``head_lag_s``: how
    long after the eyes it sets out. Below ``eye_only_rad`` of eccentricity the head stays (17 degrees on average, and
    very different between people: Stahl 1999). ``eye_head_coupling`` (0..1): 1 lets the head follow gaze, 0 lets it
    wander as it likes, while gaze does the same in the world.
    ``saccade_gain``: share of a large saccade that the first jump makes, give or take
    ``saccade_scatter`` (1 sigma); the rest follows as a corrective saccade.
    ``saccade_pace`` stretches the durations of the main sequence. ``blink_interval_s``: mean pause between blinks.
    ``drift_rad``: scale of the slow wandering of the eye within a fixation.
    """

    head_gain: float = 0.75
    head_lag_s: float = 0.06
    eye_only_rad: float = float(np.deg2rad(17.0))
    eye_head_coupling: float = 1.0
    saccade_gain: float = 0.95
    saccade_scatter: float = 0.03
    saccade_pace: float = 1.0
    blink_interval_s: float = 4.5
    drift_rad: float = float(np.deg2rad(0.08))

    def __post_init__(self) -> None:
        for name in ("head_gain", "eye_head_coupling", "saccade_gain"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"EyeTraits.{name} must be 0..1, got {getattr(self, name)}")
        for name in ("saccade_pace", "blink_interval_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"EyeTraits.{name} must be positive, got {getattr(self, name)}")

    @classmethod
    def sample(cls, rng: np.random.Generator, eye_head_coupling: float = 1.0) -> EyeTraits:
        """A person drawn at random; the ranges are ours, round the published means named above."""
        return cls(
            head_gain=float(rng.uniform(0.55, 0.95)),
            head_lag_s=float(rng.uniform(0.02, 0.12)),
            eye_only_rad=float(np.deg2rad(np.clip(rng.normal(17.0, 3.0), 10.0, 25.0))),
            eye_head_coupling=eye_head_coupling,
            saccade_gain=float(rng.uniform(0.91, 0.99)),
            saccade_pace=float(rng.uniform(0.9, 1.15)),
            blink_interval_s=float(rng.uniform(2.5, 8.0)),
            drift_rad=float(np.deg2rad(rng.uniform(0.05, 0.12))),
        )
