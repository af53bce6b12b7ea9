"""How often, and after which pauses, what has failed is tried again: for the launchers and the life-cycle manager."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

RESTARTS = 5
"""How often in a row what fails is tried again, where nothing else is said."""
STOOD_STILL_S = 1.0
"""Between two looks of a watcher: its own standing still is no silence of the watched."""
WRONG_INPUT = 2
"""Exit code of a node that cannot start with what it was given: trying again changes nothing."""


@dataclass
class Restarts:
    """Of one node: at once at first, then after pauses that double, at most ``tries`` times in a row.

    Once ``forgotten_after_s`` have passed since the last failure, it counts as the first again.
    """

    tries: int = RESTARTS
    first_pause_s: float = 0.5
    forgotten_after_s: float = 60.0
    count: int = 0
    _failed_s: float = float("-inf")

    @property
    def in_words(self) -> str:
        """What to put before the reason of a failure that was given up."""
        return f"{self.count} times in a row, the last time: " if self.count > 1 else ""

    def pause_s(self, now_s: float) -> float | None:
        """How long to wait after a failure at ``now_s`` of the steady clock; None where it is to be given up."""
        if now_s - self._failed_s > self.forgotten_after_s:
            self.count = 0
        self._failed_s = now_s
        self.count += 1
        if self.count > self.tries:
            return None
        return 0.0 if self.count == 1 else self.first_pause_s * 2.0 ** (self.count - 2)


class Silence:
    """Who has not been heard for ``after_s``, told once for each silence. All times are of the steady clock."""

    def __init__(self, after_s: float, now_s: float) -> None:
        self._after_s, self._looked_s = after_s, now_s
        self._heard_s: dict[str, float] = {}
        self._told: set[str] = set()

    def heard(self, name: str, now_s: float) -> None:
        """``name`` spoke."""
        self._heard_s[name] = now_s
        self._told.discard(name)

    def broken_off(self, names: Iterable[str], now_s: float) -> list[tuple[str, float]]:
        """Those of ``names`` whose silence is to be told now, and how long it has lasted [s]; each was heard once."""
        if now_s - self._looked_s > STOOD_STILL_S:
            self._heard_s = dict.fromkeys(self._heard_s, now_s)
        self._looked_s = now_s
        silent = [(name, now_s - self._heard_s[name]) for name in names if name not in self._told]
        found = [(name, silent_s) for name, silent_s in silent if silent_s > self._after_s]
        self._told.update(name for name, _ in found)
        return found
