"""What changes about a thing while it is used: open or closed, how full, hot, how much is left to eat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError

OPENABLE = frozenset(
    ("bottle", "notebook", "teapot", "pill box", "carton", "kettle", "jar", "letter", "can", "cereal box")
)
"""Kinds with a lid, cap, flap or cover."""
LIQUID_HOLDERS = frozenset(("mug", "bottle", "bowl", "teapot", "carton", "kettle", "glass", "jar", "can", "pan"))
"""Kinds that can be poured from or into."""
HEATABLE = frozenset(("mug", "bowl", "teapot", "kettle", "pan"))
"""Kinds whose content steams when hot."""
EATABLE = frozenset(("apple", "banana", "bread", "orange"))
"""Kinds that are eaten."""
STORES = frozenset(("pill box", "cereal box", "salt shaker"))
"""Kinds whose ``level`` counts something dry that is used up."""

_FULL_AT_START = frozenset(("bottle", "carton", "kettle", "jar", "can", *STORES))


class ThingError(GazeVlmError):
    """A kind, a look or a state that does not exist."""


@dataclass(frozen=True)
class ThingState:
    """State of one thing: ``level`` 0 (empty) .. 1 (full), ``share`` 0 (eaten up) .. 1 (whole).

    A kind that cannot be opened stays closed, one that holds nothing has level 0, one that is not eaten share 1.
    """

    is_open: bool = False
    level: float = 0.0
    is_hot: bool = False
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.level <= 1.0:
            raise ThingError(f"ThingState.level must be 0..1, got {self.level}")
        if not 0.0 <= self.share <= 1.0:
            raise ThingError(f"ThingState.share must be 0..1, got {self.share}")


def initial_state(kind: str, rng: np.random.Generator) -> ThingState:
    """How a thing of ``kind`` is found at the start: supplies closed and mostly full, cups mostly empty, food whole.

    The kettle may be hot. Draws the same number of values from ``rng`` for each kind.
    """
    fill, heat = rng.uniform(size=2)
    level = 0.0
    if kind in _FULL_AT_START:
        level = 0.6 + 0.4 * float(fill)
    elif kind in LIQUID_HOLDERS and fill < 0.25:
        level = 0.5 + float(fill)
    return ThingState(level=level, is_hot=kind == "kettle" and bool(heat < 0.5))
