"""Mirror images of the lights: sharp on the cornea, faint and smeared on the wet sclera beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.sim.eye_images.anatomy import Eye
from gaze_vlm_ros.sim.eye_images.labels import Part
from gaze_vlm_ros.sim.eye_images.optics import reflection_points
from gaze_vlm_ros.sim.eye_images.pose import EyePose

_SIZE_MM, _SCLERA_SIZE_MM = 0.11, 0.6
_SMALLEST_PX = 0.5
_STRENGTH, _SCLERA_STRENGTH = 5.0, 0.22


@dataclass(frozen=True, eq=False)
class Glints:
    """Where lights are mirrored: ``points`` (N, 3) [mm, socket frame], NaN for none, and whether it is the cornea."""

    points: np.ndarray
    on_cornea: np.ndarray


def find_glints(eye: Eye, pose: EyePose, origin: np.ndarray, lights: np.ndarray) -> Glints:
    """The mirror images of ``lights`` (N, 3) for a camera at ``origin`` (3,), by the law of reflection."""
    ball = eye.eyeball
    on_cornea = reflection_points(origin, lights, pose.cornea_centre_mm, ball.cornea_radius_mm)
    on_white = reflection_points(origin, lights, np.zeros(3), ball.radius_mm)
    is_cornea = on_cornea @ pose.optical_axis > ball.limbus_plane_mm
    is_white = ~is_cornea & (on_white @ pose.optical_axis < ball.limbus_plane_mm)
    points = np.where(is_cornea[:, None], on_cornea, np.where(is_white[:, None], on_white, np.nan))
    return Glints(points, is_cornea)


def draw_glints(
    radiance: np.ndarray, parts: np.ndarray, pixels: np.ndarray, glints: Glints, px_per_mm: float
) -> np.ndarray:
    """Adds the glints at ``pixels`` (N, 2) to a picture (H, W) where no lid hides them, in place.

    Returns the pixels (N, 2) of those on the cornea, NaN for the others. A glint hides wholly with its middle.
    """
    height, width = parts.shape
    shown = np.full_like(pixels, np.nan)
    open_eye = parts != Part.SKIN
    bright = float(radiance.mean())
    for index, (x, y) in enumerate(pixels):
        if not (0 <= x <= width - 1 and 0 <= y <= height - 1) or not open_eye[round(y), round(x)]:
            continue
        is_cornea = bool(glints.on_cornea[index])
        sigma = max(_SMALLEST_PX, (_SIZE_MM if is_cornea else _SCLERA_SIZE_MM) * px_per_mm)
        reach = int(np.ceil(3.5 * sigma)) + 1
        rows = slice(max(0, round(y) - reach), round(y) + reach + 1)
        columns = slice(max(0, round(x) - reach), round(x) + reach + 1)
        down = np.arange(rows.start, min(height, rows.stop)) - y
        across = np.arange(columns.start, min(width, columns.stop)) - x
        blob = np.exp((down[:, None] ** 2 + across**2) / (-2.0 * sigma**2)) * open_eye[rows, columns]
        strength = _STRENGTH if is_cornea else _SCLERA_STRENGTH
        radiance[rows, columns] += (2.0 * bright * strength * blob).astype(np.float32)
        if is_cornea:
            shown[index] = x, y
            parts[rows, columns][blob > 0.3] = Part.GLINT
    return shown
