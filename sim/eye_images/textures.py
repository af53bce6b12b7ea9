"""Procedural infrared reflectances of one eye: iris, sclera with its vessels, skin with pores, wrinkles and brow.

All are uint8 around a middle of 128 = factor 1 on the person's reflectance. The iris lies in polar form (radius from
pupil to limbus, angle), the sclera in stereographic projection about the optical axis, the skin over the face.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

IRIS_SHAPE = (72, 512)
SCLERA_SIDE = 384
SCLERA_REACH = 1.1
"""The sclera's texture spans -reach .. reach of tan(angle / 2) from the optical axis."""
SKIN_STEP_MM = 0.15
SKIN_SIDE = 640
NOSE_X_MM = 16.0
"""From here on the skin's texture runs twice as fast in front view, for there the nose's side rises steeply."""
_BITS = 4  # sub-pixel bits of cv2's drawing
MIDDLE = 128.0


@dataclass(frozen=True, eq=False)
class EyeTextures:
    """uint8 textures: ``iris`` (72, 512), ``sclera`` (384, 384), ``skin`` (640, 640) with x to the nose, y down."""

    iris: np.ndarray
    sclera: np.ndarray
    skin: np.ndarray


def make_textures(seed: int) -> EyeTextures:
    """The textures of one eye; the same for the same seed."""
    rng = np.random.default_rng(seed)
    return EyeTextures(_iris(rng), _sclera(rng), _skin(rng))


