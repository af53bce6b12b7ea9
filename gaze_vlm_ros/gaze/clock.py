"""One constant offset from a device's clock to ROS time, and how far the two drift apart."""

from __future__ import annotations

from collections import deque

import numpy as np

from gaze_vlm_ros.types import NS_PER_S

_MIN_DRIFT_SPAN_S = 5


class ClockMap:
    """Maps device stamps to ROS time by an offset that is set once, so that stamps never jump.

    Each ``observe`` pairs a device stamp with the host's time of receipt. Delays only ever add, so the smallest
    difference is the best one; the first call of ``to_ros_ns`` freezes the smallest seen so far. Later observations
    feed the diagnostics alone.
    """

    def __init__(self, offset_ns: int | None = None, window_s: int = 600) -> None:
        self._offset_ns = offset_ns
        self._best_ns: int | None = None
        self._seconds: deque[tuple[int, int]] = deque(maxlen=window_s)

    def observe(self, device_ns: int, host_ns: int) -> None:
        """Take note that the message stamped ``device_ns`` arrived at ``host_ns``."""
        difference = host_ns - device_ns
        self._best_ns = difference if self._best_ns is None else min(self._best_ns, difference)
        second = device_ns // NS_PER_S
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1] = (second, min(self._seconds[-1][1], difference))
        else:
            self._seconds.append((second, difference))

    def to_ros_ns(self, device_ns: int) -> int:
        """The ROS time [ns] of a device stamp; ValueError before anything was observed."""
        if self._offset_ns is None:
            if self._best_ns is None:
                raise ValueError("the clock map has no offset yet; call observe() with the first message")
            self._offset_ns = self._best_ns
        return device_ns + self._offset_ns

    @property
    def offset_ns(self) -> int | None:
        """ROS time minus device time [ns]; None before anything was observed."""
        return self._offset_ns if self._offset_ns is not None else self._best_ns

    @property
    def error_ns(self) -> float:
        """How far the frozen offset is from the smallest difference of the newest second [ns]; NaN where unknown."""
        if self._offset_ns is None or not self._seconds:
            return float("nan")
        return float(self._seconds[-1][1] - self._offset_ns)

    @property
    def drift_ppm(self) -> float:
        """Rate of the host's clock against the device's [parts per million]; NaN before 5 s of observations."""
        if not self._seconds or self._seconds[-1][0] - self._seconds[0][0] < _MIN_DRIFT_SPAN_S:
            return float("nan")
        seconds = np.array([second for second, _ in self._seconds], dtype=np.float64)
        difference = np.array([value - self._seconds[0][1] for _, value in self._seconds], dtype=np.float64)
        # Theil-Sen: the median slope is not moved by a few seconds in which every message was late.
        first, second = np.triu_indices(len(seconds), k=1)
        slopes = (difference[second] - difference[first]) / (seconds[second] - seconds[first])
        return float(np.median(slopes) / 1e3)
