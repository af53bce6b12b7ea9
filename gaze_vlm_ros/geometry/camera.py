"""Calibrated cameras: points to pixels, pixels to rays, and turned or fisheye pictures to upright pinhole ones."""

from __future__ import annotations

import cv2
import numpy as np

from gaze_vlm_ros.types import CameraKind, CameraModel

_PINHOLE_COEFFICIENTS = (0, 4, 5, 8)
_FISHEYE_COEFFICIENTS = (0, 4)
_STEEPEST_RAY_RAD = np.radians(89.5)
_NEWTON_STEPS = 8
_TOLERANCE = 1e-9
_SMALLEST_SLOPE = 0.05


def project(camera: CameraModel, points: np.ndarray) -> np.ndarray:
    """Pixels (N, 2) at which the points (N, 3) [optical frame, m] appear; float64, not clipped to the image.

    A row is NaN where the point is not finite, lies behind the camera (z <= 0), or lies so far off the axis that the
    distortion polynomial folds back: there the formula would put it into the picture although the lens does not.
    """
    points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    pixels = np.full((len(points), 2), np.nan)
    seen = np.isfinite(points).all(axis=1) & (points[:, 2] > 0.0)
    seen[seen] = np.hypot(points[seen, 0], points[seen, 1]) <= points[seen, 2] * np.tan(field_limit(camera))
    if not seen.any():
        return pixels
    zero = np.zeros(3)
    if camera.kind is CameraKind.FISHEYE:
        found = cv2.fisheye.projectPoints(points[seen][None], zero, zero, camera.matrix, _coefficients(camera))[0]
    else:
        found = cv2.projectPoints(points[seen], zero, zero, camera.matrix, _coefficients(camera))[0]
    pixels[seen] = found.reshape(-1, 2)
    return pixels


def unproject(camera: CameraModel, pixels: np.ndarray) -> np.ndarray:
    """Unit rays (N, 3) [optical frame] that the pixels (N, 2) see, float64; NaN where a pixel is NaN or sees no ray."""
    pixels = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
    rays = np.full((len(pixels), 3), np.nan)
    finite = np.isfinite(pixels).all(axis=1)
    if not finite.any():
        return rays
    if camera.kind is CameraKind.FISHEYE:
        rays[finite] = _unproject_fisheye(camera, pixels[finite])
    else:
        rays[finite] = _unproject_pinhole(camera, pixels[finite])
    return rays / np.linalg.norm(rays, axis=1, keepdims=True)


def field_limit(camera: CameraModel) -> float:
    """Largest angle off the optical axis [rad] up to which the radial distortion rises, at most 89.5 degrees."""
    if not camera.distortion.any():
        return float(_STEEPEST_RAY_RAD)
    angle = np.linspace(0.0, _STEEPEST_RAY_RAD, 512)
    radius = _radial(camera, angle)
    folds = np.flatnonzero(np.diff(radius) <= 0.0)
    return float(angle[folds[0]]) if len(folds) else float(_STEEPEST_RAY_RAD)


def inside(camera: CameraModel, pixels: np.ndarray) -> np.ndarray:
    """Which of the pixels (N, 2) lie in the image, (N,) bool; NaN lies outside."""
    pixels = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
    return ((pixels >= -0.5) & (pixels < (camera.width - 0.5, camera.height - 0.5))).all(axis=1)


