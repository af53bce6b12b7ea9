"""Rays at spheres: entry, refraction (Snell), and the points where a sphere bends or mirrors one point into another.

Rays are stored by component, (3, N), which keeps each component together in memory; points of interest are (N, 3).
"""

from __future__ import annotations

import numpy as np

CORNEA_INDEX = 1.3375
"""Refractive index that stands for cornea and aqueous humour together (the keratometer's)."""
_NEWTON_STEPS = 6


def sphere_entry(origin: np.ndarray, rays: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """Distances (N,) along unit ``rays`` (3, N) from ``origin`` (3,) to a sphere's near side; inf where they miss."""
    to_centre = (centre - origin).astype(rays.dtype)
    along = to_centre @ rays
    square = along * along - rays.dtype.type(to_centre @ to_centre - radius * radius)
    root = np.sqrt(np.maximum(square, 0))
    return np.where((square > 0) & (along > root), along - root, np.inf)


def refract(rays: np.ndarray, normals: np.ndarray, index: float) -> np.ndarray:
    """Unit rays (3, N) after entering a medium ``index`` times denser, through unit ``normals`` that face the rays."""
    ratio = 1.0 / index
    cosine = -np.einsum("ij,ij->j", rays, normals)
    inner = np.sqrt(1.0 - ratio**2 * (1.0 - cosine**2))
    return (ratio * rays + (ratio * cosine - inner) * normals).astype(rays.dtype, copy=False)


def refraction_points(
    eye: np.ndarray, inner: np.ndarray, centre: np.ndarray, radius: float, index: float = CORNEA_INDEX
) -> np.ndarray:
    """Where on a sphere (N, 3) the light from points ``inner`` (N, 3) in it leaves to reach ``eye`` (3,) outside."""
    return _stationary_points(eye, inner, centre, radius, index)


def reflection_points(eye: np.ndarray, lights: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """Where on a sphere (N, 3) an ``eye`` (3,) outside sees the mirror images of ``lights`` (N, 3) outside."""
    return _stationary_points(eye, lights, centre, radius, 1.0)


def _stationary_points(
    eye: np.ndarray, points: np.ndarray, centre: np.ndarray, radius: float, index: float
) -> np.ndarray:
    """Fermat: the surface points at which |eye - x| + index * |x - point| does not change, by Newton's method.

    Each lies in the plane of eye, centre and point, at an angle between the directions of the two; so one unknown.
    """
    towards_eye = eye - centre
    eye_distance = np.linalg.norm(towards_eye)
    towards_eye = towards_eye / eye_distance
    offsets = points - centre
    along = offsets @ towards_eye
    across = offsets - along[:, None] * towards_eye
    aside = np.linalg.norm(across, axis=1)
    across /= np.maximum(aside, 1e-12)[:, None]
    distance, span = np.hypot(along, aside), np.arctan2(aside, along)
    angle = 0.5 * span
    for _ in range(_NEWTON_STEPS):
        slope_a, curve_a = _path(angle, eye_distance, radius)
        slope_b, curve_b = _path(angle - span, distance, radius)
        angle = np.clip(angle - (slope_a + index * slope_b) / (curve_a + index * curve_b), 0.0, span)
    return centre + radius * (np.cos(angle)[:, None] * towards_eye + np.sin(angle)[:, None] * across)


def _path(angle: np.ndarray, distance: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """First and second derivative by angle of the way from a point at ``distance`` from the centre to the sphere."""
    pull = radius * distance * np.cos(angle)
    way = np.sqrt(radius**2 + distance**2 - 2.0 * pull)
    slope = radius * distance * np.sin(angle) / way
    return slope, (pull - slope**2) / way
