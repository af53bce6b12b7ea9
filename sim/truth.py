"""What is really the case in a simulation, and how it is put into words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.language import Slots, phrasings_of, text_of

_TURNS = 4096


@dataclass(frozen=True)
class Truth:
    """What is really the case; labels are "" where there is nothing. Position in the robot's base frame [m].

    ``event`` is the next hand-object contact or start of a use, at ``event_time_s``; ``phase`` counts activities;
    ``contact`` is the thing in or under the right hand; ``pointed_label`` the thing that the arm points at.
    """

    activity: str
    event: str
    event_time_s: float
    event_object: str
    phase: int
    contact: str
    gaze_label: str
    gaze_position_m: np.ndarray
    pointed_label: str


class Phrasing:
    """Chooses one of the phrasings that ``split`` may use, for good for each activity and event of an episode."""

    def __init__(self, rng: np.random.Generator, split: str) -> None:
        allowed = phrasings_of(split)
        self._turns = [int(allowed[turn]) for turn in rng.integers(len(allowed), size=_TURNS)]

    def activity(self, slots: Slots, phase: int) -> str:
        return text_of(slots, "activity", self._turns[phase % _TURNS])

    def event(self, slots: Slots, time_s: float) -> str:
        return text_of(slots, "event", self._turns[round(1e3 * time_s) % _TURNS])
