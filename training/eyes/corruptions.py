"""Pictures that show no eye as it should be, from pictures that do: what the state head learns to refuse."""

from __future__ import annotations

import cv2
import numpy as np


def corrupted(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``picture`` (S, S) uint8 made unusable in one of several ways."""
    return _WAYS[int(rng.integers(len(_WAYS)))](picture, rng)


def upside_down(picture: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Turned by half a turn, as where a camera is mounted the wrong way round."""
    return np.ascontiguousarray(picture[::-1, ::-1])


def flipped(picture: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Its rows in the wrong order, as some drivers deliver them."""
    return np.ascontiguousarray(picture[::-1])


def turned(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turned by a quarter, to either side."""
    return np.ascontiguousarray(np.rot90(picture, rng.choice((1, 3))))


def cut_off(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Moved so far that the eye leaves the picture, whose edge is continued."""
    side = len(picture)
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.55, 0.8) * side
    shift = np.array([[1, 0, reach * np.cos(angle)], [0, 1, reach * np.sin(angle)]])
    return cv2.warpAffine(picture, shift, (side, side), borderMode=cv2.BORDER_REPLICATE)


def covered(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Something smooth lies over most of it."""
    side = len(picture)
    height, width = (rng.uniform(0.65, 1.0, 2) * side).astype(int)
    top, left = int(rng.integers(side - height + 1)), int(rng.integers(side - width + 1))
    result = picture.copy()
    result[top : top + height, left : left + width] = _texture(side, rng, 3)[:height, :width]
    return result


def scene(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shapes and smooth light, as of a camera that looks elsewhere."""
    side = len(picture)
    result = _texture(side, rng, int(rng.integers(2, 9)))
    for _ in range(int(rng.integers(0, 7))):
        corners = rng.integers(0, side, (int(rng.integers(3, 6)), 2)).astype(np.int32)
        cv2.fillPoly(result, [corners], int(rng.integers(256)))
    return result


def noise(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White noise of any contrast."""
    return np.clip(rng.normal(rng.uniform(40, 200), rng.uniform(8, 80), picture.shape), 0, 255).astype(np.uint8)


def negative(picture: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Black for white."""
    return 255 - picture


def _texture(side: int, rng: np.random.Generator, cells: int) -> np.ndarray:
    grid = rng.uniform(0, 255, (cells, cells)).astype(np.float32)
    return np.clip(cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


_WAYS = (upside_down, flipped, turned, cut_off, covered, scene, noise, negative)
