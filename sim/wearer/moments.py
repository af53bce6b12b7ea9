"""How a wearer looks while doing things, in the numbers that studies of people report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.sim.eyes.eyes import Eyes
from gaze_vlm_ros.sim.intentions import Intentions
from gaze_vlm_ros.sim.things.state import initial_state
from gaze_vlm_ros.sim.wearer.person import Person
from gaze_vlm_ros.sim.wearer.table_top import TableTop
from gaze_vlm_ros.sim.wearer.wearer import Wearer

TICK_S = 0.005
_HALF_SECOND = round(0.5 / TICK_S)
_SEAT_M, _REST_TARGET_M = np.array([0.0, -0.62, 1.24]), np.array([0.0, 0.02, 0.74])
_ON_IT = np.cos(np.radians(5.0))
_ACTING = ("look", "search", "withdraw")


@dataclass
class TaskMoments:
    """Pooled over people. A thing counts as looked at while none is nearer to the line of sight.

    ``lead_s``: how long before the hand set out for it gaze had come to stay on a thing (0: not yet).
    ``right``: whether half a second before the hand set out gaze was at the thing it went for.
    ``gone_on_s``: how long before a thing was put down gaze had left it. ``fixation_s``, ``saccade_rad``: of the true
    eye movements. ``acting_s`` and ``acting_fixations``: time that the hand was busy, fixations begun in it.
    ``reasons``: share of the time that gaze spent for each reason. ``steps``, ``look_aheads``: how many.
    """

    lead_s: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    gone_on_s: list[float] = field(default_factory=list)
    fixation_s: list[float] = field(default_factory=list)
    saccade_rad: list[float] = field(default_factory=list)
    seconds: float = 0.0
    acting_s: float = 0.0
    acting_fixations: int = 0
    steps: int = 0
    look_aheads: int = 0
    reasons: dict[str, float] = field(default_factory=dict)


def measure_task(seeds: Iterable[int], seconds: float) -> TaskMoments:
    """Lets one person per seed live for ``seconds`` at a table without physics, with 6 to 14 things."""
    moments = TaskMoments()
    for seed in seeds:
        _measure_one(np.random.default_rng(seed), seconds, moments)
    total = sum(moments.reasons.values())
    moments.reasons = {reason: ticks / total for reason, ticks in sorted(moments.reasons.items())}
    return moments


def seated_wearer(rng: np.random.Generator) -> tuple[Wearer, TableTop, list[str]]:
    """A person drawn at random at such a table; ``table.follow(wearer)`` after each tick."""
    things = [str(thing) for thing in rng.permutation(OBJECT_KINDS)[: int(rng.integers(6, 15))]]
    person = Person.sample(rng)
    eyes = Eyes(rng, _SEAT_M, _REST_TARGET_M, person.eyes)
    table = TableTop(rng, things, eyes.mouth_m())
    intentions = Intentions(rng, things, {thing: initial_state(thing, rng) for thing in things})
    return Wearer(rng, person, eyes, intentions, table), table, things


def _measure_one(rng: np.random.Generator, seconds: float, moments: TaskMoments) -> None:
    wearer, table, things = seated_wearer(rng)
    eyes, gaze = wearer.eyes, _GazeLog(things)
    activity, reason, jumping, since_s, carried = wearer.activity, "", False, 0.0, ""
    start = np.zeros(3)
    for tick in range(round(seconds / TICK_S)):
        now_s = tick * TICK_S
        wearer.advance(now_s, TICK_S)
        table.follow(wearer)
        ray = gaze.add(eyes, table)
        acting = wearer.activity.verb not in _ACTING
        moments.acting_s += TICK_S * acting
        moments.reasons[wearer.gaze_reason] = moments.reasons.get(wearer.gaze_reason, 0) + 1
        moments.look_aheads += wearer.gaze_reason == "look-ahead" != reason
        if eyes.saccading() and not jumping:
            moments.fixation_s.append(now_s - since_s)
            start = ray
        elif jumping and not eyes.saccading():
            moments.saccade_rad.append(float(angle_between(start, ray)))
            moments.acting_fixations += acting
            since_s = now_s
        if wearer.activity != activity and wearer.activity.verb == "reach" and tick > 2 * _HALF_SECOND:
            moments.steps += 1
            moments.lead_s.append(gaze.stayed_s(wearer.activity.object))
            moments.right.append(gaze.nearest[-1 - _HALF_SECOND] == wearer.activity.object)
        if carried and not wearer.carried:
            moments.gone_on_s.append(gaze.left_s(carried))
        activity, reason, jumping, carried = wearer.activity, wearer.gaze_reason, eyes.saccading(), wearer.carried
    moments.seconds += seconds


class _GazeLog:
    """Which thing was nearest to the line of sight, tick by tick, and how far off each thing was."""

    def __init__(self, things: list[str]) -> None:
        self._things = things
        self.nearest: list[str] = []
        self._cosines: list[np.ndarray] = []

    def add(self, eyes: Eyes, table: TableTop) -> np.ndarray:
        """Takes in the present tick; returns the unit line of sight (3,)."""
        eye_m = eyes.position_m
        ray = eyes.gaze_point_m() - eye_m
        ray /= np.sqrt(ray @ ray)
        ways = np.array([table.position_of(thing) for thing in self._things]) - eye_m
        cosines = ways @ ray / np.sqrt((ways * ways).sum(axis=1))
        self._cosines.append(cosines)
        self.nearest.append(self._things[int(cosines.argmax())])
        return ray

    def stayed_s(self, thing: str) -> float:
        """How long ``thing`` has been the nearest."""
        ticks = 0
        while ticks < len(self.nearest) and self.nearest[-1 - ticks] == thing:
            ticks += 1
        return ticks * TICK_S

    def left_s(self, thing: str) -> float:
        """How long ago gaze was last on ``thing``, at most 2 s."""
        index = self._things.index(thing)
        for ticks, cosines in enumerate(reversed(self._cosines[-round(2.0 / TICK_S) :])):
            if cosines[index] > _ON_IT:
                return ticks * TICK_S
        return 2.0
