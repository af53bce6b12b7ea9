"""Pictures put together from parts of others that show things: what is small gets more of the encoder's time."""

from __future__ import annotations

import numpy as np
from torch import Tensor


def collage(
    pixels: Tensor, labels: Tensor, halves: Tensor, things: np.ndarray, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """As many pictures as it is given, each of four quarters that come from four of them and show a thing if it can be.

    ``pixels`` (F, 3, S, S), ``labels`` (F, rows, columns) and ``halves`` (F, 2 rows, 2 columns) as in training;
    ``things`` (K,) are the classes to be shown. Quarters are cut at the edges of patches and not resized, so labels
    stay exact. A mosaic in the manner of YOLOv4 (Bochkovskiy et al., 2020).
    """
    count, rows, columns = labels.shape
    side, high, wide = pixels.shape[-1] // columns, rows // 2, columns // 2
    made = [item.clone() for item in (pixels, labels, halves)]
    shown = np.isin(labels.numpy(), things)
    for frame in range(count):
        where = np.argwhere(shown[frame])
        for quarter, (row, column) in enumerate(((0, 0), (0, wide), (high, 0), (high, wide))):
            patch = where[rng.integers(len(where))] if len(where) else rng.integers((rows, columns))
            top, left = np.clip(patch - rng.integers((high, wide)), 0, (rows - high, columns - wide))
            for new, old, scale in zip(made, (pixels, labels, halves), (side, 1, 2), strict=True):
                cut = old[frame, ..., top * scale : (top + high) * scale, left * scale : (left + wide) * scale]
                to = new[(frame + quarter) % count]
                to[..., row * scale : (row + high) * scale, column * scale : (column + wide) * scale] = cut
    return tuple(made)
