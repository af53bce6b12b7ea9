"""Where in space the wearer looks: the gaze ray meets a depth image, a plane, or another camera's point cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.geometry.camera import inside, project, unproject
from gaze_vlm_ros.geometry.surfaces import nearest_surface
from gaze_vlm_ros.geometry.transforms import skew, transform_points
from gaze_vlm_ros.types import CameraModel

if TYPE_CHECKING:
    from open3d.geometry import PointCloud

DEFAULT_SIGMA_RAD = float(np.radians(1.8) / np.sqrt(np.pi / 2))
"""Taken per axis where a source does not know its accuracy: a mean error of 1.8 degrees, as often quoted for Neon."""
_GRAZING = np.sin(np.radians(2.0))
_SMALLEST_REACH_PX = 1.5
_CLOSEST = 9
_AROUND = 4.0


class NoIntersection(GazeVlmError):
    """The gaze meets nothing that was measured."""


@dataclass(frozen=True)
class DepthNoise:
    """1-sigma of a measured distance z [m]: ``base_m + quadratic_per_m * z**2``, as of stereo and structured light."""

    base_m: float = 0.003
    quadratic_per_m: float = 0.002

    def __post_init__(self) -> None:
        for name in ("base_m", "quadratic_per_m"):
            if not getattr(self, name) >= 0.0:
                raise ValueError(f"{name} must be >= 0, got {getattr(self, name)}")

    def sigma_m(self, distance_m: float) -> float:
        return self.base_m + self.quadratic_per_m * distance_m**2


DEFAULT_NOISE = DepthNoise()


@dataclass(frozen=True)
class PointEstimate:
    """A point (3,) [m] and its covariance (3, 3) [m^2], in the frame of the function that made it."""

    position_m: np.ndarray
    covariance_m2: np.ndarray

    def transformed(self, base_T_camera: np.ndarray, pose_covariance: np.ndarray | None = None) -> PointEstimate:
        """The same point in the base frame; ``pose_covariance`` (6, 6) as in ``geometry.transforms`` adds to it."""
        rotation = base_T_camera[:3, :3]
        covariance = rotation @ self.covariance_m2 @ rotation.T
        if pose_covariance is not None:
            jacobian = np.hstack([np.eye(3), -skew(rotation @ self.position_m)])
            covariance = covariance + jacobian @ pose_covariance @ jacobian.T
        return PointEstimate(transform_points(base_T_camera, self.position_m), covariance)


def intersect_depth(
    ray: np.ndarray,
    sigma_rad: float | np.ndarray,
    depth_m: np.ndarray,
    camera: CameraModel,
    *,
    noise: DepthNoise = DEFAULT_NOISE,
    search_px: int = 24,
) -> PointEstimate:
    """The point, in the camera's optical frame, where a gaze ray (3,) meets a depth image (H, W) [m along z].

    ``sigma_rad`` is the gaze's 1-sigma, one number or (yaw, pitch); NaN means ``DEFAULT_SIGMA_RAD``. Depth that is NaN,
    infinite or <= 0 is unknown. Surfaces are looked for in the ellipse of 1 sigma round the ray; where nothing is
    measured there, within ``search_px``, and the median of the nearest points counts. At an edge the nearer surface is
    taken as soon as it fills a tenth of the ellipse. Raises NoIntersection for a NaN ray, a ray that leaves the image,
    and where no depth is near.
    """
    gaze = _gaze(np.zeros(3), ray, sigma_rad)
    if depth_m.shape != (camera.height, camera.width):
        raise ValueError(
            f"depth image of {depth_m.shape[1]}x{depth_m.shape[0]} does not belong to a camera of "
            f"{camera.width}x{camera.height}"
        )
    pixel = project(camera, gaze.ray)[0]
    if not inside(camera, pixel)[0]:
        raise NoIntersection("the gaze leaves the depth image")
    reach = np.maximum(camera.matrix[[0, 1], [0, 1]] * gaze.sigma, _SMALLEST_REACH_PX)
    offsets, points = _points_near(pixel, max(search_px, *reach), depth_m, camera)
    if not len(points):
        raise NoIntersection(f"no depth within {search_px} px of the gaze point")
    member = np.sum((offsets / reach) ** 2, axis=1) <= 1.0
    if member.any():
        return gaze.meet_nearest(points[member], points, noise)
    closest = np.argsort(np.sum(offsets**2, axis=1))[:_CLOSEST]
    distance = float(np.median(points[closest] @ gaze.ray))
    return gaze.meet_plane(distance * gaze.ray, gaze.ray, noise.sigma_m(distance))


def intersect_cloud(
    origin: np.ndarray,
    ray: np.ndarray,
    sigma_rad: float | np.ndarray,
    cloud: PointCloud,
    *,
    noise: DepthNoise = DEFAULT_NOISE,
    spacing_m: float = 0.01,
    rotation: np.ndarray | None = None,
    pose_covariance: np.ndarray | None = None,
) -> PointEstimate:
    """The point where a gaze ray (3,) from ``origin`` (3,) meets an open3d cloud; all in one frame, such as the base.

    Points inside the cone of 1 sigma count, which is nowhere thinner than ``spacing_m``, the spacing of the cloud. For
    ``rotation`` and ``pose_covariance`` see ``intersect_plane``. A surface that the other camera does not see is no
    part of its cloud: the ray passes through it. Raises NoIntersection where the cone is empty.
    """
    gaze = _gaze(origin, ray, sigma_rad, rotation, pose_covariance)
    points = np.asarray(cloud.points) - gaze.origin
    along = points @ gaze.ray
    ahead = along > spacing_m
    points, along = points[ahead], along[ahead, None]
    aside = (points - along * gaze.ray) @ gaze.tangents
    reach = np.maximum(along * gaze.sigma, spacing_m)
    off = np.sum((aside / reach) ** 2, axis=1)
    if not (off <= 1.0).any():
        raise NoIntersection("the gaze meets no point of the cloud")
    return gaze.meet_nearest(points[off <= 1.0], points[off <= _AROUND**2], noise)


def intersect_plane(
    origin: np.ndarray,
    ray: np.ndarray,
    sigma_rad: float | np.ndarray,
    plane_point: np.ndarray,
    plane_normal: np.ndarray,
    *,
    plane_sigma_m: float = 0.0,
    rotation: np.ndarray | None = None,
    pose_covariance: np.ndarray | None = None,
) -> PointEstimate:
    """The point where a gaze ray (3,) from ``origin`` (3,) meets a plane; all in one frame, such as the robot's base.

    ``plane_sigma_m`` is how far across the plane from it what is looked at may be. ``rotation`` (3, 3) takes the scene
    camera's optical axes to that frame; it matters only where yaw and pitch differ in sigma. ``pose_covariance``
    (6, 6) is that of the camera's pose in that frame, ordered as in ``geometry.transforms``. Raises NoIntersection
    for a NaN ray, a plane behind the eye, or one grazed by under 2 degrees.
    """
    gaze = _gaze(origin, ray, sigma_rad, rotation, pose_covariance)
    point, normal = np.asarray(plane_point, dtype=np.float64), np.asarray(plane_normal, dtype=np.float64)
    incidence = abs(normal @ gaze.ray) / np.linalg.norm(normal)
    return gaze.meet_plane(point, normal, plane_sigma_m / max(incidence, _GRAZING))


def cloud_from_depth(depth_m: np.ndarray, camera: CameraModel) -> PointCloud:
    """The open3d cloud, in the camera's optical frame, of a depth image (H, W) [m along z] without unknown depth."""
    from open3d.geometry import PointCloud  # noqa: PLC0415 - takes a second, and most users of this file need none
    from open3d.utility import Vector3dVector  # noqa: PLC0415

    rows, columns = np.nonzero(np.isfinite(depth_m) & (depth_m > 0.0))
    points = _lift(np.column_stack([columns, rows]), depth_m[rows, columns], camera)
    return PointCloud(Vector3dVector(points[np.isfinite(points).all(axis=1)]))


