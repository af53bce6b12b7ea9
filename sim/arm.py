"""The simulated arm: servos that follow a joint trajectory as ros2_control's joint_trajectory_controller does."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.trajectory import Point, sample
from gaze_vlm_ros.sim.kitchen import ROBOT_PREFIX
from gaze_vlm_ros.types import JointState, JointTrajectory


class SimulatedArm:
    """The arm of ``robot`` in a kitchen's model; it begins at rest in its home posture. Times are of simulation [s]."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, robot: RobotDescription) -> None:
        self._data, self._robot = data, robot
        names = [ROBOT_PREFIX + name for name in robot.joint_names]
        self._qpos = np.array([model.joint(name).qposadr[0] for name in names])
        self._dof = np.array([model.joint(name).dofadr[0] for name in names])
        actuator_of = {int(model.actuator_trnid[actuator, 0]): actuator for actuator in range(model.nu)}
        self._actuators = np.array([actuator_of[model.joint(name).id] for name in names])
        for name, angle in robot.initial_positions.items():
            data.joint(ROBOT_PREFIX + name).qpos = angle
        for name, angle in robot.gripper_rad.items():
            data.ctrl[model.actuator(ROBOT_PREFIX + name).id] = angle
        fingers = [ROBOT_PREFIX + name for name in robot.gripper_rad]
        self._fingers = np.array([model.actuator(name).id for name in fingers], dtype=int)
        # By convention a finger is open at the lower end of its range and closed at the upper one.
        self._finger_range = np.array([model.joint(name).range for name in fingers]).reshape(-1, 2)
        self._base = model.body(ROBOT_PREFIX + robot.base_frame).id
        self._tool = model.site(ROBOT_PREFIX + robot.tool_site).id
        self._setpoint = Point(np.array(robot.home_rad, dtype=float), np.zeros(len(names)))
        self._motion: tuple[float, JointTrajectory] | None = None

    def follow(self, trajectory: JointTrajectory, now_s: float) -> None:
        """Follows ``trajectory`` from ``now_s``, then holds its last point.

        It begins at the set point of the moment, not at the measured position (interpolate_from_desired_state).
        """
        order = [trajectory.names.index(name) for name in self._robot.joint_names]
        self._motion = (
            now_s,
            JointTrajectory(
                trajectory.stamp_ns,
                tuple(self._robot.joint_names),
                np.vstack([self._setpoint.position_rad, trajectory.position_rad[:, order]]),
                np.vstack([self._setpoint.velocity_rad_s, trajectory.velocity_rad_s[:, order]]),
                np.concatenate([[0.0], np.maximum(trajectory.time_from_start_s, 1e-3)]),
            ),
        )

    def servo(self, now_s: float) -> None:
        """Sets the servos' commands for ``now_s``."""
        if self._motion is not None:
            self._setpoint = sample(self._motion[1], now_s - self._motion[0])
        lag_s = self._robot.servos.lag_s
        self._data.ctrl[self._actuators] = self._setpoint.position_rad + lag_s * self._setpoint.velocity_rad_s

    def open_fingers(self, share: float) -> None:
        """Tells the fingers to be open by ``share``, 0 closed .. 1 open."""
        self._data.ctrl[self._fingers] = self.fingers_at(share)

    def fingers_at(self, share: float) -> np.ndarray:
        """The fingers' joints (k,) [rad] where they are open by ``share``."""
        low, high = self._finger_range.T
        return high - share * (high - low)

    @property
    def command_rad(self) -> np.ndarray:
        """The joints' set point (J,) [rad]."""
        return self._setpoint.position_rad.copy()

    def joint_state(self, stamp_ns: int) -> JointState:
        position, velocity = self._data.qpos[self._qpos].copy(), self._data.qvel[self._dof].copy()
        return JointState(stamp_ns, tuple(self._robot.joint_names), position, velocity)

    def world_T_base(self) -> np.ndarray:
        return _pose(self._data.xmat[self._base], self._data.xpos[self._base])

    def world_T_tool(self) -> np.ndarray:
        return _pose(self._data.site_xmat[self._tool], self._data.site_xpos[self._tool])


def _pose(rotation: np.ndarray, position_m: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation.reshape(3, 3), position_m
    return pose
