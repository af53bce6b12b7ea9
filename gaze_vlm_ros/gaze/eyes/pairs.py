"""Left and right eye pictures become pairs by their stamps, and the rate at which they come is found."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.types import NS_PER_S, EyePicture

_REMEMBERED = 60
_LEAST_INTERVALS = 10
_SILENT_INTERVALS = 5
_RATE_TOLERANCE = 0.1


@dataclass(frozen=True, eq=False)
class EyePair:
    """Pictures (H, W) uint8 of one moment; None for an eye without one. The stamp is that of the earlier."""

    stamp_ns: int
    left: np.ndarray | None
    right: np.ndarray | None


class EyePairs:
    """Pairs pictures whose stamps differ by less than half the interval of their camera.

    A picture waits for its partner until a later one of the same eye has come; then it is alone, and at once where the
    other eye's camera has been silent for five intervals. Pictures whose stamp is not later than the one before are
    left out.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[EyePicture]] = {"left": deque(), "right": deque()}
        self._stamps: dict[str, deque[int]] = {side: deque(maxlen=_REMEMBERED) for side in self._waiting}
        self.alone = 0
        """Pictures without a partner."""
        self.late = 0
        """Pictures that came after a newer one of the same eye, or twice."""

    def add(self, picture: EyePicture) -> list[EyePair]:
        """Takes in one picture; returns what is complete now, oldest first."""
        stamps = self._stamps[picture.side]
        if stamps and picture.stamp_ns <= stamps[-1]:
            if stamps[-1] - picture.stamp_ns < NS_PER_S:
                self.late += 1
                return []
            self._forget()
        self._stamps[picture.side].append(picture.stamp_ns)
        self._waiting[picture.side].append(picture)
        return self._taken()

    def rate_hz(self, side: str) -> float:
        """By the median interval of the newest stamps; NaN before there are enough."""
        if len(self._stamps[side]) <= _LEAST_INTERVALS:
            return float("nan")
        return NS_PER_S / float(np.median(np.diff(self._stamps[side])))

    def rate_problems(self, announced_hz: float) -> list[str]:
        """What is odd about the rates, in words; ``announced_hz`` 0: any rate will do."""
        problems = []
        rates = {side: self.rate_hz(side) for side in self._stamps}
        for side, rate in rates.items():
            if announced_hz and abs(rate / announced_hz - 1.0) > _RATE_TOLERANCE:  # false for NaN
                problems.append(
                    f"the {side} eye camera gives {rate:.1f} pictures per second, {announced_hz:g} announced"
                )
        if not announced_hz and abs(rates["left"] / rates["right"] - 1.0) > _RATE_TOLERANCE:
            problems.append(
                f"the eye cameras differ in rate: left {rates['left']:.1f} Hz, right {rates['right']:.1f} Hz"
            )
        return problems

    def _forget(self) -> None:
        for kept in (*self._waiting.values(), *self._stamps.values()):
            kept.clear()

    def _taken(self) -> list[EyePair]:
        pairs = []
        while (pair := self._next()) is not None:
            pairs.append(pair)
        return pairs

    def _next(self) -> EyePair | None:
        left, right = self._waiting["left"], self._waiting["right"]
        if np.isnan(self._interval_ns()):
            return None
        if left and right:
            apart_ns = right[0].stamp_ns - left[0].stamp_ns
            if 2 * abs(apart_ns) <= self._interval_ns():
                one, other = left.popleft(), right.popleft()
                return EyePair(min(one.stamp_ns, other.stamp_ns), one.grey, other.grey)
            return self._alone("left" if apart_ns > 0 else "right")
        for side, other in (("left", "right"), ("right", "left")):
            if len(self._waiting[side]) > 1 or (self._waiting[side] and self._is_silent(other)):
                return self._alone(side)
        return None

    def _is_silent(self, side: str) -> bool:
        mine, others = self._stamps[side], self._stamps["left" if side == "right" else "right"]
        if not mine:
            return len(others) > _SILENT_INTERVALS
        return others[-1] - mine[-1] > _SILENT_INTERVALS * self._interval_ns()

    def _alone(self, side: str) -> EyePair:
        self.alone += 1
        picture = self._waiting[side].popleft()
        return EyePair(picture.stamp_ns, *(picture.grey if side == eye else None for eye in ("left", "right")))

    def _interval_ns(self) -> float:
        """The shorter of the cameras' intervals; NaN before it is known."""
        intervals = [np.median(np.diff(stamps)) for stamps in self._stamps.values() if len(stamps) > 2]
        return float(min(intervals, default=np.nan))
