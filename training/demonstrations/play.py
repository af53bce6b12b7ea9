"""One demonstration: the expert plays, disturbed, and its answers to the disturbances are what is learnt."""

from __future__ import annotations

from dataclasses import dataclass

import gymnasium
import numpy as np

from gaze_vlm_ros.policies.experts import Expert, expert_for
from gaze_vlm_ros.sim.robot_eye import PanoramaBuilder
from gaze_vlm_ros.sim.tasks import environment_id
from gaze_vlm_ros.sim.tasks.bench import EYE_M
from gaze_vlm_ros.sim.tasks.environment import TaskEnvironment
from gaze_vlm_ros.training.demonstrations.log import StepLog
from gaze_vlm_ros.training.demonstrations.places import places_of
from gaze_vlm_ros.training.demonstrations.schema import Demonstration, encode


@dataclass(frozen=True)
class PlayOptions:
    """How episodes are played, as DART (arXiv 1703.09327) does: noise in what is done, none in what is learnt.

    ``mode`` is one of ``sim.tasks``; ``wander`` the share of episodes that begin from another posture, ``noise`` the
    standard deviation of the joints' actions (1 is full speed), ``push`` the chance per step of a push that lasts
    ``push_steps`` steps; a panorama is kept every ``panorama_every`` steps, none where it is 0. ``still``: the first
    step alone is kept and nothing is played: many scenes to look around in, in little time. ``afterwards``: so many
    steps more after the success, in which the hand withdraws from what it has let go of.
    """

    mode: str = "id"
    robot: str = "jaco"
    wander: float = 0.5
    noise: float = 0.06
    push: float = 0.015
    push_steps: int = 5
    panorama_every: int = 2
    still: bool = False
    afterwards: int = 0


class Player:
    """Plays and records episodes of one task, one after the other."""

    def __init__(self, task: str, options: PlayOptions) -> None:
        self.task, self.options = task, options
        made = gymnasium.make(environment_id(task), mode=options.mode, robot=options.robot)
        self._environment: TaskEnvironment = made.unwrapped
        self._expert: Expert = expert_for(task, self._environment.robot, keeps_yaw=True)

    def play(self, seed: int) -> Demonstration | None:
        """The episode of ``seed``, None where the expert failed. It depends on seed and options alone."""
        rng = np.random.default_rng([seed, 7])
        _, info = self._environment.reset(seed=seed)
        if rng.random() < self.options.wander:
            info = self._wander(info, rng)
        log, coded, steps_seen = StepLog(), [], []
        builder = PanoramaBuilder(self._environment.episode.model) if self.options.panorama_every else None
        noise = _Noise(self.options, len(self._environment.robot.joint_names), rng)
        self._expert.reset()
        done = False
        while not done:
            if builder and log.steps % self.options.panorama_every == 0:
                coded += self._panorama(builder)
                steps_seen.append(log.steps)
            info, done = self._step(info, noise, log)
            done = done or self.options.still
        if builder:
            builder.close()
        if not (info["success"] or self.options.still):
            return None
        for _ in range(self.options.afterwards):
            info, _ = self._step(info, noise, log)
        return Demonstration(
            self.task,
            seed,
            self.options.mode,
            self._environment.robot.name,
            info["asked_for"],
            tuple(EYE_M.tolist()),
            **log.arrays(),
            panorama_step=np.array(steps_seen, np.int32),
            coded=tuple(coded),
        )

    def close(self) -> None:
        self._environment.close()

    def _step(self, info: dict, noise: _Noise, log: StepLog) -> tuple[dict, bool]:
        state = info["state"]
        wanted = self._expert.act(state)
        n = len(wanted) - 1
        target, limits = state["joint_target_rad"], self._environment.robot.limits
        intended = np.clip(target + wanted[:n] * state["joint_step_rad"], limits.lower_rad, limits.upper_rad)
        task = self._environment.episode.task
        log.add(
            joint_rad=state["joint_rad"],
            target_rad=target,
            intended_rad=intended,
            opening=state["opening"][0],
            open_wanted=(1.0 - wanted[n]) / 2.0,
            places=places_of(self.task, state),
            look_m=task.reach_for if self._expert.focus_m is None else self._expert.focus_m,
            asked_m=task.reach_for,
        )
        action = wanted.astype(np.float64)
        action[:n] = np.clip(action[:n] + noise.next(), -1.0, 1.0)
        _, _, terminated, truncated, info = self._environment.step(action)
        return info, terminated or truncated

    def _panorama(self, builder: PanoramaBuilder) -> tuple[bytes, bytes]:
        world = self._environment.episode.world
        return encode(builder.build(world.data, world.pose_of_base(EYE_M)))

    def _wander(self, info: dict, rng: np.random.Generator) -> dict:
        """Drives the arm to another posture above the things, with the time it takes put back on the clock."""
        episode, robot = self._environment.episode, self._environment.robot
        kinematics = self._expert.reach.kinematics
        while True:
            posture = robot.home_rad + rng.normal(0.0, 0.35, len(robot.home_rad)) * [3.0, 1, 1, 1, 1, 1]
            posture = np.clip(posture, robot.limits.lower_rad, robot.limits.upper_rad)
            points = kinematics.link_points(posture)
            if points[-1, 2] > 0.28 and points[3:, 2].min() > 0.2 and np.linalg.norm(points[-1, :2]) < 0.7:
                break
        for _ in range(int(rng.integers(10, 40))):
            state = episode.state()
            way = (posture - state["joint_target_rad"]) / state["joint_step_rad"]
            action = np.append(way / max(np.abs(way).max(), 1.0), -1.0)
            *_, info = self._environment.step(action)
        episode.step_count = 0
        return info


class _Noise:
    def __init__(self, options: PlayOptions, joints: int, rng: np.random.Generator) -> None:
        self._options, self._joints, self._rng = options, joints, rng
        self._push, self._left = np.zeros(joints), 0

    def next(self) -> np.ndarray:
        """What is added to the joints' actions (n,) in this step."""
        if self._left == 0 and self._rng.random() < self._options.push:
            self._left = self._options.push_steps
            self._push = self._rng.uniform(-0.7, 0.7, self._joints)
        self._left = max(self._left - 1, 0)
        if self._left == 0:
            self._push = np.zeros(self._joints)
        return self._push + self._rng.normal(0.0, self._options.noise, self._joints)
