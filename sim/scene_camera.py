"""The wearer's scene camera: what it draws, and what its lens makes of that."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from gaze_vlm_ros.sim import kitchen
from gaze_vlm_ros.sim.devices.presets import SceneOptics
from gaze_vlm_ros.sim.devices.warp import SceneWarp
from gaze_vlm_ros.sim.labels.shot import SceneIndex, Shot, take_shot
from gaze_vlm_ros.sim.render import Offscreen
from gaze_vlm_ros.sim.robot_eye import RobotEye
from gaze_vlm_ros.types import CameraModel

VIEW_ASPECT = 4.0 / 3.0
"""The plain scene camera always sees 75 by 60 degrees; a picture of another shape squeezes that."""


@dataclass(frozen=True)
class Snapshot:
    """Enough to draw an instant in another thread."""

    time_s: float
    qpos: np.ndarray
    mocap_pos: np.ndarray
    mocap_quat: np.ndarray


class SceneCamera:
    """Draws pictures of ``width`` x ``height``, plain or through ``optics``. ``attach`` it before the first one.

    ``calibration`` is that of the pictures, ``drawn`` that of the pinhole camera which they are drawn with; the two are
    the same without optics. ``warp`` leads from one to the other.
    """

    def __init__(self, optics: SceneOptics | None, width: int, height: int) -> None:
        self.warp = SceneWarp(optics, width, height) if optics else None
        self.drawn = self.warp.pinhole if self.warp else _plain(width, height)
        self.calibration = self.warp.camera if self.warp else self.drawn
        self._offscreen: Offscreen | None = None

    def attach(self, model: mujoco.MjModel, index: SceneIndex) -> None:
        """Gives the camera of ``model`` its field of view; ``model`` was built for pictures as large as ``drawn``."""
        self._model, self._index, self._data = model, index, mujoco.MjData(model)
        camera, matrix = model.camera(kitchen.CAMERA).id, self.drawn.matrix
        model.cam_sensorsize[camera] = self.drawn.width / matrix[0, 0], self.drawn.height / matrix[1, 1]
        model.cam_intrinsic[camera] = 1.0, 1.0, 0.0, 0.0

    def picture(self, snapshot: Snapshot, with_depth: bool = True) -> tuple[np.ndarray, np.ndarray | None]:
        """Colour (H, W, 3) uint8 and depth (H, W) float32 [m], NaN where there is none."""
        self._go_to(snapshot)
        rgb, depth_m = self._renderer().rgb_depth(self._data, with_depth)
        if self.warp:
            rgb, depth_m = self.warp.image(rgb), self.warp.values(depth_m, np.nan) if with_depth else None
        return rgb, depth_m

    def segmentation(self, snapshot: Snapshot) -> np.ndarray:
        """Index into ``kitchen.LABELS`` of each pixel (H, W) uint8."""
        self._go_to(snapshot)
        classes = self._index.geom_class[self._renderer().segmentation(self._data)]
        return self.warp.values(classes) if self.warp else classes

    def shot(self, snapshot: Snapshot) -> Shot:
        """The picture of the camera ``drawn`` with everything that exact labels are made from."""
        self._go_to(snapshot)
        return take_shot(self._model, self._data, self._renderer(), kitchen.CAMERA, self.drawn)

    def eye_views(self, snapshot: Snapshot, eye: RobotEye) -> np.ndarray:
        """What the robot's ``eye`` sees, (3, 64, 64, 3) uint8, fine to coarse."""
        self._go_to(snapshot)
        return eye.render(self._model, self._data)

    def close(self) -> None:
        if self._offscreen is not None:
            self._offscreen.close()
            self._offscreen = None

    def _go_to(self, snapshot: Snapshot) -> None:
        data = self._data
        data.time = snapshot.time_s
        data.qpos[:], data.mocap_pos[:], data.mocap_quat[:] = snapshot.qpos, snapshot.mocap_pos, snapshot.mocap_quat
        mujoco.mj_kinematics(self._model, data)
        mujoco.mj_camlight(self._model, data)

    def _renderer(self) -> Offscreen:
        if self._offscreen is None:
            self._offscreen = Offscreen(self._model, self.drawn.width, self.drawn.height, kitchen.CAMERA)
        return self._offscreen


def _plain(width: int, height: int) -> CameraModel:
    near = np.tan(np.deg2rad(kitchen.FOVY_DEG) / 2)
    focal_px = width / 2 / (near * VIEW_ASPECT), height / 2 / near
    matrix = np.array([[focal_px[0], 0, (width - 1) / 2], [0, focal_px[1], (height - 1) / 2], [0, 0, 1]])
    return CameraModel(width, height, matrix)
