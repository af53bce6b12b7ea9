"""How often, and after which pauses, what has failed is tried again: for the launchers and the life-cycle manager."""

from __future__ import annotations

from dataclasses import dataclass

RESTARTS = 5
"""How often in a row what fails is tried again, where nothing else is said."""
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
