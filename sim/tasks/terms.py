"""A task as data: named terms of reward, observation and termination, which can be looked at, weighed and replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.sim.tasks.bench import Bench
from gaze_vlm_ros.sim.tasks.world import World

if TYPE_CHECKING:
    from gaze_vlm_ros.sim.tasks.episode import Episode

CONTROL_HZ = 15.0
TASK_NAMES = ("PressButton", "PickPlace", "Towel", "Wipe", "HandOver")
REACH_M = 2.0
"""No coordinate in an observation is larger."""


class Task:
    """What one task adds to the bench and what counts in it. A new one is made for each episode."""

    asked_for: str = ""
    """The kind of thing that was asked for, "" where the task has but one."""

    def __init__(self, bench: Bench) -> None:
        """Draws the layout and adds the task's own things."""
        raise NotImplementedError

    def start(self, world: World) -> None:
        """Called once, when the physics exist."""
        self.world = world

    def advance(self) -> None:
        """Called after each control step."""

    def state(self) -> dict[str, np.ndarray]:
        """What is really the case, named; arrays (k,) in the base frame, SI units."""
        raise NotImplementedError

    @property
    def success(self) -> bool:
        raise NotImplementedError

    @property
    def progress(self) -> float:
        """0 at the start .. 1 when done, for the reward."""
        raise NotImplementedError

    @property
    def reach_for(self) -> np.ndarray:
        """The point (3,) to which the tool has to go now [m]."""
        raise NotImplementedError


@dataclass(frozen=True)
class RewardTerm:
    value: Callable[[Episode], float]
    weight: float


@dataclass(frozen=True)
class TerminationTerm:
    """``truncates`` tells the end of the allotted time from the end of the task."""

    holds: Callable[[Episode], bool]
    truncates: bool = False


@dataclass(frozen=True)
class ObservationTerm:
    """A vector (k,) float32 within ``low`` and ``high``, to which it is clipped."""

    value: Callable[[Episode], np.ndarray]
    low: float
    high: float


@dataclass(frozen=True)
class TaskConfig:
    """One environment: its task, how long an episode may last, and its terms by name."""

    name: str
    task: type[Task]
    episode_s: float
    rewards: dict[str, RewardTerm]
    terminations: dict[str, TerminationTerm]
    observations: dict[str, ObservationTerm]
    needs_gripper: bool = True

    @property
    def steps(self) -> int:
        return round(self.episode_s * CONTROL_HZ)


def task_token(episode: Episode) -> np.ndarray:
    """One-hot of the task, then one-hot of the kind asked for (33,); a placeholder for an embedded sentence."""
    token = np.zeros(len(TASK_NAMES) + len(OBJECT_KINDS))
    if episode.config.name in TASK_NAMES:
        token[TASK_NAMES.index(episode.config.name)] = 1.0
    if episode.task.asked_for:
        token[len(TASK_NAMES) + OBJECT_KINDS.index(episode.task.asked_for)] = 1.0
    return token


def proprioception(episode: Episode) -> np.ndarray:
    """Joint positions [rad], joint velocities [rad/s], opening of the gripper 0..1: (2 n + 1,)."""
    world = episode.world
    return np.concatenate([world.joint_rad, world.joint_rad_s, [world.opening]])


def standard_config(name: str, task: type[Task], episode_s: float, needs_gripper: bool = True) -> TaskConfig:
    """The terms that all five tasks share."""
    return TaskConfig(
        name,
        task,
        episode_s,
        rewards={
            "reach": RewardTerm(
                lambda e: 1.0 - float(np.tanh(4.0 * np.linalg.norm(e.world.tool_m - e.task.reach_for))), 0.1
            ),
            "progress": RewardTerm(lambda e: e.task.progress - e.progress_before, 5.0),
            "success": RewardTerm(lambda e: float(e.task.success), 10.0),
            "effort": RewardTerm(lambda e: -float(np.mean(e.action[: e.joints] ** 2)), 0.01),
        },
        terminations={
            "success": TerminationTerm(lambda e: e.task.success),
            "time_out": TerminationTerm(lambda e: e.step_count >= e.config.steps, truncates=True),
        },
        observations={
            "proprio": ObservationTerm(proprioception, -10.0, 10.0),
            "eye_direction": ObservationTerm(lambda e: e.eye.direction, -1.0, 1.0),
            "target": ObservationTerm(task_token, 0.0, 1.0),
            "state": ObservationTerm(lambda e: np.concatenate(list(e.task.state().values())), -REACH_M, REACH_M),
        },
        needs_gripper=needs_gripper,
    )
