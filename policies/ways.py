"""Ways: motions that are looked over before the arm sets out on them."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.policies.arm import ArmModel
from gaze_vlm_ros.policies.courtesy import Courtesy
from gaze_vlm_ros.policies.motion import Motion


class Ways:
    """Sends ``motion`` along ways that keep to the workspace and away from the wearer."""

    def __init__(self, arm: ArmModel, motion: Motion, courtesy: Courtesy) -> None:
        self._arm, self._motion, self._courtesy = arm, motion, courtesy

    def go(self, goal: np.ndarray, now_ns: int) -> str:
        """Sets out to joint positions (n,), or goes on doing so; "" or what forbids it."""
        motion = self._motion
        if motion.goal is goal:
            return ""
        plan = motion.plan_to(goal)
        path = motion.path(plan)
        # A way out of a forbidden place begins in it, so what already holds now forbids nothing.
        if not self._arm.problem_of(motion.position_rad):
            for q in path:
                if problem := self._arm.problem_of(q):
                    return f"on the way there {problem}"
        near, part = self._courtesy.nearest([self._arm.kinematics.link_points(q) for q in path], now_ns)
        if near < self._courtesy.settings.yield_m:
            return f"the way there comes too close to the wearer's {part}"
        motion.go(plan, goal, now_ns)
        return ""
