"""A robot's spec for the tasks: its own, with fingers whose strengths balance."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.robots.description import RobotDescription

_GRIP_TORQUE_NM = 2.0


def arm_with_grip(robot: RobotDescription) -> mujoco.MjSpec:
    """``robot.build_spec()`` with limited torques of the fingers.

    Fingers that stand against each other get torques that cancel: with equal ones the two fingers of a three-finger
    hand overpower the thumb and drag what they hold to its side.
    """
    spec = robot.build_spec()
    names = list(robot.gripper_rad)
    if names:
        for name, share in zip(names, _balance(_closing_directions(spec, robot)), strict=True):
            torque = _GRIP_TORQUE_NM * share
            spec.actuator(name).forcerange = (-torque, torque)
    return spec


def _closing_directions(spec: mujoco.MjSpec, robot: RobotDescription) -> np.ndarray:
    """Unit vectors (2, k) across the tool's axis: where the tip of each finger goes when it closes."""
    model = spec.copy().compile()
    data = mujoco.MjData(model)
    for name, angle in robot.initial_positions.items():
        data.joint(name).qpos[:] = angle
    mujoco.mj_forward(model, data)
    across = data.site(robot.tool_site).xmat.reshape(3, 3)[:, :2]
    ways = []
    for name in robot.gripper_rad:
        joint = model.joint(name)
        tip = _last_of_chain(model, int(model.jnt_bodyid[joint.id]))
        jacobian = np.zeros((3, model.nv))
        mujoco.mj_jacBodyCom(model, data, jacobian, None, tip)
        way = across.T @ jacobian[:, joint.dofadr[0]]
        ways.append(way / max(float(np.linalg.norm(way)), 1e-9))
    return np.stack(ways, axis=1)


def _last_of_chain(model: mujoco.MjModel, body: int) -> int:
    for child in range(body + 1, model.nbody):
        if model.body_parentid[child] == body:
            body = child
    return body


def _balance(directions: np.ndarray) -> np.ndarray:
    """Shares (k,), about 1 each, whose forces cancel along the axis on which the fingers stand against each other.

    All are 1 where nothing opposes.
    """
    axis = np.linalg.svd(directions)[0][:, 0]
    along = axis @ directions
    shares = 1.0 - along * along.sum() / (along @ along)
    return shares if (shares > 0.1).all() else np.ones(len(shares))
