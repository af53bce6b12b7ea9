"""Where the places were last seen: what the hand works by when it hides them itself."""

from __future__ import annotations

import numpy as np

_FORGETS_PER_S = 0.7
"""The spread of what is remembered grows by this share per second."""
_SURE_M = 0.03
_ELSEWHERE = 4.0
_SEEN_TWICE = 2


class PlaceMemory:
    """Joins estimates of the two places over time, each weighed by its precision.

    Where two estimates in a row are sure of a place and far from the remembered one, the thing has moved, and the new
    place replaces the old one.
    """

    def __init__(self) -> None:
        self.places: np.ndarray | None = None
        self.spread_m = np.zeros(0)
        self._elsewhere = np.zeros(0, dtype=int)

    def update(self, places: np.ndarray, spread_m: np.ndarray, passed_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Takes places (K, 7) and their spread (K,) [m], ``passed_s`` after the last ones; returns the joint ones."""
        if self.places is None:
            self.places, self.spread_m = places.copy(), spread_m.copy()
            self._elsewhere = np.zeros(len(places), dtype=int)
            return self.places, self.spread_m
        self.spread_m = self.spread_m * (1.0 + _FORGETS_PER_S * passed_s)
        for index in range(len(places)):
            self._join(index, places[index], float(spread_m[index]))
        return self.places, self.spread_m

    def _join(self, index: int, place: np.ndarray, spread_m: float) -> None:
        away = float(np.linalg.norm(place[:3] - self.places[index, :3]))
        differs = spread_m < _SURE_M and away > _ELSEWHERE * (spread_m + self.spread_m[index])
        self._elsewhere[index] = self._elsewhere[index] + 1 if differs else 0
        if differs and self._elsewhere[index] >= _SEEN_TWICE:
            self.places[index], self.spread_m[index] = place, spread_m
            return
        if differs:
            return
        old, new = self.spread_m[index] ** -2, spread_m**-2
        share = new / (old + new)
        self.places[index] += share * (place - self.places[index])
        # Errors of successive pictures resemble each other: the best of them says how sure one is.
        self.spread_m[index] = min(self.spread_m[index], spread_m)
