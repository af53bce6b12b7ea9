"""What the eyes do in each part of a step."""

from __future__ import annotations

from collections.abc import Sequence

from gaze_vlm_ros.language import OBJECT_KINDS, Slots
from gaze_vlm_ros.sim.wearer.looks import SHORTEST_S, Aim, Looks

_AT_THE_MOUTH = ("drink", "eat")
_SOONEST = 2
"""A look-ahead goes to the thing of the step after the next one or later."""


class Watching:
    """Writes glances for one step. ``later`` are the things of the steps to come, soonest first."""

    def __init__(self, looks: Looks, later: Sequence[str]) -> None:
        self._looks, self._later = looks, later
        self._rng, self._habits = looks.rng, looks.habits

    def choose(self, thing: str, leave_s: float, on_it_s: float, reach_s: float, touch_s: float) -> None:
        """Looks about, then to ``thing`` from ``on_it_s`` until the hand, which sets out at ``reach_s``, touches it."""
        looks = self._looks
        looks.scan(leave_s, on_it_s, [thing, *self._later])
        looks.dwell(looks.on(thing), on_it_s, touch_s, "guide")
        looks.aside(on_it_s + 0.15, reach_s + 0.3 * (touch_s - reach_s), looks.on(thing), "guide")

    def guide(self, thing: str, place: Aim | None, start_s: float, arrives_s: float, at_mouth: bool) -> None:
        """From ``start_s`` on looks where ``thing`` goes, after a look-ahead or at the hand in some steps.

        Where it goes to no place it is looked at itself; on its way to the mouth it is soon left alone.
        """
        looks, habits, rng = self._looks, self._habits, self._rng
        time_s = min(start_s, arrives_s - 0.35)
        looks.glances = [one for one in looks.glances if one.time_s < time_s - SHORTEST_S]
        later = [one for one in self._later[_SOONEST - 1 :] if one != thing and one in looks.world.visible_things()]
        if later and rng.random() < habits.look_ahead:
            looks.at(time_s, looks.on(later[int(rng.integers(len(later)))]), "look-ahead")
            time_s += float(rng.uniform(0.18, 0.35))
        if at_mouth:
            free_s = time_s + 0.4 * (arrives_s - time_s)
            looks.dwell(looks.on(thing), time_s, free_s, "guide")
            looks.scan(free_s, arrives_s + 0.2, self._later)
            return
        if place and arrives_s - time_s > 0.8 and rng.random() < habits.follow_hand:
            looks.at(time_s, looks.on(thing), "follow")
            time_s += min(habits.fixation_s(rng), 0.5)
        aim = place or looks.on(thing)
        looks.dwell(aim, time_s, arrives_s + 0.2, "guide")
        looks.aside(time_s + 0.2, arrives_s - 0.3, aim, "guide")

    def use(self, slots: Slots, start_s: float, end_s: float) -> None:
        """On the work, with checks; the eyes are free while something is at the mouth."""
        looks = self._looks
        looks.glances = [one for one in looks.glances if one.time_s < start_s - SHORTEST_S]
        thing = looks.on(slots.object)
        work = looks.on(slots.place) if slots.place in OBJECT_KINDS else thing
        if slots.verb == "read":
            looks.read(thing, start_s, end_s)
        elif slots.verb == "take":
            free_s = start_s + 0.45 * (end_s - start_s)
            looks.dwell(thing, start_s, free_s, "use")
            looks.scan(free_s, end_s, self._later)
        elif slots.verb in _AT_THE_MOUTH and work is thing:
            looks.scan(start_s, end_s, self._later)
        else:
            looks.dwell(work, start_s, end_s + 0.2, "use")
            if work is not thing:
                self._check(thing, work, start_s, end_s)
            looks.aside(start_s + 0.4, end_s - 0.5, work, "use")

    def _check(self, thing: Aim, work: Aim, start_s: float, end_s: float) -> None:
        """In some uses a look at the thing in the hand, whether it is empty, and back."""
        if end_s - start_s < 1.2 or self._rng.random() >= self._habits.check:
            return
        time_s = start_s + float(self._rng.uniform(0.3, 0.7)) * (end_s - start_s)
        self._looks.instead(time_s, time_s + float(self._rng.uniform(0.25, 0.4)), thing, "check", work, "use")

    def search(self, thing: str, leave_s: float, start_s: float) -> float:
        """Scans until ``thing`` is found, or for a while if it cannot be seen; returns when the search is over."""
        looks, rng = self._looks, self._rng
        end_s = start_s + float(rng.uniform(1.2, 4.0))
        looks.scan(leave_s, end_s, (), but=thing)
        if thing in looks.world.visible_things():
            found_s, end_s = end_s, end_s + float(rng.uniform(0.4, 0.8))
            looks.dwell(looks.on(thing), found_s, end_s, "guide")
        return end_s
