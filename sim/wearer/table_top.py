"""A table without physics or pictures: enough of a world for a wearer, at thousands of steps per second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gaze_vlm_ros.language import ROBOT, TABLE
from gaze_vlm_ros.sim.wearer.wearer import Wearer

TOP_M = 0.72
_GRIP_M = np.array([0.0, 0.0, 0.06])
_HALF_M = 0.05
_SPACING_M = 0.14
_MIDDLES = {
    "tray": (0.42, 0.0, TOP_M),
    "mat": (0.0, -0.18, TOP_M),
    "shelf": (-0.1, 0.42, TOP_M + 0.25),
    "basket": (-0.45, 0.05, TOP_M),
    ROBOT: (0.35, 0.3, TOP_M),
    TABLE: (0.0, 0.1, TOP_M),
}
_AT_THE_MOUTH = ("drink", "eat", "take")


class TableTop:
    """Things stand on a jittered grid; the carried one follows the hand (``follow`` after each tick)."""

    def __init__(self, rng: np.random.Generator, things: Sequence[str], mouth_m: np.ndarray) -> None:
        grid = [(x, y) for x in (-0.36, -0.22, -0.07, 0.07, 0.22, 0.36) for y in (-0.08, 0.08, 0.24)]
        seats = rng.permutation(len(grid))[: len(things)]
        self._things = tuple(things)
        self._mouth_m = np.asarray(mouth_m, dtype=float)
        self._centres = {
            thing: np.array([*(np.array(grid[seat]) + rng.uniform(-0.02, 0.02, 2)), TOP_M + _HALF_M])
            for thing, seat in zip(things, seats, strict=True)
        }

    def follow(self, wearer: Wearer) -> None:
        """What the wearer carries is where the hand has it."""
        if wearer.carried:
            self._centres[wearer.carried] = wearer.carried_m

    def position_of(self, thing: str) -> np.ndarray:
        return self._centres[thing].copy()

    def grip_of(self, thing: str) -> np.ndarray:
        return self._centres[thing] + _GRIP_M

    def spot_for(self, thing: str, place: str) -> np.ndarray:
        """The freest of nine spots."""
        x, y, z = _MIDDLES[place]
        spots = [
            np.array([x + across * _SPACING_M, y + along * _SPACING_M, z + _HALF_M])
            for across in (-1, 0, 1)
            for along in (-1, 0, 1)
        ]
        others = np.array([centre for other, centre in self._centres.items() if other != thing])
        return max(spots, key=lambda spot: float(np.linalg.norm(others - spot, axis=1).min()))

    def use_point(self, verb: str, thing: str, place: str) -> np.ndarray:
        if verb in _AT_THE_MOUTH:
            return self._mouth_m
        if verb == "read":
            return self._mouth_m + [0.0, 0.25, -0.12]
        if place in self._centres:
            return self._centres[place] + [0.05, 0.0, 0.18]
        if place:
            return np.array(_MIDDLES[place]) + [0.0, 0.0, _HALF_M]
        return np.array([0.1, -0.15, TOP_M + 0.18])

    def visible_things(self) -> tuple[str, ...]:
        return self._things
