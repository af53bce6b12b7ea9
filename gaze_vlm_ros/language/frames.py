"""What there is to speak of: kinds of thing, places, verbs, and which of them go together.

``FRAMES`` is the one table of what makes sense. The simulated wearer acts by it and the sentences are enumerated
from it, so that nothing is done that cannot be said.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

OBJECT_KINDS = (
    "mug",
    "bottle",
    "bowl",
    "plate",
    "apple",
    "banana",
    "sponge",
    "notebook",
    "spoon",
    "teapot",
    "pill box",
    "carton",
    "kettle",
    "glass",
    "fork",
    "knife",
    "bread",
    "jar",
    "pen",
    "letter",
    "can",
    "orange",
    "pan",
    "salt shaker",
    "phone",
    "napkin",
    "cereal box",
    "remote",
)
PLACES = ("tray", "mat", "shelf", "basket")
ROBOT = "robot"
TABLE = "table"
"""The bare table as a place: where things are put back, and what is wiped."""


@dataclass(frozen=True)
class Slots:
    """What a sentence says. A slot that the verb does not use is "".

    ``object`` is what the hand takes (or what the eyes look for); ``place`` is a place, another kind of thing, the
    robot or the table.
    """

    verb: str
    object: str = ""
    place: str = ""


@dataclass(frozen=True)
class Frame:
    """Each of ``objects`` goes with each of ``places`` but itself; ("",) stands for a slot that is not used."""

    objects: tuple[str, ...] = ("",)
    places: tuple[str, ...] = ("",)


_EVERYTHING = Frame(OBJECT_KINDS)
_SOMEWHERE = Frame(OBJECT_KINDS, (*PLACES, TABLE))
_TO_ROBOT = Frame(OBJECT_KINDS, (ROBOT,))
_NOTHING = Frame()

USES: dict[str, tuple[Frame, ...]] = {
    "open": (Frame(("bottle", "carton", "jar", "can", "pill box", "cereal box", "teapot", "letter", "notebook")),),
    "close": (Frame(("bottle", "carton", "jar", "pill box", "cereal box", "teapot", "notebook")),),
    "pour": (
        Frame(("kettle",), ("mug", "teapot", "pan")),
        Frame(("teapot",), ("mug", "glass")),
        Frame(("bottle",), ("mug", "glass", "pan")),
        Frame(("carton",), ("mug", "glass", "bowl", "pan")),
        Frame(("can",), ("glass", "bowl", "pan")),
        Frame(("jar",), ("mug", "bowl", "pan")),
        Frame(("cereal box",), ("bowl",)),
        Frame(("pan",), ("bowl",)),
    ),
    "stir": (Frame(("spoon",), ("mug", "glass", "bowl", "pan", "teapot")), Frame(("fork",), ("bowl", "pan"))),
    "drink": (Frame(("mug", "glass", "bottle", "can")),),
    "eat": (
        Frame(("apple", "banana", "orange", "bread")),
        Frame(("spoon",), ("bowl", "pan")),
        Frame(("fork",), ("bowl", "pan")),
    ),
    "take": (Frame(("pill box",)),),
    "cut": (Frame(("knife",), ("apple", "banana", "orange", "bread")),),
    "wipe": (Frame(("sponge", "napkin"), (TABLE, "tray", "mat", "shelf", "plate", "pan", "bowl")),),
    "write": (Frame(("pen",), ("notebook", "letter")),),
    "read": (Frame(("letter", "notebook", "phone", "pill box", "cereal box")),),
    "season": (Frame(("salt shaker",), ("bowl", "pan", "bread")),),
    "press": (Frame(("kettle", "remote", "phone")),),
    "search": (_EVERYTHING,),
}
"""Verbs of using a thing: the same word for the activity and for the event."""

ACTIVITY_VERBS: dict[str, tuple[Frame, ...]] = {
    "look": (_NOTHING,),
    "reach": (_EVERYTHING,),
    "move": (_SOMEWHERE,),
    "hand over": (_TO_ROBOT,),
    "withdraw": (_NOTHING,),
    **USES,
}
EVENT_VERBS: dict[str, tuple[Frame, ...]] = {
    "pick up": (_EVERYTHING,),
    "put": (_SOMEWHERE,),
    "give": (_TO_ROBOT,),
    **USES,
}
FRAMES: dict[str, tuple[Frame, ...]] = {**ACTIVITY_VERBS, **EVENT_VERBS}


@cache
def slots_of(verb: str) -> tuple[Slots, ...]:
    """Everything that makes sense with ``verb`` (a key of ``FRAMES``), in the order of the table."""
    return tuple(
        Slots(verb, thing, place)
        for frame in FRAMES[verb]
        for thing in frame.objects
        for place in frame.places
        if thing != place or not thing
    )


def makes_sense(slots: Slots) -> bool:
    """Whether the table has ``slots``."""
    return slots in _table()


@cache
def _table() -> frozenset[Slots]:
    return frozenset(slots for verb in FRAMES for slots in slots_of(verb))
