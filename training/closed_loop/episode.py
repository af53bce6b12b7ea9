"""One episode in which a policy moves the arm and an eye looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import gymnasium
import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.policies.foveated import Runner, TargetToken, instruction
from gaze_vlm_ros.sim.robot_eye import LEVELS, WINDOW_PX
from gaze_vlm_ros.sim.tasks import environment_id
from gaze_vlm_ros.sim.tasks.environment import TaskEnvironment
from gaze_vlm_ros.sim.tasks.terms import CONTROL_HZ
from gaze_vlm_ros.training.closed_loop.gazes import EYE_STEP_RAD, Gaze, Situation, is_held, looking_at
from gaze_vlm_ros.training.closed_loop.perturbation import move_aside
from gaze_vlm_ros.training.demonstrations.places import places_of

TOLD = ("both", "text", "position")
GAZE_TARGET_M = 0.015
"""Standard deviation of the gaze target's position, per axis."""


_NOTHING = np.zeros((LEVELS, WINDOW_PX, WINDOW_PX, 3), np.uint8)


@dataclass(frozen=True)
class EpisodeOptions:
    """``told``: what the target token holds, "text", "position", "both"; ``sees`` False gives the hand the true places:
    what its motion alone can do; at ``moved_at_s`` the thing asked for is put elsewhere, if nothing holds it."""

    mode: str = "id"
    told: str = "both"
    sees: bool = True
    moved_at_s: float | None = None


@dataclass
class Played:
    """What happened: one entry per control step, positions in metres and the base frame, angles in radians;
    ``others_m`` are the things of no use, at the start. ``moved``: the thing asked for was put elsewhere."""

    task: str
    seed: int
    success: bool = False
    eye_rad: list[np.ndarray] = field(default_factory=list)
    places: list[np.ndarray] = field(default_factory=list)
    seen: list[np.ndarray] = field(default_factory=list)
    tool_m: list[np.ndarray] = field(default_factory=list)
    opening: list[float] = field(default_factory=list)
    held: list[bool] = field(default_factory=list)
    others_m: list[np.ndarray] = field(default_factory=list)
    moved: bool = False

    @property
    def duration_s(self) -> float:
        return len(self.eye_rad) / CONTROL_HZ

    def angles_rad(self, place: int = 0) -> np.ndarray:
        """(T,) between the eye's direction and a place."""
        wanted = np.array([looking_at(places[place, :3]) for places in self.places])
        return angle_between(np.array(self.eye_rad), wanted)


class Stage:
    """A task's environment and a policy that plays in it, episode after episode."""

    def __init__(self, task: str, runner: Runner, gaze: Gaze, options: EpisodeOptions = EpisodeOptions()) -> None:
        self.task, self.runner, self.gaze, self.options = task, runner, gaze, options
        made = gymnasium.make(environment_id(task), mode=options.mode, eye=options.sees, eye_actions=True)
        self.environment: TaskEnvironment = made.unwrapped

    def play(self, seed: int, watch: Callable[[np.ndarray], None] = lambda views: None) -> Played:
        """``watch`` sees what the eye sees, (3, S, S, 3), at each step."""
        rng = np.random.default_rng([seed, 11])
        observation, info = self.environment.reset(seed=seed)
        self.runner.reset(self._target(info, rng))
        played, done = Played(self.task, seed, others_m=self._others_m(info)), False
        while not done:
            if self.options.moved_at_s is not None and len(played.eye_rad) == round(
                self.options.moved_at_s * CONTROL_HZ
            ):
                played.moved = move_aside(self.environment, rng)
                info = info | {"state": self.environment.episode.state()}
            action = self._act(observation, info, rng, played)
            if self.options.sees:
                watch(observation["eye"])
            observation, _, terminated, truncated, info = self.environment.step(action)
            done = terminated or truncated
        played.success = bool(info["success"])
        return played

    def close(self) -> None:
        self.environment.close()

    def _others_m(self, info: dict) -> list[np.ndarray]:
        world = self.environment.episode.world
        names = {world.model.body(index).name for index in range(world.model.nbody)}
        return [world.position(kind) for kind in OBJECT_KINDS if kind in names and kind != info["asked_for"]]

    def _target(self, info: dict, rng: np.random.Generator) -> TargetToken:
        told = self.options.told
        text = instruction(self.task, info["asked_for"])
        noise = rng.normal(0.0, GAZE_TARGET_M, 3)
        position = self.environment.episode.task.reach_for + noise if told != "text" else None
        return TargetToken(None, position) if told == "position" else TargetToken.of(text, position)

    def _act(self, observation: dict, info: dict, rng: np.random.Generator, played: Played) -> np.ndarray:
        state = info["state"]
        places, opening = places_of(self.task, state), float(state["opening"][0])
        known = None if self.options.sees else places
        proprio = np.append(state["joint_rad"], opening)
        time_s = len(played.eye_rad) / CONTROL_HZ
        views = observation["eye"] if self.options.sees else _NOTHING
        step = self.runner.step(views, observation["eye_direction"], proprio, time_s, known)
        situation = Situation(time_s, step.eye_action, state["eye_rad"], places, state["tool_m"], opening)
        played.eye_rad.append(state["eye_rad"])
        played.places.append(places)
        played.seen.append(step.places)
        played.tool_m.append(state["tool_m"])
        played.opening.append(opening)
        played.held.append(is_held(situation))
        joints = (step.joints[:-1] - state["joint_target_rad"]) / state["joint_step_rad"]
        turn = self.gaze(situation, rng) / EYE_STEP_RAD
        return np.clip([*joints, 1.0 - 2.0 * step.joints[-1], *turn], -1.0, 1.0)


def angle_between(first_rad: np.ndarray, second_rad: np.ndarray) -> np.ndarray:
    """Angles (...) between directions given as azimuth and elevation (..., 2)."""
    rays = []
    for azimuth, elevation in (np.moveaxis(first_rad, -1, 0), np.moveaxis(second_rad, -1, 0)):
        flat = np.cos(elevation)
        rays.append(np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], axis=-1))
    return np.arccos(np.clip(np.sum(rays[0] * rays[1], axis=-1), -1.0, 1.0))
