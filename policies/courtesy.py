"""Keeping out of the wearer's way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.policies.fresh import is_fresh, is_late
from gaze_vlm_ros.robots.clearance import chain_distance
from gaze_vlm_ros.types import WearerState


@dataclass(frozen=True)
class CourtesySettings:
    """The arm yields to a hand nearer than ``yield_m`` and goes on when it is further than ``resume_m``."""

    yield_m: float = 0.15
    resume_m: float = 0.20
    head_extra_m: float = 0.15
    max_age_s: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 < self.yield_m <= self.resume_m:
            raise ValueError(f"need 0 < yield_m <= resume_m, got {self.yield_m} and {self.resume_m}")
        if self.head_extra_m < 0.0:
            raise ValueError(f"head_extra_m must not be negative, got {self.head_extra_m}")
        if not self.max_age_s > 0.0:
            raise ValueError(f"max_age_s must be positive, got {self.max_age_s}")


class Courtesy:
    """Knows where the wearer's hands and head are, and how near the arm is or would come."""

    def __init__(self, settings: CourtesySettings | None = None) -> None:
        self.settings = settings or CourtesySettings()
        self.yielding = False
        self._wearer: WearerState | None = None

    def on_wearer(self, wearer: WearerState) -> None:
        if self._wearer is None or not is_late(wearer.stamp_ns, self._wearer.stamp_ns):
            self._wearer = wearer

    def wearer(self, now_ns: int) -> WearerState | None:
        """The wearer's state where it is known and fresh."""
        wearer = self._wearer
        return wearer if wearer is not None and is_fresh(wearer.stamp_ns, now_ns, self.settings.max_age_s) else None

    def nearest(self, chains: list[np.ndarray], now_ns: int) -> tuple[float, str]:
        """Least distance [m] of any chain (k, 3) from the wearer, and from what; (inf, "") where nobody is seen.

        The head counts as ``head_extra_m`` nearer than it is.
        """
        wearer = self.wearer(now_ns)
        if wearer is None or not chains:
            return float("inf"), ""
        places = {"left hand": wearer.left_hand_m, "right hand": wearer.right_hand_m, "head": wearer.base_T_head[:3, 3]}
        seen = {part: place for part, place in places.items() if np.isfinite(place).all()}
        if not seen:
            return float("inf"), ""
        distance = np.min([chain_distance(chain, np.array(list(seen.values()))) for chain in chains], axis=0)
        distance -= [self.settings.head_extra_m if part == "head" else 0.0 for part in seen]
        return float(distance.min()), list(seen)[int(distance.argmin())]

    def update(self, distance_m: float) -> bool:
        """Whether the arm has to yield, given how near it is or is about to come; with hysteresis."""
        self.yielding = distance_m < (self.settings.resume_m if self.yielding else self.settings.yield_m)
        return self.yielding
