"""Where the wearer's scene camera is in the robot's base frame, from a marker board that stands at a known place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from scipy.optimize import least_squares

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.geometry.camera import project, unproject
from gaze_vlm_ros.geometry.transforms import (
    angle_between,
    invert_transform,
    make_transform,
    rotation_from_vector,
    transform_points,
)
from gaze_vlm_ros.types import CameraModel

MIN_MARKERS = 2
_LARGEST_ERROR_PX = 3.0
_SMALLEST_SIGMA_PX = 0.25
_AMBIGUOUS_RATIO = 1.5
_AMBIGUOUS_ANGLE_RAD = np.radians(5.0)


class BoardNotFound(GazeVlmError):
    """The picture does not give the pose of the marker board."""


@dataclass(frozen=True)
class MarkerBoard:
    """A printed grid of square markers, ``marker_m`` wide and ``gap_m`` apart.

    ``dictionary`` is one of OpenCV's names, such as ``DICT_APRILTAG_36H11`` or ``DICT_4X4_50``; ids rise row by row
    from ``first_id``, from the top left. The board's frame has its origin in the middle of the grid, x to the right and
    y up on the paper, z out of the paper towards the reader.
    """

    columns: int = 4
    rows: int = 3
    marker_m: float = 0.05
    gap_m: float = 0.015
    dictionary: str = "DICT_APRILTAG_36H11"
    first_id: int = 0

    def __post_init__(self) -> None:
        for name in ("columns", "rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("marker_m", "gap_m"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.dictionary.startswith("DICT_") or not hasattr(cv2.aruco, self.dictionary):
            known = sorted(name for name in dir(cv2.aruco) if name.startswith("DICT_"))
            raise ValueError(f"unknown dictionary {self.dictionary!r}; known: {', '.join(known)}")
        available = len(self._markers.bytesList)
        if not 0 <= self.first_id <= available - self.columns * self.rows:
            raise ValueError(
                f"{self.dictionary} has {available} markers, too few for ids {self.first_id} to "
                f"{self.first_id + self.columns * self.rows - 1}"
            )

    @property
    def size_m(self) -> tuple[float, float]:
        """Width and height [m] of the printed picture, with a white rim of one gap."""
        pitch = self.marker_m + self.gap_m
        return self.columns * pitch + self.gap_m, self.rows * pitch + self.gap_m

    @cached_property
    def corners_m(self) -> np.ndarray:
        """Marker corners (rows * columns, 4, 3) [m, board frame], clockwise from the top left as OpenCV finds them."""
        width, height = self.size_m
        pitch = self.marker_m + self.gap_m
        row, column = np.divmod(np.arange(self.rows * self.columns), self.columns)
        left = self.gap_m + column * pitch - width / 2
        top = height / 2 - self.gap_m - row * pitch
        square = self.marker_m * np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, -1.0, 0.0], [0.0, -1.0, 0.0]])
        return np.column_stack([left, top, np.zeros_like(left)])[:, None] + square

    def image(self, pixels: int) -> np.ndarray:
        """The board to print, (H, pixels) uint8, black on white; it must come out ``size_m`` large on paper."""
        width, height = self.size_m
        scale = pixels / width
        picture = np.full((round(height * scale), pixels), 255, dtype=np.uint8)
        edges = (self.corners_m[:, [0, 2], :2] + (width / 2, -height / 2)) * (scale, -scale)
        for number, ((left, top), (right, bottom)) in enumerate(np.round(edges).astype(int)):
            side = max(right - left, bottom - top)
            marker = cv2.aruco.generateImageMarker(self._markers, self.first_id + number, side)
            picture[top : top + side, left : left + side] = marker
        return picture

    def detect(self, rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Corners (N, 4, 2) [px] found in a picture (H, W[, 3]) uint8, and the markers' places (N,) in the grid."""
        grey = rgb if rgb.ndim == 2 else cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        corners, ids, _ = self._detector.detectMarkers(grey)
        if ids is None:
            return np.zeros((0, 4, 2)), np.zeros(0, dtype=int)
        places = ids.ravel() - self.first_id
        ours = (places >= 0) & (places < self.rows * self.columns)
        return np.asarray(corners, dtype=np.float64).reshape(-1, 4, 2)[ours], places[ours]

    @cached_property
    def _markers(self) -> cv2.aruco.Dictionary:
        return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))

    @cached_property
    def _detector(self) -> cv2.aruco.ArucoDetector:
        parameters = cv2.aruco.DetectorParameters()
        parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        # OpenCV's default window of 0.3 marker cells is too small to leave the contour: 0.6 px error instead of 0.25.
        parameters.relativeCornerRefinmentWinSize = 0.9
        return cv2.aruco.ArucoDetector(self._markers, parameters)


