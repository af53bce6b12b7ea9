"""Distance between the arm and the wearer, where the wearer's state is given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.robots.clearance import chain_distance
from gaze_vlm_ros.types import WearerState

PARTS = ("left hand", "right hand", "head")


@dataclass(frozen=True)
class SeparationSettings:
    """The arm may not come nearer than ``stop_m`` and slows down from ``slow_m`` on, to ``slow_share`` of its speed.

    The head counts as ``head_extra_m`` nearer than it is, everything as two sigma nearer.
    """

    stop_m: float = 0.10
    slow_m: float = 0.30
    slow_share: float = 0.4
    head_extra_m: float = 0.20

    def __post_init__(self) -> None:
        if not 0.0 < self.stop_m < self.slow_m:
            raise ValueError(f"need 0 < stop_m < slow_m, got {self.stop_m} and {self.slow_m}")
        if not 0.0 < self.slow_share <= 1.0:
            raise ValueError(f"slow_share must lie in (0, 1], got {self.slow_share}")
        if not self.head_extra_m >= 0.0:
            raise ValueError(f"head_extra_m must not be negative, got {self.head_extra_m}")

    def distances(self, chains: np.ndarray, wearer: WearerState) -> np.ndarray:
        """Distance (..., 3) [m] of the arm (..., k, 3) from each of ``PARTS``; inf from a part that is not seen."""
        places = np.array([wearer.left_hand_m, wearer.right_hand_m, wearer.base_T_head[:3, 3]])
        margin = 0.0 if np.isnan(wearer.sigma_m) else 2.0 * wearer.sigma_m
        distance = chain_distance(chains, places) - (margin, margin, margin + self.head_extra_m)
        distance[..., np.isnan(places).any(axis=1)] = np.inf
        return distance

    def speed_share(self, distance_m: float) -> float:
        """Share of the velocity limit allowed at ``distance_m``: 1 from ``slow_m`` on, falling to ``slow_share``."""
        near = min(max((self.slow_m - distance_m) / (self.slow_m - self.stop_m), 0.0), 1.0)
        return 1.0 - near * (1.0 - self.slow_share)
