"""Closed eyelids, seen as a sudden drop of the pupils' measured diameter."""

from __future__ import annotations

from collections import deque

import numpy as np

from gaze_vlm_ros.types import NS_PER_S, EyeState, GazeSample

CLOSING_RATIO = 0.75
OPENING_RATIO = 0.90
_MIN_HISTORY_S = 0.2
_LONGEST_S = 0.6


class EyelidGate:
    """Tells samples taken through closing, closed and opening lids from usable ones.

    A tracker that always returns numbers sees a shrinking pupil under a falling lid. The lids count as closing when
    *every* measured pupil falls below 0.75 of its median of the last ``context_s``, and as open again when one is back
    at 0.90. Light shrinks pupils too, but mostly slowly enough for the median to follow; what stays small for 0.6 s is
    light.
    Without pupil diameters the gate is always open.
    """

    def __init__(self, context_s: float = 0.5) -> None:
        self._context_ns = int(context_s * NS_PER_S)
        self._history: tuple[deque, deque] = (deque(), deque())
        self._closed_ns: int | None = None

    def update(self, sample: GazeSample) -> bool:
        """Whether the lids are not open at this sample."""
        eyes = (sample.left, sample.right)
        ratios = [self._ratio(eye, history) for eye, history in zip(eyes, self._history, strict=True)]
        largest = max((ratio for ratio in ratios if np.isfinite(ratio)), default=1.0)
        closed = largest < (CLOSING_RATIO if self._closed_ns is None else OPENING_RATIO)
        if closed and self._closed_ns is None:
            self._closed_ns = sample.stamp_ns
        elif closed and sample.stamp_ns - self._closed_ns > _LONGEST_S * NS_PER_S:
            self._forget()
            closed = False
        elif not closed:
            self._closed_ns = None
        if not closed:
            self._remember(sample)
        return closed

    def _ratio(self, eye: EyeState, history: deque) -> float:
        if not history or history[-1][0] - history[0][0] < _MIN_HISTORY_S * NS_PER_S:
            return float("nan")
        return eye.pupil_diameter_mm / float(np.median([diameter for _, diameter in history]))

    def _remember(self, sample: GazeSample) -> None:
        for eye, history in zip((sample.left, sample.right), self._history, strict=True):
            if eye.pupil_diameter_mm > 0.0:
                history.append((sample.stamp_ns, eye.pupil_diameter_mm))
            while history and history[0][0] < sample.stamp_ns - self._context_ns:
                history.popleft()

    def _forget(self) -> None:
        self._closed_ns = None
        for history in self._history:
            history.clear()
