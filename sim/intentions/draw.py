"""The wearer's steps, drawn one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from gaze_vlm_ros.sim.intentions.goals import GRAMMAR
from gaze_vlm_ros.sim.intentions.grammar import Grammar
from gaze_vlm_ros.sim.intentions.process import Mind, Process
from gaze_vlm_ros.sim.intentions.situation import Situation
from gaze_vlm_ros.sim.intentions.step import Step
from gaze_vlm_ros.sim.things.state import ThingState

T = TypeVar("T")


def choose(rng: np.random.Generator, options: Sequence[T], probabilities: Sequence[float]) -> T:
    """One of ``options``. Every random choice of the process goes through here; ``probabilities`` add up to 1."""
    index = int(np.searchsorted(np.cumsum(probabilities), rng.random()))
    return options[min(index, len(options) - 1)]


class Intentions:
    """The steps of one episode with ``things`` (kinds, each once) that begin in ``states``, all on the table."""

    def __init__(
        self,
        rng: np.random.Generator,
        things: Sequence[str],
        states: Mapping[str, ThingState],
        grammar: Grammar = GRAMMAR,
    ) -> None:
        self._rng = rng
        self._process = Process(grammar)
        self._situation = Situation(things, states)
        self._mind = Mind()

    @property
    def where(self) -> dict[str, str]:
        """Thing -> place after the last step ("" = on the table). A thing in the hand keeps where it was."""
        return self._situation.where

    @property
    def states(self) -> dict[str, ThingState]:
        """Thing -> state after the last step."""
        return self._situation.states

    @property
    def in_hand(self) -> str:
        """What the hand holds after the last step, or ""."""
        return self._situation.in_hand

    def next_step(self) -> Step:
        """Draws the next step and takes it as done. There is always one."""
        moves = self._process.moves(self._mind, self._situation)
        own = [move.probability for move in moves.own]
        drawn = choose(self._rng, (*moves.own, "anew", "aside"), (*own, moves.anew, moves.aside))
        if drawn in ("anew", "aside"):
            fresh = self._process.fresh(self._situation)
            begun = choose(self._rng, fresh, [one.probability for one in fresh])
            step, self._mind = moves.begun(begun, drawn == "aside")
        else:
            step, self._mind = drawn.step, drawn.mind
        self._situation.apply(step.seen)
        return step
