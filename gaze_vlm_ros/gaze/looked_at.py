"""Which thing of an object map lies under the gaze, and the gaze target that it makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.geometry.gaze_target import PointEstimate
from gaze_vlm_ros.types import CameraModel, GazeSample, GazeTarget, ObjectMap

LEAST_SHARE = 0.35
"""Of the gaze's weight that a thing must have; a background that surrounds it everywhere may have the rest."""


@dataclass(frozen=True)
class Looked:
    """Label ("" for none), its probability 0..1, and its region (x, y, width, height) [px], NaN for none."""

    label: str
    probability: float
    region_px: np.ndarray


NOTHING = Looked("", float("nan"), np.full(4, np.nan))
"""No thing that could be named."""


def looked_through(objects: ObjectMap, sample: GazeSample, camera: CameraModel) -> Looked:
    """``looked_at`` for a gaze sample of ``camera``, as widely as the sample says that it may be wrong."""
    sigma_px = float(np.nan_to_num(sample.sigma_rad.mean())) * camera.matrix[0, 0]
    return looked_at(objects, sample.point_px, (camera.width, camera.height), sigma_px)


def named_target(stamp_ns: int, point: PointEstimate, looked: Looked, base_frame: str) -> GazeTarget:
    """The gaze target of the thing ``looked`` at ``point``, given in the robot's base."""
    return GazeTarget(
        stamp_ns,
        point.position_m,
        point.covariance_m2,
        looked.label,
        looked.label,
        looked.probability,
        looked.region_px,
        base_frame,
    )


def looked_at(objects: ObjectMap, point_px: np.ndarray, image_size: tuple[int, int], sigma_px: float = 0.0) -> Looked:
    """The thing with most weight under a Gaussian of ``sigma_px``, at least half a patch, about ``point_px`` (2,).

    ``image_size`` is (width, height) [px] of the image that the map covers. The region is the box of that thing's
    patches that touch the one nearest to the gaze.
    """
    rows, columns = objects.label_index.shape
    patch = np.array([image_size[0] / columns, image_size[1] / rows])
    across = (np.arange(columns) + 0.5) * patch[0] - 0.5 - point_px[0]
    down = (np.arange(rows) + 0.5) * patch[1] - 0.5 - point_px[1]
    sigma = max(sigma_px, float(patch.mean()) / 2)
    weight = np.exp(-(down[:, None] ** 2 + across[None] ** 2) / (2 * sigma**2))
    total = weight.sum()
    if not np.isfinite(total) or total < 1e-9:
        return NOTHING
    shares = np.bincount(objects.label_index.ravel(), weight.ravel() / total, len(objects.labels))
    sure = np.bincount(objects.label_index.ravel(), (weight * objects.probability).ravel() / total, len(objects.labels))
    best = 1 + int(np.argmax(shares[1:])) if len(shares) > 1 else 0
    if best == 0 or shares[best] < LEAST_SHARE:
        return NOTHING
    return Looked(
        objects.labels[best], float(sure[best] / shares[best]), _region(objects.label_index == best, weight, patch)
    )


def _region(mask: np.ndarray, weight: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """The box [px] of the connected patches of ``mask`` that hold the one with most ``weight``."""
    reached = np.zeros_like(mask)
    reached[np.unravel_index(np.argmax(np.where(mask, weight, -1.0)), mask.shape)] = True
    while True:
        padded = np.pad(reached, 1)
        grown = mask & (
            padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
        )
        if (grown == reached).all():
            break
        reached = grown
    rows, columns = np.nonzero(reached)
    corner = np.array([columns.min(), rows.min()]) * patch
    return np.array([*corner, *(np.array([columns.max() + 1, rows.max() + 1]) * patch - corner)])
