"""The words in which activities and events are spoken, and the way back from words to slots.

One closed grammar serves the simulator that labels, the model that learns and the policy that acts. A sentence has a
verb, an object and a place; a slot that the verb does not use is the empty string.
"""

from __future__ import annotations

from dataclasses import dataclass

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
)
PLACES = ("tray", "mat", "shelf")
ROBOT = "robot"


@dataclass(frozen=True)
class Slots:
    """What a sentence says: ``verb`` is a key of ``ACTIVITY_VERBS`` or ``EVENT_VERBS``."""

    verb: str
    object: str = ""
    place: str = ""


ACTIVITY_VERBS = {
    "look": "looking around",
    "reach": "reaching for the {object}",
    "move": "moving the {object} to the {place}",
    "hand over": "handing the {object} to the {place}",
    "withdraw": "withdrawing the hand",
}
EVENT_VERBS = {
    "pick up": "pick up the {object}",
    "put": "put the {object} on the {place}",
    "give": "give the {object} to the {place}",
}
_TEMPLATES = {**ACTIVITY_VERBS, **EVENT_VERBS}


def text_of(slots: Slots) -> str:
    """The sentence of ``slots``. Raises KeyError for a verb that the grammar lacks."""
    return _TEMPLATES[slots.verb].format(object=slots.object, place=slots.place)


def _sentences(verb: str) -> list[Slots]:
    template = _TEMPLATES[verb]
    places = (ROBOT,) if verb in ("hand over", "give") else PLACES
    return [
        Slots(verb, thing, place)
        for thing in (OBJECT_KINDS if "{object}" in template else ("",))
        for place in (places if "{place}" in template else ("",))
    ]


ACTIVITIES = tuple(slots for verb in ACTIVITY_VERBS for slots in _sentences(verb))
EVENTS = tuple(slots for verb in EVENT_VERBS for slots in _sentences(verb))
_PARSED = {text_of(slots): slots for slots in ACTIVITIES + EVENTS}


def parse(text: str) -> Slots | None:
    """The slots of a sentence, or None where the grammar has no such sentence."""
    return _PARSED.get(" ".join(text.split()))


def vocabulary() -> list[str]:
    """Every word of the grammar, sorted."""
    return sorted({word for text in _PARSED for word in text.split()})