def sclera_cells(across: np.ndarray) -> np.ndarray:
    """Columns or rows of the sclera's texture for stereographic coordinates (N,)."""
    cells = (across * (0.5 * SCLERA_SIDE / SCLERA_REACH) + 0.5 * SCLERA_SIDE).astype(np.int32)
    return np.clip(cells, 0, SCLERA_SIDE - 1, out=cells)


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int], wrap: bool = False) -> np.ndarray:
    """Smooth noise (shape) float32 of about unit deviation: ``cells`` random values, cubic between them."""
    grid = rng.standard_normal(cells, dtype=np.float32)
    if not wrap:
        return cv2.resize(grid, shape[::-1], interpolation=cv2.INTER_CUBIC)
    around = np.hstack([grid, grid, grid])
    wide = cv2.resize(around, (3 * shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return wide[:, shape[1] : 2 * shape[1]]


def _iris(rng: np.random.Generator) -> np.ndarray:
    """Fibres from pupil to limbus, a wavy collarette, crypts, a dark seam at the pupil and a darker rim."""
    rows, columns = IRIS_SHAPE
    radius = ((np.arange(rows, dtype=np.float32) + 0.5) / rows)[:, None]
    fine = noise(rng, IRIS_SHAPE, (3, int(rng.integers(70, 130))), wrap=True)
    coarse = noise(rng, IRIS_SHAPE, (4, int(rng.integers(22, 40))), wrap=True)
    crypts = noise(rng, IRIS_SHAPE, (9, 26), wrap=True)
    collarette = rng.uniform(0.22, 0.42) + 0.035 * noise(rng, (1, columns), (1, 18), wrap=True)
    strength = rng.uniform(0.04, 0.11)
    value = 1.0 + strength * (0.8 * fine + 0.8 * coarse)
    value += rng.uniform(0.04, 0.14) * np.exp(-(((radius - collarette) / 0.05) ** 2))
    value += rng.uniform(-0.12, 0.10) * (radius < collarette)
    value -= rng.uniform(0.05, 0.20) * (crypts > 1.3) * (radius > collarette) * (radius < 0.85)
    for place in rng.uniform(0.55, 0.85, int(rng.integers(1, 4))):  # contraction furrows, concentric
        value -= 0.05 * np.exp(-(((radius - place - 0.01 * coarse[:1]) / 0.015) ** 2))
    value -= 0.35 * np.exp(-radius / 0.025)
    value -= rng.uniform(0.15, 0.4) * np.clip((radius - 0.8) / 0.2, 0, 1) ** 2
    return _as_bytes(cv2.GaussianBlur(value, (5, 3), 0))


def _sclera(rng: np.random.Generator) -> np.ndarray:
    """Branching vessels that run from the canthi towards the limbus over a slightly blotchy white."""
    shape = (SCLERA_SIDE, SCLERA_SIDE)
    vessels = np.zeros(shape, np.uint8)
    middle = SCLERA_SIDE / 2
    for _ in range(int(rng.integers(10, 26))):
        angle = rng.choice([0.0, np.pi]) + rng.normal(0.0, 0.6)
        place = middle + middle * 0.98 * np.array([np.cos(angle), np.sin(angle)])
        heading = angle + np.pi + rng.normal(0.0, 0.3)
        _vessel(vessels, rng, place, heading, int(rng.integers(12, 32)), float(rng.uniform(90, 230)))
    blotches = noise(rng, shape, (10, 10))
    soft = cv2.GaussianBlur(vessels.astype(np.float32), (0, 0), 0.9)
    return _as_bytes(1.0 + 0.03 * blotches - rng.uniform(0.15, 0.40) / 255.0 * soft)


def _vessel(
    canvas: np.ndarray, rng: np.random.Generator, place: np.ndarray, heading: float, steps: int, tone: float
) -> None:
    turns = heading + np.cumsum(rng.normal(0.0, 0.28, steps))
    path = place + np.cumsum(4.0 * np.column_stack([np.cos(turns), np.sin(turns)]), axis=0)
    points = np.round(path * 2**_BITS).astype(np.int32)
    cv2.polylines(canvas, [points], False, tone, 1, cv2.LINE_AA, _BITS)
    if steps > 12:
        fork = int(rng.integers(3, steps - 4))
        side = turns[fork] + rng.choice([-1, 1]) * rng.uniform(0.3, 0.8)
        _vessel(canvas, rng, path[fork], side, (steps - fork) // 2 + 3, 0.7 * tone)


def _skin(rng: np.random.Generator) -> np.ndarray:
    """Blotches, pores and fine wrinkles that run about along the lids, and the hairs of the brow."""
    shape = (SKIN_SIDE, SKIN_SIDE)
    value = 1.0 + 0.05 * noise(rng, shape, (7, 7)) + 0.012 * noise(rng, shape, (28, 28))
    grain = rng.standard_normal(shape, dtype=np.float32)
    wrinkles = cv2.GaussianBlur(grain, (0, 0), float(rng.uniform(6.0, 14.0)), sigmaY=1.4)
    pores = cv2.GaussianBlur(grain, (0, 0), 1.1)
    value += rng.uniform(0.008, 0.028) / wrinkles.std() * wrinkles + rng.uniform(0.015, 0.04) / pores.std() * pores
    brow = np.zeros(shape, np.uint8)
    _brow(brow, rng)
    soft = cv2.GaussianBlur(brow, (0, 0), 0.8).astype(np.float32)
    return _as_bytes(value - rng.uniform(0.25, 0.6) / 255.0 * soft)


def _brow(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """Some hundred hairs of an arched brow, 17 to 25 mm above the eye, lying outwards."""
    count = int(rng.integers(150, 420))
    along = rng.uniform(-1.0, 1.0, count)
    height, arch, width = rng.uniform(-25.0, -18.0), rng.uniform(1.0, 4.0), rng.uniform(1.5, 3.5)
    roots = np.column_stack([4.0 + 21.0 * along, height + arch * along**2 + width * rng.normal(0, 0.5, count)])
    lean = np.radians(rng.normal(25.0, 14.0, count) + 35.0 * along)
    lengths = rng.uniform(4.0, 8.0, count)[:, None]
    tips = roots + lengths * np.column_stack([-np.cos(lean), -np.sin(lean)])
    hairs = np.stack([roots, 0.5 * (roots + tips) + rng.normal(0, 0.25, (count, 2)), tips], axis=1)
    cells = hairs / SKIN_STEP_MM + SKIN_SIDE / 2
    cv2.polylines(canvas, list(np.round(cells * 2**_BITS).astype(np.int32)), False, 255, 1, cv2.LINE_AA, _BITS)


def _as_bytes(value: np.ndarray) -> np.ndarray:
    return np.clip(value * MIDDLE, 0, 255).astype(np.uint8)
