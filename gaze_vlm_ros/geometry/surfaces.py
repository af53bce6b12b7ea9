"""Which surface a gaze cone meets first, among measured points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MIN_SHARE = 0.1
"""Smallest share of the cone's points that makes a surface; fewer are flying pixels at an edge."""
MODE_GAP_M = 0.04
MODE_GAP_SHARE = 0.03
FEW_POINTS = 8
"""Fewer points fix no plane."""
_STEEPEST_INCIDENCE = np.cos(np.radians(80.0))


@dataclass(frozen=True)
class Surface:
    """A local plane: a point (3,) [m] and its unit normal (3,)."""

    point_m: np.ndarray
    normal: np.ndarray


def nearest_surface(points: np.ndarray, around: np.ndarray, ray: np.ndarray) -> Surface:
    """The surface that a unit ray (3,) meets first among points (N, 3), relative to the eye.

    Where that surface has too few points for a plane, those points of ``around`` (M, 3), a wider neighbourhood, that
    continue it are taken too.
    """
    along = points @ ray
    mine = points[nearest_mode(along)]
    if len(mine) < FEW_POINTS:
        distance = float(np.median(mine @ ray))
        along = around @ ray
        mode = modes(along)
        mine = around[mode == mode[np.argmin(np.abs(along - distance))]]
        return fit_plane(mine, ray, distance)
    return fit_plane(mine, ray, float(np.median(mine @ ray)))


def modes(distances: np.ndarray) -> np.ndarray:
    """The number of the surface, 0 = nearest, to which each distance (N,) [m] belongs.

    Distances form one surface while neighbours in the sorted list are closer than 4 cm or 3 %: a slanted table is one.
    """
    order = np.argsort(distances)
    ordered = distances[order]
    breaks = np.diff(ordered) > np.maximum(MODE_GAP_M, MODE_GAP_SHARE * ordered[:-1])
    mode = np.empty(len(distances), dtype=int)
    mode[order] = np.concatenate([[0], np.cumsum(breaks)])
    return mode


def nearest_mode(distances: np.ndarray) -> np.ndarray:
    """Which of the distances (N,) [m] belong to the nearest surface, (N,) bool.

    The nearest surface with at least a tenth of the points wins, not the largest: people look at things, and a thing
    stands before its background.
    """
    mode = modes(distances)
    enough = np.bincount(mode) >= MIN_SHARE * len(distances)
    return mode == np.flatnonzero(enough)[0] if enough.any() else mode == 0


def fit_plane(points: np.ndarray, ray: np.ndarray, distance: float) -> Surface:
    """The plane through points (N, 3) that the ray meets near ``distance`` [m].

    A plane met at more than 80 degrees, or farther off than the points reach, is replaced by one that faces the ray at
    ``distance``: extrapolation along a grazing plane means nothing.
    """
    facing = Surface(distance * ray, ray)
    if len(points) < FEW_POINTS:
        return facing
    along, centre = points @ ray, points.mean(axis=0)
    normal = np.linalg.eigh(np.cov((points - centre).T))[1][:, 0]
    incidence = normal @ ray
    if abs(incidence) < _STEEPEST_INCIDENCE:
        return facing
    met = (normal @ centre) / incidence
    margin = 0.1 * (along.max() - along.min()) + 0.01
    return Surface(centre, normal) if along.min() - margin <= met <= along.max() + margin else facing
