"""TaskEnvironment: a task of the robot as a Gymnasium environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.sim.render import Offscreen
from gaze_vlm_ros.sim.robot_eye import LEVELS, WINDOW_PX
from gaze_vlm_ros.sim.tasks.bench import CAMERA, PICTURE
from gaze_vlm_ros.sim.tasks.episode import Episode
from gaze_vlm_ros.sim.tasks.errors import TaskError
from gaze_vlm_ros.sim.tasks.gripper import arm_with_grip
from gaze_vlm_ros.sim.tasks.guard import NanGuard
from gaze_vlm_ros.sim.tasks.modes import mode_named
from gaze_vlm_ros.sim.tasks.registry import config_named
from gaze_vlm_ros.sim.tasks.terms import CONTROL_HZ, ObservationTerm, TaskConfig


class TaskEnvironment(gymnasium.Env):
    """Observation: a dictionary of the config's named vectors, and ``eye`` (3, 64, 64, 3) uint8, fine to coarse.

    Action (n + 1,) float32 in -1..1: joint deltas as shares of the largest step at 15 Hz, then the closing of the
    gripper (-1 open .. 1 closed); with ``eye_actions`` two more, the eye's azimuth and elevation as shares of
    10 degrees.

    ``info`` holds ``success``, ``asked_for``, ``state`` (the named truth in the base frame, for experts) and, after a
    step, ``rewards`` (each term, weighed). Where the physics go wrong the episode is truncated and
    ``info["unstable"]`` is the file with the last states.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": int(CONTROL_HZ)}

    def __init__(
        self,
        task: str | TaskConfig,
        robot: str | Path = "jaco",
        mode: str = "id",
        eye: bool = False,
        eye_actions: bool | None = None,
        render_mode: str | None = None,
        dump_folder: Path | None = None,
    ) -> None:
        """``eye_actions`` is ``eye`` unless given. Raises RobotError or TaskError that lists what exists."""
        self.config = task if isinstance(task, TaskConfig) else config_named(task)
        self.mode = mode_named(mode)
        self.robot = RobotDescription.load(robot)
        self.render_mode = render_mode
        if self.config.needs_gripper and not self.robot.gripper_rad:
            raise TaskError(
                f"{self.config.name} needs a gripper, and robot {self.robot.name} has none; try PressButton"
            )
        self._arm = arm_with_grip(self.robot)
        self._kinematics = ArmKinematics(self.robot)
        self._with_eye = eye
        self._eye_actions = eye if eye_actions is None else eye_actions
        self._dump_folder = dump_folder
        self._offscreen: Offscreen | None = None
        self._observation: dict[str, np.ndarray] = {}
        self.episode = self._new_episode(np.random.default_rng(0))
        size = len(self.robot.joint_names) + (3 if self._eye_actions else 1)
        self.action_space = spaces.Box(-1.0, 1.0, (size,), np.float32)
        self.observation_space = self._observation_space()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict, dict]:
        """Draws a new episode from ``seed``. Raises TaskError where ``options`` are given, for there are none."""
        if options:
            raise TaskError(f"reset takes no options, got {', '.join(map(repr, options))}; modes are given to make")
        super().reset(seed=seed)
        self.close()
        self.episode = self._new_episode(np.random.default_rng(self.np_random.integers(2**63)))
        self._observation = self._observe()
        return self._observation, self._info()

    def step(self, action: np.ndarray) -> tuple[dict, float, bool, bool, dict]:
        self.episode.advance(self._full_action(action))
        if not self._guard.sound(self.episode.world.data):
            path = self._guard.dump(self.config.name)
            return self._observation, 0.0, False, True, self._info() | {"success": False, "unstable": str(path)}
        rewards = {name: term.weight * term.value(self.episode) for name, term in self.config.rewards.items()}
        ends = [term for term in self.config.terminations.values() if term.holds(self.episode)]
        self._observation = self._observe()
        terminated = any(not term.truncates for term in ends)
        truncated = any(term.truncates for term in ends)
        return self._observation, sum(rewards.values()), terminated, truncated, self._info() | {"rewards": rewards}

    def render(self) -> np.ndarray | None:
        """The bench from the wearer's side, (480, 640, 3) uint8."""
        if self.render_mode != "rgb_array":
            return None
        if self._offscreen is None:
            self._offscreen = Offscreen(self.episode.model, *PICTURE, CAMERA)
        return self._offscreen.rgb_depth(self.episode.world.data, with_depth=False)[0]

    def close(self) -> None:
        if self._offscreen is not None:
            self._offscreen.close()
            self._offscreen = None
        self.episode.eye.close()

    def _new_episode(self, rng: np.random.Generator) -> Episode:
        episode = Episode(self.config, self.robot, self._arm, self._kinematics, self.mode, rng)
        self._guard = NanGuard(episode.model, self._dump_folder)
        return episode

    def _full_action(self, action: np.ndarray) -> np.ndarray:
        action = np.asarray(action, dtype=np.float64)
        if action.shape != self.action_space.shape or not np.isfinite(action).all():
            raise ValueError(f"an action must be {self.action_space.shape} finite numbers, got {action.tolist()}")
        full = np.zeros(len(self.robot.joint_names) + 3)
        full[: len(action)] = np.clip(action, -1.0, 1.0)
        return full

    def _observe(self) -> dict[str, np.ndarray]:
        observation = {name: _vector(term, self.episode) for name, term in self.config.observations.items()}
        if self._with_eye:
            observation["eye"] = self.episode.eye.render(self.episode.model, self.episode.world.data)
        return observation

    def _info(self) -> dict[str, Any]:
        task = self.episode.task
        return {"success": task.success, "asked_for": task.asked_for, "state": self.episode.state()}

    def _observation_space(self) -> spaces.Dict:
        terms: dict[str, spaces.Space] = {}
        if self._with_eye:
            terms["eye"] = spaces.Box(0, 255, (LEVELS, WINDOW_PX, WINDOW_PX, 3), np.uint8)
        for name, term in self.config.observations.items():
            terms[name] = spaces.Box(term.low, term.high, _vector(term, self.episode).shape, np.float32)
        return spaces.Dict(terms)


def _vector(term: ObservationTerm, episode: Episode) -> np.ndarray:
    return np.clip(term.value(episode), term.low, term.high).astype(np.float32)
