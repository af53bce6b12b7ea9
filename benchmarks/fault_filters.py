"""What can happen to a stream between its publisher and its readers. No ROS: messages are anything with their fields.

A filter is asked for each message, and says which messages go on and how much later [s]. It is made anew for each
trial, and lets everything through unchanged once its fault is over, which is whoever asks it to decide.
"""

from __future__ import annotations

import array
import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np

NS_PER_S = 1_000_000_000
Passed = list[tuple[float, Any]]
"""Pairs of delay [s] and message."""
Filter = Callable[[Any], Passed]


def lost() -> Filter:
    """Nothing comes any more."""
    return lambda message: []


def frozen() -> Filter:
    """The first picture again and again, under new stamps: what a hung camera driver gives."""
    first: list[Any] = []

    def apply(message: Any) -> Passed:
        first.append(message) if not first else None
        again = copy.copy(first[0])
        again.header = message.header
        return [(0.0, again)]

    return apply


def black() -> Filter:
    """A lens that is covered."""

    def apply(message: Any) -> Passed:
        dark = copy.copy(message)
        dark.data = array.array("B", bytes(len(message.data)))
        return [(0.0, dark)]

    return apply


def delayed(seconds: float) -> Filter:
    """Everything comes late, with the stamps it had."""
    return lambda message: [(seconds, message)]


def reordered(seconds: float) -> Filter:
    """Every second message overtakes the one before it."""
    count = [0]

    def apply(message: Any) -> Passed:
        count[0] += 1
        return [(seconds if count[0] % 2 else 0.0, message)]

    return apply


def duplicated(times: int) -> Filter:
    """Each message comes ``times`` times."""
    return lambda message: [(0.0, message)] * times


def shifted(seconds: float) -> Filter:
    """The publisher's clock jumps: each stamp is ``seconds`` off; a stamp before 1970 stays at its beginning."""

    def apply(message: Any) -> Passed:
        moved = copy.deepcopy(message)
        stamp = moved.header.stamp
        total_ns = max(0, stamp.sec * NS_PER_S + stamp.nanosec + round(seconds * NS_PER_S))
        stamp.sec, stamp.nanosec = divmod(total_ns, NS_PER_S)
        return [(0.0, moved)]

    return apply


def nan_gaze() -> Filter:
    """An eye tracker that has lost the pupils, and says so with NaN."""
    return _gaze(lambda index, point, ray: (np.full(2, math.nan), np.full(3, math.nan)))


def stuck_gaze() -> Filter:
    """An eye tracker that repeats its last direction with full confidence."""
    first: list[tuple[np.ndarray, np.ndarray]] = []

    def move(index: int, point: np.ndarray, ray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first.append((point, ray)) if not first else None
        return first[0]

    return _gaze(move)


def jumping_gaze() -> Filter:
    """An eye tracker that takes a glint for the pupil: every other sample looks 0.6 rad to the side."""
    turn = np.array([[math.cos(0.6), 0.0, math.sin(0.6)], [0.0, 1.0, 0.0], [-math.sin(0.6), 0.0, math.cos(0.6)]])
    return _gaze(lambda index, point, ray: (point + 300.0, turn @ ray) if index % 2 else (point, ray))


def _gaze(move: Callable[[int, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Filter:
    count = [-1]

    def apply(message: Any) -> Passed:
        count[0] += 1
        changed = copy.copy(message)
        point, ray = np.asarray(message.point_px, np.float64), np.asarray(message.ray, np.float64)
        point, ray = move(count[0], point, ray)
        changed.point_px, changed.ray = point.astype(np.float32), ray.astype(np.float32)
        return [(0.0, changed)]

    return apply
