"""Slippage noticed and corrected without asking: people look at what they grasp, and follow what moves.

Reaches are found by ``gaze.reaches`` and vote for shifts in ``gaze.slip``; here what they vote for becomes a correction
with the evidence for it. A moving thing, such as the robot's gripper, that gaze moves along with is one more vote
(smooth pursuit tells what is watched: Vidal et al., Pursuits, 2013).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.gaze.slip import SlipDetector, SlipSettings
from gaze_vlm_ros.types import NS_PER_S

CALIBRATED = SlipSettings(
    radius_rad=float(np.radians(1.2)), normal_rad=float(np.radians(1.0)), least_rad=float(np.radians(2.5))
)
"""For gaze that was calibrated, and is therefore right to a degree: a slip of 3 degrees is told apart from it."""


@dataclass(frozen=True)
class SlipEstimate:
    """``shift_rad`` (2,): how far gaze lies to the right of and below the truth; zeros where nothing is sure.

    ``speak_for`` of ``events`` speak for it. ``slipped``: it is sure.
    """

    shift_rad: np.ndarray
    speak_for: int
    events: int
    slipped: bool


class ImplicitOffset:
    """A running shift from looks at implicit targets, robust against all the looks that are none.

    Feed it *uncorrected* gaze, so that what it says is the whole shift. It can be given to ``reaches.SlipWatch`` as its
    detector. Once told, a shift stays in force until the looks speak for another one, or again for none.
    """

    def __init__(self, settings: SlipSettings = CALIBRATED) -> None:
        self._detector = SlipDetector(settings)
        self._offsets: deque[np.ndarray] = deque(maxlen=self._detector.settings.reaches)
        self._shift_rad: np.ndarray | None = None
        self.estimate = self._estimate()
        """What is in force, and how many looks speak for it; replaced as a whole, for readers in other threads."""

    def reached(self, offsets_rad: np.ndarray) -> np.ndarray | None:
        """One more look: (n, 2) angles to the right and down [rad] from a target to the gaze about that time.

        Returns the shift (2,) in force, None where there is none to tell. Without finite offsets it does not count.
        """
        offsets = np.asarray(offsets_rad, dtype=np.float64).reshape(-1, 2)
        offsets = offsets[np.isfinite(offsets).all(axis=1)]
        if len(offsets):
            self._offsets.append(offsets)
            told = self._detector.reached(offsets)
            if told is not None:
                self._shift_rad = self._refined(told)
            elif self._shift_rad is not None and self._is_over():
                self._shift_rad = None
            self.estimate = self._estimate()
        return self._shift_rad

    def _estimate(self) -> SlipEstimate:
        shift = np.zeros(2) if self._shift_rad is None else self._shift_rad
        return SlipEstimate(shift, self._speak_for(shift), len(self._offsets), self._shift_rad is not None)

    def reset(self) -> None:
        """Forget everything, as after a calibration."""
        self._detector.reset()
        self._offsets.clear()
        self._shift_rad = None
        self.estimate = self._estimate()

    def _near(self, shift_rad: np.ndarray) -> list[np.ndarray]:
        """Of each look that speaks for a shift, the mean (2,) of its offsets near it."""
        radius = self._detector.settings.radius_rad
        near = [offsets[np.linalg.norm(offsets - shift_rad, axis=1) <= radius] for offsets in self._offsets]
        return [offsets.mean(axis=0) for offsets in near if len(offsets)]

    def _speak_for(self, shift_rad: np.ndarray) -> int:
        return len(self._near(shift_rad))

    def _refined(self, told_rad: np.ndarray) -> np.ndarray:
        """The middle of the looks that speak for a shift of the detector's coarse grid."""
        near = self._near(told_rad)
        return np.median(near, axis=0) if near else told_rad

    def _is_over(self) -> bool:
        """Whether looks speak clearly for gaze that lies where it should."""
        return self._speak_for(np.zeros(2)) - self._speak_for(self._shift_rad) >= self._detector.settings.margin


@dataclass(frozen=True)
class PursuitSettings:
    """A thing is watched where over ``window_s`` it moves by ``least_way_rad`` and gaze along with it: the correlation
    along its way is at least ``least_correlation`` and the gain about 1. One look in ``every_s`` counts."""

    window_s: float = 1.0
    least_way_rad: float = float(np.radians(6.0))
    least_correlation: float = 0.95
    gain: tuple[float, float] = (0.7, 1.3)
    least_samples: int = 15
    every_s: float = 2.0


class PursuitWatch:
    """Tells looks at one moving thing from directions of gaze and thing, both in the scene camera's optical frame."""

    def __init__(self, settings: PursuitSettings | None = None) -> None:
        self._settings = settings or PursuitSettings()
        self._pairs: deque[tuple[int, np.ndarray, np.ndarray]] = deque()
        self._told_ns: int | None = None

    def add(self, stamp_ns: int, gaze: np.ndarray, thing: np.ndarray) -> np.ndarray | None:
        """Directions (3,) of one instant; returns the offsets (n, 2) [rad] of a look at the thing when it is one."""
        if not (np.isfinite(gaze).all() and np.isfinite(thing).all() and gaze[2] > 0.0 and thing[2] > 0.0):
            return None
        if self._pairs and stamp_ns < self._pairs[-1][0]:
            self._pairs.clear()
            self._told_ns = None
        self._pairs.append((stamp_ns, *(np.arctan2(way[:2], way[2]) for way in (gaze, thing))))
        while stamp_ns - self._pairs[0][0] > self._settings.window_s * NS_PER_S:
            self._pairs.popleft()
        rests = self._told_ns is not None and stamp_ns - self._told_ns < self._settings.every_s * NS_PER_S
        if rests or len(self._pairs) < self._settings.least_samples or not self._moves_along():
            return None
        self._told_ns = stamp_ns
        return np.median([gaze - thing for _, gaze, thing in self._pairs], axis=0)[None]

    def _moves_along(self) -> bool:
        gaze, thing = (np.array([pair[index] for pair in self._pairs]) for index in (1, 2))
        gaze, thing = gaze - gaze.mean(axis=0), thing - thing.mean(axis=0)
        way = np.linalg.svd(thing, full_matrices=False)[2][0]
        along, its = gaze @ way, thing @ way
        if np.ptp(its) < self._settings.least_way_rad:
            return False
        together, least, most = float(along @ its), *self._settings.gain
        correlated = together >= self._settings.least_correlation * np.sqrt(float(along @ along) * float(its @ its))
        return correlated and least <= together / float(its @ its) <= most
