"""What an ideal bystander knows: the exact posterior over the wearer's mind, given the steps seen so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from gaze_vlm_ros.language import Slots
from gaze_vlm_ros.sim.intentions.goals import GRAMMAR
from gaze_vlm_ros.sim.intentions.grammar import Grammar
from gaze_vlm_ros.sim.intentions.process import Fresh, Mind, Moves, Process
from gaze_vlm_ros.sim.intentions.situation import IntentionError, Situation
from gaze_vlm_ros.sim.intentions.step import Step
from gaze_vlm_ros.sim.things.state import ThingState

NEGLIGIBLE = 1e-9
"""Minds less probable than this are dropped; nothing else is approximated."""


class Observer:
    """Bayesian filter over ``Mind``: knows the grammar, the things, their states, and every step that it ``see``s."""

    def __init__(self, things: Sequence[str], states: Mapping[str, ThingState], grammar: Grammar = GRAMMAR) -> None:
        self._process = Process(grammar)
        self._situation = Situation(things, states)
        self._minds: dict[Mind, float] = {Mind(): 1.0}
        self._look_ahead()

    def see(self, step: Step | Slots) -> None:
        """``step`` is begun; its goal and reason are not looked at. Raises IntentionError if it cannot have come."""
        slots = step.seen if isinstance(step, Step) else step
        after: dict[Mind, float] = defaultdict(float)
        begun = [fresh for fresh in self._fresh if fresh.step.seen == slots]
        for probability, moves in self._moves:
            for move in moves.own:
                if move.step.seen == slots:
                    after[move.mind] += probability * move.probability
            for interrupting, share in ((False, moves.anew), (True, moves.aside)):
                for fresh in begun if share else ():
                    after[moves.begun(fresh, interrupting)[1]] += probability * share * fresh.probability
        total = sum(after.values())
        if not total:
            raise IntentionError(f"the grammar does not know how {slots} could come next")
        self._situation.apply(slots)
        self._minds = {mind: p / total for mind, p in after.items() if p > NEGLIGIBLE * total}
        self._look_ahead()

    def next_steps(self) -> dict[Slots, float]:
        """Probability of each possible next step; adds up to 1."""
        steps: dict[Slots, float] = defaultdict(float)
        anew = 0.0
        for probability, moves in self._moves:
            anew += probability * (moves.anew + moves.aside)
            for move in moves.own:
                steps[move.step.seen] += probability * move.probability
        for fresh in self._fresh if anew else ():
            steps[fresh.step.seen] += anew * fresh.probability
        return dict(steps)

    def next_objects(self) -> dict[str, float]:
        """Probability of each thing to be the object of the next step; adds up to 1."""
        objects: dict[str, float] = defaultdict(float)
        for slots, probability in self.next_steps().items():
            objects[slots.object] += probability
        return dict(objects)

    def goals(self) -> dict[str, float]:
        """Probability of each goal to be the one under way (an interrupted goal is); empty before the first step."""
        goals: dict[str, float] = defaultdict(float)
        for mind, probability in self._minds.items():
            if mind.plan:
                goals[mind.plan.goal] += probability
        return dict(goals)

    def _look_ahead(self) -> None:
        self._moves: list[tuple[float, Moves]] = [
            (probability, self._process.moves(mind, self._situation)) for mind, probability in self._minds.items()
        ]
        needed = any(moves.anew + moves.aside for _, moves in self._moves)
        self._fresh: tuple[Fresh, ...] = self._process.fresh(self._situation) if needed else ()
