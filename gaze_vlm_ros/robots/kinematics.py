"""Forward kinematics of an arm in its base frame."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.mjcf import build_kinematics


class ArmKinematics:
    """Where the tool and the links are for given joint positions; one call takes some ten microseconds.

    Not safe to share between threads.
    """

    def __init__(self, robot: RobotDescription) -> None:
        self.robot = robot
        self.model = build_kinematics(robot)
        self._data = mujoco.MjData(self.model)
        self._site = self.model.site(robot.tool_site).id
        self._chain = self._bodies_to(self.model.site_bodyid[self._site])

    def _bodies_to(self, body: int) -> list[int]:
        chain = []
        while body > 0:
            chain.insert(0, int(body))
            body = self.model.body_parentid[body]
        return chain

    def _forward(self, position_rad: np.ndarray) -> None:
        self._data.qpos[:] = position_rad
        mujoco.mj_kinematics(self.model, self._data)

    def base_T_tool(self, position_rad: np.ndarray) -> np.ndarray:
        """Pose (4, 4) of the tool for joint positions (n,)."""
        self._forward(position_rad)
        pose = np.eye(4)
        pose[:3, :3] = self._data.site_xmat[self._site].reshape(3, 3)
        pose[:3, 3] = self._data.site_xpos[self._site]
        return pose

    def link_points(self, position_rad: np.ndarray) -> np.ndarray:
        """The arm as a chain of points (k, 3), from the base through each link's origin to the tool point, last."""
        self._forward(position_rad)
        return np.vstack([self._data.xpos[self._chain], self._data.site_xpos[self._site]])

    def tool_jacobian(self, position_rad: np.ndarray) -> np.ndarray:
        """How the tool's position changes with the joints, (3, n) [m/rad], for joint positions (n,)."""
        self._forward(position_rad)
        mujoco.mj_comPos(self.model, self._data)
        jacobian = np.zeros((3, self.model.nv))
        mujoco.mj_jacSite(self.model, self._data, jacobian, None, self._site)
        return jacobian
