"""The eye's three views drawn straight from a running simulation."""

from __future__ import annotations

import cv2
import mujoco
import numpy as np

from gaze_vlm_ros.sim.robot_eye.pyramid import FIELDS_RAD, LEVELS, WINDOW_PX, level_rays
from gaze_vlm_ros.sim.robot_eye.viewpoint import Viewpoint

_FINER = 2
"""Pictures are drawn this many times finer and averaged, as the light that falls on a pixel is."""


class LiveViews:
    """Three pinhole pictures of one instant, bent into fisheye ones."""

    def __init__(self, model: mujoco.MjModel) -> None:
        rays = level_rays()
        flat = rays[..., :2] / rays[..., 2:]
        per_rad = WINDOW_PX / np.array(FIELDS_RAD)
        reach = np.abs(flat).reshape(LEVELS, -1).max(axis=1)
        self._sizes_px = 2 * np.ceil(reach * per_rad + 1.0).astype(int)
        # The middle of a pinhole picture is its coarsest part; there it is to be as fine as the view.
        self._half_widths = self._sizes_px / 2 / per_rad
        self._maps = [
            cv2.convertMaps((flat[level] * per_rad[level] + (size - 1) / 2).astype(np.float32), None, cv2.CV_16SC2)
            for level, size in enumerate(self._sizes_px)
        ]
        self._viewpoint = Viewpoint(model, int(self._sizes_px.max()) * _FINER)
        self.model = model

    def render(self, data: mujoco.MjData, at_m: np.ndarray, world_R_eye: np.ndarray) -> np.ndarray:
        """(3, 64, 64, 3) uint8 as seen from (3,) ``at_m`` by an eye turned by (3, 3) ``world_R_eye``."""
        drawn = self._viewpoint.pictures(
            data, at_m, np.broadcast_to(world_R_eye, (LEVELS, 3, 3)), self._half_widths, self._sizes_px * _FINER
        )
        views = np.empty((LEVELS, WINDOW_PX, WINDOW_PX, 3), np.uint8)
        for level, (fine, size) in enumerate(zip(drawn, self._sizes_px, strict=True)):
            picture = cv2.resize(fine, (int(size), int(size)), interpolation=cv2.INTER_AREA)
            cv2.remap(picture, *self._maps[level], cv2.INTER_LINEAR, dst=views[level], borderMode=cv2.BORDER_REPLICATE)
        return views

    def close(self) -> None:
        self._viewpoint.close()
