"""What the wearer asks of the world and of the mind. The world frame has z up; positions are metres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError


class WearerError(GazeVlmError):
    """A step that a body with one free hand cannot do."""


class World(Protocol):
    """The scene as the wearer knows it."""

    def position_of(self, thing: str) -> np.ndarray:
        """Centre (3,) of the thing now."""

    def grip_of(self, thing: str) -> np.ndarray:
        """Where the hand (3,) has to be to grip the thing now."""

    def spot_for(self, thing: str, place: str) -> np.ndarray:
        """Centre (3,) of the thing once it rests on ``place``: a place, "table" or "robot"."""

    def use_point(self, verb: str, thing: str, place: str) -> np.ndarray:
        """Where the centre (3,) of the gripped thing is held while it is used: above the mug, at the mouth."""

    def visible_things(self) -> tuple[str, ...]:
        """The things that can be looked at."""


class Step(Protocol):
    """One step: ``verb`` is "put", "give" or a use, ``object`` the thing that the hand takes."""

    verb: str
    object: str
    place: str


class Intentions(Protocol):
    """The mind that gives the steps; ``states`` holds the state of each thing after the step given last."""

    states: Mapping[str, Any]

    def next_step(self) -> Step: ...