@dataclass(frozen=True)
class _Gaze:
    """A ray with what is uncertain about it: per-axis sigma (2,) [rad], optical axes (3, 3), and the camera's pose."""

    origin: np.ndarray
    ray: np.ndarray
    sigma: np.ndarray
    axes: np.ndarray
    pose_covariance: np.ndarray | None = None

    @property
    def tangents(self) -> np.ndarray:
        """Unit directions (3, 2) in which yaw (about the optical y axis) and pitch move the ray."""
        yaw = np.cross(self.axes[:, 1], self.ray)
        length = np.linalg.norm(yaw)
        yaw = yaw / length if length > 1e-9 else self.axes[:, 0]
        return np.column_stack([yaw, np.cross(self.ray, yaw)])

    def meet_nearest(self, points: np.ndarray, around: np.ndarray, noise: DepthNoise) -> PointEstimate:
        """Meets the nearest surface of the points (N, 3), relative to the origin; ``around`` as in ``surfaces``."""
        surface = nearest_surface(points, around, self.ray)
        distance = float(surface.normal @ surface.point_m / (surface.normal @ self.ray))
        return self.meet_plane(self.origin + surface.point_m, surface.normal, noise.sigma_m(distance))

    def meet_plane(self, point: np.ndarray, normal: np.ndarray, range_sigma_m: float = 0.0) -> PointEstimate:
        """Meets a plane; first-order covariance from gaze, from range noise along the ray, and from the pose."""
        normal = normal / np.linalg.norm(normal)
        incidence = float(normal @ self.ray)
        if abs(incidence) < _GRAZING:
            raise NoIntersection("the gaze runs along the plane")
        distance = float(normal @ (point - self.origin)) / incidence
        if distance <= 0.0:
            raise NoIntersection("the plane lies behind the eye")
        slide = np.eye(3) - np.outer(self.ray, normal) / incidence
        by_gaze = distance * slide @ self.tangents * self.sigma
        covariance = by_gaze @ by_gaze.T + range_sigma_m**2 * np.outer(self.ray, self.ray)
        if self.pose_covariance is not None:
            jacobian = slide @ np.hstack([np.eye(3), -distance * skew(self.ray)])
            covariance = covariance + jacobian @ self.pose_covariance @ jacobian.T
        return PointEstimate(self.origin + distance * self.ray, covariance)


