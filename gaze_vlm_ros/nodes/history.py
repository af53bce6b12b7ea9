"""The newest stamped things, found again by stamp."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class History(Generic[T]):
    """Remembers the last ``size`` things by their stamps [ns]. One thread may add while others ask."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._things: OrderedDict[int, T] = OrderedDict()

    def add(self, stamp_ns: int, thing: T) -> None:
        self._things[stamp_ns] = thing
        while len(self._things) > self._size:
            self._things.popitem(last=False)

    def nearest(self, stamp_ns: int, tolerance_ns: int) -> T | None:
        """The thing whose stamp is nearest, None where all are further away than ``tolerance_ns``."""
        stamps = list(self._things)  # at one go: while it is searched, the dictionary may change
        best = min(stamps, key=lambda stamp: abs(stamp - stamp_ns), default=None)
        return self._things.get(best) if best is not None and abs(best - stamp_ns) <= tolerance_ns else None
