"""Where the places were last seen: what the hand works by when it hides them itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FORGETS_PER_S = 0.5
"""The spread of what is remembered grows by this share per second."""
_FADES_S = 4.0
_SURE_M = 0.01
"""An estimate whose spread is no larger supports its guess fully; others by the square of the ratio."""
_MOST, _DOUBT = 5.0, 0.5
_SAME = 1.5
_GUESSES = 5
_SHARPNESS = 4
_HELD_M, _GRIPS = 0.05, (0.03, 0.9)
"""A place so near to a gripper that is neither closed nor open is what it holds."""


@dataclass
class _Guess:
    """A ``place`` (7,) that estimates agree upon, its spread [m], and how much speaks for it."""

    place: np.ndarray
    spread_m: float
    support: float

    def join(self, place: np.ndarray, spread_m: float, support: float) -> None:
        # Errors of successive pictures resemble each other: many vague ones say no more than one, and the best of all
        # says how sure one is. So the weights are sharper than those of independent estimates, which go by squares.
        old, new = self.spread_m**-_SHARPNESS, spread_m**-_SHARPNESS
        self.place = self.place + new / (old + new) * (place - self.place)
        self.spread_m = min(self.spread_m, spread_m)
        self.support = min(self.support + support, _MOST)


class PlaceMemory:
    """Joins estimates of the two places over time; those that agree make a guess, and the best supported one counts.

    So one picture that is sure and wrong does not stay, two places that are far apart never become one between them,
    and where a thing has moved the new place replaces the old one after some sure looks. What the gripper
    holds goes with it, as the hand knows without seeing.
    """

    def __init__(self) -> None:
        self._guesses: list[list[_Guess]] = []
        self._tool: tuple[np.ndarray, float] | None = None

    def carry(self, tool_m: np.ndarray, tool_yaw_rad: float, opening: float) -> None:
        """To be told before each ``update`` where the tool is (3,), its yaw, and the gripper's opening 0..1."""
        before, self._tool = self._tool, (np.array(tool_m, dtype=np.float64), tool_yaw_rad)
        if before is None or not self._guesses or not _GRIPS[0] < opening < _GRIPS[1]:
            return
        for guess in self._guesses[0]:
            if np.linalg.norm(guess.place[:3] - before[0]) < _HELD_M:
                guess.place = _moved_with(guess.place, before, self._tool)

    def update(self, places: np.ndarray, spread_m: np.ndarray, passed_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Takes places (K, 7) and their spread (K,) [m], ``passed_s`` after the last ones; returns the joint ones."""
        if not self._guesses:
            self._guesses = [[] for _ in places]
        for guesses, place, spread in zip(self._guesses, places, spread_m, strict=True):
            _fade(guesses, passed_s)
            _take(guesses, place, float(spread))
        best = [guesses[0] for guesses in self._guesses]
        return np.stack([guess.place for guess in best]), np.array([guess.spread_m for guess in best], np.float32)


def _moved_with(place: np.ndarray, before: tuple[np.ndarray, float], after: tuple[np.ndarray, float]) -> np.ndarray:
    """A place (7,) fixed to a tool that went from ``before`` to ``after``, each a point (3,) and a yaw."""
    turn = after[1] - before[1]
    moved = place.copy()
    offset = place[:3] - before[0]
    moved[:2] = after[0][:2] + _turned(offset[:2], turn)
    moved[2] = after[0][2] + offset[2]
    moved[3:5], moved[5:7] = _turned(place[3:5], 2 * turn), _turned(place[5:7], 4 * turn)
    return moved


def _turned(vector: np.ndarray, angle_rad: float) -> np.ndarray:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([c * vector[0] - s * vector[1], s * vector[0] + c * vector[1]])


def _fade(guesses: list[_Guess], passed_s: float) -> None:
    for guess in guesses:
        guess.spread_m *= 1.0 + _FORGETS_PER_S * passed_s
        guess.support *= float(np.exp(-passed_s / _FADES_S))


def _take(guesses: list[_Guess], place: np.ndarray, spread_m: float) -> None:
    """An estimate joins the best guess that it agrees with, or becomes one; all others are doubted more."""
    support = min(1.0, (_SURE_M / spread_m) ** 2)
    agreeing = None
    for guess in guesses:
        away_m = float(np.abs(place[:3] - guess.place[:3]).mean())
        if agreeing is None and away_m < _SAME * (spread_m + guess.spread_m):
            agreeing = guess
        else:
            guess.support *= 1.0 - _DOUBT * support
    if agreeing:
        agreeing.join(place, spread_m, support)
    else:
        guesses.append(_Guess(place.copy(), spread_m, support))
    guesses.sort(key=lambda guess: -guess.support)
    del guesses[_GUESSES:]
