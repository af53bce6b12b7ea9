"""EyeGym: a vector of episodes in which an eye turns while a demonstration is shown to it (EyeRobot's EyeGym)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.foveated import FoveatedConfig
from gaze_vlm_ros.sim.robot_eye import EYE_ACTIONS_RAD, LEVELS, WINDOW_PX, Panorama, RobotEye, views_from_panorama
from gaze_vlm_ros.sim.tasks.terms import CONTROL_HZ
from gaze_vlm_ros.training.demonstrations.sight_set import directions_to, rays_of
from gaze_vlm_ros.training.eye_gym.footage import Footage, relit

VISUAL_RANGE_RAD = float(np.radians(50.0))
_START_RAD = (float(np.radians(105.0)), float(np.radians(25.0)))
"""So far to either side, and up and down, the eye may begin: over all of the 210 degrees that are searched."""
_HORIZON_RAD = float(np.radians(-35.0))
"""Elevation about which the eye begins: the table, where EyeRobot has the horizon of its panoramas."""

Observation = dict[str, np.ndarray]
Reward = Callable[[Observation], np.ndarray]


@dataclass(frozen=True)
class GymSettings:
    """``episode_steps`` at 15 Hz, of which in the first ``pause_steps`` the demonstration stands still; with ``still``
    it always does, at any of its steps (visual search). With ``ahead_s`` it begins at any of its steps, and what is
    asked is where the expert will work so much later, else the thing asked for. ``position`` and ``text``: shares of
    episodes in which the target is told by a position, off by ``position_noise_m`` per axis, and by words.
    ``brightness`` and ``tint``: other light, by factors. ``look_ahead``: the observation is taken before the
    demonstration goes on, as EyeRobot's release does.
    """

    episode_steps: int = 130
    pause_steps: int = 30
    still: bool = False
    ahead_s: float | None = None
    text: float = 0.95
    position: float = 0.5
    position_noise_m: float = 0.015
    brightness: float = 0.3
    tint: float = 0.1
    look_ahead: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.pause_steps < self.episode_steps:
            raise GazeVlmError(f"pause_steps must lie in 0..{self.episode_steps - 1}, got {self.pause_steps}")


class EyeGym(gymnasium.vector.VectorEnv):
    """``num_envs`` episodes in step. Actions 0..24 as ``EYE_ACTIONS_RAD``; every episode lasts ``episode_steps`` and is
    truncated then; the next one begins by ``reset`` or with the next step (Gymnasium's NEXT_STEP mode).

    Observation: ``views`` (3, 64, 64, 3) uint8; ``direction`` (3,), ``proprio`` (J,), ``text`` (D,) and ``position``
    (3,), NaN where the target is not so told: what a policy sees. For rewards and imitation alone: ``chunk`` (A, J),
    NaN past the end, ``places`` (2, 7), ``towards`` (3,), the unit vector to what is asked, and ``playing`` (1,), 0 in
    the pause and once the demonstration has ended. All of it belongs to the step at which the panorama shown was taken,
    which stays until the next one.
    """

    metadata: ClassVar[dict[str, Any]] = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}

    def __init__(
        self,
        footage: list[Footage],
        num_envs: int,
        config: FoveatedConfig,
        settings: GymSettings = GymSettings(),
        reward: Reward | None = None,
    ) -> None:
        """``reward`` of observations (E,); without one that of visual search. Raises GazeVlmError for no footage."""
        if not footage:
            raise GazeVlmError("EyeGym needs demonstrations; run python -m gaze_vlm_ros.training.record_demonstrations")
        self.footage, self.num_envs, self.settings = footage, num_envs, settings
        self._reward = reward or search_reward
        self.single_action_space = spaces.Discrete(len(EYE_ACTIONS_RAD))
        self.single_observation_space = _observation_space(config)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, num_envs)
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, num_envs)
        self._episodes: list[_Episode] = []

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[Observation, dict]:
        super().reset(seed=seed)
        self._episodes = [_Episode(self.footage, self.settings, self.np_random) for _ in range(self.num_envs)]
        return self._observe(), {}

    def step(self, actions: np.ndarray) -> tuple[Observation, np.ndarray, np.ndarray, np.ndarray, dict]:
        """All episodes end together, so ``reset`` begins them together."""
        ended = self._episodes[0].step >= self.settings.episode_steps
        if ended:
            observation, _ = self.reset()
            nothing = np.zeros(self.num_envs, dtype=bool)
            return observation, np.zeros(self.num_envs), nothing, nothing, {}
        for episode, action in zip(self._episodes, actions, strict=True):
            episode.eye.act(int(action))
        if not self.settings.look_ahead:
            self._advance()
        observation = self._observe()
        if self.settings.look_ahead:
            self._advance()
            observation |= self._truth()
        truncated = np.full(self.num_envs, self._episodes[0].step >= self.settings.episode_steps)
        return observation, self._reward(observation), np.zeros(self.num_envs, dtype=bool), truncated, {}

    def _advance(self) -> None:
        for episode in self._episodes:
            episode.advance()

    def _observe(self) -> Observation:
        told = {
            "views": [episode.views() for episode in self._episodes],
            "direction": [episode.eye.direction for episode in self._episodes],
            "proprio": [episode.proprio for episode in self._episodes],
            "text": [episode.text for episode in self._episodes],
            "position": [episode.position_m for episode in self._episodes],
        }
        arrays = {name: np.stack(rows) for name, rows in told.items()}
        return {k: a if a.dtype == np.uint8 else a.astype(np.float32) for k, a in arrays.items()} | self._truth()

    def _truth(self) -> Observation:
        rows = [episode.truth() for episode in self._episodes]
        return {name: np.stack([row[name] for row in rows]).astype(np.float32) for name in rows[0]}


def search_reward(observation: Observation) -> np.ndarray:
    """clip(1 - angle / 50 degrees, 0, 1) between the eye's direction and the thing asked for (EyeRobot, phase 1).

    The thing's direction is the simulator's truth, where EyeRobot asks CLIP.
    """
    cosine = np.sum(observation["direction"] * observation["towards"], axis=-1)
    return np.clip(1.0 - np.arccos(np.clip(cosine, -1.0, 1.0)) / VISUAL_RANGE_RAD, 0.0, 1.0)


class _Episode:
    """One eye in one demonstration."""

    def __init__(self, footage: list[Footage], settings: GymSettings, rng: np.random.Generator) -> None:
        self.shown = footage[rng.integers(len(footage))]
        self._settings = settings
        self.step = 0
        anywhere = settings.still or settings.ahead_s is not None
        self.frame = int(rng.integers(self.shown.steps)) if anywhere else 0
        azimuth, elevation = rng.uniform(-1.0, 1.0, 2) * _START_RAD
        self.eye = RobotEye(azimuth, _HORIZON_RAD + elevation)
        self.text = self.shown.text if rng.random() < settings.text else np.full_like(self.shown.text, np.nan)
        noise = rng.normal(0.0, settings.position_noise_m, 3)
        # Carried away, a thing is still told to be where it was when it was asked for.
        told_m = self.shown.demonstration.asked_m[0 if settings.ahead_s is not None else self.moment]
        self.position_m = told_m + noise if rng.random() < settings.position else np.full(3, np.nan)
        level = np.exp(settings.brightness * rng.uniform(-1.0, 1.0))
        self._light = level * (1.0 + settings.tint * rng.uniform(-1.0, 1.0, 3))
        self._panorama: tuple[int, Panorama] | None = None

    def advance(self) -> None:
        self.step += 1
        if not self._settings.still and self.step > self._settings.pause_steps:
            self.frame = min(self.frame + 1, self.shown.steps - 1)

    @property
    def moment(self) -> int:
        """The step of the demonstration that is shown."""
        return self.shown.moment_of(self.frame)

    def views(self) -> np.ndarray:
        index = self.shown.panorama_at(self.frame)
        if self._panorama is None or self._panorama[0] != index:
            self._panorama = index, relit(self.shown.demonstration.panorama(index), self._light)
        return views_from_panorama(self._panorama[1], np.array([[self.eye.azimuth_rad, self.eye.elevation_rad]]))[0]

    @property
    def proprio(self) -> np.ndarray:
        return self.shown.proprio[self.moment]

    def truth(self) -> dict[str, np.ndarray]:
        shown, moment = self.shown, self.moment
        playing = self.step >= self._settings.pause_steps and self.frame < shown.steps - 1
        towards = rays_of(directions_to(self._wanted_m(), shown.eye_m))
        return {
            "chunk": shown.chunks[moment],
            "places": shown.demonstration.places[moment],
            "towards": towards,
            "playing": np.array([float(playing)]),
        }

    def _wanted_m(self) -> np.ndarray:
        if self._settings.ahead_s is None:
            return self._asked_m()
        later = self.moment + round(self._settings.ahead_s * CONTROL_HZ)
        return self.shown.demonstration.look_m[min(later, self.shown.steps - 1)]

    def _asked_m(self) -> np.ndarray:
        return self.shown.demonstration.asked_m[self.moment]


def _observation_space(config: FoveatedConfig) -> spaces.Dict:
    def vector(*shape: int) -> spaces.Box:
        return spaces.Box(-np.inf, np.inf, shape, np.float32)

    return spaces.Dict(
        {
            "views": spaces.Box(0, 255, (LEVELS, WINDOW_PX, WINDOW_PX, 3), np.uint8),
            "direction": vector(3),
            "proprio": vector(config.outputs),
            "text": vector(config.text_dim),
            "position": vector(3),
            "chunk": vector(config.chunk_steps, config.outputs),
            "places": vector(2, 7),
            "towards": vector(3),
            "playing": vector(1),
        }
    )
