"""The skin around one eye as a height over the face's plane, where rays meet it, and how the lights shine on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from gaze_vlm_ros.sim.eye_images.anatomy import Eye, Face
from gaze_vlm_ros.sim.eye_images.lids import Lids
from gaze_vlm_ros.sim.eye_images.pose import EyePose

_STEP_MM = 1.0
_REACH_MM = (56.0, 46.0)
_NEAR_MM, _FAR_MM, _MARCH = 6.0, 76.0, 22
_BESIDE_MM = 60.0  # of a camera farther off, as in a phone, the way up to here is left out
_SECANT_STEPS = 3
_LOST_MM = 2.0  # rays that still are farther off the skin pass by it
_SEAM_MM = 3.2
_BULGE_MM, _BULGE_WIDTH_MM = 0.6, 4.2
_ROUND = 0.62  # share of the lid's radius up to which it is a sphere; from there it runs on straight
_AIM_MM = np.array([0.0, 0.0, 10.0], np.float32)
_NEAR_FIELD_MM2 = 450.0  # a light is no point: close to it the skin gets less than the square law says
_SKIN_WRAP = 0.35
AMBIENT = 0.11
_REFERENCE_MM = 30.0


@dataclass(frozen=True, eq=False)
class Skin:
    """Skin as one camera sees it on a grid (h, w): front-view place ``x``, ``y`` [mm], and ``light`` that it gives."""

    x: np.ndarray
    y: np.ndarray
    light: np.ndarray


class Relief:
    """Height z [mm, socket frame] of the skin, lids closed over the opening, at one moment."""

    def __init__(self, eye: Eye, lids: Lids, pose: EyePose) -> None:
        self._table = _face_table(eye.face)
        self._lids = lids
        self._lid_radius = eye.eyeball.radius_mm + eye.lids.thickness_mm
        tip = pose.cornea_centre_mm + eye.eyeball.cornea_radius_mm * pose.optical_axis
        self._bulge = tip[:2].astype(np.float32)

    def height(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """z (h, w) float32 at front-view places (h, w)."""
        columns, rows = (x + _REACH_MM[0]) / _STEP_MM, (y + _REACH_MM[1]) / _STEP_MM
        face = cv2.remap(self._table, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        away = (x - self._bulge[0]) ** 2 + (y - self._bulge[1]) ** 2
        square = x * x + y * y
        rim = _ROUND * self._lid_radius
        lid = np.sqrt(self._lid_radius**2 - np.minimum(square, rim * rim))
        lid -= (_ROUND / (1.0 - _ROUND**2) ** 0.5) * np.maximum(np.sqrt(square) - rim, 0.0)
        lid += _BULGE_MM * np.exp(away * (-0.5 / _BULGE_WIDTH_MM**2))
        above = self._lids.crease(x) - y
        fold = np.maximum(above, 0.0)
        depth = self._lids.shape.fold_mm * np.clip(1.35 - np.abs(x) / 13.0, 0.0, 1.0)
        lid += depth * (1.0 - np.exp(fold * -1.8)) * np.exp(fold * -0.16)
        return 0.5 * (face + lid + np.sqrt((face - lid) ** 2 + _SEAM_MM**2))


def trace_skin(
    relief: Relief, origin: np.ndarray, rays: np.ndarray, shape: tuple[int, int], lights: np.ndarray
) -> Skin:
    """The skin met by ``rays`` (3, h * w) from ``origin`` (3,), lit by ``lights`` (N, 3) [mm, socket frame]."""
    grid = rays.reshape(3, *shape)
    start = origin.astype(np.float32)[:, None, None]
    reach, gap = _refined(relief, start, grid, _marched(relief, start, grid))
    points = start + reach * grid
    light = lambert(points, _normals(points), lights, _SKIN_WRAP)
    return Skin(points[0], points[1], light * np.clip(_LOST_MM - np.abs(gap), 0.0, 1.0))


def lambert(points: np.ndarray, normals: np.ndarray, lights: np.ndarray, wrap: float = 0.0) -> np.ndarray:
    """Light (...) that falls on points (3, ...) with unit normals (3, ...); 1 for all lights square on at 30 mm.

    Each light shines towards the eye and falls off with the cosine of the angle from there, as bare diodes do.
    ``wrap`` (0..1) lets it reach round edges, as light does that travels under the skin.
    """
    total = np.full(points.shape[1:], AMBIENT, np.float32)
    share = _REFERENCE_MM**2 / (len(lights) * (1.0 + wrap))
    for light in lights.astype(np.float32):
        beam = (light - _AIM_MM) / np.linalg.norm(light - _AIM_MM)
        x, y, z = (light[axis] - points[axis] for axis in range(3))
        square = x * x + y * y + z * z
        facing = x * normals[0] + y * normals[1] + z * normals[2] + wrap * np.sqrt(square)
        leaving = np.maximum(x * beam[0] + y * beam[1] + z * beam[2], 0.0)
        total += share * np.maximum(facing, 0.0) * leaving / (square + _NEAR_FIELD_MM2) ** 2
    return total


def _marched(relief: Relief, start: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """About where (h, w) the rays meet the skin, from steps along every fourth ray; the last step where they do not."""
    coarse = 0.25 * sum(grid[:, i::4, j::4] for i, j in ((1, 1), (1, 2), (2, 1), (2, 2)))
    skipped = max(0.0, float(np.linalg.norm(start)) - _BESIDE_MM)
    steps = np.linspace(skipped + _NEAR_MM, skipped + _FAR_MM, _MARCH, dtype=np.float32)
    points = (start[..., None] + coarse[..., None] * steps).reshape(3, -1, _MARCH)
    gap = points[2] - relief.height(points[0], points[1])
    gap[:, -1] = np.minimum(gap[:, -1], -1e-3)
    first = np.maximum((gap < 0.0).argmax(axis=1), 1)[:, None]
    before, after = (np.take_along_axis(gap, index, 1)[:, 0] for index in (first - 1, first))
    share = np.clip(before / np.maximum(before - after, 1e-3), 0.0, 1.0)
    reach = steps[first[:, 0] - 1] + share * (steps[1] - steps[0])
    return cv2.resize(reach.reshape(coarse.shape[1:]), grid.shape[:0:-1], interpolation=cv2.INTER_LINEAR)


def _refined(relief: Relief, start: np.ndarray, grid: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances (h, w) by the secant rule, and how far off the skin the last but one was [mm]: large for a miss."""

    def gap(distance: np.ndarray) -> np.ndarray:
        x, y, z = start + distance * grid
        return z - relief.height(x, y)

    old, old_gap = reach, gap(reach)
    new = reach + 0.3 * np.sign(old_gap)
    for _ in range(_SECANT_STEPS):
        new_gap = gap(new)
        rise = new_gap - old_gap
        step = np.clip(-new_gap * (new - old) / np.where(np.abs(rise) > 1e-4, rise, 1e-4), -2.0, 2.0)
        old, old_gap, new = new, new_gap, new + step
    return new, old_gap


