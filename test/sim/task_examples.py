"""Environments of the robot tasks for the tests."""

import numpy as np

from gaze_vlm_ros.sim.tasks.environment import TaskEnvironment
from gaze_vlm_ros.sim.tasks.registry import CONFIGS

TASKS = list(CONFIGS)


def made(task: str, **options) -> TaskEnvironment:
    return TaskEnvironment(task, **options)


def rest(environment: TaskEnvironment) -> np.ndarray:
    """The action that changes nothing: joints still, fingers where they are."""
    action = np.zeros(environment.action_space.shape, np.float32)
    action[len(environment.robot.joint_names)] = 1.0 - 2.0 * environment.episode.world.opening
    return action
