"""Blinks: when the lids fall, and how far they are open."""

from __future__ import annotations

import math

import numpy as np

_SHUT_S, _WITH_LARGE_SHIFT = 0.08, 0.25
_LARGE_RAD = math.radians(25.0)


class Blinks:
    """Lids of one person, from a stream of its own. A blink closes in 80 ms, stays shut for a moment and opens slowly.

    Pauses between blinks are 0.6 s and a gamma variate; large gaze shifts often come with a blink (Evinger 1994).
    """

    def __init__(self, rng: np.random.Generator, interval_s: float) -> None:
        self._rng, self._interval_s = np.random.default_rng(rng.integers(2**63)), interval_s
        self._start_s, self._shut_s, self._open_s = -1.0, 0.0, 0.0
        self._next_s = self._pause()

    def _pause(self) -> float:
        return 0.6 + float(self._rng.gamma(1.5, max(self._interval_s - 0.6, 0.1) / 1.5))

    def gaze_shift(self, amplitude_rad: float, now_s: float) -> None:
        if amplitude_rad > _LARGE_RAD and now_s > self._end_s + 0.6 and self._rng.random() < _WITH_LARGE_SHIFT:
            self._next_s = now_s

    def advance(self, now_s: float) -> None:
        if now_s >= self._next_s:
            self._start_s = now_s
            self._shut_s = float(self._rng.uniform(0.02, 0.08))
            self._open_s = float(self._rng.uniform(0.1, 0.18))
            self._next_s = self._end_s + self._pause()

    @property
    def _end_s(self) -> float:
        return self._start_s + _SHUT_S + self._shut_s + self._open_s

    def opening(self, now_s: float) -> float:
        """Share (0 shut .. 1 open) of the usual lid opening."""
        since = now_s - self._start_s
        if since <= 0.0 or now_s >= self._end_s:
            return 1.0
        if since < _SHUT_S:
            return 0.5 + 0.5 * math.cos(math.pi * since / _SHUT_S)
        since -= _SHUT_S + self._shut_s
        return 0.0 if since <= 0.0 else 0.5 - 0.5 * math.cos(math.pi * since / self._open_s)
