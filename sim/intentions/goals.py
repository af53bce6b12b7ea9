"""What the wearer wants: the goals as data. Their names, choices and orders are meant to be read."""

from __future__ import annotations

from gaze_vlm_ros.language import OBJECT_KINDS, PLACES, ROBOT, TABLE
from gaze_vlm_ros.sim.intentions.grammar import Goal, Grammar, Item, grammar_of

_CUPS = ("mug", "glass")
_CUTLERY = ("fork", "knife", "spoon")
_DISHES = ("plate", "bowl", *_CUPS, *_CUTLERY)
_FRUIT = ("apple", "banana", "orange")
_SPOTS = ("tray", "mat")
_FOOD = (*_FRUIT, "bread")
_SUPPLIES = ("bottle", "carton", "jar", "can", "cereal box", "salt shaker")
_PAPERS = ("notebook", "letter", "pen", "phone", "remote")


def _put_each(kinds: tuple[str, ...], place: str, **options) -> tuple[Item, ...]:
    return tuple(Item(f"put {kind}", "put", kind, place, **options) for kind in kinds)


GOALS: tuple[Goal, ...] = (
    Goal(
        "make tea",
        (
            Item("heat water", "press", "kettle", optional=True),
            Item("get cup", "put", "cup", "spot", optional=True),
            Item("brew", "pour", "kettle", "pot", after=("heat water", "get cup")),
            Item("serve", "pour", "teapot", "cup", after=("brew",)),
            Item("add milk", "pour", "carton", "cup", after=("serve",), optional=True),
            Item("stir", "stir", "spoon", "cup", after=("serve", "add milk"), optional=True),
            Item("drink", "drink", "cup", after=("stir",), optional=True),
        ),
        roles={"cup": _CUPS, "pot": ("teapot", "mug"), "spot": _SPOTS},
        home="tray",
        weight=2.0,
        core=("brew", "serve"),
    ),
    Goal(
        "make coffee",
        (
            Item("get cup", "put", "mug", "spot", optional=True),
            Item("add powder", "pour", "jar", "mug", after=("get cup",)),
            Item("add water", "pour", "kettle", "mug", after=("add powder",)),
            Item("add milk", "pour", "carton", "mug", after=("add water",), optional=True),
            Item("stir", "stir", "spoon", "mug", after=("add powder", "add water", "add milk")),
            Item("drink", "drink", "mug", after=("stir",), optional=True),
        ),
        roles={"spot": _SPOTS},
        home="mat",
        weight=2.0,
        core=("add powder",),
    ),
    Goal(
        "have a drink",
        (
            Item("get cup", "put", "cup", "spot", optional=True),
            Item("pour", "pour", "source", "cup", after=("get cup",)),
            Item("drink", "drink", "cup", after=("pour",)),
            Item("wipe up", "wipe", "napkin", "spot", after=("drink",), optional=True, weight=0.5),
        ),
        roles={"cup": _CUPS, "source": ("bottle", "carton", "can"), "spot": _SPOTS},
        home="mat",
        weight=1.2,
        core=("pour", "drink"),
    ),
    Goal(
        "take pills",
        (
            Item("read leaflet", "read", "pill box", optional=True, weight=0.5),
            Item("take pill", "take", "pill box"),
            Item("get water", "pour", "source", "cup"),
            Item("drink", "drink", "cup", after=("take pill", "get water")),
        ),
        roles={"cup": _CUPS, "source": ("bottle", "carton")},
        home="shelf",
        weight=2.0,
        core=("take pill",),
    ),
    Goal(
        "set the table",
        (
            *_put_each(("plate", "bowl"), "spot"),
            *_put_each(_CUTLERY, "spot", after=("put plate", "put bowl")),
            *_put_each(_CUPS, "spot", after=("put fork", "put knife", "put spoon")),
            *_put_each(("napkin", "salt shaker"), "spot", after=("put mug", "put glass"), optional=True),
        ),
        roles={"spot": _SPOTS},
        home="mat",
        enough=3,
        weight=0.7,
    ),
    Goal(
        "have breakfast",
        (
            Item("get bowl", "put", "bowl", "spot", optional=True),
            Item("pour cereal", "pour", "cereal box", "bowl", after=("get bowl",)),
            Item("pour milk", "pour", "carton", "bowl", after=("pour cereal",)),
            Item("eat cereal", "eat", "spoon", "bowl", after=("pour milk",)),
            Item("eat side", "eat", "side", after=("eat cereal",), optional=True),
            Item("drink", "drink", "cup", after=("eat cereal",), optional=True),
        ),
        roles={"spot": _SPOTS, "side": ("bread", "banana", "apple"), "cup": _CUPS},
        home="mat",
        weight=2.0,
        core=("pour cereal",),
    ),
    Goal(
        "eat a snack",
        (
            Item("get plate", "put", "plate", "spot", optional=True),
            Item("cut", "cut", "knife", "food", after=("get plate",), optional=True),
            Item("eat", "eat", "food", after=("cut",)),
            Item("wipe up", "wipe", "napkin", TABLE, after=("eat",), optional=True),
        ),
        roles={"food": _FOOD, "spot": _SPOTS},
        home="mat",
        weight=2.0,
        core=("eat",),
    ),
    Goal(
        "make soup",
        (
            Item("fill pan", "pour", "can", "pan"),
            Item("season", "season", "salt shaker", "pan", after=("fill pan",), optional=True),
            Item("stir", "stir", "tool", "pan", after=("fill pan", "season")),
            Item("serve", "pour", "pan", "bowl", after=("stir",)),
            Item("taste", "eat", "tool", "bowl", after=("serve",), optional=True),
        ),
        roles={"tool": ("spoon", "fork")},
        home="mat",
        weight=2.0,
        core=("fill pan",),
    ),
    Goal(
        "make a sandwich",
        (
            Item("get plate", "put", "plate", "spot", optional=True),
            Item("get bread", "put", "bread", "spot", after=("get plate",), optional=True),
            Item("cut bread", "cut", "knife", "bread", after=("get bread",)),
            Item("season", "season", "salt shaker", "bread", after=("cut bread",), optional=True),
            Item("eat", "eat", "bread", after=("cut bread", "season")),
        ),
        roles={"spot": _SPOTS},
        home="mat",
        weight=2.0,
        core=("eat",),
    ),
    Goal(
        "write a note",
        (
            Item("look up", "press", "phone", optional=True, weight=0.5),
            Item("write", "write", "pen", "paper"),
            Item("read again", "read", "paper", after=("write",), optional=True),
            Item("put paper away", "put", "paper", "shelf", after=("read again",), optional=True),
            Item("give paper", "give", "paper", ROBOT, after=("read again",), optional=True),
        ),
        roles={"paper": ("notebook", "letter")},
        home="shelf",
        weight=2.0,
        core=("write",),
    ),
    Goal(
        "read the mail",
        (
            Item("read", "read", "letter"),
            Item("note", "write", "pen", "notebook", after=("read",), optional=True),
            Item("call", "press", "phone", after=("read", "note"), optional=True),
            Item("put letter away", "put", "letter", "spot", after=("call",)),
        ),
        roles={"spot": ("shelf", "basket", "tray")},
        home="basket",
        weight=2.0,
        core=("read",),
    ),
    Goal(
        "pass the time",
        (
            Item("switch on", "press", "remote"),
            Item("phone", "press", "phone"),
            Item("read", "read", "reading"),
            Item("nibble", "eat", "food", optional=True),
            Item("sip", "drink", "cup", optional=True),
        ),
        roles={"reading": ("notebook", "phone", "cereal box"), "food": _FOOD, "cup": _CUPS},
        enough=2,
    ),
    Goal(
        "wipe up",
        (
            *_put_each((*_DISHES, *_PAPERS), "shelf", optional=True, weight=0.2),
            Item("wipe table", "wipe", "cloth", TABLE),
            Item("wipe more", "wipe", "cloth", "dirty"),
            Item("put cloth away", "put", "cloth", "basket", after=("wipe table", "wipe more")),
        ),
        roles={"cloth": ("sponge", "napkin"), "dirty": ("tray", "mat", "shelf", "plate", "pan", "bowl")},
        home="basket",
        core=("wipe table", "wipe more"),
    ),
    Goal(
        "tidy up",
        _put_each(OBJECT_KINDS, "spot"),
        roles={"spot": ("shelf", "basket", "tray")},
        home="shelf",
        weight=1.2,
        enough=3,
    ),
    Goal(
        "clear the table",
        _put_each((*_DISHES, *_SUPPLIES, "pan", "teapot", "napkin"), "spot"),
        roles={"spot": ("tray", "basket", "shelf")},
        home="tray",
        enough=3,
        weight=0.5,
    ),
    Goal(
        "hand over",
        (
            Item("give", "give", "asked", ROBOT),
            Item("give more", "give", "more", ROBOT, optional=True),
        ),
        roles={"asked": OBJECT_KINDS, "more": OBJECT_KINDS},
        weight=2.4,
        enough=1,
    ),
    Goal(
        "look for something",
        (
            Item("search", "search", "lost"),
            Item("bring", "put", "lost", "spot", after=("search",), weight=2),
            Item("give", "give", "lost", ROBOT, after=("search",)),
        ),
        roles={"lost": OBJECT_KINDS, "spot": ("mat", "tray", "shelf")},
        weight=1.2,
        enough=2,
    ),
    Goal(
        "follow a whim",
        (Item("shift", "put", "any", "somewhere"),),
        roles={"any": OBJECT_KINDS, "somewhere": (*PLACES, TABLE)},
        weight=3.2,
    ),
)

LOOK_ALIKES = (
    _CUPS,
    _CUTLERY,
    _FOOD,
    ("plate", "bowl", "pan"),
    ("kettle", "teapot"),
    ("bottle", "carton", "jar", "can", "cereal box"),
    ("salt shaker", "jar", "pill box"),
    ("phone", "remote", "pill box"),
    ("notebook", "letter"),
    ("sponge", "napkin"),
    ("pen", *_CUTLERY),
)

GRAMMAR: Grammar = grammar_of(*GOALS, look_alikes=LOOK_ALIKES)
