"""Episode: one scene drawn, built and lived through, without a word of Gymnasium."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.sim.robot_eye import RobotEye
from gaze_vlm_ros.sim.tasks.bench import EYE_M, PHYSICS_STEP_S, Bench
from gaze_vlm_ros.sim.tasks.modes import Mode
from gaze_vlm_ros.sim.tasks.terms import CONTROL_HZ, TaskConfig
from gaze_vlm_ros.sim.tasks.world import World

EYE_STEP_RAD = float(np.radians(10.0))
_START_CLEARANCE_M = 0.2
_STEPS_PER_CONTROL = 1.0 / (CONTROL_HZ * PHYSICS_STEP_S)


class Episode:
    """Everything drawn from ``rng`` in a fixed order: equal generators and actions give equal episodes."""

    def __init__(
        self,
        config: TaskConfig,
        robot: RobotDescription,
        arm: mujoco.MjSpec,
        kinematics: ArmKinematics,
        mode: Mode,
        rng: np.random.Generator,
    ) -> None:
        self.config, self.robot = config, robot
        bench = Bench(robot, arm, mode, rng)
        self.task = config.task(bench)
        start = _start_posture(robot, kinematics, mode, rng)
        looks = rng.uniform(-np.pi / 2, np.pi / 2), np.radians(rng.uniform(-50.0, -20.0))
        self.model = bench.compile()
        self.world = World(self.model, robot, start)
        self.joints = len(robot.joint_names)
        self.action = np.zeros(self.joints + 3)
        self.eye = RobotEye(*looks, self.world.pose_of_base(EYE_M))
        self.world.turn_eye(*looks)
        self.task.start(self.world)
        self.step_count = 0
        self.progress_before = self.task.progress

    @property
    def joint_step_rad(self) -> np.ndarray:
        """(n,) what an action of 1 moves each joint's target by in one control step."""
        return self.robot.limits.velocity_rad_s / CONTROL_HZ

    def advance(self, action: np.ndarray) -> None:
        """One control step; ``action`` (n + 3,) in -1..1: joints, closing of the gripper, eye azimuth and elevation."""
        self.action = action
        n = self.joints
        self.progress_before = self.task.progress
        # 15 Hz is no whole number of physics steps: 17, 16, 17 of them keep the clock exact.
        steps = round((self.step_count + 1) * _STEPS_PER_CONTROL) - round(self.step_count * _STEPS_PER_CONTROL)
        self.world.advance(action[:n] * self.joint_step_rad, float(action[n]), steps)
        self.eye.turn(*(action[n + 1 :] * EYE_STEP_RAD))
        # Also brings positions up to date: after a step of physics they belong to its beginning.
        self.world.turn_eye(self.eye.azimuth_rad, self.eye.elevation_rad)
        self.step_count += 1
        self.task.advance()

    def state(self) -> dict[str, np.ndarray]:
        """The task's truth and the robot's own, for experts; arrays (k,) in the base frame, SI units."""
        world = self.world
        return {
            "joint_rad": world.joint_rad,
            "joint_target_rad": world.joint_target_rad.copy(),
            "joint_step_rad": self.joint_step_rad,
            "opening": np.array([world.opening]),
            "tool_m": world.tool_m,
            "eye_m": EYE_M.copy(),
            "eye_rad": np.array([self.eye.azimuth_rad, self.eye.elevation_rad]),
            **self.task.state(),
        }


def _start_posture(
    robot: RobotDescription, kinematics: ArmKinematics, mode: Mode, rng: np.random.Generator
) -> np.ndarray:
    """Home, disturbed; never with the tool close to the table, where the things are."""
    while True:
        noise = np.clip(rng.normal(0.0, 1.0, len(robot.home_rad)), -2.0, 2.0)
        posture = robot.home_rad + np.radians(mode.start_deg) * noise
        posture = np.clip(posture, robot.limits.lower_rad, robot.limits.upper_rad)
        if kinematics.link_points(posture)[-1, 2] > _START_CLEARANCE_M:
            return posture
