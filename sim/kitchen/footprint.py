"""What a thing covers of a surface: a turned rectangle that holds handles and spouts too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.sim.things import ThingLook


@dataclass(frozen=True)
class Footprint:
    """A rectangle: middle (2,), half sides (2,) [m], yaw [rad]."""

    middle_m: np.ndarray
    half_m: np.ndarray
    yaw_rad: float

    @classmethod
    def of(cls, look: ThingLook, position_m: Sequence[float] = (0.0, 0.0), yaw_rad: float = 0.0) -> Footprint:
        """Of a thing whose body stands at ``position_m`` (2,)."""
        low, high = look.bounds[:, :2]
        c, s = np.cos(yaw_rad), np.sin(yaw_rad)
        middle = (low + high) / 2
        offset = np.array([[c, -s], [s, c]]) @ middle
        return cls(np.asarray(position_m) + offset, (high - low) / 2, yaw_rad)

    def reach(self) -> np.ndarray:
        """(2,) how far it extends from its middle along x and y."""
        return np.abs(_axes(np.array([self.yaw_rad]))[0].T) @ self.half_m

    @classmethod
    def of_hull(cls, look: ThingLook, pose: np.ndarray) -> Footprint:
        """Of the box that collides, of a thing at ``pose`` (4, 4) that may lie on any side."""
        corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * look.half_extents
        yaw = yaw_of(pose)
        reach = np.abs((corners @ pose[:3, :3].T)[:, :2] @ _axes(np.array([yaw]))[0].T).max(axis=0)
        return cls(pose[:2, 3], reach, yaw)

    def gaps(self, middles_m: np.ndarray, yaws_rad: np.ndarray, other: Footprint) -> np.ndarray:
        """How far this rectangle, brought to each of ``middles_m`` (N, 2) and ``yaws_rad`` (N,), is from ``other``
        along the side's direction that parts them best (N,) [m]; negative where they overlap.
        """
        mine = _axes(yaws_rad)
        theirs = np.broadcast_to(_axes(np.array([other.yaw_rad])), mine.shape)
        axes = np.concatenate([mine, theirs], axis=1)
        apart = np.abs(np.einsum("nij,nj->ni", axes, middles_m - other.middle_m))
        reach = (
            np.abs(axes @ mine.transpose(0, 2, 1)) @ self.half_m
            + np.abs(axes @ theirs.transpose(0, 2, 1)) @ other.half_m
        )
        return (apart - reach).max(axis=1)

    def depth(self, points_m: np.ndarray) -> np.ndarray:
        """How far each of ``points_m`` (N, 2) lies within the rectangle (N,) [m]; negative outside."""
        local = (points_m - self.middle_m) @ _axes(np.array([self.yaw_rad]))[0].T
        return (self.half_m - np.abs(local)).min(axis=1)

    def clear_of(
        self, middles_m: np.ndarray, yaws_rad: np.ndarray, others: Sequence[Footprint], gap_m: float
    ) -> np.ndarray:
        """Whether it would be at least ``gap_m`` from all ``others`` at each place (N,)."""
        return np.all([self.gaps(middles_m, yaws_rad, other) >= gap_m for other in others], axis=0)

    def within(self, middles_m: np.ndarray, yaws_rad: np.ndarray, low_m: np.ndarray, high_m: np.ndarray) -> np.ndarray:
        """Whether, brought to each place, it lies between the corners ``low_m`` and ``high_m`` (2,): (N,)."""
        reach = np.abs(_axes(yaws_rad).transpose(0, 2, 1)) @ self.half_m
        return ((middles_m - reach >= low_m) & (middles_m + reach <= high_m)).all(axis=1)


def _axes(yaws_rad: np.ndarray) -> np.ndarray:
    """(N, 2, 2): directions of the sides as rows."""
    c, s = np.cos(yaws_rad), np.sin(yaws_rad)
    return np.stack([np.stack([c, s], -1), np.stack([-s, c], -1)], 1)


def yaw_of(pose: np.ndarray) -> float:
    """Heading [rad] of whichever axis of ``pose`` (4, 4) is nearest to level, x first."""
    axis = 0 if abs(pose[2, 0]) < 0.8 else 1
    return float(np.arctan2(pose[1, axis], pose[0, axis]))
