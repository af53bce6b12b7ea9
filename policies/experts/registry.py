"""Which experts there are."""

from __future__ import annotations

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.experts.scripts import (
    HandOverExpert,
    PickPlaceExpert,
    PressButtonExpert,
    TowelExpert,
    WipeExpert,
)
from gaze_vlm_ros.policies.experts.skills import Expert
from gaze_vlm_ros.robots.description import RobotDescription

EXPERTS: dict[str, type[Expert]] = {
    "PressButton": PressButtonExpert,
    "PickPlace": PickPlaceExpert,
    "Towel": TowelExpert,
    "Wipe": WipeExpert,
    "HandOver": HandOverExpert,
}


def task_named(task: str) -> str:
    """The bare name of a task, from itself or from the registered name; an unknown one is answered with a list."""
    bare = task.rpartition("/")[2].removesuffix("-v0")
    if bare not in EXPERTS:
        raise GazeVlmError(f"no expert for task {task!r}; use one of: {', '.join(EXPERTS)}")
    return bare


def expert_for(task: str, robot: RobotDescription, eye_actions: bool = False, keeps_yaw: bool = False) -> Expert:
    """The expert of a task; ``eye_actions`` as for the environment, then it also looks at what it does."""
    return EXPERTS[task_named(task)](robot, eye_actions, keeps_yaw)
