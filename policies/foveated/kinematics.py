"""Forward kinematics in torch, many postures at once, so that losses and rewards can be paths of the tool."""

from __future__ import annotations

import mujoco
import numpy as np
import torch
from torch import Tensor, nn

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.mjcf import build_kinematics


class TorchKinematics(nn.Module):
    """The chain of ``robots.kinematics.ArmKinematics`` in its base frame; gradients flow through it."""

    def __init__(self, robot: RobotDescription) -> None:
        super().__init__()
        model = build_kinematics(robot)
        site = model.site(robot.tool_site).id
        steps, axes, self._order, pose = [], [], [], np.eye(4)
        for link in _links_to(model, int(model.site_bodyid[site])):
            pose = pose @ _pose(model.body_pos[link], model.body_quat[link])
            first = int(model.body_jntadr[link])
            for joint in range(first, first + int(model.body_jntnum[link])):
                anchor = model.jnt_pos[joint]
                steps.append(pose @ _shift(anchor))
                axes.append(model.jnt_axis[joint])
                self._order.append(int(model.jnt_qposadr[joint]))
                pose = _shift(-anchor)
        steps.append(pose @ _pose(model.site_pos[site], model.site_quat[site]))
        self.register_buffer("_fixed", torch.tensor(np.array(steps), dtype=torch.float32), persistent=False)
        cross = np.array([_cross(axis) for axis in axes])
        self.register_buffer("_cross", torch.tensor(cross, dtype=torch.float32), persistent=False)
        self.register_buffer("_cross2", torch.tensor(cross @ cross, dtype=torch.float32), persistent=False)

    def forward(self, joint_rad: Tensor) -> tuple[Tensor, Tensor]:
        """Tool position (..., 3) [m] and rotation (..., 3, 3) for joint positions (..., n)."""
        angles = joint_rad[..., self._order]
        identity = torch.eye(3, dtype=joint_rad.dtype, device=joint_rad.device)
        sine, cosine = torch.sin(angles)[..., None, None], torch.cos(angles)[..., None, None]
        turns = identity + sine * self._cross + (1 - cosine) * self._cross2
        rotation = self._fixed[0, :3, :3].expand(*angles.shape[:-1], 3, 3)
        position = self._fixed[0, :3, 3].expand(*angles.shape[:-1], 3)
        for number in range(len(self._order)):
            rotation = rotation @ turns[..., number, :, :]
            position = position + rotation @ self._fixed[number + 1, :3, 3]
            rotation = rotation @ self._fixed[number + 1, :3, :3]
        return position, rotation


def _links_to(model: mujoco.MjModel, body: int) -> list[int]:
    links = []
    while body > 0:
        links.insert(0, int(body))
        body = model.body_parentid[body]
    return links


def _pose(position: np.ndarray, quaternion: np.ndarray) -> np.ndarray:
    pose, turn = np.eye(4), np.zeros(9)
    mujoco.mju_quat2Mat(turn, quaternion)
    pose[:3, :3], pose[:3, 3] = turn.reshape(3, 3), position
    return pose


def _shift(offset: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, 3] = offset
    return pose


def _cross(axis: np.ndarray) -> np.ndarray:
    x, y, z = axis
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