def _normals(points: np.ndarray) -> np.ndarray:
    """Unit normals (3, h, w) towards the camera, from neighbours in the picture."""
    across = np.empty_like(points)
    down = np.empty_like(points)
    across[:, :, 1:-1] = points[:, :, 2:] - points[:, :, :-2]
    across[:, :, 0], across[:, :, -1] = across[:, :, 1], across[:, :, -2]
    down[:, 1:-1] = points[:, 2:] - points[:, :-2]
    down[:, 0], down[:, -1] = down[:, 1], down[:, -2]
    normals = np.stack(
        [
            down[1] * across[2] - down[2] * across[1],
            down[2] * across[0] - down[0] * across[2],
            down[0] * across[1] - down[1] * across[0],
        ]
    )
    length = np.sqrt(np.einsum("ijk,ijk->jk", normals, normals)) + 1e-9
    return normals / np.where(normals[2] < 0.0, -length, length)


@lru_cache(maxsize=256)
def _face_table(face: Face) -> np.ndarray:
    """Static height of the face [mm] every millimetre: socket, brow, cheek, side of the nose, temple."""
    x = np.arange(-_REACH_MM[0], _REACH_MM[0] + _STEP_MM, _STEP_MM, dtype=np.float32)[None, :]
    y = np.arange(-_REACH_MM[1], _REACH_MM[1] + _STEP_MM, _STEP_MM, dtype=np.float32)[:, None]
    brow = face.brow_mm / (1.0 + np.exp((y + face.brow_height_mm - 5.0) / 3.0))
    below = 1.2 / (1.0 + np.exp(-(y - 8.0) / 1.6)) + face.cheek_mm / (1.0 + np.exp(-(y - 17.0) / 3.5))
    nose = face.nose_mm / (1.0 + np.exp(-(x - 23.0 + 0.15 * y) / 3.0))
    canthus = 2.5 / (1.0 + np.exp(-(x - 8.0) / 2.0))  # the nasal corner of the eye lies farther forward
    temple = 0.08 * (np.hypot(x + 15.0, 6.0) - x - 15.0)
    return (face.depth_mm + brow + below + nose + canthus - temple).astype(np.float32)
