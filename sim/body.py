"""The wearer's body in a kitchen's model: scene camera, hands and arms as mocap bodies."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from gaze_vlm_ros.sim import kitchen
from gaze_vlm_ros.sim.kitchen import Layout
from gaze_vlm_ros.sim.wearer import Wearer

_WRIST_M = 0.05
"""From the middle of the palm to the wrist."""


class Body:
    """Moves the mocap bodies of ``model`` to where the wearer has camera and hands; world frame."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, layout: Layout) -> None:
        self._model, self._data = model, data
        names = (kitchen.CAMERA, *kitchen.HANDS, *kitchen.FOREARMS)
        self._mocap = {name: int(model.body(name).mocapid[0]) for name in names}
        right = layout.shoulder_m
        left = np.array([2.0 * layout.head_m[0] - right[0], right[1], right[2]])
        self._shoulders = dict(zip(kitchen.HANDS, (right.tolist(), left.tolist()), strict=True))
        self._opening = math.nan
        self._left: np.ndarray | None = None

    def place(self, wearer: Wearer) -> None:
        right, left = kitchen.HANDS
        self._place(kitchen.CAMERA, wearer.eyes.world_T_camera())
        self._place_hand(right, kitchen.FOREARMS[0], wearer.world_T_hand())
        pose = wearer.world_T_left_hand()
        if self._left is None or not np.array_equal(pose, self._left):
            self._left = pose
            self._place_hand(left, kitchen.FOREARMS[1], pose)
        opening = round(wearer.hand_opening, 1)
        if opening != self._opening:
            self._opening = opening
            kitchen.pose_hand(self._model, right, 1.0 - opening)

    def _place_hand(self, hand: str, forearm: str, pose: np.ndarray) -> None:
        self._place(hand, pose)
        self._place(forearm, forearm_pose(pose, self._shoulders[hand]))

    def _place(self, body: str, pose: np.ndarray) -> None:
        index = self._mocap[body]
        self._data.mocap_pos[index] = pose[:3, 3]
        mujoco.mju_mat2Quat(self._data.mocap_quat[index], pose[:3, :3].ravel())


def forearm_pose(world_T_hand: np.ndarray, shoulder_m: list[float]) -> np.ndarray:
    """Pose (4, 4) of a forearm whose z axis leads from the side of the shoulder to the wrist."""
    wrist = [world_T_hand[i, 3] - _WRIST_M * world_T_hand[i, 1] for i in range(3)]
    x, y, z = (wrist[i] - shoulder_m[i] for i in range(3))
    length = math.sqrt(x * x + y * y + z * z)
    x, y, z = x / length, y / length, z / length
    flat = math.hypot(x, y)
    across_x, across_y = -y / flat, x / flat
    half = kitchen.FOREARM_M / 2
    return np.array(
        [
            [across_x, -z * across_y, x, wrist[0] - half * x],
            [across_y, z * across_x, y, wrist[1] - half * y],
            [0.0, flat, z, wrist[2] - half * z],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )
