"""What anybody in the room can see: where things are, their states, what the hand holds; and what a step changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.language import OBJECT_KINDS, ROBOT, TABLE, Slots, makes_sense
from gaze_vlm_ros.sim.things.state import HEATABLE, ThingState

FULL, EMPTY = 0.9, 0.1
"""Levels from which nothing more goes in, and up to which nothing comes out."""
POURED, DRUNK, EATEN, DOSE = 0.35, 0.3, 0.3, 0.05
"""What one step takes: of a level, of a level, of a share (or of a level, with a tool), of pills or salt."""
LEFT_OVER = 0.35
"""Share of food that is not eaten any more."""
POURS_ONLY_OPEN = frozenset({"bottle", "carton", "jar", "can", "cereal box"})
HANDS_OFF = frozenset({"press", "search"})
"""Verbs after which the thing is not in the hand."""


class IntentionError(GazeVlmError):
    """Things that the kitchen does not know, a step that cannot be, or a grammar that cannot work."""


class Situation:
    """The visible world of one episode.

    ``where`` maps each thing to its place ("" = on the table; a thing in the hand keeps the place it came from),
    ``states`` to its state, ``in_hand`` is "" or a thing, ``last`` what was done last,
    ``times`` how often each step was done.
    """

    def __init__(self, things: Sequence[str], states: Mapping[str, ThingState]) -> None:
        unknown = [thing for thing in things if thing not in OBJECT_KINDS]
        if unknown:
            raise IntentionError(f"no thing {unknown[0]!r}; there are {', '.join(OBJECT_KINDS)}")
        if not things or len(set(things)) < len(things):
            raise IntentionError(f"different things are needed, got {', '.join(things) or 'none'}")
        missing = [thing for thing in things if thing not in states]
        if missing:
            raise IntentionError(f"no state is given for the {missing[0]}; states must cover all things")
        self.things = tuple(things)
        self.where = dict.fromkeys(things, "")
        self.states = {thing: states[thing] for thing in things}
        self.in_hand = ""
        self.last = Slots("")
        self.times: Counter[Slots] = Counter()
        self.memo: dict = {}
        """What has been worked out about the situation as it is; forgotten when a step changes it."""
        self.choices: dict = {}
        """What has been worked out about the things that are there; they stay."""

    def place_of(self, thing: str) -> str:
        """Place of ``thing`` as a step names it."""
        return self.where[thing] or TABLE

    def has(self, step: Slots) -> bool:
        """Whether the things of ``step`` are there."""
        return step.object in self.states and (step.place in self.states or step.place not in OBJECT_KINDS)

    def apply(self, step: Slots) -> None:
        """``step`` has been done. Raises IntentionError for one that cannot be."""
        is_held = self.in_hand == step.object and step.verb not in HANDS_OFF
        if (self.in_hand and not is_held) or self.needed_now(step) != step:
            raise IntentionError(f"impossible step {step} with {self.in_hand or 'nothing'} in the hand")
        self.states.update(effects_of(step, self.states))
        if step.verb in ("put", "give"):
            self.where[step.object] = "" if step.place == TABLE else step.place
            self.in_hand = ""
        elif step.verb not in HANDS_OFF:
            self.in_hand = step.object
        self.last = step
        self.times[step] += 1
        self.memo.clear()

    def needed_now(self, step: Slots) -> Slots | None:
        """What must be done so that ``step`` gets done: itself, what has to come before it, or None if it cannot be.

        A bottle is opened before it pours, a kettle heated; an empty one pours nothing. Whether the hand is free is not
        looked at.
        """
        thing, place = step.object, step.place
        if not self.has(step) or not makes_sense(step):
            return None
        if step.verb in ("put", "give"):
            return step if thing == self.in_hand or self.place_of(thing) != place else None
        if ROBOT in (self.where[thing], self.where.get(place)):
            return None
        check = _CHECKS.get(step.verb)
        return check(step, self.states) if check else step


def effects_of(step: Slots, states: Mapping[str, ThingState]) -> dict[str, ThingState]:
    """The new states of the things that ``step`` (slots of a possible step) changes."""
    thing, place = step.object, step.place
    own = states[thing]
    if step.verb in ("open", "close"):
        return {thing: replace(own, is_open=step.verb == "open")}
    if step.verb == "press" and thing == "kettle":
        return {thing: replace(own, is_hot=True)}
    if step.verb == "pour":
        poured = min(POURED, own.level, 1.0 - states[place].level)
        hot = states[place].is_hot or (own.is_hot and place in HEATABLE)
        return {
            thing: _emptied(own, poured),
            place: replace(states[place], level=states[place].level + poured, is_hot=hot),
        }
    if step.verb == "drink":
        return {thing: _emptied(own, DRUNK)}
    if step.verb == "eat" and place:
        return {place: _emptied(states[place], EATEN)}
    if step.verb == "eat":
        return {thing: replace(own, share=max(own.share - EATEN, 0.0))}
    if step.verb in ("take", "season"):
        return {thing: _emptied(own, DOSE)}
    return {}


def _emptied(state: ThingState, amount: float) -> ThingState:
    level = max(state.level - amount, 0.0)
    return replace(state, level=level, is_hot=state.is_hot and level > EMPTY)


def _if(possible: bool, step: Slots) -> Slots | None:
    return step if possible else None


def _pour(step: Slots, states: Mapping[str, ThingState]) -> Slots | None:
    source, target = states[step.object], states[step.place]
    if source.level <= EMPTY or target.level >= FULL:
        return None
    if step.place == "teapot" and not target.is_open:
        return Slots("open", "teapot")
    if step.object == "kettle" and not source.is_hot:
        return Slots("press", "kettle")
    return _opened(step, states) if step.object in POURS_ONLY_OPEN else step


def _opened(step: Slots, states: Mapping[str, ThingState], thing: str = "") -> Slots:
    thing = thing or step.object
    return step if states[thing].is_open else Slots("open", thing)


def _stir(step: Slots, states: Mapping[str, ThingState]) -> Slots | None:
    if states[step.place].level <= EMPTY:
        return None
    return _opened(step, states, "teapot") if step.place == "teapot" else step


def _drink(step: Slots, states: Mapping[str, ThingState]) -> Slots | None:
    if states[step.object].level <= EMPTY:
        return None
    return _opened(step, states) if step.object in POURS_ONLY_OPEN else step


def _eat(step: Slots, states: Mapping[str, ThingState]) -> Slots | None:
    if step.place:
        return _if(states[step.place].level > EMPTY, step)
    return _if(states[step.object].share > LEFT_OVER, step)


def _press(step: Slots, states: Mapping[str, ThingState]) -> Slots | None:
    kettle = states[step.object]
    return _if(step.object != "kettle" or (not kettle.is_hot and kettle.level > EMPTY), step)


_CHECKS = {
    "open": lambda step, states: _if(not states[step.object].is_open, step),
    "close": lambda step, states: _if(states[step.object].is_open, step),
    "pour": _pour,
    "stir": _stir,
    "drink": _drink,
    "eat": _eat,
    "take": lambda step, states: _opened(step, states) if states[step.object].level > EMPTY else None,
    "cut": lambda step, states: _if(states[step.place].share > LEFT_OVER, step),
    "write": lambda step, states: _opened(step, states, step.place),
    "read": lambda step, states: _opened(step, states) if step.object in ("letter", "notebook") else step,
    "season": lambda step, states: _if(states[step.object].level > EMPTY, step),
    "press": _press,
}
