"""The form of a grammar of goals: items with partial order and choices. The goals themselves are in ``goals``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from gaze_vlm_ros.language import OBJECT_KINDS, PLACES, ROBOT, TABLE, Slots, makes_sense
from gaze_vlm_ros.sim.intentions.situation import IntentionError

Roles = tuple[tuple[str, str], ...]
"""(role, what fills it), sorted."""
_NAMES = frozenset({*OBJECT_KINDS, *PLACES, ROBOT, TABLE, ""})


@dataclass(frozen=True)
class Item:
    """One thing to do for a goal, once.

    ``object`` and ``place`` are names or roles of the goal. ``after`` names items that come first if they can be done
    at all. A goal is reached without its ``optional`` items. ``weight`` is relative to the goal's other items.
    """

    name: str
    verb: str
    object: str
    place: str = ""
    after: tuple[str, ...] = ()
    optional: bool = False
    weight: float = 1.0


@dataclass(frozen=True)
class Goal:
    """Items in any order that ``after`` allows, until ``enough`` of them are done (0: all that are not optional).

    A role ("cup") is filled by one of its choices when it is first needed, and stays so. What is put down goes where it
    came from, or to ``home``. ``weight`` is relative to the other goals. A goal is begun if one of its ``core`` items
    can be done (by default any that is not optional), and ``enough`` in all.
    """

    name: str
    items: tuple[Item, ...]
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    home: str = TABLE
    weight: float = 1.0
    enough: int = 0
    core: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [item.name for item in self.items]
        for core in self.core:
            if core not in names:
                raise IntentionError(f"goal {self.name!r}: no item {core!r} that could be its core")
        for item in self.items:
            for after in item.after:
                if after not in names:
                    raise IntentionError(f"goal {self.name!r}: no item {after!r} that {item.name!r} could follow")
            for name in (item.object, item.place):
                if name not in self.roles and name not in _NAMES:
                    raise IntentionError(f"goal {self.name!r}: {name!r} is neither a role nor a thing or place")
            if not any(self.fillings(item, ())):
                raise IntentionError(f"goal {self.name!r}: no choice makes sense for item {item.name!r}")

    @cached_property
    def marks(self) -> frozenset[Slots]:
        """Steps by which anybody sees that this goal was followed: its items that must be done, but for puts."""
        marking = [item for item in self.items if not item.optional and item.verb != "put"]
        return frozenset(slots for item in marking for slots, _ in self.fillings(item, ()))

    @cached_property
    def size(self) -> int:
        """How many items make it complete."""
        return self.enough or sum(not item.optional for item in self.items)

    def fillings(self, item: Item, bound: Roles) -> Iterator[tuple[Slots, Roles]]:
        """What ``item`` may come to, with the roles bound thereby; ``bound`` are those bound before."""
        known = dict(bound)
        for thing in self._choices(item.object, known):
            for place in self._choices(item.place, known):
                slots = Slots(item.verb, thing, place)
                if makes_sense(slots):
                    named = {item.object: thing, item.place: place}
                    filled = {role: named[role] for role in named if role in self.roles}
                    yield slots, tuple(sorted({**known, **filled}.items()))

    def _choices(self, name: str, known: dict[str, str]) -> tuple[str, ...]:
        return (known[name],) if name in known else self.roles.get(name, (name,))


@dataclass(frozen=True)
class Habits:
    """How orderly the wearer is: the probabilities of everything that a goal does not say."""

    slip: float = 0.07
    """A thing that looks alike is taken instead, if there is one, and brought to where the right one was wanted."""
    notices: float = 0.95
    """A slip is put right at once."""
    interruption: float = 0.06
    """One item of another goal comes in between."""
    abandon: float = 0.02
    """A goal is given up with something still to do."""
    again: float = 0.35
    """Weight of a goal that has been followed once before, of one followed twice its square, and so on."""
    stop: float = 0.25
    """A goal is left when only optional items remain."""
    go_on: float = 0.95
    """What the hand holds is used again when it is needed again, before it is put down."""
    close: float = 0.6
    """What is open is closed before it is put down."""
    back: float = 0.5
    """What is put down goes where it came from; otherwise to the goal's home, or anywhere."""
    anywhere: float = 0.1


@dataclass(frozen=True)
class Grammar:
    """Goals by name, habits, and groups of kinds that are mistaken for one another."""

    goals: dict[str, Goal]
    habits: Habits = Habits()
    look_alikes: tuple[tuple[str, ...], ...] = ()

    def like(self, thing: str) -> tuple[str, ...]:
        """Kinds that are taken for ``thing`` by mistake."""
        return self._alike.get(thing, ())

    @cached_property
    def _alike(self) -> dict[str, tuple[str, ...]]:
        alike: dict[str, dict[str, None]] = {}
        for group in self.look_alikes:
            for thing in group:
                alike.setdefault(thing, {}).update(dict.fromkeys(other for other in group if other != thing))
        return {thing: tuple(others) for thing, others in alike.items()}


def grammar_of(*goals: Goal, habits: Habits | None = None, look_alikes: tuple[tuple[str, ...], ...] = ()) -> Grammar:
    """A grammar of ``goals``, whose names must differ."""
    names = [goal.name for goal in goals]
    if len(set(names)) < len(names):
        raise IntentionError(f"goals must have different names, got {', '.join(names)}")
    return Grammar({goal.name: goal for goal in goals}, habits or Habits(), look_alikes)
