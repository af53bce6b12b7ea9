"""Has the eye tracker slipped? What the hand takes hold of was looked at before, so the two should lie together."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SlipSettings:
    """``reaches`` are remembered; from ``needed`` on a slip can be told.

    Shifts up to ``reach_rad`` are tried in steps of ``step_rad``; a sample speaks for those within ``radius_rad``. A
    shift of at least ``least_rad`` is a slip once half of the reaches speak for it, and ``margin`` more of them than
    for any of at most ``normal_rad``.
    """

    reaches: int = 16
    needed: int = 6
    reach_rad: float = float(np.radians(12.0))
    step_rad: float = float(np.radians(1.0))
    radius_rad: float = float(np.radians(1.5))
    normal_rad: float = float(np.radians(2.0))
    least_rad: float = float(np.radians(3.0))
    margin: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.needed <= self.reaches:
            raise ValueError(f"needed must be 1 to reaches ({self.reaches}), got {self.needed}")
        if self.margin < 1:
            raise ValueError(f"margin must be at least 1, got {self.margin}")


class SlipDetector:
    """Each reach votes for the shifts by which gaze would have lain on what the hand then touched (a Hough transform).

    People look at what they take before the hand is there, and on to something else before or after (Land and Hayhoe
    2001; Johansson et al. 2001), so single samples say nothing; a shift for which nearly every reach speaks does.
    """

    def __init__(self, settings: SlipSettings | None = None) -> None:
        self.settings = one = settings or SlipSettings()
        steps = round(one.reach_rad / one.step_rad)
        axis = np.arange(-steps, steps + 1) * one.step_rad
        self._shifts = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        size = np.linalg.norm(self._shifts, axis=1)
        self._normal, self._slipped = size <= one.normal_rad + 1e-9, size >= one.least_rad - 1e-9
        self._votes: deque[np.ndarray] = deque(maxlen=one.reaches)

    def reset(self) -> None:
        """Forget all reaches, as after the tracker was put on anew."""
        self._votes.clear()

    def reached(self, offsets_rad: np.ndarray) -> np.ndarray | None:
        """One more reach: (n, 2) angles to the right and down [rad] from what was touched to the gaze before it.

        Returns the shift (2,) [rad] of a slip, None where there is none to tell. Without finite offsets the reach does
        not count.
        """
        offsets = np.asarray(offsets_rad, dtype=np.float64).reshape(-1, 2)
        offsets = offsets[np.isfinite(offsets).all(axis=1)]
        if len(offsets):
            distance = np.linalg.norm(self._shifts[:, None] - offsets[None], axis=-1)
            self._votes.append((distance <= self.settings.radius_rad).any(axis=1))
        return self._told()

    def _told(self) -> np.ndarray | None:
        if len(self._votes) < self.settings.needed:
            return None
        votes = np.sum(self._votes, axis=0)
        best = votes[self._slipped].max()
        if best < len(self._votes) / 2 or best - votes[self._normal].max() < self.settings.margin:
            return None
        return self._shifts[self._slipped & (votes == best)].mean(axis=0)
