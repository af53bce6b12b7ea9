"""The simulated robot's fingers: they close about what stands between them, and what they hold stays held."""

from __future__ import annotations

from collections.abc import Callable

FULL_WAY_S = 0.6
"""From open to closed."""
HELD = 0.4
"""The opening at which fingers come to rest about a thing."""
_HOLDS, _LETS_GO = 0.45, 0.55
"""Openings below which a thing is held, and above which it is free."""


class Gripper:
    """Opening 0 closed .. 1 open, as measured; ``wanted`` is where the fingers go.

    ``grasp`` is called once as they close: it takes what is between the fingers and says whether there is anything;
    ``release`` when they open again. They begin open.
    """

    def __init__(self, grasp: Callable[[], bool], release: Callable[[], None]) -> None:
        self._grasp, self._release = grasp, release
        self.opening, self._wanted, self._holds = 1.0, 1.0, False

    def want(self, opening: float) -> None:
        """Where the fingers shall be. Raises ValueError for what is no number from 0 to 1."""
        if not 0.0 <= opening <= 1.0:
            raise ValueError(f"a gripper's opening lies in 0..1, got {opening}")
        self._wanted = opening

    def advance(self, dt_s: float) -> None:
        way, before = dt_s / FULL_WAY_S, self.opening
        least = HELD if self._holds else 0.0
        self.opening = max(least, before + max(-way, min(way, self._wanted - before)))
        if self.opening < before and before >= _HOLDS > self.opening:
            self._holds = self._grasp()
        elif self._holds and self.opening > _LETS_GO:
            self._holds = False
            self._release()

    def lost(self) -> None:
        """Somebody has taken what the fingers held."""
        self._holds = False
