"""Lashes: curved hairs along both margins, drawn as a mask of how much they hide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from gaze_vlm_ros.sim.eye_images.anatomy import Eye, Lashes
from gaze_vlm_ros.sim.eye_images.face import Relief
from gaze_vlm_ros.sim.eye_images.lids import Lids

_HAIR_MM = 0.15
_LOWER_SHARE = 0.42  # length of the lower lashes by that of the upper
_CLEAR_MM = (0.6, 4.5)  # next to the temporal and the nasal canthus there are none
_BITS = 4  # sub-pixel bits of cv2's drawing
_KNOTS = np.linspace(0.0, 1.0, 6)[:, None, None]
_ROOT_KNOTS = 3
_TIP_COVER = 0.55
_FARTHEST_PX = 4000.0


@dataclass(frozen=True, eq=False)
class _Strands:
    """What stays of each hair whatever the lids do, (N,) each: side of the opening, place 0..1 along the margin,
    distance [mm] of its root from there, lean to the nose, length as a share, and curl."""

    is_upper: np.ndarray
    place: np.ndarray
    root_mm: np.ndarray
    lean: np.ndarray
    length: np.ndarray
    curl: np.ndarray


def lash_mask(
    eye: Eye,
    lids: Lids,
    relief: Relief,
    to_pixels: Callable[[np.ndarray], np.ndarray],
    size: tuple[int, int],
    px_per_mm: float,
) -> np.ndarray:
    """How much lashes hide (H, W) float32, 0..1. ``to_pixels`` maps points (N, 3) [mm, socket frame] to (N, 2)."""
    curves = _curves(eye, lids, relief)
    pixels = to_pixels(curves.reshape(-1, 3)).reshape(*curves.shape[:2], 2)
    drawable = (np.abs(pixels) < _FARTHEST_PX).all(axis=(0, 2))  # NaN is not
    hairs = np.round(pixels[:, drawable].transpose(1, 0, 2) * 2**_BITS).astype(np.int32)
    mask, roots = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    cv2.polylines(mask, list(hairs), False, 255, 1, cv2.LINE_AA, _BITS)
    cv2.polylines(roots, list(hairs[:, :_ROOT_KNOTS]), False, 255, 1, cv2.LINE_AA, _BITS)
    cover = min(1.0, _HAIR_MM * px_per_mm)
    return cv2.addWeighted(mask, _TIP_COVER * cover / 255.0, roots, (1.0 - _TIP_COVER) * cover / 255.0, 0.0, None, 5)


def _curves(eye: Eye, lids: Lids, relief: Relief) -> np.ndarray:
    """Points (6, N, 3) along each hair: a quadratic curve from the margin, outwards, then away from the opening."""
    shape, strands = eye.lids, _strands(eye.lashes)
    first, last = shape.temporal_x_mm + _CLEAR_MM[0], shape.nasal_x_mm - _CLEAR_MM[1]
    x = first + (last - first) * strands.place
    up = np.where(strands.is_upper, 1.0, -1.0)
    y = np.where(strands.is_upper, lids.upper(x), lids.lower(x)) - up * strands.root_mm
    z = relief.height(x.astype(np.float32)[None], y.astype(np.float32)[None])[0]
    root = np.column_stack([x, y, z])
    out = root / np.sqrt(x * x + y * y + z * z)[:, None]
    flat = up / np.hypot(out[:, 1], out[:, 2])
    away = np.column_stack([np.zeros(len(x)), -out[:, 2] * flat, out[:, 1] * flat])  # square to ``out`` and to x
    ends = np.clip((x - shape.temporal_x_mm) / 6.0, 0.6, 1.0) * np.clip((shape.nasal_x_mm - x) / 10.0, 0.3, 1.0)
    length = (eye.lashes.length_mm * ends * strands.length)[:, None]
    side = (0.8 * x / 14.0 + strands.lean)[:, None] * np.array([1.0, 0.0, 0.0])
    knee = root + length * (0.6 * out - 0.10 * away + 0.35 * side)
    tip = root + length * (0.85 * out + (0.05 + 0.55 * strands.curl[:, None]) * away + side)
    return (1 - _KNOTS) ** 2 * root + 2 * _KNOTS * (1 - _KNOTS) * knee + _KNOTS**2 * tip


@lru_cache(maxsize=256)
def _strands(lashes: Lashes) -> _Strands:
    rng = np.random.default_rng(lashes.seed)
    is_upper = np.arange(lashes.count + lashes.count // 2) < lashes.count
    count = len(is_upper)
    place = rng.uniform(0.0, 1.0, count)
    tufts = 0.22 * np.sin(45.0 * place + rng.uniform(0.0, 2.0 * np.pi))
    return _Strands(
        is_upper=is_upper,
        place=place,
        root_mm=rng.uniform(-0.15, 0.6, count),
        lean=tufts + 0.2 * rng.standard_normal(count),
        length=rng.beta(3.0, 1.5, count) * np.where(is_upper, 1.0, _LOWER_SHARE),
        curl=np.maximum(lashes.curl + 0.2 * rng.standard_normal(count), 0.0),
    )
