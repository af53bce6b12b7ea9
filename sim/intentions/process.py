"""The one random process by which steps come about: what the wearer draws from and what the observer inverts.

The hidden state is a ``Mind``; all else is the ``Situation`` that anybody sees. Given both, ``Process.moves`` lists
every possible next step with its probability and the mind it leads to. A new goal and an interruption are drawn from
one list that depends on the situation alone (``Process.fresh``), so that an observer looks it up once for all minds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gaze_vlm_ros.language import PLACES, ROBOT, TABLE, Slots
from gaze_vlm_ros.sim.intentions.grammar import Goal, Grammar, Item, Roles
from gaze_vlm_ros.sim.intentions.situation import HANDS_OFF, IntentionError, Situation
from gaze_vlm_ros.sim.intentions.step import Step

_JUST_SO = frozenset({"open", "close"})
"""Last steps after which the thing in the hand is put down as it is."""


@dataclass(frozen=True)
class Plan:
    """A goal under way: the names of the items done and the roles filled."""

    goal: str
    done: frozenset[str] = frozenset()
    roles: Roles = ()


@dataclass(frozen=True)
class Mind:
    """The hidden state: the plan, the interruption if there is one, and a thing to be put right with its place.

    ``returning`` is whether the next step takes up the plan again after an interruption.
    """

    plan: Plan | None = None
    aside: Plan | None = None
    owed: tuple[str, str] | None = None
    returning: bool = False


@dataclass(frozen=True)
class Fresh:
    """The first step of a new goal."""

    probability: float
    step: Step
    plan: Plan


@dataclass(frozen=True)
class Move:
    """One possible next step and the mind that it leaves."""

    probability: float
    step: Step
    mind: Mind


@dataclass(frozen=True)
class Moves:
    """All that may come next: ``own`` steps; with probability ``anew`` a new goal, with ``aside`` an interruption.

    The three add up to 1. ``plan`` is what an interruption returns to.
    """

    own: tuple[Move, ...]
    anew: float = 0.0
    aside: float = 0.0
    plan: Plan | None = None

    def begun(self, fresh: Fresh, interrupting: bool) -> tuple[Step, Mind]:
        """The step and the mind when ``fresh`` is begun, instead of the plan or in between."""
        if interrupting:
            return replace(fresh.step, reason="interruption"), Mind(self.plan, aside=fresh.plan)
        return fresh.step, Mind(fresh.plan)


@dataclass(frozen=True)
class _Candidate:
    weight: float
    step: Slots
    plan: Plan


class Process:
    """The process of one ``Grammar``."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.habits = grammar.habits

    def fresh(self, situation: Situation) -> tuple[Fresh, ...]:
        """First steps of every goal that can be begun; probabilities add up to 1. The thing used last is left alone."""
        begun = [(goal, self._first(goal, situation)) for goal in self.grammar.goals.values()]
        last = situation.last.object
        rested = [(goal, [one for one in found if one.step.object != last]) for goal, found in begun]
        begun = [(goal, found) for goal, found in (rested if any(f for _, f in rested) else begun) if found]
        if not begun:
            raise IntentionError(f"the grammar has no goal that can be begun with {', '.join(situation.things)}")
        weights = [goal.weight * self._appeal(goal, situation) for goal, _ in begun]
        total = sum(weights)
        return tuple(
            Fresh(weight / total * share, _step(one.step, goal.name, "plan"), one.plan)
            for weight, (goal, found) in zip(weights, begun, strict=True)
            for one, share in _shares(found)
        )

    def moves(self, mind: Mind, situation: Situation) -> Moves:
        """What may come next in ``mind``."""
        if situation.in_hand:
            return Moves(tuple(self._with_full_hand(mind, situation)))
        if mind.owed:
            return self._putting_right(mind, situation)
        if mind.aside:
            found = [] if mind.aside.done else self._candidates(mind.aside, situation)
            if found:
                return Moves(tuple(self._steps(found, mind, 1.0)))
            mind = Mind(mind.plan, returning=True)
        found = self._candidates(mind.plan, situation) if mind.plan else []
        anew = self._leaves(mind.plan, found, situation)
        if anew == 1.0:
            return Moves((), anew=1.0)
        aside = (1 - anew) * self.habits.interruption
        own = tuple(self._steps_and_slips(found, mind, situation, 1 - anew - aside))
        return Moves(own, anew, aside, mind.plan)

    def _appeal(self, goal: Goal, situation: Situation) -> float:
        """What has been done already is less likely to be done again."""
        seen = sum(count for step, count in situation.times.items() if step in goal.marks)
        return self.habits.again ** (seen / goal.size)

    def _first(self, goal: Goal, situation: Situation) -> list[_Candidate]:
        """How ``goal`` can begin; not at all where too little of what it is about is possible."""
        plan = Plan(goal.name)
        due = self._due(goal, plan, situation)
        if len(due) < max(goal.enough, 1) or (goal.core and not any(item.name in goal.core for item in due)):
            return []
        return self._candidates(plan, situation)

    def _due(self, goal: Goal, plan: Plan, situation: Situation) -> list[Item]:
        """The items without which the goal is not reached, as far as they are possible."""
        items = [item for item in self._present(goal, situation) if not item.optional and item.name not in plan.done]
        return [item for item in items if self._ways(goal, item, plan, situation)]

    def _leaves(self, plan: Plan | None, found: list[_Candidate], situation: Situation) -> float:
        """Probability that the goal is left now."""
        if plan is None or not found:
            return 1.0
        goal = self.grammar.goals[plan.goal]
        is_reached = len(plan.done) >= goal.enough if goal.enough else not self._due(goal, plan, situation)
        return self.habits.stop if is_reached else self.habits.abandon

    def _candidates(self, plan: Plan, situation: Situation) -> list[_Candidate]:
        """The steps that would further ``plan`` now, with the plan as it then is."""
        if plan not in situation.memo:
            situation.memo[plan] = self._found(plan, situation)
        return situation.memo[plan]

    def _found(self, plan: Plan, situation: Situation) -> list[_Candidate]:
        goal = self.grammar.goals[plan.goal]
        open_items = [item for item in self._present(goal, situation) if item.name not in plan.done]
        possible = {item.name: found for item in open_items if (found := self._ways(goal, item, plan, situation))}
        candidates = []
        for item in open_items:
            ways = possible.get(item.name, ())
            if not ways or any(name in possible for name in item.after):
                continue
            for wanted, step, roles in ways:
                done = plan.done | {item.name} if step == wanted else plan.done
                candidates.append(_Candidate(item.weight / len(ways), step, Plan(plan.goal, done, roles)))
        return candidates

    @staticmethod
    def _present(goal: Goal, situation: Situation) -> list[Item]:
        """The items of ``goal`` for which the things are there."""
        if goal.name not in situation.choices:
            situation.choices[goal.name] = [
                item for item in goal.items if any(situation.has(wanted) for wanted, _ in goal.fillings(item, ()))
            ]
        return situation.choices[goal.name]

    @staticmethod
    def _ways(goal: Goal, item: Item, plan: Plan, situation: Situation) -> list[tuple[Slots, Slots, Roles]]:
        """(what is wanted, what must be done for it now, roles) for each choice that is possible."""
        key = goal.name, item.name, plan.roles
        if key not in situation.choices:
            situation.choices[key] = [one for one in goal.fillings(item, plan.roles) if situation.has(one[0])]
        return [
            (wanted, step, roles)
            for wanted, roles in situation.choices[key]
            if (step := situation.needed_now(wanted)) is not None
        ]

    def _steps(self, found: list[_Candidate], mind: Mind, mass: float) -> Iterable[Move]:
        """The steps ``found`` in the plan that is active, sharing ``mass``."""
        for one, share in _shares(found):
            if mind.aside:
                yield Move(mass * share, _step(one.step, one.plan.goal, "interruption"), replace(mind, aside=one.plan))
            else:
                reason = "return" if mind.returning else "plan"
                yield Move(mass * share, _step(one.step, one.plan.goal, reason), Mind(one.plan))

    def _steps_and_slips(
        self, found: list[_Candidate], mind: Mind, situation: Situation, mass: float
    ) -> Iterable[Move]:
        for move in self._steps(found, mind, mass):
            slips = self._slips(move.step, situation)
            keeps = 1 - self.habits.slip if slips else 1.0
            yield Move(move.probability * keeps, move.step, move.mind)
            for slip in slips:
                owed = (slip.object, situation.place_of(slip.object))
                wrong = Mind(mind.plan, owed=owed)
                yield Move(move.probability * self.habits.slip / len(slips), slip, wrong)

    def _slips(self, meant: Step, situation: Situation) -> list[Step]:
        """Things taken for the one that is meant, brought to where it was wanted."""
        key = meant.seen, meant.goal
        if key not in situation.memo:
            place = meant.place if meant.verb == "put" else self.grammar.goals[meant.goal].home
            alike = [Slots("put", thing, place) for thing in self.grammar.like(meant.object)]
            situation.memo[key] = [
                _step(wrong, meant.goal, "slip")
                for wrong in alike
                if situation.where.get(wrong.object, ROBOT) != ROBOT and situation.needed_now(wrong)
            ]
        return situation.memo[key]

    def _putting_right(self, mind: Mind, situation: Situation) -> Moves:
        """After a slip: most often the thing goes back at once, otherwise life goes on."""
        thing, place = mind.owed
        otherwise = self.moves(replace(mind, owed=None), situation)
        lets_be = 1 - self.habits.notices
        back = Move(self.habits.notices, Step("put", thing, place, mind.plan.goal, "return"), replace(mind, owed=None))
        own = tuple(replace(move, probability=move.probability * lets_be) for move in otherwise.own)
        return Moves((back, *own), otherwise.anew * lets_be, otherwise.aside * lets_be, otherwise.plan)

    def _with_full_hand(self, mind: Mind, situation: Situation) -> Iterable[Move]:
        """Use what is in the hand again, or close it, or put it down."""
        thing = situation.in_hand
        plan = mind.aside or mind.plan
        found = [] if mind.aside and mind.aside.done else self._candidates(plan, situation)
        found = [one for one in found if one.step.object == thing and one.step.verb not in HANDS_OFF]
        left = 1.0
        if found:
            yield from self._steps(found, mind, self.habits.go_on)
            left -= self.habits.go_on
        elif situation.last.verb not in _JUST_SO and situation.needed_now(closing := Slots("close", thing)):
            yield Move(left * self.habits.close, self._of_plan(closing, mind), mind)
            left *= 1 - self.habits.close
        for place, share in self._put_down_places(plan, situation).items():
            yield Move(left * share, self._of_plan(Slots("put", thing, place), mind), mind)

    def _put_down_places(self, plan: Plan, situation: Situation) -> dict[str, float]:
        habits, origin = self.habits, situation.place_of(situation.in_hand)
        home = self.grammar.goals[plan.goal].home
        shares = dict.fromkeys((*PLACES, TABLE), habits.anywhere / (len(PLACES) + 1))
        shares[origin] = shares.get(origin, 0.0) + habits.back
        shares[home] += 1 - habits.back - habits.anywhere
        return shares

    @staticmethod
    def _of_plan(slots: Slots, mind: Mind) -> Step:
        return _step(slots, (mind.aside or mind.plan).goal, "interruption" if mind.aside else "plan")


def _step(slots: Slots, goal: str, reason: str) -> Step:
    return Step(slots.verb, slots.object, slots.place, goal, reason)


def _shares(found: list[_Candidate]) -> list[tuple[_Candidate, float]]:
    total = sum(one.weight for one in found)
    return [(one, one.weight / total) for one in found]
