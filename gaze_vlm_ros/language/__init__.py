"""The words in which activities and events are spoken, and the way back from words to slots.

One closed grammar serves the simulator that labels, the model that learns and the policy that acts. A sentence has a
verb, an object and a place (``frames``), and is said in one of several phrasings (``phrasings``); ``parse`` undoes all
of them.
"""

from __future__ import annotations

import re
from functools import cache

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.language.frames import (
    ACTIVITY_VERBS,
    EVENT_VERBS,
    FRAMES,
    OBJECT_KINDS,
    PLACES,
    ROBOT,
    TABLE,
    USES,
    Frame,
    Slots,
    makes_sense,
    slots_of,
)
from gaze_vlm_ros.language.phrasings import PHRASINGS

__all__ = [
    "ACTIVITIES",
    "ACTIVITY_VERBS",
    "EVENTS",
    "EVENT_VERBS",
    "FRAMES",
    "KINDS_OF_SENTENCE",
    "OBJECT_KINDS",
    "PHRASINGS",
    "PLACES",
    "ROBOT",
    "TABLE",
    "USES",
    "Frame",
    "LanguageError",
    "Slots",
    "makes_sense",
    "parse",
    "phrasings_of",
    "plain",
    "sentences",
    "slots_of",
    "text_of",
    "vocabulary",
]

KINDS_OF_SENTENCE = {"activity": ACTIVITY_VERBS, "event": EVENT_VERBS}
_PHRASINGS_OF_SPLIT = {"train": (0, 1, 2, 3), "validation": (4,), "test": (5, 6)}
_CONTAINERS = frozenset({"basket", "mug", "glass", "bowl", "pan", "teapot", "notebook"})
"""Places in which things are, rather than on."""


class LanguageError(GazeVlmError):
    """A verb, a kind of sentence, a split or a phrasing that the grammar lacks."""


def phrasings_of(split: str) -> tuple[int, ...]:
    """The phrasings that episodes of ``split`` may use, so that those of a test episode are new to what was trained."""
    return _known(_PHRASINGS_OF_SPLIT, split, "split")


def sentences(kind: str) -> tuple[Slots, ...]:
    """All slots that make sense, for ``kind`` "activity" or "event"."""
    return tuple(slots for verb in _known(KINDS_OF_SENTENCE, kind, "kind of sentence") for slots in slots_of(verb))


def text_of(slots: Slots, kind: str, phrasing: int = 0) -> str:
    """The sentence of ``slots`` as an "activity" (now) or an "event" (to come).

    ``phrasing`` is one of ``phrasings_of(split)``; 0 is the plain one. Raises LanguageError for a verb, a kind or a
    phrasing that the grammar lacks, and for slots that the verb does not take.
    """
    templates = _fitting(kind, slots.verb, bool(slots.object), bool(slots.place))
    if not 0 <= phrasing < len(templates):
        raise LanguageError(f"no phrasing {phrasing} of {slots} as {kind}; there are {len(templates)}")
    at = f"{'in' if slots.place in _CONTAINERS else 'on'} the {slots.place}"
    return templates[phrasing].format(object=slots.object, place=slots.place, at=at)


def parse(text: str) -> Slots | None:
    """The slots of a sentence in any phrasing, or None where the grammar has no such sentence.

    Upper case, articles, a full stop and the number of spaces do not matter.
    """
    return _parsed().get(_bare(text))


def plain(text: str, kind: str) -> str:
    """``text`` in the plain phrasing, so that sentences of one meaning are equal; as it is where ``kind`` lacks it."""
    slots = parse(text)
    return text_of(slots, kind) if slots and slots.verb in _known(KINDS_OF_SENTENCE, kind, "kind of sentence") else text


@cache
def vocabulary() -> list[str]:
    """Every word of every phrasing, sorted."""
    return sorted({word for kind in KINDS_OF_SENTENCE for _, text in _all_texts(kind) for word in text.split()})


def _known(table: dict, name: str, what: str):
    if name not in table:
        raise LanguageError(f"no {what} {name!r}; there are {', '.join(table)}")
    return table[name]


@cache
def _fitting(kind: str, verb: str, has_object: bool, has_place: bool) -> tuple[str, ...]:
    """The phrasings that name exactly the slots given."""
    templates = _known(_known(PHRASINGS, kind, "kind of sentence"), verb, f"{kind} verb")
    return tuple(
        template
        for template in templates
        if has_object == ("{object}" in template) and has_place == bool(re.search(r"\{(place|at)\}", template))
    )


def _all_texts(kind: str) -> list[tuple[Slots, str]]:
    texts = []
    for slots in sentences(kind):
        count = len(_fitting(kind, slots.verb, bool(slots.object), bool(slots.place)))
        texts += [(slots, text_of(slots, kind, phrasing)) for phrasing in range(count)]
    return texts


@cache
def _parsed() -> dict[str, Slots]:
    return {_bare(text): slots for kind in KINDS_OF_SENTENCE for slots, text in _all_texts(kind)}


def _bare(text: str) -> str:
    """Lower case, without articles and a closing full stop, one space between words."""
    return " ".join(word for word in text.lower().rstrip(" .").split() if word not in ("the", "a", "an"))


ACTIVITIES = sentences("activity")
EVENTS = sentences("event")
