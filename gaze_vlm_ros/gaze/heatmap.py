"""Human gaze as a distribution over the patches of a frame (Gaze-VLM, arXiv 2510.21356, section 3).

Flow fields are (H, W, 2) [px]: ``flow[y, x]`` is the displacement of the pixel (x, y) to the other frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import cv2
import numpy as np
from scipy.special import ndtr

SIGMA_PX = 20.0
OCCLUSION_EPS_PX = 20.0
OCCLUSION_ETA = 0.60


class OcclusionRule(StrEnum):
    """Which earlier gaze points count."""

    FRAME = "frame"
    """The paper's: drop the point where more than eta of ALL pixels fail the forward-backward check."""
    POINT = "point"
    """Drop the point where the gazed pixel itself fails the check."""


def heatmap(
    points_px: np.ndarray,
    image_size: tuple[float, float],
    grid: tuple[int, int],
    sigma_px: float = SIGMA_PX,
    *,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Share of gaze in each patch, (rows, cols) float32, sum 1; all zeros where no point counts.

    ``points_px`` (N, 2) in a picture of ``image_size`` (width, height); ``grid`` is (rows, cols). Every point becomes
    a Gaussian of ``sigma_px`` [px of the original frame], cut at the border and normalised (the paper's pi), and the
    Gaussians are added with ``weights`` (N,). The mass of a patch is integrated exactly, not sampled. Points that are
    NaN or outside the picture count nothing, since their normalised remainder would pile up at the border.
    """
    points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
    weights = np.ones(len(points)) if weights is None else np.asarray(weights, dtype=np.float64)
    _check(sigma_px, weights, len(points))
    width, height = image_size
    rows, cols = grid
    inside = ((points >= -0.5) & (points < (width - 0.5, height - 0.5))).all(axis=1)
    if not (inside & (weights > 0.0)).any():
        return np.zeros(grid, dtype=np.float32)
    points, weights = points[inside], weights[inside]
    across = _mass(points[:, 0], width, cols, sigma_px)
    down = _mass(points[:, 1], height, rows, sigma_px)
    total = np.einsum("n,nr,nc->rc", weights, down, across)
    return (total / total.sum()).astype(np.float32)


def aggregated_heatmap(
    points_px: np.ndarray,
    forward_flow: Sequence[np.ndarray],
    backward_flow: Sequence[np.ndarray],
    grid: tuple[int, int],
    sigma_px: float = SIGMA_PX,
    *,
    rule: OcclusionRule = OcclusionRule.FRAME,
) -> np.ndarray:
    """Heatmap (rows, cols) of the newest frame from gaze points (N, 2) of N earlier frames, each moved by its flow.

    ``forward_flow[i]`` leads from frame i to the newest frame, ``backward_flow[i]`` back. The paper's Algorithm 2:
    the *point* is moved, then splatted; ``o_tau`` of ``rule`` weighs it.
    """
    points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
    if not len(points):
        return np.zeros(grid, dtype=np.float32)
    weights = flow_occlusion_weights(points, forward_flow, backward_flow, rule)
    moved = np.vstack([move_point(point, flow) for point, flow in zip(points, forward_flow, strict=True)])
    height, width = forward_flow[0].shape[:2]
    return heatmap(moved, (width, height), grid, sigma_px, weights=weights)


def flow_occlusion_weights(
    points_px: np.ndarray,
    forward_flow: Sequence[np.ndarray],
    backward_flow: Sequence[np.ndarray],
    rule: OcclusionRule = OcclusionRule.FRAME,
    *,
    eps_px: float = OCCLUSION_EPS_PX,
    eta: float = OCCLUSION_ETA,
) -> np.ndarray:
    """``o_tau`` (N,) of 0 or 1 for gaze points (N, 2) and the flow to the newest frame and back.

    A pixel fails where ``|f(p) + b(p + f(p))| > eps_px``, or where ``p + f(p)`` has left the picture, since nothing
    there confirms it.
    """
    points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
    weights = np.zeros(len(points))
    for index, (point, forward, backward) in enumerate(zip(points, forward_flow, backward_flow, strict=True)):
        if rule is OcclusionRule.FRAME:
            weights[index] = np.mean(_fails(forward, backward, eps_px)) <= eta
        else:
            weights[index] = not _point_fails(point, forward, backward, eps_px)
    return weights


def move_point(point_px: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """The point (2,) plus its bilinearly interpolated flow; NaN where the point lies outside the flow field."""
    height, width = flow.shape[:2]
    x, y = np.asarray(point_px, dtype=np.float64)
    if not (0.0 <= x <= width - 1 and 0.0 <= y <= height - 1):
        return np.full(2, np.nan)
    sampled = cv2.remap(
        flow.astype(np.float32), np.float32([[x]]), np.float32([[y]]), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.array([x, y]) + sampled.reshape(2)


def _mass(centre: np.ndarray, size: float, parts: int, sigma: float) -> np.ndarray:
    """Mass (N, parts) of Gaussians at ``centre`` (N,) in equal parts of a picture side, each row summing to 1."""
    edges = np.linspace(-0.5, size - 0.5, parts + 1)
    mass = np.diff(ndtr((edges[None] - centre[:, None]) / sigma), axis=1)
    return mass / mass.sum(axis=1, keepdims=True)


def _fails(forward: np.ndarray, backward: np.ndarray, eps_px: float) -> np.ndarray:
    height, width = forward.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = x + forward[..., 0].astype(np.float32), y + forward[..., 1].astype(np.float32)
    back = cv2.remap(backward.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    left = (x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)
    return left | (np.linalg.norm(forward + back, axis=2) > eps_px)


def _point_fails(point: np.ndarray, forward: np.ndarray, backward: np.ndarray, eps_px: float) -> bool:
    returned = move_point(move_point(point, forward), backward)
    return not np.linalg.norm(returned - point) <= eps_px


def _check(sigma_px: float, weights: np.ndarray, count: int) -> None:
    if not sigma_px > 0.0:
        raise ValueError(f"sigma_px must be positive, got {sigma_px}")
    if weights.shape != (count,) or not (weights >= 0.0).all():
        raise ValueError(f"weights must be {count} numbers >= 0, got shape {weights.shape}")
