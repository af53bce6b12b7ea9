"""From the order in which messages were recorded to the order of their stamps."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np

from gaze_vlm_ros.sources.base import SourceItem, item_stamp_ns
from gaze_vlm_ros.types import Frame

PATIENCE_NS = 1_000_000_000
"""How long an item waits for others with earlier stamps: longer than any camera or codec delays its pictures."""


class Reorderer:
    """Holds items back until no earlier one is to be expected, and puts depth into the frame of the same stamp.

    ``late`` counts items that came after a later one had been let go; they are left out.
    """

    def __init__(self, patience_ns: int = PATIENCE_NS) -> None:
        self.late = 0
        self._patience_ns = patience_ns
        self._heap: list[tuple[int, bool, int, SourceItem]] = []
        self._depth: dict[int, np.ndarray] = {}
        self._arrivals = count()
        self._newest_ns = 0
        self._released_ns = 0

    def add(self, item: SourceItem) -> None:
        """Take a frame or gaze sample; gaze goes before a frame of the same stamp."""
        stamp_ns = item_stamp_ns(item)
        if stamp_ns < self._released_ns:
            self.late += 1
            return
        self._newest_ns = max(self._newest_ns, stamp_ns)
        heapq.heappush(self._heap, (stamp_ns, isinstance(item, Frame), next(self._arrivals), item))

    def add_depth(self, stamp_ns: int, depth_m: np.ndarray) -> None:
        """Take the depth (H, W) [m] that belongs to the frame of this stamp."""
        self._depth[stamp_ns] = depth_m

    def ready(self) -> Iterator[SourceItem]:
        """Items that nothing earlier is expected before, in order of stamp."""
        while self._heap and self._heap[0][0] <= self._newest_ns - self._patience_ns:
            yield self._release()

    def rest(self) -> Iterator[SourceItem]:
        """Everything still held, at the end of a recording."""
        while self._heap:
            yield self._release()

    def _release(self) -> SourceItem:
        stamp_ns, _, _, item = heapq.heappop(self._heap)
        self._released_ns = stamp_ns
        if isinstance(item, Frame):
            depth_m = self._depth.get(stamp_ns)
            self._depth = {stamp: depth for stamp, depth in self._depth.items() if stamp > stamp_ns}
            return item if depth_m is None else replace(item, depth_m=depth_m)
        return item
