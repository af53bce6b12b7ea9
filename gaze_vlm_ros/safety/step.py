"""The next horizon: as near to what the policy wants as every limit allows, or none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gaze_vlm_ros.robots.limits import JointLimits
from gaze_vlm_ros.robots.trajectory import Point
from gaze_vlm_ros.safety.clearance import Clearance, Clearances
from gaze_vlm_ros.safety.horizon import Times, horizon, smooth_velocity, velocity_range
from gaze_vlm_ros.safety.settings import GovernorSettings
from gaze_vlm_ros.types import JointTrajectory, WearerState

_SLOWER = (0.5, 0.2, 0.0)


class Step(NamedTuple):
    """A horizon, None where nothing may be sent, and what limits or forbids it in words; "" for nothing."""

    trajectory: JointTrajectory | None
    limit: str


class Stepper:
    """Chooses one horizon after the other; it remembers nothing."""

    def __init__(self, limits: JointLimits, clearances: Clearances, settings: GovernorSettings) -> None:
        self._limits, self._clearances, self._separation = limits, clearances, settings.separation
        self._times = Times(settings.tick_s, 2.0 * settings.control_period_s)

    def step(self, here: Point, before_rad_s2: np.ndarray, wanted: np.ndarray, wearer: WearerState | None) -> Step:
        """From ``here``, with the acceleration (n,) so far, towards ``wanted`` (n,) velocity."""
        allowed = velocity_range(here, before_rad_s2, self._limits, self._times)
        if allowed is None:
            return Step(None, "no next step keeps the limits of the joints")

        def candidate(velocity: np.ndarray) -> tuple[JointTrajectory, Clearance]:
            v1 = np.minimum(np.maximum(velocity, allowed[0]), allowed[1])
            sent = horizon(self._limits.names, here, v1, self._times)
            return sent, self._clearances.of(np.vstack([here.position_rad, sent.position_rad]), wearer)

        smooth = smooth_velocity(here.velocity_rad_s, wanted, self._limits, self._times)
        sent, clearance = candidate(smooth)
        slowed = ""
        if (share := self._separation.speed_share(clearance.nearest_m)) < 1.0:
            slowed = f"slowed down near the wearer's {clearance.part}"
            most = share * self._limits.velocity_rad_s
            wanted = np.minimum(np.maximum(wanted, -most), most)
            sent, clearance = candidate(smooth_velocity(here.velocity_rad_s, wanted, self._limits, self._times))
        first = problem = clearance.problem()
        for scale in _SLOWER:
            if not problem:
                break
            sent, clearance = candidate(scale * wanted)
            problem = clearance.problem()
        return Step(None, first) if problem else Step(sent, first or slowed)
