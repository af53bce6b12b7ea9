"""The package's own foveated policy as a skill."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.policies.foveated import FoveatedPolicy, Runner, TargetToken, instruction
from gaze_vlm_ros.policies.skills.skill import Look, Skill, SkillError
from gaze_vlm_ros.robots.description import RobotDescription

TASK = "HandOver"
"""The task whose instruction names a thing: that is what help with a thing is."""


class FoveatedSkill(Skill):
    """A ``FoveatedPolicy`` that is asked for things. Raises SkillError where it was trained for another robot."""

    def __init__(self, policy: FoveatedPolicy, robot: RobotDescription, task: str = TASK) -> None:
        config = policy.config
        if config.robot != robot.name:
            raise SkillError(
                f"policy {config.name} is for robot {config.robot}, not for {robot.name}; start without it: "
                "any arm can point"
            )
        self.name, self.eye_m = config.name, np.array(config.eye_m)
        self._task, self._runner = task, Runner(policy)

    def reset(self, label: str, position_m: np.ndarray, goal_m: np.ndarray | None = None) -> None:
        self._runner.reset(TargetToken.of(instruction(self._task, label), position_m))

    def step(self, look: Look | None, joints: np.ndarray, time_s: float) -> int | None:
        if look is None:
            raise SkillError(f"policy {self.name} needs the robot's eye; start it, or give its camera")
        known = self._known(joints, time_s)
        return self._runner.step(look.views, look.direction, joints, time_s, *known).eye_action

    def _known(self, joints: np.ndarray, time_s: float) -> tuple:
        """Places that the hand works by instead of those that the eye sees, and their error, as ``Runner.step`` takes
        them; here none."""
        return ()

    def joints_at(self, time_s: float) -> np.ndarray:
        return self._runner.joints_at(time_s)
