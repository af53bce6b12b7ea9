"""Bringing as a skill: the thing goes from where the wearer looks at it to where the wearer reaches it."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.policies.foveated import FoveatedPolicy, TargetToken, instruction
from gaze_vlm_ros.policies.skills.foveated import FoveatedSkill
from gaze_vlm_ros.policies.skills.skill import SkillError
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics

TASK = "Bring"
_GRIP = (0.03, 0.5)
"""Openings at which fingers stand about a thing."""
_HIGHEST_GRIP_M, _AT_GOAL_M = 0.14, 0.1
"""How far from a thing's middle the tool grips it; how near to its goal it has arrived."""
_TOLD_M, _EACH_TELLS = 0.02, 0.1
"""Mean error per axis of what gazes tell together, and the weight of the newest."""
_WITHDRAWS_S = 1.2


def skill_of(policy: FoveatedPolicy, robot: RobotDescription) -> FoveatedSkill:
    """The skill that a policy was trained for. Raises SkillError where that was for another robot."""
    return (BringSkill if policy.config.helps_by == TASK else FoveatedSkill)(policy, robot)


class BringSkill(FoveatedSkill):
    """A ``FoveatedPolicy`` whose hand works by two places: where the thing is, and where it goes.

    Gazes say where the thing is, each within centimetres; where it goes is told. What the gripper holds goes with it.
    The eye looks where it has learnt to, and the hand does not use what it sees.
    """

    brings, moved_m = True, 0.15

    def __init__(self, policy: FoveatedPolicy, robot: RobotDescription) -> None:
        super().__init__(policy, robot, TASK)
        self._kinematics = ArmKinematics(robot)
        self._places = np.zeros((2, 7), np.float32)
        self._tool: np.ndarray | None = None
        self._let_go_s: float | None = None

    @property
    def under_way(self) -> bool:
        return self.holding or (self._let_go_s is not None and not self.done)

    def reset(self, label: str, position_m: np.ndarray, goal_m: np.ndarray | None = None) -> None:
        """``goal_m`` (2,) is the point of the table where the thing goes. Raises SkillError where it is not known."""
        if goal_m is None:
            raise SkillError(f"policy {self.name} needs a place to bring the {label} to")
        self._runner.reset(TargetToken.of(instruction(TASK, label), position_m))
        self._places[:] = 0.0
        self._places[:, :3] = position_m, [*goal_m, position_m[2]]
        self._tool, self._let_go_s = None, None
        self.holding = self.done = False

    def told(self, position_m: np.ndarray) -> None:
        if not self.under_way:
            self._places[0, :3] += _EACH_TELLS * (position_m - self._places[0, :3])
            self._places[1, 2] = self._places[0, 2]
            self._runner.look_for_it_at(self._places[0, :3])

    def _known(self, joints: np.ndarray, time_s: float) -> tuple:
        self._follow(joints, time_s)
        return self._places, _TOLD_M

    def _follow(self, joints: np.ndarray, time_s: float) -> None:
        """What is held goes with the tool; what has been let go of at its goal is there, and the hand withdraws."""
        before, self._tool = self._tool, self._kinematics.base_T_tool(joints[:-1])[:3, 3]
        thing, goal = self._places[:, :3]
        about = before is not None and np.linalg.norm(thing - before) < _HIGHEST_GRIP_M
        held, self.holding = self.holding, bool(about and _GRIP[0] < joints[-1] < _GRIP[1])
        if self.holding:
            self._places[0, :3] += self._tool - before
        elif held and np.linalg.norm((thing - goal)[:2]) < _AT_GOAL_M:
            self._let_go_s = time_s
        self.done = self._let_go_s is not None and time_s - self._let_go_s > _WITHDRAWS_S
