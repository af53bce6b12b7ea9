"""How each verb is said, of what happens now (``activity``) and of what is to come (``event``).

``{object}`` and ``{place}`` are names; ``{at}`` is the place with the word that suits it ("in the basket", "on the
tray"). Index 0 is the plain phrasing. Where a verb goes with and without a place, both lists stand
in one tuple: a phrasing fits slots that fill exactly what it names.
"""

from __future__ import annotations

_ACTIVITIES = {
    "look": (
        "looking around",
        "looking about",
        "glancing around",
        "taking a look around",
        "scanning the table",
        "gazing around",
        "letting the eyes wander",
    ),
    "reach": (
        "reaching for the {object}",
        "reaching out for the {object}",
        "stretching a hand towards the {object}",
        "going for the {object}",
        "moving a hand to the {object}",
        "extending a hand towards the {object}",
        "heading for the {object} with the hand",
    ),
    "move": (
        "moving the {object} to the {place}",
        "carrying the {object} to the {place}",
        "bringing the {object} to the {place}",
        "putting the {object} {at}",
        "transferring the {object} to the {place}",
        "placing the {object} {at}",
        "taking the {object} over to the {place}",
    ),
    "hand over": (
        "handing the {object} to the {place}",
        "giving the {object} to the {place}",
        "passing the {object} to the {place}",
        "offering the {object} to the {place}",
        "handing over the {object} to the {place}",
        "presenting the {object} to the {place}",
        "holding the {object} out to the {place}",
    ),
    "withdraw": (
        "withdrawing the hand",
        "pulling the hand back",
        "taking the hand away",
        "drawing back the hand",
        "retracting the hand",
        "bringing the hand back",
        "letting the hand return to rest",
    ),
}
_EVENTS = {
    "pick up": (
        "pick up the {object}",
        "take hold of the {object}",
        "grasp the {object}",
        "take the {object} in the hand",
        "grab the {object}",
        "get hold of the {object}",
        "lift the {object}",
    ),
    "put": (
        "put the {object} {at}",
        "place the {object} {at}",
        "put the {object} down {at}",
        "leave the {object} {at}",
        "set the {object} down {at}",
        "lay the {object} {at}",
        "deposit the {object} {at}",
    ),
    "give": (
        "give the {object} to the {place}",
        "hand the {object} to the {place}",
        "pass the {object} to the {place}",
        "offer the {object} to the {place}",
        "hand over the {object} to the {place}",
        "present the {object} to the {place}",
        "hold the {object} out to the {place}",
    ),
}
_USES = {
    "open": (
        "open the {object}",
        "open up the {object}",
        "get the {object} open",
        "undo the {object}",
        "unseal the {object}",
        "work the {object} open",
        "make the {object} open",
    ),
    "close": (
        "close the {object}",
        "close up the {object}",
        "get the {object} closed",
        "shut the {object}",
        "seal the {object}",
        "do up the {object}",
        "put the lid back on the {object}",
    ),
    "pour": (
        "pour from the {object} into the {place}",
        "pour the {object} into the {place}",
        "tip the {object} into the {place}",
        "fill the {place} from the {object}",
        "add some of the {object} to the {place}",
        "top up the {place} from the {object}",
        "let the {object} run into the {place}",
    ),
    "stir": (
        "stir the {place} with the {object}",
        "stir {at} with the {object}",
        "use the {object} to stir the {place}",
        "mix the {place} with the {object}",
        "turn the {object} {at}",
        "swirl the {object} around {at}",
        "give the {place} a stir with the {object}",
    ),
    "drink": (
        "drink from the {object}",
        "take a drink from the {object}",
        "sip from the {object}",
        "have a drink from the {object}",
        "take a sip from the {object}",
        "drink out of the {object}",
        "swallow from the {object}",
    ),
    "eat": (
        "eat the {object}",
        "have the {object} to eat",
        "bite into the {object}",
        "take a bite of the {object}",
        "munch the {object}",
        "chew the {object}",
        "nibble at the {object}",
        "eat from the {place} with the {object}",
        "use the {object} to eat from the {place}",
        "eat what is {at} with the {object}",
        "take food from the {place} with the {object}",
        "take a bite from the {place} with the {object}",
        "tuck into the {place} with the {object}",
        "pick at the {place} with the {object}",
    ),
    "take": (
        "take a pill from the {object}",
        "get a pill from the {object}",
        "take a tablet from the {object}",
        "take medicine from the {object}",
        "pick a pill from the {object}",
        "remove a pill from the {object}",
        "get a tablet out of the {object}",
    ),
    "cut": (
        "cut the {place} with the {object}",
        "slice the {place} with the {object}",
        "use the {object} to cut the {place}",
        "cut up the {place} with the {object}",
        "chop the {place} with the {object}",
        "carve the {place} with the {object}",
        "divide the {place} with the {object}",
    ),
    "wipe": (
        "wipe the {place} with the {object}",
        "clean the {place} with the {object}",
        "use the {object} to wipe the {place}",
        "wipe down the {place} with the {object}",
        "rub the {place} with the {object}",
        "mop the {place} with the {object}",
        "run the {object} over the {place}",
    ),
    "write": (
        "write {at} with the {object}",
        "use the {object} to write {at}",
        "note something {at} with the {object}",
        "jot something {at} with the {object}",
        "fill in the {place} with the {object}",
        "scribble {at} with the {object}",
        "put words {at} with the {object}",
    ),
    "read": (
        "read the {object}",
        "read through the {object}",
        "have a read of the {object}",
        "study the {object}",
        "go through the {object}",
        "peruse the {object}",
        "read what is on the {object}",
    ),
    "season": (
        "season the {place} with the {object}",
        "salt the {place} with the {object}",
        "use the {object} to season the {place}",
        "add salt to the {place} from the {object}",
        "sprinkle the {object} over the {place}",
        "shake the {object} over the {place}",
        "dust the {place} with the {object}",
    ),
    "press": (
        "press the button of the {object}",
        "press the {object}",
        "push the button of the {object}",
        "use the button of the {object}",
        "tap the {object}",
        "press down on the {object}",
        "give the {object} a push",
    ),
    "search": (
        "search for the {object}",
        "look for the {object}",
        "try to find the {object}",
        "hunt for the {object}",
        "seek the {object}",
        "try to spot the {object}",
        "look everywhere for the {object}",
    ),
}
"""Said alike now and to come, but for the form of the first word ("pour", "pouring")."""

_DOUBLED = {
    *("chop", "cut", "get", "jot", "let", "mop", "put", "rub"),
    *("run", "shut", "sip", "stir", "tap", "tip", "top"),
}
"""Words that double their last letter before -ing."""


def _now(sentence: str) -> str:
    """``sentence`` with its first word, a verb, in the -ing form."""
    verb, rest = sentence.split(" ", 1)
    stem = verb + verb[-1] if verb in _DOUBLED else verb.removesuffix("e")
    return f"{stem}ing {rest}"


PHRASINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "activity": {**_ACTIVITIES, **{verb: tuple(map(_now, said)) for verb, said in _USES.items()}},
    "event": {**_EVENTS, **_USES},
}
