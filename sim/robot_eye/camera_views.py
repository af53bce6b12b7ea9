"""The eye's three views cut out of the picture of a wide camera that stands still: an eye that turns without moving."""

from __future__ import annotations

import cv2
import numpy as np

from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.sim.robot_eye.pyramid import LEVELS, WINDOW_PX, level_rays
from gaze_vlm_ros.types import CameraModel


class CameraViews:
    """``base_R_camera`` (3, 3): the camera's optical axes in the robot's base."""

    def __init__(self, camera: CameraModel, base_R_camera: np.ndarray) -> None:
        self.camera, self._base_R_camera = camera, np.asarray(base_R_camera, dtype=np.float64)

    def cut(self, rgb: np.ndarray, base_R_eye: np.ndarray) -> np.ndarray:
        """(3, 64, 64, 3) uint8 of a picture (H, W, 3), as seen by an eye turned by (3, 3) ``base_R_eye``; black where
        the camera does not look. Raises ValueError for a picture of another size than the camera's."""
        if rgb.shape[:2] != (self.camera.height, self.camera.width):
            raise ValueError(
                f"the robot's camera is {self.camera.width}x{self.camera.height}, its picture "
                f"{rgb.shape[1]}x{rgb.shape[0]}"
            )
        rays = level_rays().reshape(-1, 3) @ (self._base_R_camera.T @ base_R_eye).T
        pixels = np.nan_to_num(project(self.camera, rays), nan=-10.0).astype(np.float32)
        maps = pixels.reshape(LEVELS * WINDOW_PX, WINDOW_PX, 2)
        cut = cv2.remap(rgb, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        return cut.reshape(LEVELS, WINDOW_PX, WINDOW_PX, 3)
