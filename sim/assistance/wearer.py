"""A wearer who waits for what is out of reach, and one who only looks about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.sim.eyes.free_viewing import FreeViewing
from gaze_vlm_ros.sim.wearer import Wearer
from gaze_vlm_ros.sim.wearer.phases import Phase

_AT_THING, _AT_HELPER = 0.6, 0.3
"""Shares of the fixations while waiting: on the thing that is wanted, and on the helper while it moves."""


class AssistedWearer(Wearer):
    """Lives like a ``Wearer``, but the hand sets out only for what ``available`` says it can have.

    ``want`` is the thing that is waited for ("" for none) since ``want_since_s``: the one that the hand would now
    reach for, or to which it would now bring what it holds. ``helper_m`` is where a helper moves (3,), None where none
    does; whoever waits looks there now and then. While there is a ``viewing`` the wearer does nothing but look about.
    """

    def __init__(self, *args: Any, available: Callable[[str], bool], waiting: np.random.Generator, **more: Any) -> None:
        self.want, self.want_since_s = "", 0.0
        self.helper_m: np.ndarray | None = None
        self.viewing: FreeViewing | None = None
        self.finished = 0
        """How many steps have come to their last contact."""
        self._available, self._waiting = available, waiting
        self._look_until_s = 0.0
        super().__init__(*args, **more)

    def advance(self, now_s: float, dt_s: float) -> None:
        if self.viewing is not None:
            self.viewing.advance(now_s, dt_s)
            self.postpone(dt_s)
            return
        want = self._missing(now_s)
        if want:
            if want != self.want:
                self.want, self.want_since_s, self._look_until_s = want, now_s, now_s
            self.postpone(dt_s)
        elif self.want:
            self.eyes.look_at(self._aim(self.want), now_s)
            self.want = ""
        ahead = [contact.event.verb != "pick up" for contact in self._contacts if contact.time_s <= now_s]
        self.finished += sum(ahead)
        super().advance(now_s, dt_s)
        if self.want and now_s >= self._look_until_s:
            self._watch(now_s)

    def _missing(self, now_s: float) -> str:
        """What the phase about to begin needs and the hand cannot have; "" where nothing is missing."""
        if now_s < self._phases[0].end_s:
            return ""
        thing = self._needed(self._phases[1])
        return thing if thing and not self._available(thing) else ""

    def _needed(self, phase: Phase) -> str:
        if phase.activity.verb == "reach":
            return phase.activity.object
        return phase.activity.place if self.carried and phase.activity.place in OBJECT_KINDS else ""

    def _aim(self, thing: str) -> Callable[[], np.ndarray]:
        offset = self._waiting.normal(0.0, self.person.habits.scatter_m, 3)
        return lambda: self._world.position_of(thing) + offset

    def _watch(self, now_s: float) -> None:
        """The next fixation of somebody who waits."""
        drawn = self._waiting.random()
        if drawn < _AT_THING or (self.helper_m is None and drawn < _AT_THING + _AT_HELPER):
            self.eyes.look_at(self._aim(self.want), now_s)
        elif drawn < _AT_THING + _AT_HELPER:
            self.eyes.look_at(self.helper_m.copy(), now_s)
        else:
            things = self._world.visible_things()
            self.eyes.look_at(self._aim(things[int(self._waiting.integers(len(things)))]), now_s)
        self._look_until_s = self.eyes.landing_s(now_s) + self.person.habits.fixation_s(self._waiting)
