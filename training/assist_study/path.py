"""The way of a tool: straight pieces at a speed that rises and falls evenly."""

from __future__ import annotations

import math

import numpy as np


class Path:
    """A way of straight pieces, at a speed that rises and falls evenly; the yaw turns along with the way."""

    def __init__(self, points: list[np.ndarray], yaw: float, to_yaw: float) -> None:
        self._points = np.array(points)
        steps = np.linalg.norm(np.diff(self._points, axis=0), axis=1)
        self._at_m = np.concatenate([[0.0], np.cumsum(steps)])
        self._yaw, self._to_yaw = yaw, to_yaw
        self.travelled_m, self._speed, self._next = 0.0, 0.0, (0.0, 0.0)

    @property
    def end_m(self) -> np.ndarray:
        return self._points[-1]

    @property
    def ended(self) -> bool:
        return self.travelled_m >= self._at_m[-1] - 1e-6

    def ahead(self, dt_s: float, speed: float, acceleration: float) -> tuple[np.ndarray, float]:
        """The point (3,) and yaw one period on; ``go`` takes the step, ``stand`` does not and comes to rest."""
        left = self._at_m[-1] - self.travelled_m
        now = min(speed, self._speed + acceleration * dt_s, math.sqrt(2.0 * acceleration * left) + 0.01)
        at = min(self.travelled_m + now * dt_s, self._at_m[-1])
        self._next = at, now
        share = at / self._at_m[-1] if self._at_m[-1] > 0.0 else 1.0
        point = np.array([np.interp(at, self._at_m, self._points[:, axis]) for axis in range(3)])
        return point, self._yaw + share * (self._to_yaw - self._yaw)

    def go(self) -> None:
        self.travelled_m, self._speed = self._next

    def stand(self) -> None:
        self._speed = 0.0
