"""Distances between points and an arm seen as a chain of points. numpy only."""

from __future__ import annotations

import numpy as np


def chain_distance(chain: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance (m,) of each of ``points`` (m, 3) from the segments that join ``chain`` (k, 3), k >= 2; NaN for NaN."""
    start, way = chain[:-1], np.diff(chain, axis=0)
    length2 = np.maximum(np.einsum("kd,kd->k", way, way), 1e-12)
    offset = points[:, None, :] - start
    share = np.clip(np.einsum("mkd,kd->mk", offset, way) / length2, 0.0, 1.0)
    return np.linalg.norm(offset - share[..., None] * way, axis=2).min(axis=1)
