"""What overlapping chunks say together."""

from __future__ import annotations

import numpy as np


class Ensemble:
    """The weighted mean of all chunks that reach a time: ``exp(-rate (n - i))`` for the i-th of n, oldest first.

    The gripper opens or closes as most of them say, since half open is neither. A hand that rests where the
    demonstrations rested a moment, too, goes on by the chunks of when it came there.
    """

    def __init__(self, rate: float, chunk_hz: float) -> None:
        self._rate, self._hz = rate, chunk_hz
        self._chunks: list[tuple[float, np.ndarray]] = []

    def add(self, time_s: float, chunk: np.ndarray) -> None:
        """``chunk`` (A, J) begins 1 / ``chunk_hz`` after ``time_s``."""
        span = len(chunk) / self._hz
        self._chunks = [(begun, old) for begun, old in self._chunks if begun + span > time_s] + [(time_s, chunk)]

    def at(self, time_s: float) -> np.ndarray:
        """(J,) at ``time_s``; after the end of all chunks the newest one's last. Needs a chunk."""
        rows = [row for begun, chunk in self._chunks if (row := self._row(time_s - begun, chunk)) is not None]
        if not rows:
            last = self._chunks[-1][1][-1].copy()
            last[-1] = float(last[-1] > 0.5)
            return last
        ages = np.arange(len(rows))[::-1]
        weights = np.exp(-self._rate * ages)
        mean = weights @ np.stack(rows) / weights.sum()
        mean[-1] = float(mean[-1] > 0.5)
        return mean

    def _row(self, ahead_s: float, chunk: np.ndarray) -> np.ndarray | None:
        """(J,) of a chunk ``ahead_s`` after it was made, between its rows; None where it does not reach."""
        place = ahead_s * self._hz - 1.0
        if not -1e-6 <= place <= len(chunk) - 1 + 1e-6:
            return None
        low = int(np.clip(np.floor(place + 1e-6), 0, len(chunk) - 1))
        high = min(low + 1, len(chunk) - 1)
        share = float(np.clip(place - low, 0.0, 1.0))
        return (1.0 - share) * chunk[low] + share * chunk[high]
