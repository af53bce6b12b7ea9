"""Optical flow and occlusion between two shots, exact up to rasterisation: every pixel rides on its rigid body."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from gaze_vlm_ros.sim.labels.shot import SceneIndex, Shot

_OUTSIDE_M = -1e9
"""Depth outside a picture: nearer than anything, so that it hides everything."""
STILL = 1e-6
"""A body counts as still when its pose changes by less [m, rad]; that moves no pixel by a thousandth."""
TOLERANCE_M, TOLERANCE_SHARE = 0.001, 0.002
"""A point this much behind what the other picture shows still belongs to it: 1 mm and 0.2 % of its depth."""


@dataclass(frozen=True)
class Motion:
    """Where the pixels of one picture are in another: ``flow_px`` (H, W, 2) float32, x and y, NaN where the point is
    behind the other camera; ``occluded`` (H, W) bool, where the other picture does not show the point because it is
    hidden or outside.
    """

    flow_px: np.ndarray
    occluded: np.ndarray

    @classmethod
    def unknown(cls, height: int, width: int) -> Motion:
        """That of a picture without a neighbour: flow NaN, everything occluded."""
        return cls(np.full((height, width, 2), np.nan, np.float32), np.ones((height, width), bool))


def geometry_labels(previous: Shot, current: Shot, index: SceneIndex) -> tuple[Motion, Motion]:
    """Motion of the pixels of ``previous`` to ``current``, and of the pixels of ``current`` back to ``previous``."""
    return motion_between(previous, current, index), motion_between(current, previous, index)


def motion_between(here: Shot, there: Shot, index: SceneIndex) -> Motion:
    """Motion of the pixels of ``here`` to ``there``, an earlier or later shot of the same scene.

    A pixel is taken back to its body by its depth and the poses of ``here``, and projected with the poses of
    ``there``. Geoms that change within their body are seen as fixed to it.
    """
    height, width = here.geom.shape
    columns, rows = _grid(width, height)
    depth = here.filled_m
    turn, shift, moves = _pixel_maps(here, there)
    x, y, z = (_row(turn[0, axis], shift[0, axis], columns, rows, depth) for axis in range(3))
    body = np.take(index.geom_body, here.geom, mode="wrap")
    moved = np.flatnonzero(moves[body])
    if len(moved):
        _override(moved, body, depth, turn, shift, (x, y, z))
    if z.min() <= 0.0:
        z[z <= 0.0] = np.nan
    x /= z
    y /= z
    occluded = _occluded(here.geom, x, y, z, there)
    flow = np.empty((height, width, 2), np.float32)
    np.subtract(x, columns, out=flow[..., 0])
    np.subtract(y, rows, out=flow[..., 1])
    return Motion(flow, occluded)


@lru_cache(maxsize=8)
def _grid(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns (W,) and rows (H, 1) of the pixels."""
    return np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]


def _pixel_maps(here: Shot, there: Shot) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each body the map of homogeneous pixels u of ``here`` at depth z to those of ``there``, z * turn u + shift.

    ``turn`` (nbody, 3, 3) and ``shift`` (nbody, 3) float32; ``moves`` (nbody,) tells which bodies are not still. Body 0
    is the world.
    """
    motion = there.body_rotation @ here.body_rotation.transpose(0, 2, 1)
    way = there.body_m - np.einsum("bij,bj->bi", motion, here.body_m)
    displaced = np.abs(there.body_m - here.body_m).max(axis=1)
    moves = (displaced > STILL) | (np.abs(motion - np.eye(3)).max(axis=(1, 2)) > STILL)
    motion[0], way[0], moves[0] = np.eye(3), 0.0, False
    there_T_world = there.camera_T_world
    into, out_of = there_T_world[:3, :3], here.world_T_camera
    rotation = into @ motion @ out_of[:3, :3]
    translation = (motion @ out_of[:3, 3] + way) @ into.T + there_T_world[:3, 3]
    turn = there.camera.matrix @ rotation @ np.linalg.inv(here.camera.matrix)
    return turn.astype(np.float32), (translation @ there.camera.matrix.T).astype(np.float32), moves


def _row(turn: np.ndarray, shift: np.float32, columns: np.ndarray, rows: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """One homogeneous coordinate (H, W) of all pixels, by a row (3,) of the map."""
    value = (turn[0] * columns + turn[2]) + turn[1] * rows
    value *= depth
    value += shift
    return value


def _override(
    moved: np.ndarray,
    body: np.ndarray,
    depth: np.ndarray,
    turn: np.ndarray,
    shift: np.ndarray,
    coordinates: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Replaces the homogeneous coordinates of the pixels ``moved`` (flat indices), which ride on bodies that moved."""
    rows, columns = np.divmod(moved, depth.shape[1])
    rows, columns = rows.astype(np.float32), columns.astype(np.float32)
    bodies, depths = body.ravel()[moved], depth.ravel()[moved]
    for axis, coordinate in enumerate(coordinates):
        maps = turn[:, axis]
        value = maps[:, 0][bodies] * columns + maps[:, 1][bodies] * rows + maps[:, 2][bodies]
        coordinate.ravel()[moved] = value * depths + shift[:, axis][bodies]


def _occluded(geom: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray, there: Shot) -> np.ndarray:
    """Which points at the pixels x, y and depth z (H, W) of ``there`` it does not show, (H, W) bool.

    Where the nearest pixel there shows the point's own geom, the point is hidden only behind all four pixels about it:
    then a slanted surface does not hide itself. Where it shows another geom, that one's depth counts.
    """
    nearest_m = cv2.remap(
        there.filled_m, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=_OUTSIDE_M
    )
    own = cv2.remap(there.geom.astype(np.int16), x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE) == geom
    half = np.float32(0.5)
    farthest_m = cv2.remap(there.farthest_m, x - half, y - half, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    shown = np.where(own & (nearest_m > 0.0), farthest_m, nearest_m)
    shown *= 1.0 + TOLERANCE_SHARE
    shown += TOLERANCE_M
    return ~(z <= shown)  # a depth of NaN is not shown