class Rectifier:
    """Turns pictures and rays of ``source`` into those of an upright pinhole camera at the same place.

    ``quarter_turns`` counts *clockwise* turns by 90 degrees that make the source picture upright (Project Aria's RGB
    camera: 1). ``target`` is the upright camera; None keeps the focal length and the (turned) size of the source.
    """

    def __init__(self, source: CameraModel, quarter_turns: int = 0, target: CameraModel | None = None) -> None:
        self.source = source
        self.quarter_turns = quarter_turns % 4
        self.target = target if target is not None else upright_pinhole(source, self.quarter_turns)
        self.rotation = _turn(self.quarter_turns)
        """(3, 3) takes rays of the source's optical frame to the target's."""
        self._maps = self._build_maps()

    def image(self, rgb: np.ndarray) -> np.ndarray:
        """The upright picture (target.height, target.width, channels); black where the source sees nothing."""
        if rgb.shape[:2] != (self.source.height, self.source.width):
            raise ValueError(
                f"picture of {rgb.shape[1]}x{rgb.shape[0]} does not belong to a camera of "
                f"{self.source.width}x{self.source.height}"
            )
        return cv2.remap(rgb, *self._maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)

    def rotate_ray(self, ray: np.ndarray) -> np.ndarray:
        """A ray (3,) or rays (N, 3) of the source's optical frame in the target's; NaN stays NaN."""
        return np.asarray(ray, dtype=np.float64) @ self.rotation.T

    def move_points(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels (N, 2) of the source picture as pixels (N, 2) of the target picture."""
        return project(self.target, self.rotate_ray(unproject(self.source, pixels)))

    def _build_maps(self) -> tuple[np.ndarray, np.ndarray]:
        x, y = np.meshgrid(np.arange(self.target.width), np.arange(self.target.height))
        rays = unproject(self.target, np.column_stack([x.ravel(), y.ravel()])) @ self.rotation
        pixels = np.nan_to_num(project(self.source, rays), nan=-1e4).astype(np.float32)
        pixels = pixels.reshape(self.target.height, self.target.width, 2)
        return cv2.convertMaps(pixels, None, cv2.CV_16SC2)


def upright_pinhole(source: CameraModel, quarter_turns: int = 0) -> CameraModel:
    """The ideal pinhole camera with the focal length of ``source`` and its size, turned clockwise."""
    fx, fy = source.matrix[0, 0], source.matrix[1, 1]
    x, y = source.matrix[0, 2], source.matrix[1, 2]
    width, height = source.width, source.height
    for _ in range(quarter_turns % 4):
        fx, fy, x, y, width, height = fy, fx, height - 1 - y, x, height, width
    matrix = np.array([[fx, 0.0, x], [0.0, fy, y], [0.0, 0.0, 1.0]])
    return CameraModel(width, height, matrix, np.zeros(0), CameraKind.PINHOLE, source.frame_id)


def _radial(camera: CameraModel, angle: np.ndarray) -> np.ndarray:
    """Distorted radius, in focal lengths, of rays at an angle [rad] off the axis."""
    k = _coefficients(camera)
    if camera.kind is CameraKind.FISHEYE:
        return angle * (1 + np.polyval([k[3], k[2], k[1], k[0], 0.0], angle**2))
    r = np.tan(angle)
    k = np.pad(k, (0, 8 - len(k)))
    with np.errstate(divide="ignore"):
        return r * np.polyval([k[4], k[1], k[0], 1.0], r**2) / np.polyval([k[7], k[6], k[5], 1.0], r**2)


def _unproject_pinhole(camera: CameraModel, pixels: np.ndarray) -> np.ndarray:
    """Unnormalised rays. ``cv2.undistortPoints`` diverges near the corners of wide lenses; this does not.

    The radial distortion is inverted by a table; what remains (tangential terms, interpolation) by Newton's method
    with the radial part as Jacobian.
    """
    centred = _normalised(camera, pixels)
    if not camera.distortion.any():
        return np.column_stack([centred, np.ones(len(centred))])
    angle = np.linspace(0.0, field_limit(camera), 512)
    ideal, real = np.tan(angle), _radial(camera, angle)
    slope = np.maximum(np.gradient(real, ideal), _SMALLEST_SLOPE)
    radius = np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    shrink = np.interp(radius, real, ideal) / radius
    flat, outwards, zero = centred * shrink, centred / radius, np.zeros(3)
    stretch = 1.0 / np.interp(radius, real, slope) - shrink
    for _ in range(_NEWTON_STEPS):
        rays = np.column_stack([flat, np.ones(len(flat))])
        found = cv2.projectPoints(rays, zero, zero, camera.matrix, camera.distortion)[0].reshape(-1, 2)
        missed = centred - _normalised(camera, found)
        if np.abs(missed).max() < _TOLERANCE:
            break
        flat = flat + missed * shrink + np.sum(missed * outwards, axis=1, keepdims=True) * stretch * outwards
    rays[~(np.linalg.norm(missed, axis=1) < _TOLERANCE)] = np.nan
    return rays


def _normalised(camera: CameraModel, pixels: np.ndarray) -> np.ndarray:
    """Pixels (N, 2) in focal lengths from the principal point, still distorted."""
    centred = (pixels - camera.matrix[:2, 2]) / (camera.matrix[0, 0], camera.matrix[1, 1])
    centred[:, 0] -= camera.matrix[0, 1] / camera.matrix[0, 0] * centred[:, 1]
    return centred


def _unproject_fisheye(camera: CameraModel, pixels: np.ndarray) -> np.ndarray:
    """Unnormalised rays: the angle off the axis is looked up on the rising part of the polynomial, then refined by
    Newton's method, which alone would leave that part where it flattens.
    """
    k = _coefficients(camera)
    limit = field_limit(camera)
    centred = _normalised(camera, pixels)
    radius = np.linalg.norm(centred, axis=1)
    table = np.linspace(0.0, limit, 512)
    angle = np.interp(radius, _radial(camera, table), table)
    for _ in range(_NEWTON_STEPS):
        square = angle**2
        slope = 1 + np.polyval([9 * k[3], 7 * k[2], 5 * k[1], 3 * k[0], 0.0], square)
        angle = np.clip(angle - (_radial(camera, angle) - radius) / np.maximum(slope, 1e-3), 0.0, limit)
    missed = np.abs(_radial(camera, angle) - radius) > _TOLERANCE
    direction = centred / np.maximum(radius, 1e-12)[:, None]
    rays = np.column_stack([direction * np.sin(angle)[:, None], np.cos(angle)])
    rays[missed] = np.nan
    return rays


def _coefficients(camera: CameraModel) -> np.ndarray:
    known = _FISHEYE_COEFFICIENTS if camera.kind is CameraKind.FISHEYE else _PINHOLE_COEFFICIENTS
    if len(camera.distortion) not in known:
        raise ValueError(f"a {camera.kind.value} camera has one of {known} coefficients, got {len(camera.distortion)}")
    return camera.distortion if len(camera.distortion) else np.zeros(4)


def _turn(quarter_turns: int) -> np.ndarray:
    """Rotation about z that takes right to down: what a clockwise turn of the picture does to its rays."""
    return np.linalg.matrix_power(np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), quarter_turns)
