"""What a wearer with little reach can do: where the hand comes, and which steps that leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gaze_vlm_ros.language import PLACES, ROBOT, TABLE
from gaze_vlm_ros.sim.intentions import GOALS, Intentions, Step
from gaze_vlm_ros.sim.intentions.goals import LOOK_ALIKES
from gaze_vlm_ros.sim.intentions.grammar import Grammar, grammar_of
from gaze_vlm_ros.sim.kitchen import Layout, free_spot
from gaze_vlm_ros.sim.scene import Scene

NOT_ALONE = ("hand over", "look for something", "wipe up")
"""Goals that this wearer does not have: something for the robot to hold, and surfaces out of reach to be wiped."""


def everyday_grammar() -> Grammar:
    return grammar_of(*(goal for goal in GOALS if goal.name not in NOT_ALONE), look_alikes=LOOK_ALIKES)


@dataclass(frozen=True, eq=False)
class ArmsReach:
    """A hand comes to every point within ``radius_m`` of one of ``shoulders_m`` (2, 3), in the world."""

    shoulders_m: np.ndarray
    radius_m: float

    def holds(self, points_m: np.ndarray) -> np.ndarray:
        """Which (N,) of the points (N, 3) a hand comes to; for one point (3,) a single truth."""
        away = np.linalg.norm(np.asarray(points_m)[..., None, :] - self.shoulders_m, axis=-1)
        return away.min(axis=-1) <= self.radius_m


class LimitedScene(Scene):
    """The kitchen as this wearer knows it: what is put down stays within reach."""

    def __init__(self, layout: Layout, data: Any, mouth_m: Any, reach: ArmsReach) -> None:
        super().__init__(layout, data, mouth_m)
        self._reach = reach

    def spot_for(self, thing: str, place: str) -> np.ndarray:
        return self.spot_on(thing, place, self.position_of(thing) if place == TABLE else None)

    def spot_on(
        self,
        thing: str,
        place: str,
        near_m: np.ndarray | None,
        allowed: Callable[[np.ndarray], np.ndarray] = lambda spots_m: np.ones(len(spots_m), bool),
    ) -> np.ndarray:
        """Centre (3,) of ``thing`` at rest on ``place``, within reach and where ``allowed`` (points (N, 3) -> (N,)).

        Raises NoRoomError where there is no such spot.
        """
        poses = {other: self.pose_of(other) for other in self.visible_things()}
        return free_spot(self._layout, place, thing, poses, near_m, lambda m: self._reach.holds(m) & allowed(m))


class LimitedIntentions:
    """``Intentions`` as far as they are possible: what would go to a place out of reach is put on the table.

    Each step sets ``rng`` to a state of its own, so that looks and durations of a step are the same whatever went
    before: lives of one seed differ in nothing but the help that the wearer gets.
    """

    def __init__(self, intentions: Intentions, layout: Layout, reach: ArmsReach, rng: np.random.Generator) -> None:
        self._intentions, self._rng = intentions, rng
        self._far = {name for name in (*PLACES, ROBOT) if not reach.holds(layout.place_named(name).top_m)}
        self._seed = int(rng.integers(1 << 62))
        self.steps: list[Step] = []
        """All steps given so far."""

    @property
    def states(self) -> Mapping[str, Any]:
        return self._intentions.states

    def next_step(self) -> Step:
        step = self._intentions.next_step()
        if step.verb in ("put", "give") and step.place in self._far:
            step = replace(step, verb="put", place=TABLE)
        self.steps.append(step)
        self._rng.bit_generator.state = np.random.default_rng([self._seed, len(self.steps)]).bit_generator.state
        return step
