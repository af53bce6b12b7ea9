"""Frames on their way from a camera's callback to a worker thread."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any

from gaze_vlm_ros.types import NS_PER_S

_TIME_WENT_BACK_NS = NS_PER_S


class FrameGrid:
    """Chooses frames by their stamps alone: the first one of each period, counted from the first frame ever."""

    def __init__(self, rate_hz: float) -> None:
        self._period_ns = round(NS_PER_S / rate_hz)
        # Stamps of a regular camera scatter about the grid: one that is a little early belongs to the next period.
        self._early_ns = self._period_ns // 5
        self._first_ns: int | None = None
        self._index = -1
        self._newest_ns = 0

    def accepts(self, stamp_ns: int) -> bool:
        if self._first_ns is None or stamp_ns < self._newest_ns - _TIME_WENT_BACK_NS:
            self._first_ns, self._index, self._newest_ns = stamp_ns, -1, stamp_ns
        self._newest_ns = max(self._newest_ns, stamp_ns)
        index = (stamp_ns - self._first_ns + self._early_ns) // self._period_ns
        if index <= self._index:
            return False
        self._index = index
        return True


class FrameQueue:
    """Hands messages to one worker thread: only the newest (``keep_all`` False), or every one in its order."""

    def __init__(self, keep_all: bool) -> None:
        self._items: deque[tuple[float, Any]] = deque(maxlen=None if keep_all else 1)
        self._changed = threading.Condition()
        self.replaced = 0
        """Messages that the worker never saw because a newer one came."""

    def put(self, message: Any) -> None:
        with self._changed:
            self.replaced += self._items.maxlen is not None and len(self._items) == self._items.maxlen
            self._items.append((time.monotonic(), message))
            self._changed.notify()

    def take(self, timeout_s: float) -> tuple[float, Any] | None:
        """Steady time of arrival and message; None where none came in time."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._items), timeout_s)
            return self._items.popleft() if self._items else None

    def __len__(self) -> int:
        return len(self._items)
