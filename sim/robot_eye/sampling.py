"""The eye's three views out of a stored panorama: thousands per second, by tables made once.

In a panorama a turn to the side is a shift of columns, so that one table per elevation serves every azimuth.
Directions are rounded to steps of 0.25 degrees, one pixel of the fine arc. All tables together take some 90 MB; they
are made when first needed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from gaze_vlm_ros.sim.robot_eye.eye import rotation
from gaze_vlm_ros.sim.robot_eye.panorama import FINE_PX_PER_DEG, Arc, Panorama
from gaze_vlm_ros.sim.robot_eye.pyramid import LEVELS, WINDOW_PX, level_rays

_STEPS_PER_DEG = FINE_PX_PER_DEG
_ROUND = 360 * _STEPS_PER_DEG


def views_from_panorama(panorama: Panorama, directions_rad: np.ndarray) -> np.ndarray:
    """Views (N, 3, 64, 64, 3) uint8, fine to coarse, for azimuth and elevation (N, 2) [rad, mount's frame].

    Outside the fine arc the fovea sees the coarse rest. ValueError for directions of another shape, not finite, or
    beyond the poles.
    """
    steps = _steps(directions_rad)
    views = np.empty((len(steps), LEVELS, WINDOW_PX, WINDOW_PX, 3), np.uint8)
    rest, coarse = panorama.round_rest, panorama.round_coarse
    for (azimuth, elevation), (fovea, middle, wide) in zip(steps.tolist(), views, strict=True):
        _look_fine(panorama, azimuth, elevation, fovea)
        _look_round(rest, 1, azimuth, elevation, middle)
        _look_round(coarse, 2, azimuth, elevation, wide)
    return views


def _steps(directions_rad: np.ndarray) -> np.ndarray:
    """Directions (N, 2) in whole steps, int; azimuths within half a turn."""
    degrees = np.degrees(np.asarray(directions_rad, dtype=np.float64))
    if degrees.ndim != 2 or degrees.shape[1] != 2 or not np.isfinite(degrees).all():
        raise ValueError(f"directions must be (N, 2) finite azimuths and elevations, got shape {degrees.shape}")
    if (np.abs(degrees[:, 1]) > 90.0 + 1e-9).any():
        raise ValueError("elevations must lie within -90..90 degrees")
    steps = np.rint(degrees * _STEPS_PER_DEG).astype(int)
    steps[:, 0] = (steps[:, 0] + _ROUND // 2) % _ROUND - _ROUND // 2
    return steps


def _look_round(texture: np.ndarray, level: int, azimuth: int, elevation: int, view: np.ndarray) -> None:
    """Fills ``view`` from a sphere as ``Panorama.round_rest`` gives it."""
    width = (texture.shape[1] - 2) // 2
    steps_per_px = _ROUND // width
    # The column where azimuth + 180 degrees lies, to the left; what is left of a whole pixel is in the table.
    begin, phase = divmod(-azimuth, steps_per_px)
    maps = _round_table(level, elevation, phase, width)
    begin %= width
    cv2.remap(texture[:, begin : begin + width + 2], *maps, cv2.INTER_LINEAR, dst=view, borderMode=cv2.BORDER_REPLICATE)


@functools.lru_cache(maxsize=4096)
def _round_table(level: int, elevation: int, phase: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """OpenCV's maps into ``width + 2`` columns of a sphere that begin half a turn to the left of the direction."""
    per_deg = width / 360
    azimuth_deg, elevation_deg = _angles_deg(level, elevation)
    shift = phase / (_ROUND // width)
    column = ((180.0 - azimuth_deg) * per_deg - 0.5 + shift) % width
    return _maps(column + 1.0, (90.0 - elevation_deg) * per_deg - 0.5)


def _look_fine(panorama: Panorama, azimuth: int, elevation: int, view: np.ndarray) -> None:
    """Fills ``view`` with the fovea: from the arc as far as it goes, else from the rest."""
    arc = panorama.arc
    table = _fine_table(elevation, arc)
    begin = table.begins(azimuth, arc)
    if table.is_inside and begin is not None:
        part = panorama.fine[:, begin : begin + table.columns]
        cv2.remap(part, *table.maps, cv2.INTER_LINEAR, dst=view, borderMode=cv2.BORDER_REPLICATE)
        return
    _look_round(panorama.round_rest, 0, azimuth, elevation, view)
    azimuth_deg, elevation_deg = _angles_deg(0, elevation)
    away = (360.0 - arc.left_deg + arc.right_deg) / 2
    right_deg = (arc.left_deg - azimuth_deg - azimuth / _STEPS_PER_DEG + away) % 360.0 - away
    maps = _maps(right_deg * FINE_PX_PER_DEG - 0.5, (arc.top_deg - elevation_deg) * FINE_PX_PER_DEG - 0.5)
    cv2.remap(panorama.fine, *maps, cv2.INTER_LINEAR, dst=view, borderMode=cv2.BORDER_TRANSPARENT)


@dataclass(frozen=True)
class _FineTable:
    """``maps`` into ``columns`` columns of the arc, of which the first begins ``left_px`` left of the direction."""

    maps: tuple[np.ndarray, np.ndarray]
    columns: int
    left_px: int
    is_inside: bool
    """Whether all elevations of the view lie in the arc."""

    def begins(self, azimuth: int, arc: Arc) -> int | None:
        """The arc's column at which the part to look into begins, None where it is not all there."""
        begin = arc.left_deg * FINE_PX_PER_DEG - azimuth - self.left_px
        return begin if begin >= 0 and begin + self.columns <= arc.size_px[1] else None


@functools.lru_cache(maxsize=1024)
def _fine_table(elevation: int, arc: Arc) -> _FineTable:
    azimuth_deg, elevation_deg = _angles_deg(0, elevation)
    row = (arc.top_deg - elevation_deg) * FINE_PX_PER_DEG - 0.5
    left_px = int(np.ceil(azimuth_deg.max() * FINE_PX_PER_DEG)) + 1
    column = left_px - azimuth_deg * FINE_PX_PER_DEG - 0.5
    inside = row.min() >= 0 and row.max() <= arc.size_px[0] - 1
    columns = int(np.ceil(column.max())) + 2
    return _FineTable(_maps(column, row), columns, left_px, bool(inside))


def _angles_deg(level: int, elevation: int) -> tuple[np.ndarray, np.ndarray]:
    """Azimuth, relative to the direction, and elevation (64, 64) of what the pixels of a view see."""
    rays = level_rays()[level] @ rotation(0.0, np.radians(elevation / _STEPS_PER_DEG)).T
    x, y, z = np.moveaxis(rays, -1, 0)
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def _maps(column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return cv2.convertMaps(column.astype(np.float32), row.astype(np.float32), cv2.CV_16SC2)
