"""What the eye sees at once: three square views about one direction, each coarser and wider than the one before.

All are cut from one virtual fisheye picture of 1920 pixels in which a ray at an angle theta off the axis lies
``FOCAL_PX * theta`` pixels from the middle (EyeRobot's calibrated camera without its distortion). Optical frame: x
right, y down, z forward.
"""

from __future__ import annotations

import functools

import numpy as np

VIRTUAL_PX = 1920
FOCAL_PX = 1059.15
"""Pixels of the virtual picture per radian."""
CROPS_PX = (320, 1120, 1920)
LEVELS = len(CROPS_PX)
WINDOW_PX = 64
"""Pixels of each view, whatever its field."""
FIELDS_RAD = tuple(crop / FOCAL_PX for crop in CROPS_PX)
"""Fields of view from edge to edge: 17.3, 60.6 and 103.9 degrees."""
POSITION_UNIT_PX = 16.0
"""Position ids count patches of this many virtual pixels."""


@functools.cache
def level_rays() -> np.ndarray:
    """Unit rays (3, 64, 64, 3) float64 [optical frame] of the pixels of each level; not to be written to."""
    from_middle = (_virtual_px(1) - VIRTUAL_PX / 2) / FOCAL_PX
    down, right = from_middle[..., 0], from_middle[..., 1]
    angle = np.hypot(right, down)
    sideways = np.sinc(angle / np.pi)
    rays = np.stack([right * sideways, down * sideways, np.cos(angle)], axis=-1)
    rays.setflags(write=False)
    return rays


def pixels_of(rays: np.ndarray, level: int) -> np.ndarray:
    """Pixels (N, 2), column and row, at which ``level`` shows the rays (N, 3) [optical frame]; may lie outside."""
    rays = np.asarray(rays, dtype=np.float64).reshape(-1, 3)
    flat = np.hypot(rays[:, 0], rays[:, 1])
    angle = np.arctan2(flat, rays[:, 2])
    away = rays[:, :2] * (angle / np.maximum(flat, 1e-12))[:, None]
    return away * (WINDOW_PX / FIELDS_RAD[level]) + (WINDOW_PX - 1) / 2


def position_ids(patch_px: int) -> np.ndarray:
    """Row and column (3, n, n, 2) float32 of the middle of each patch of ``patch_px`` pixels, n = 64 / ``patch_px``.

    Levels share one frame, the virtual picture, in units of ``POSITION_UNIT_PX``: patches of two levels that see the
    same direction have the same id. ValueError where ``patch_px`` does not divide 64.
    """
    if not (0 < patch_px <= WINDOW_PX and WINDOW_PX % patch_px == 0):
        raise ValueError(f"patch_px must divide {WINDOW_PX}, got {patch_px}")
    return (_virtual_px(patch_px) / POSITION_UNIT_PX).astype(np.float32)


def _virtual_px(patch_px: int) -> np.ndarray:
    """Row and column (3, n, n, 2) of the patches' middles in the virtual picture, which begins at 0, not at -0.5."""
    middles = (np.arange(0, WINDOW_PX, patch_px) + patch_px / 2) / WINDOW_PX - 0.5
    row, column = np.meshgrid(middles, middles, indexing="ij")
    return VIRTUAL_PX / 2 + np.multiply.outer(np.array(CROPS_PX, float), np.stack([row, column], axis=-1))
