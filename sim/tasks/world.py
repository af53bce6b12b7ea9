"""World: the running physics of one episode, read in the robot's base frame."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.sim.tasks.bench import EYE_BODY, ROBOT_PREFIX
from gaze_vlm_ros.sim.tasks.errors import TaskError

_GRIPPER_RAD_S = 2.2
_WIND_UP_RAD = 0.2


class World:
    """Model, data and what the arm is told; positions, rotations and speeds that it returns are in the base frame."""

    def __init__(self, model: mujoco.MjModel, robot: RobotDescription, start_rad: np.ndarray) -> None:
        """The arm stands at (n,) ``start_rad``, its fingers as the description says."""
        self.model, self.robot = model, robot
        self.data = mujoco.MjData(model)
        joints = [model.joint(ROBOT_PREFIX + name) for name in robot.joint_names]
        fingers = [model.joint(ROBOT_PREFIX + name) for name in robot.gripper_rad]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._qvel = np.array([joint.dofadr[0] for joint in joints])
        self._finger_qpos = np.array([joint.qposadr[0] for joint in fingers], dtype=int)
        self._ctrl = np.array([model.actuator(ROBOT_PREFIX + name).id for name in robot.joint_names])
        self._finger_ctrl = np.array([model.actuator(ROBOT_PREFIX + name).id for name in robot.gripper_rad], dtype=int)
        # By convention a finger is open at the lower end of its range and closed at the upper one.
        self._finger_range = np.array([joint.range for joint in fingers]).reshape(-1, 2)
        self._base = model.body(ROBOT_PREFIX + robot.base_body).id
        self._eye = model.body(EYE_BODY).mocapid[0]
        self._tool = model.site(ROBOT_PREFIX + robot.tool_site).id
        self._hand_bodies = _subtree(model, int(model.site_bodyid[self._tool]))
        self._body_of_geom = np.asarray(model.geom_bodyid)
        self.joint_target_rad = np.clip(start_rad, robot.limits.lower_rad, robot.limits.upper_rad)
        self.data.qpos[self._qpos] = self.joint_target_rad
        self._finger_target = np.array([robot.gripper_rad[name] for name in robot.gripper_rad])
        self.data.qpos[self._finger_qpos] = self._finger_target
        self.data.ctrl[self._ctrl] = self.joint_target_rad
        self.data.ctrl[self._finger_ctrl] = self._finger_target
        mujoco.mj_forward(model, self.data)
        self._base_m = self.data.xpos[self._base].copy()
        self._world_R_base = self.data.xmat[self._base].reshape(3, 3).copy()

    # --- motion

    def advance(self, step_rad: np.ndarray, closing: float, steps: int) -> None:
        """Moves the joints' targets by (n,) ``step_rad`` within ``steps`` steps of physics.

        ``closing`` -1..1 is where the fingers shall be, open..closed; they close no faster than they can.
        A target runs no further ahead of its joint than a blocked arm could push without harm.
        """
        limits, dt = self.robot.limits, self.model.opt.timestep * steps
        q = self.data.qpos[self._qpos]
        old = self.joint_target_rad
        new = np.clip(old + step_rad, q - _WIND_UP_RAD, q + _WIND_UP_RAD)
        new = np.clip(new, limits.lower_rad, limits.upper_rad)
        lag = self.robot.servos.lag_s * (new - old) / dt
        low, high = self._finger_range.T
        wanted = low + (high - low) * (closing + 1.0) / 2.0
        fingers = self._finger_target
        finger_step = np.clip(wanted - fingers, -_GRIPPER_RAD_S * dt, _GRIPPER_RAD_S * dt)
        ctrl = self.data.ctrl
        for i in range(1, steps + 1):
            share = i / steps
            ctrl[self._ctrl] = old + share * (new - old) + lag
            ctrl[self._finger_ctrl] = fingers + share * finger_step
            mujoco.mj_step(self.model, self.data)
        self.joint_target_rad, self._finger_target = new, fingers + finger_step

    def turn_eye(self, azimuth_rad: float, elevation_rad: float) -> None:
        """Turns the ball that others see of the robot's eye along a direction of the base frame."""
        c, s = np.cos(azimuth_rad), np.sin(azimuth_rad)
        ce, se = np.cos(elevation_rad), np.sin(elevation_rad)
        turn = np.array([[c * ce, -s, -c * se], [s * ce, c, -s * se], [se, 0.0, ce]])
        quat = np.empty(4)
        mujoco.mju_mat2Quat(quat, (self._world_R_base @ turn).ravel())
        self.data.mocap_quat[self._eye] = quat
        mujoco.mj_kinematics(self.model, self.data)

    # --- the arm

    @property
    def joint_rad(self) -> np.ndarray:
        return self.data.qpos[self._qpos].copy()

    @property
    def joint_rad_s(self) -> np.ndarray:
        return self.data.qvel[self._qvel].copy()

    @property
    def opening(self) -> float:
        """0 closed .. 1 open; 1 where there is no gripper."""
        if not len(self._finger_qpos):
            return 1.0
        low, high = self._finger_range.T
        return float(np.mean((high - self.data.qpos[self._finger_qpos]) / (high - low)))

    @property
    def tool_m(self) -> np.ndarray:
        return self.in_base(self.data.site_xpos[self._tool])

    @property
    def tool_R(self) -> np.ndarray:
        return self._world_R_base.T @ self.data.site_xmat[self._tool].reshape(3, 3)

    # --- things

    def pose_of_base(self, point_m: np.ndarray) -> np.ndarray:
        """World pose (4, 4) of a frame with the base's axes at (3,) ``point_m`` of the base frame."""
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = self._world_R_base, self._base_m + self._world_R_base @ point_m
        return pose

    def in_base(self, point_m: np.ndarray) -> np.ndarray:
        """World -> base frame, (..., 3)."""
        return (point_m - self._base_m) @ self._world_R_base

    def position(self, body: str) -> np.ndarray:
        return self.in_base(self.data.xpos[self._id(body)])

    def rotation(self, body: str) -> np.ndarray:
        return self._world_R_base.T @ self.data.xmat[self._id(body)].reshape(3, 3)

    def displace(self, body: str, offset_m: np.ndarray) -> None:
        """Puts the whole thing of which ``body`` is a part elsewhere, by (3,) ``offset_m``, as if by somebody."""
        root = int(self.model.body_rootid[self._id(body)])
        way = self._world_R_base @ np.asarray(offset_m, dtype=np.float64)
        joint = int(self.model.body_jntadr[root])
        if joint >= 0 and self.model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE:
            start = int(self.model.jnt_qposadr[joint])
            self.data.qpos[start : start + 3] += way
        else:
            self.model.body_pos[root] += way
        mujoco.mj_forward(self.model, self.data)

    def speed(self, body: str) -> float:
        """Of the body's origin [m/s], where it moves freely."""
        joint = self.model.body_jntadr[self._id(body)]
        start = self.model.jnt_dofadr[joint]
        return float(np.linalg.norm(self.data.qvel[start : start + 3]))

    def gripped(self, bodies: tuple[str, ...]) -> bool:
        """Whether the hand touches any of ``bodies``."""
        return self._touch(self._hand_bodies, {self._id(body) for body in bodies})

    def touching(self, body: str, other: str) -> bool:
        return self._touch({self._id(body)}, {self._id(other)})

    def _touch(self, ours: set[int], theirs: set[int]) -> bool:
        pairs = self._body_of_geom[self.data.contact.geom[: self.data.ncon]]
        return any((a in ours and b in theirs) or (b in ours and a in theirs) for a, b in pairs.tolist())

    def _id(self, body: str) -> int:
        index = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_BODY, body)
        if index < 0:
            raise TaskError(f"the scene has no body {body!r}")
        return index


def _subtree(model: mujoco.MjModel, body: int) -> set[int]:
    bodies = {body}
    for child in range(body + 1, model.nbody):
        if int(model.body_parentid[child]) in bodies:
            bodies.add(child)
    return bodies
