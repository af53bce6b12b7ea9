"""What the simulated wearer wants: goals that expand into steps, one thing moved to one place per step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.language import PLACES, ROBOT

GOALS: dict[str, tuple[tuple[str, ...], str]] = {
    "set the table": (("plate", "bowl", "spoon", "mug"), "mat"),
    "make tea": (("teapot", "mug", "carton", "spoon"), "tray"),
    "have a snack": (("apple", "banana", "bowl", "carton"), "mat"),
    "tidy up": (("bottle", "notebook", "sponge", "carton", "pill box"), "shelf"),
    "take pills": (("pill box", "bottle", "mug"), "mat"),
    "hand over": (("notebook", "bottle", "apple", "sponge", "pill box"), ROBOT),
}
"""Goal -> (things it is likely to use, place they are likely to go to)."""

SLIP = 0.2
"""Share of steps that follow another whim than the goal."""


@dataclass(frozen=True)
class Step:
    """Take ``thing`` and bring it to ``place`` (one of PLACES or the robot)."""

    thing: str
    place: str


class Intentions:
    """Draws the steps of one episode. ``where`` maps each present thing to its place ("" = on the table)."""

    def __init__(self, rng: np.random.Generator, things: tuple[str, ...]) -> None:
        self._rng = rng
        self.where: dict[str, str] = {thing: "" for thing in things}
        self._last = ""
        self._choose_goal()

    def _choose_goal(self) -> None:
        present = [goal for goal, (things, _) in GOALS.items() if sum(thing in self.where for thing in things) >= 2]
        self.goal = str(self._rng.choice(present or list(GOALS)))
        self._left = int(self._rng.integers(2, 5))

    def next_step(self) -> Step:
        """The next step; never the thing moved last, never to where the thing already is."""
        if self._left <= 0:
            self._choose_goal()
        self._left -= 1
        wanted, place = GOALS[self.goal]
        candidates = [
            thing for thing in wanted if thing in self.where and thing != self._last and self.where[thing] != place
        ]
        if not candidates or self._rng.random() < SLIP:
            candidates = [thing for thing in self.where if thing != self._last]
        thing = str(self._rng.choice(candidates))
        places = [other for other in (*PLACES, ROBOT) if other != self.where[thing]]
        if place not in places or self._rng.random() < SLIP:
            place = str(self._rng.choice(places))
        self._last = thing
        self.where[thing] = place
        return Step(thing, place)
