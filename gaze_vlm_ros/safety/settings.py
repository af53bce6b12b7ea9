"""The governor's settings."""

from __future__ import annotations

from dataclasses import dataclass, field

from gaze_vlm_ros.robots.limits import Box
from gaze_vlm_ros.safety.deadlines import Deadlines
from gaze_vlm_ros.safety.separation import SeparationSettings


@dataclass(frozen=True)
class GovernorSettings:
    """Deadlines, distances, and how the governor steps; times in seconds, angles in radians.

    ``tick_s`` is the time to the next horizon, ``control_period_s`` half the length of a horizon. No link may enter a
    box of ``keep_out``, in the base frame. ``least_manipulability_m`` is the least speed of the tool [m/s] that some
    joint motion of 1 rad/s must give in every direction; less is a singularity. A message whose stamp is older than
    ``history_s`` says nothing of the present.
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
    history_s: float = 1.0
    keep_out: tuple[Box, ...] = ()
    least_manipulability_m: float = 0.04

    def __post_init__(self) -> None:
        for name in (
            "tick_s",
            "control_period_s",
            "stamp_behind_s",
            "following_error_rad",
            "standing_error_rad",
            "at_rest_rad_s",
            "gain_per_s",
            "history_s",
        ):
            if not 0.0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be positive and finite, got {getattr(self, name)}")
        for name in ("stamp_ahead_s", "least_manipulability_m"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be finite and not negative, got {getattr(self, name)}")
        if self.tick_s > self.control_period_s:
            raise ValueError(f"tick_s {self.tick_s} must not exceed control_period_s {self.control_period_s}")
