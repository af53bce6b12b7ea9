"""Everything about one drawn instant that labels are made from, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import mujoco
import numpy as np

from gaze_vlm_ros.geometry.transforms import invert_transform
from gaze_vlm_ros.types import CameraModel

if TYPE_CHECKING:
    from gaze_vlm_ros.sim.render import Offscreen

MAX_INSTANCES = 255
BACKGROUND_M = 1e4
"""Where pixels without depth are taken to be: so far off that only the camera's turning moves them."""
_SUPPORT = np.ones((2, 2), np.uint8)
_OPTICAL = np.diag([1.0, -1.0, -1.0])
"""MuJoCo's cameras look along -z with y up; optical frames look along z with y down."""


@dataclass(frozen=True)
class Shot:
    """A picture and the poses at its instant.

    ``rgb`` (H, W, 3) uint8; ``depth_m`` (H, W) float32 along the optical axis, NaN for the background; ``geom`` (H, W)
    int, the geom that each pixel shows, -1 for none; ``camera`` an ideal pinhole. Poses are in the world:
    ``world_T_camera`` (4, 4) of the optical frame, ``body_m`` (nbody, 3) and ``body_rotation`` (nbody, 3, 3).
    """

    time_s: float
    rgb: np.ndarray
    depth_m: np.ndarray
    geom: np.ndarray
    camera: CameraModel
    world_T_camera: np.ndarray
    body_m: np.ndarray
    body_rotation: np.ndarray

    def __post_init__(self) -> None:
        size = self.camera.height, self.camera.width
        for name in ("rgb", "depth_m", "geom"):
            if getattr(self, name).shape[:2] != size:
                raise ValueError(f"Shot.{name} is {getattr(self, name).shape[:2]}, but its camera is {size}")
        if self.camera.distortion.any() or self.camera.kind.name != "PINHOLE":
            raise ValueError("labels are made of pinhole pictures; turn them into the device's with warp_labels")

    @cached_property
    def camera_T_world(self) -> np.ndarray:
        return invert_transform(self.world_T_camera)

    @cached_property
    def filled_m(self) -> np.ndarray:
        """Depth (H, W) with the background at ``BACKGROUND_M``."""
        return np.where(np.isnan(self.depth_m), np.float32(BACKGROUND_M), self.depth_m)

    @cached_property
    def farthest_m(self) -> np.ndarray:
        """The farthest depth (H, W) of each pixel and its neighbours right, below and below right."""
        return cv2.dilate(self.filled_m, _SUPPORT, anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)


def take_shot(
    model: mujoco.MjModel, data: mujoco.MjData, offscreen: Offscreen, camera_name: str, camera: CameraModel
) -> Shot:
    """Draws ``data``, whose kinematics and camera poses are up to date: colour in one pass, geoms and depth in another.

    So depth is that of the surface that each pixel is labelled with: of the glass, not of what is seen through it.
    ``offscreen`` draws the camera ``camera_name``, of which ``camera`` is the calibration.
    """
    rgb, _ = offscreen.rgb_depth(data, with_depth=False)
    geom, depth_m = offscreen.labels(data)
    fixed = data.cam(camera_name)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = fixed.xmat.reshape(3, 3) @ _OPTICAL, fixed.xpos
    return Shot(
        float(data.time),
        rgb,
        depth_m,
        geom,
        camera,
        pose,
        data.xpos.copy(),
        data.xmat.reshape(model.nbody, 3, 3).copy(),
    )


@dataclass(frozen=True)
class SceneIndex:
    """What the geoms of a model are: ``geom_body`` (ngeom + 1,), ``geom_class`` and ``geom_instance`` (ngeom + 1,)
    uint8; the last entry of each answers for "no geom" (-1). Class and instance 0 are the background.
    """

    geom_body: np.ndarray
    geom_class: np.ndarray
    geom_instance: np.ndarray
    class_names: tuple[str, ...]
    instance_names: tuple[str, ...]

    @classmethod
    def of(cls, model: mujoco.MjModel, geom_class: np.ndarray, class_names: tuple[str, ...]) -> SceneIndex:
        """``geom_class`` (ngeom + 1,) are indices into ``class_names``.

        A thing, a hand or a robot with all its joints is one instance, named after its root body; a geom of the world
        body, such as a place on the table, is one by itself.
        """
        if geom_class.shape != (model.ngeom + 1,):
            raise ValueError(f"geom_class must have {model.ngeom + 1} entries, got {geom_class.shape}")
        names = [""]
        instances = np.zeros(model.ngeom + 1, np.uint8)
        for geom in np.flatnonzero(geom_class[:-1]):
            root = model.body_rootid[model.geom_bodyid[geom]]
            name = model.body(root).name if root else model.geom(geom).name
            if name not in names:
                names.append(name)
            if len(names) > MAX_INSTANCES + 1:
                raise ValueError(f"the scene has more than {MAX_INSTANCES} instances; the first beyond is '{name}'")
            instances[geom] = names.index(name)
        bodies = np.append(model.geom_bodyid, 0).astype(np.int32)
        return cls(bodies, geom_class.astype(np.uint8), instances, tuple(class_names), tuple(names))
