"""What the gaze ray can meet: the scene camera's own depth, the robot's depth camera, or a plane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from sensor_msgs.msg import CameraInfo, Image

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.geometry.gaze_target import (
    NoIntersection,
    PointEstimate,
    cloud_from_depth,
    intersect_cloud,
    intersect_depth,
    intersect_plane,
)
from gaze_vlm_ros.geometry.transforms import make_transform, matrix_from_quaternion, rotate_vectors
from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.conversions.common import stamp_of
from gaze_vlm_ros.nodes.conversions.images import camera_from, depth_from
from gaze_vlm_ros.nodes.history import History
from gaze_vlm_ros.types import CameraModel, GazeSample

REMEMBERED_FRAMES = 90
SAME_FRAME_NS = 1_000_000
CLOUD_SPACING_M = 0.01


@dataclass(frozen=True)
class Seen:
    """One instant: gaze and calibration of the scene camera, its pose (4, 4) in the robot's base, covariance (6, 6)."""

    stamp_ns: int
    sample: GazeSample
    camera: CameraModel
    base_T_camera: np.ndarray
    covariance: np.ndarray

    @property
    def origin_m(self) -> np.ndarray:
        return self.base_T_camera[:3, 3]

    @property
    def ray(self) -> np.ndarray:
        """In the base."""
        return rotate_vectors(self.base_T_camera, self.sample.ray)


Input = tuple[str, type, Callable[[Any], None]]


class Surface(Protocol):
    """``meet`` gives the point in the base, or raises NoIntersection."""

    def inputs(self) -> list[Input]: ...

    def meet(self, seen: Seen) -> PointEstimate: ...


class SceneDepth:
    """The depth image of the scene camera itself, of the very same frame."""

    def __init__(self, _: Any) -> None:
        self._frames: History[Image] = History(REMEMBERED_FRAMES)

    def inputs(self) -> list[Input]:
        return [(names.SCENE_DEPTH, Image, lambda message: self._frames.add(stamp_of(message) or 0, message))]

    def meet(self, seen: Seen) -> PointEstimate:
        message = self._frames.nearest(seen.stamp_ns, SAME_FRAME_NS)
        if message is None:
            raise NoIntersection("no depth image with the frame's stamp")
        point = intersect_depth(seen.sample.ray, seen.sample.sigma_rad, depth_from(message), seen.camera)
        return point.transformed(seen.base_T_camera, seen.covariance)


class Plane:
    """A plane in the base, such as the table."""

    def __init__(self, parameters: Any) -> None:
        self._point, self._normal = np.array(parameters.plane_point_m), np.array(parameters.plane_normal)
        self._sigma_m = parameters.plane_sigma_m
        if self._point.shape != (3,) or self._normal.shape != (3,) or not np.linalg.norm(self._normal) > 0:
            raise GazeVlmError(
                "parameters plane_point_m and plane_normal need three numbers each, and a normal a length"
            )

    def inputs(self) -> list[Input]:
        return []

    def meet(self, seen: Seen) -> PointEstimate:
        return intersect_plane(
            seen.origin_m,
            seen.ray,
            seen.sample.sigma_rad,
            self._point,
            self._normal,
            plane_sigma_m=self._sigma_m,
            rotation=seen.base_T_camera[:3, :3],
            pose_covariance=seen.covariance,
        )


class RobotDepth:
    """The point cloud of a depth camera that stands still in the robot's base."""

    def __init__(self, parameters: Any) -> None:
        pose = np.array(parameters.robot_camera_pose)
        if pose.shape != (7,):
            raise GazeVlmError(f"parameter robot_camera_pose needs seven numbers, got {len(pose)}")
        self._base_T_robot_camera = make_transform(matrix_from_quaternion(pose[3:]), pose[:3])
        self._camera: CameraModel | None = None
        self._depth: Image | None = None
        self._cloud: Any = None

    def inputs(self) -> list[Input]:
        return [(names.ROBOT_INFO, CameraInfo, self._on_info), (names.ROBOT_DEPTH, Image, self._on_depth)]

    def _on_info(self, message: CameraInfo) -> None:
        self._camera = camera_from(message)

    def _on_depth(self, message: Image) -> None:
        self._depth, self._cloud = message, None

    def meet(self, seen: Seen) -> PointEstimate:
        if self._camera is None or self._depth is None:
            raise NoIntersection("the robot's depth camera has sent nothing yet")
        if self._cloud is None:
            self._cloud = cloud_from_depth(depth_from(self._depth), self._camera).voxel_down_sample(CLOUD_SPACING_M)
            self._cloud.transform(self._base_T_robot_camera)
        return intersect_cloud(
            seen.origin_m,
            seen.ray,
            seen.sample.sigma_rad,
            self._cloud,
            spacing_m=CLOUD_SPACING_M,
            rotation=seen.base_T_camera[:3, :3],
            pose_covariance=seen.covariance,
        )


SURFACES = {"depth": SceneDepth, "plane": Plane, "robot_depth": RobotDepth}