@dataclass(frozen=True)
class CameraPose:
    """``base_T_camera`` (4, 4), its covariance (6, 6) as in ``geometry.transforms``, and how well it fits."""

    base_T_camera: np.ndarray
    covariance: np.ndarray
    markers: int
    reprojection_px: float


def estimate_camera_pose(
    rgb: np.ndarray, camera: CameraModel, board: MarkerBoard, base_T_board: np.ndarray
) -> CameraPose:
    """The pose of ``camera`` in the robot's base from one picture (H, W, 3) uint8 of the board at ``base_T_board``.

    The covariance is the inverse of the reprojection's normal matrix, scaled by the residual's variance, which is taken
    as at least (0.25 px)^2: a detector's bias does not show in the residual. Raises BoardNotFound for fewer than two
    markers, a bad fit, or a view in which the flat board could as well be tilted the other way.
    """
    corners, places = board.detect(rgb)
    if len(places) < MIN_MARKERS:
        raise BoardNotFound(
            f"{len(places)} of {board.rows * board.columns} markers of {board.dictionary} seen, {MIN_MARKERS} needed; "
            "bring the whole board into view, closer and well lit"
        )
    pixels = corners.reshape(-1, 2)
    points = board.corners_m[places].reshape(-1, 3)
    fits = [_refine(pose, pixels, points, camera, base_T_board) for pose in _planar_poses(pixels, points, camera)]
    fits.sort(key=lambda fit: fit.reprojection_px)
    _check(fits)
    return fits[0]


def _planar_poses(pixels: np.ndarray, points: np.ndarray, camera: CameraModel) -> list[np.ndarray]:
    """Both poses camera_T_board that a plane allows (Collins and Bartoli 2014), lens distortion removed."""
    rays = unproject(camera, pixels)
    flat = rays[:, :2] / rays[:, 2:]
    seen = np.isfinite(flat).all(axis=1)
    _, rotations, translations, _ = cv2.solvePnPGeneric(
        points[seen], flat[seen], np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
    )
    return [
        make_transform(cv2.Rodrigues(rotation)[0], translation)
        for rotation, translation in zip(rotations, translations, strict=True)
    ]


def _refine(
    camera_T_board: np.ndarray, pixels: np.ndarray, points: np.ndarray, camera: CameraModel, base_T_board: np.ndarray
) -> CameraPose:
    """Least squares on the pixels over small changes of the pose in the base frame, whose covariance is asked for."""
    start = base_T_board @ invert_transform(camera_T_board)
    in_base = transform_points(base_T_board, points)

    def residual(change: np.ndarray, pose: np.ndarray) -> np.ndarray:
        found = project(camera, transform_points(invert_transform(moved(pose, change)), in_base))
        return np.nan_to_num(found - pixels, nan=1e3).ravel()

    first = least_squares(residual, np.zeros(6), args=(start,), method="lm", x_scale="jac")
    pose = moved(start, first.x)
    last = least_squares(residual, np.zeros(6), args=(pose,), method="lm", x_scale="jac")
    pose = moved(pose, last.x)
    variance = max(np.sum(last.fun**2) / (len(last.fun) - 6), _SMALLEST_SIGMA_PX**2)
    covariance = variance * np.linalg.inv(last.jac.T @ last.jac)
    return CameraPose(pose, covariance, len(points) // 4, float(np.sqrt(2.0 * np.mean(last.fun**2))))


def moved(pose: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The pose (4, 4) after a small change (6,): shift [m], then rotation vector [rad], about the parent's axes."""
    return make_transform(rotation_from_vector(change[3:]) @ pose[:3, :3], pose[:3, 3] + change[:3])


def _check(fits: list[CameraPose]) -> None:
    best = fits[0]
    if best.reprojection_px > _LARGEST_ERROR_PX:
        raise BoardNotFound(
            f"the markers fit the board only to {best.reprojection_px:.1f} px; check its marker_m and gap_m and the "
            "camera's calibration"
        )
    for other in fits[1:]:
        turned = angle_between(best.base_T_camera[:3, 2], other.base_T_camera[:3, 2])
        alike = other.reprojection_px < _AMBIGUOUS_RATIO * max(best.reprojection_px, _SMALLEST_SIGMA_PX)
        if alike and turned > _AMBIGUOUS_ANGLE_RAD:
            raise BoardNotFound("the board's tilt is ambiguous in this view; come closer or look at it from the side")
