"""Distances of an arm, seen as a chain of points, from points, from boxes and from itself. numpy only.

Chains are (..., k, 3), k >= 2: their k - 1 segments are the links. NaN anywhere gives NaN.
"""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.robots.limits import Box

_THIN_M2 = 1e-12
_NINE = np.linspace(0.0, 1.0, 9)[:, None]


def chain_distance(chain: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance (..., m) of each of ``points`` (m, 3) from the nearest segment of ``chain`` (..., k, 3)."""
    start, way = chain[..., None, :-1, :], (chain[..., 1:, :] - chain[..., :-1, :])[..., None, :, :]
    offset = points[:, None, :] - start
    share = (offset * way).sum(-1) / np.maximum((way * way).sum(-1), _THIN_M2)
    offset -= np.minimum(np.maximum(share, 0.0), 1.0)[..., None] * way
    return np.sqrt((offset * offset).sum(-1).min(-1))


def box_distances(chain: np.ndarray, box: Box) -> np.ndarray:
    """Distance (..., k - 1) of each segment of ``chain`` from ``box``; inside, minus its depth at nine points.

    Along a segment the squared distance is convex and its slope is linear between the times at which the segment
    crosses a plane of the box: the lowest point lies where that slope crosses zero.
    """
    start, way = chain[..., :-1, :], chain[..., 1:, :] - chain[..., :-1, :]
    safe = np.where(np.abs(way) < _THIN_M2, np.inf, way)
    crossings = np.concatenate([(box.lower_m - start) / safe, (box.upper_m - start) / safe], axis=-1)
    ends = np.zeros((*start.shape[:-1], 2))
    ends[..., 1] = 1.0
    times = np.sort(np.concatenate([np.minimum(np.maximum(crossings, 0.0), 1.0), ends], axis=-1), axis=-1)
    slope = (_outside(start[..., None, :] + times[..., None] * way[..., None, :], box) * way[..., None, :]).sum(-1)
    after = np.minimum((slope < 0.0).sum(-1, keepdims=True), times.shape[-1] - 1)
    before = np.maximum(after - 1, 0)
    t0, t1 = np.take_along_axis(times, before, -1), np.take_along_axis(times, after, -1)
    s0, s1 = np.take_along_axis(slope, before, -1), np.take_along_axis(slope, after, -1)
    falls = (s0 < 0.0) & (s1 > s0)
    lowest = np.where(falls, t0 + (t1 - t0) * np.clip(-s0 / np.where(falls, s1 - s0, 1.0), 0.0, 1.0), t0)
    excess = _outside(start + lowest * way, box)
    distance = np.sqrt((excess * excess).sum(-1))
    if (distance > 0.0).all():
        return distance
    points = start[..., None, :] + _NINE * way[..., None, :]
    depth = np.minimum(points - box.lower_m, box.upper_m - points).min(-1).max(-1)
    return np.where(distance > 0.0, distance, np.minimum(-depth, 0.0))


def _outside(points: np.ndarray, box: Box) -> np.ndarray:
    """By how much each coordinate of ``points`` (..., 3) lies beyond the box, with its sign; 0 within."""
    return points - np.minimum(np.maximum(points, box.lower_m), box.upper_m)


def link_distances(chain: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Distance (..., p) between the segments ``first[i]`` and ``second[i]``, both (p,) indices, of ``chain``.

    Two segments are nearest either somewhere inside both, or at one of their four ends.
    """
    a, b = chain[..., first, :], chain[..., second, :]
    u, v = chain[..., first + 1, :] - a, chain[..., second + 1, :] - b
    w = a - b
    uu, uv, vv = (u * u).sum(-1), (u * v).sum(-1), (v * v).sum(-1)
    uw, vw = (u * w).sum(-1), (v * w).sum(-1)
    cross = uu * vv - uv * uv
    uu, vv = np.maximum(uu, _THIN_M2), np.maximum(vv, _THIN_M2)
    s = np.clip(np.where(cross > _THIN_M2, (uv * vw - vv * uw) / np.maximum(cross, _THIN_M2), 0.0), 0.0, 1.0)
    t = np.clip((uv * s + vw) / vv, 0.0, 1.0)
    # Where t had to be kept on its segment, s follows it; elsewhere this changes nothing.
    s = np.clip((uv * t - uw) / uu, 0.0, 1.0)
    between = w + s[..., None] * u - t[..., None] * v
    return np.sqrt((between * between).sum(-1))


def separable_links(chain: np.ndarray, radius_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of segments of ``chain`` (k, 3) that can touch and need not: the way along the arm between them is longer
    than both radii (k - 1,) together. Two arrays (p,) of indices."""
    length = np.linalg.norm(np.diff(chain, axis=0), axis=1)
    reach = np.concatenate([[0.0], np.cumsum(length)])
    thick = np.flatnonzero((radius_m > 0.0) & (length > 0.0))
    pairs = [(i, j) for i in thick for j in thick if j > i and reach[j] - reach[i + 1] > radius_m[i] + radius_m[j]]
    return tuple(np.array(pairs, dtype=int).reshape(-1, 2).T)