def _gaze(origin, ray, sigma_rad, rotation=None, pose_covariance=None) -> _Gaze:
    ray = np.asarray(ray, dtype=np.float64).reshape(3)
    length = np.linalg.norm(ray)
    if not np.isfinite(length) or length == 0.0:
        raise NoIntersection("the gaze ray is not valid (a blink, or the eyes are lost)")
    sigma = np.broadcast_to(np.asarray(sigma_rad, dtype=np.float64), 2)
    if (sigma < 0.0).any():
        raise ValueError(f"sigma_rad must be >= 0, got {sigma.tolist()}")
    sigma = np.where(np.isfinite(sigma), sigma, DEFAULT_SIGMA_RAD)
    axes = np.eye(3) if rotation is None else np.asarray(rotation, dtype=np.float64)
    return _Gaze(np.asarray(origin, dtype=np.float64).reshape(3), ray / length, sigma, axes, pose_covariance)


def _points_near(
    pixel: np.ndarray, reach_px: float, depth_m: np.ndarray, camera: CameraModel
) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (N, 2) [px] from the gaze pixel and points (N, 3) of the measured pixels in a square round it."""
    reach = int(min(np.ceil(reach_px), max(depth_m.shape)))
    column, row = np.round(pixel).astype(int)
    top, left = max(0, row - reach), max(0, column - reach)
    window = depth_m[top : row + reach + 1, left : column + reach + 1]
    rows, columns = np.nonzero(np.isfinite(window) & (window > 0.0))
    pixels = np.column_stack([columns + left, rows + top])
    points = _lift(pixels, window[rows, columns], camera)
    seen = np.isfinite(points).all(axis=1)
    return pixels[seen] - pixel, points[seen]


def _lift(pixels: np.ndarray, depth: np.ndarray, camera: CameraModel) -> np.ndarray:
    """Points (N, 3) of the pixels (N, 2) at depth (N,) along z."""
    rays = unproject(camera, pixels)
    return rays * (depth / rays[:, 2])[:, None]
