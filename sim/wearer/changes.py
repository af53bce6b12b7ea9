"""How things change while they are used: evenly, and in the right instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from gaze_vlm_ros.sim.wearer.phases import Change, Phase

_PER_USE = 12


def changes_of(before: Mapping[str, Any], after: Mapping[str, Any], last: Phase) -> list[Change]:
    """From the states before a step to those after it, while its last phase runs, or at its end if nothing is used.

    Levels and shares go evenly in twelve steps; what is yes or no turns in the middle.
    """
    start_s = end_s = last.end_s
    if last.touches:
        length_s = last.end_s - last.start_s
        start_s, end_s = last.start_s + 0.2 * length_s, last.end_s - 0.15 * length_s
    changes = [
        (start_s + number / _PER_USE * (end_s - start_s), thing, _between(before[thing], new, number / _PER_USE))
        for thing, new in after.items()
        if thing in before and new != before[thing]
        for number in range(1, _PER_USE + 1)
    ]
    return sorted(changes, key=lambda change: change[0])


def _between(old: Any, new: Any, share: float) -> Any:
    values = {}
    for one in fields(new):
        a, b = getattr(old, one.name), getattr(new, one.name)
        if share >= 1.0 or isinstance(b, bool):
            values[one.name] = b if share >= 0.5 else a
        else:
            values[one.name] = a + share * (b - a)
    return replace(new, **values)
