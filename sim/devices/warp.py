"""From the pinhole pictures that the simulator draws to the distorted ones of a device's scene camera."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from gaze_vlm_ros.geometry.camera import Rectifier, project, unproject
from gaze_vlm_ros.sim.devices.presets import SceneOptics
from gaze_vlm_ros.types import CameraModel

WIDEST_DEG = 75.0
"""Off the axis; a pinhole picture of more would be nearly all margin. What a lens sees beyond stays black."""
_NOWHERE = -1e4


class SceneWarp:
    """Turns pictures and points of ``pinhole``, the camera to draw with, into those of a device's ``camera``.

    Both cameras share place and axes, so depth along the axis stays what it is. ``pinhole`` has its principal point in
    the middle, as MuJoCo's ``fovy`` cameras do, and at its centre ``sharpness`` times the resolution of the device.
    """

    def __init__(self, optics: SceneOptics, width: int, height: int, sharpness: float = 1.0) -> None:
        if not sharpness > 0.0:
            raise ValueError(f"sharpness must be positive, got {sharpness}")
        self.camera = optics.sized(width, height)
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        rays = unproject(self.camera, np.column_stack([x.ravel(), y.ravel()]))
        widest = np.cos(np.deg2rad(min(optics.max_angle_deg, WIDEST_DEG)))
        seen = rays[:, 2] >= widest  # a NaN ray is not
        self.seen = seen.reshape(height, width)
        """Which pixels of the device's picture see anything, (H, W) bool."""
        self.pinhole = _pinhole_around(rays[seen], self.camera, sharpness)
        self._rectifier = Rectifier(self.pinhole, target=self.camera)
        at = np.full((height * width, 2), _NOWHERE)
        at[seen] = np.round(project(self.pinhole, rays[seen]))
        at = at.astype(np.int32)
        self._nearest = np.where(seen, at[:, 1] * self.pinhole.width + at[:, 0], 0).reshape(height, width)

    @property
    def fovy_deg(self) -> float:
        """The vertical field of view of ``pinhole``, as MuJoCo's cameras want it [degrees]."""
        return float(2.0 * np.rad2deg(np.arctan(self.pinhole.height / 2 / self.pinhole.matrix[1, 1])))

    def image(self, rgb: np.ndarray) -> np.ndarray:
        """The device's picture (H, W, channels) of a pinhole picture; black where the lens sees nothing."""
        picture = self._rectifier.image(rgb)
        picture[~self.seen] = 0
        return picture

    def values(self, picture: np.ndarray, nothing: float = 0) -> np.ndarray:
        """As ``image`` for depth, class or instance pictures (H, W) or (H, W, n): nothing is mixed, the nearest pixel
        counts; ``nothing`` where the lens sees nothing.
        """
        if picture.shape[:2] != (self.pinhole.height, self.pinhole.width):
            raise ValueError(
                f"picture of {picture.shape[1]}x{picture.shape[0]} does not belong to a camera of "
                f"{self.pinhole.width}x{self.pinhole.height}"
            )
        taken = np.take(picture.reshape(-1, *picture.shape[2:]), self._nearest, axis=0, mode="clip")
        taken[~self.seen] = nothing
        return taken

    def points(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) of the pinhole picture as pixels (N, 2) of the device's; NaN stays NaN."""
        return self._rectifier.move_points(pixels)

    def flow(self, flow_px: np.ndarray) -> np.ndarray:
        """A flow field (H, W, 2) of the pinhole picture as that of the device's, both [px]; NaN where the pixel sees
        nothing, or moves to where the pinhole camera or the lens sees nothing.
        """
        moved = self.values(flow_px.astype(np.float32, copy=False), np.nan)
        table, at, begins = self._tables
        return _looked_up(table, at + moved) - begins

    @cached_property
    def _tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``points`` of every pinhole pixel (h, w, 2), made once since they are a hundred times slower than a look-up;
        the pinhole pixel (H, W, 2) that each pixel of the device takes, and where the device sees that.
        """
        width, height = self.pinhole.width, self.pinhole.height
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        table = self.points(np.column_stack([x.ravel(), y.ravel()])).reshape(height, width, 2).astype(np.float32)
        row, column = np.divmod(self._nearest, width)
        at = np.stack([column, row], axis=-1).astype(np.float32)
        return table, at, _looked_up(table, at)


def _looked_up(table: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The values (H, W, 2) of a table (h, w, 2) at pixels (H, W, 2), bilinear; NaN outside it."""
    return cv2.remap(
        table,
        np.nan_to_num(pixels, nan=_NOWHERE),
        None,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(np.nan, np.nan),
    )


def _pinhole_around(rays: np.ndarray, camera: CameraModel, sharpness: float) -> CameraModel:
    """The smallest camera with a central principal point, and even sides, that sees all rays (N, 3)."""
    focal_px = sharpness * float(camera.matrix[0, 0])
    reach = np.abs(rays[:, :2] / rays[:, 2:]).max(axis=0) * focal_px
    width, height = (2 * (int(np.ceil(side)) + 1) for side in reach)
    matrix = np.array([[focal_px, 0, (width - 1) / 2], [0, focal_px, (height - 1) / 2], [0, 0, 1]])
    return CameraModel(width, height, matrix, frame_id=camera.frame_id)
