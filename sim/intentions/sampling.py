"""Which things an episode has: enough of what a few goals need, and clutter."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.sim.intentions.goals import GRAMMAR
from gaze_vlm_ros.sim.intentions.grammar import Goal, Grammar

CLUTTER = 0.25
"""Share of things that are there for no reason."""


def sample_things(rng: np.random.Generator, count: int, grammar: Grammar = GRAMMAR) -> tuple[str, ...]:
    """``count`` different kinds (at most all 28) in random order, such as stand on a table where something is done."""
    things: dict[str, None] = {}
    goals = list(grammar.goals.values())
    for index in rng.permutation(len(goals)):
        if len(things) < count * (1 - CLUTTER):
            things.update(dict.fromkeys(_needed(goals[index], rng)))
    wanted = list(things)[: count - round(CLUTTER * count)]
    others = [kind for kind in rng.permutation(OBJECT_KINDS).tolist() if kind not in wanted]
    return tuple(rng.permutation([*wanted, *others][:count]).tolist())


def _needed(goal: Goal, rng: np.random.Generator) -> list[str]:
    """The things of ``goal`` with one choice for each role, in order of its items."""
    chosen = {role: str(rng.choice(choices)) for role, choices in goal.roles.items()}
    names = [chosen.get(name, name) for item in goal.items for name in (item.object, item.place)]
    return [name for name in names if name in OBJECT_KINDS]
