"""The governor's settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from gaze_vlm_ros.safety.deadlines import Deadlines
from gaze_vlm_ros.safety.separation import SeparationSettings


@dataclass(frozen=True)
class GovernorSettings:
    """Deadlines, distances, and how the governor steps; times in seconds, angles in radians.

    ``tick_s`` is the time to the next horizon, ``control_period_s`` half the length of a horizon.
    """

    deadlines: Deadlines = field(default_factory=Deadlines)
    separation: SeparationSettings = field(default_factory=SeparationSettings)
    tick_s: float = 0.02
    control_period_s: float = 0.05
    stamp_ahead_s: float = 0.02
    stamp_behind_s: float = 0.1
    following_error_rad: float = 0.2
    standing_error_rad: float = 0.05
    at_rest_rad_s: float = 0.05
    gain_per_s: float = 4.0

    def __post_init__(self) -> None:
        for name in (
            "tick_s",
            "control_period_s",
            "stamp_behind_s",
            "following_error_rad",
            "standing_error_rad",
            "at_rest_rad_s",
            "gain_per_s",
        ):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive and finite, got {getattr(self, name)}")
        if not 0.0 <= self.stamp_ahead_s < float("inf"):
            raise ValueError(f"stamp_ahead_s must not be negative, got {self.stamp_ahead_s}")
        if self.tick_s > self.control_period_s:
            raise ValueError(f"tick_s {self.tick_s} must not exceed control_period_s {self.control_period_s}")
