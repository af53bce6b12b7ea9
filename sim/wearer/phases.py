"""What a plan is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gaze_vlm_ros.language import Slots
from gaze_vlm_ros.sim.wearer.hands import Begin
from gaze_vlm_ros.sim.wearer.looks import Glance

Steady = Callable[[float], np.ndarray]
"""Share (0..1) of a phase -> where the left hand (3,) is to be."""
Change = tuple[float, str, Any]
"""Time, thing and its new ThingState."""

OPEN, PRESHAPED, RELAXED, FINGER, CLOSED = 1.0, 0.8, 0.5, 0.3, 0.15
"""Openings of the hand (0 a fist .. 1 wide open)."""


@dataclass(frozen=True)
class Phase:
    """One stretch of the hand: what it is called, how it moves, what it carries or touches, how far it opens, and what
    the left hand steadies meanwhile.
    """

    activity: Slots
    start_s: float
    end_s: float
    begin: Begin
    carries: str = ""
    touches: str = ""
    opening: float = RELAXED
    steadies: Steady | None = None


@dataclass(frozen=True)
class Contact:
    """A hand-object contact change or the start of a use, and when it comes."""

    event: Slots
    time_s: float


@dataclass
class Plan:
    """One step, ready to be lived. From ``leave_s`` on its glances take the place of those planned before."""

    leave_s: float
    phases: list[Phase] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    glances: list[Glance] = field(default_factory=list)
