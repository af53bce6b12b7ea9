"""Where the eyes go while the hand works: fixations on the thing in question, ahead, aside, and to check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from gaze_vlm_ros.sim.wearer.person import GazeHabits
from gaze_vlm_ros.sim.wearer.world import World

Aim = Callable[[], np.ndarray]
"""Gives the point (3,) of the moment."""

SACCADE_S = 0.05
"""A glance begins with a saccade of about that length."""
SHORTEST_S = 0.2
"""No glance is planned so short before the next one."""
_LIKELY_WEIGHT = 2.0
_ROOM = np.array([[-0.7, -0.1, 0.74], [0.7, 1.2, 1.3]])


@dataclass(frozen=True)
class Glance:
    """From ``time_s`` on the eyes are on ``aim``. ``reason``: guide, scan, look-ahead, check, follow, use, read,
    distraction or robot.
    """

    time_s: float
    aim: Aim
    reason: str


@dataclass
class Looks:
    """Writes the glances of a plan, in the order of time."""

    rng: np.random.Generator
    habits: GazeHabits
    world: World
    glances: list[Glance] = field(default_factory=list)

    def on(self, thing: str) -> Aim:
        return lambda: self.world.position_of(thing)

    def at(self, time_s: float, aim: Aim, reason: str) -> None:
        """One fixation, somewhere on the thing."""
        offset = self.rng.normal(0.0, self.habits.scatter_m, 3)
        self.glances.append(Glance(time_s, lambda: aim() + offset, reason))

    def dwell(self, aim: Aim, start_s: float, end_s: float, reason: str) -> None:
        """Fixations here and there on one thing until ``end_s``."""
        time_s = start_s
        while time_s == start_s or end_s - time_s > SHORTEST_S:
            self.at(time_s, aim, reason)
            time_s += SACCADE_S + self.habits.fixation_s(self.rng)

    def scan(self, start_s: float, end_s: float, likely: Iterable[str], but: str = "") -> None:
        """Looks from thing to thing, never at ``but``; ``likely`` ones draw twice as much."""
        last, time_s, likely = "", start_s, set(likely)
        while end_s - time_s > SHORTEST_S:
            last = self._something({last, but}, likely)
            self.at(time_s, self.on(last) if last else self._nowhere(), "scan")
            time_s += SACCADE_S + self.habits.fixation_s(self.rng)

    def aside(self, start_s: float, end_s: float, back: Aim, reason: str) -> None:
        """With the person's readiness to be distracted, between two times: a look elsewhere, and ``back``."""
        length_s = float(self.rng.uniform(0.22, 0.4))
        if end_s - start_s < length_s + 0.1 or self.rng.random() >= self.habits.distraction:
            return
        begin_s = float(self.rng.uniform(start_s, end_s - length_s))
        thing = self._something(set(), set())
        elsewhere = self.on(thing) if thing and self.rng.random() < 0.6 else self._nowhere()
        self.instead(begin_s, begin_s + length_s, elsewhere, "distraction", back, reason)

    def instead(self, start_s: float, end_s: float, aim: Aim, reason: str, back: Aim, back_reason: str) -> None:
        """One fixation on ``aim`` in place of what was to be looked at between two times, and ``back``."""
        self.glances = [one for one in self.glances if not start_s - 0.05 <= one.time_s < end_s + SHORTEST_S]
        self.at(start_s, aim, reason)
        self.at(end_s, back, back_reason)
        self.glances.sort(key=lambda glance: glance.time_s)

    def read(self, page: Aim, start_s: float, end_s: float) -> None:
        """Left to right along lines, with return sweeps."""
        x, line, time_s = -0.045, 0.03, start_s
        while end_s - time_s > SHORTEST_S:
            offset = np.array([x, 0.5 * line, 0.5 * line]) + self.rng.normal(0.0, 0.002, 3)
            self.glances.append(Glance(time_s, lambda offset=offset: page() + offset, "read"))
            time_s += float(np.clip(self.rng.lognormal(-1.35, 0.3), 0.1, 0.6))
            x += float(self.rng.uniform(0.012, 0.026))
            if x > 0.05:
                x, line = -0.045, line - 0.012

    def _something(self, but: set[str], likely: set[str]) -> str:
        things = [thing for thing in self.world.visible_things() if thing not in but]
        if not things:
            return ""
        weights = np.array([_LIKELY_WEIGHT if thing in likely else 1.0 for thing in things])
        return things[int(self.rng.choice(len(things), p=weights / weights.sum()))]

    def _nowhere(self) -> Aim:
        point = self.rng.uniform(*_ROOM)
        return lambda: point
