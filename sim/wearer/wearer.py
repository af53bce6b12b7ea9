"""The simulated wearer: lives one plan ahead, moves hands and eyes, and knows what happens next."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np

from gaze_vlm_ros.language import Slots
from gaze_vlm_ros.sim.eyes.eyes import Eyes
from gaze_vlm_ros.sim.eyes.profiles import minimum_jerk
from gaze_vlm_ros.sim.wearer.hands import Motion, pose_at, rotation_of, stay
from gaze_vlm_ros.sim.wearer.looks import SHORTEST_S, Glance
from gaze_vlm_ros.sim.wearer.person import Person
from gaze_vlm_ros.sim.wearer.phases import Change, Contact, Phase
from gaze_vlm_ros.sim.wearer.plan import Planner
from gaze_vlm_ros.sim.wearer.world import Intentions, World

HAND_REST_M = np.array([0.22, -0.36, 0.78])
"""Where the right hand rests, before the wearer on the table; the left one rests at the mirror image."""
_MIRROR = np.array([-1.0, 1.0, 1.0])
_SHOULDER_M = np.array([0.2, 0.0, -0.24])
"""The right shoulder seen from the point between the eyes at rest."""
_FINGERS_S, _LEFT_S, _SETTLED_S = 0.07, 0.7, 0.12
_NOTICE_AFTER_S, _NOTICE_GAP_S, _BUSY_S = 0.2, 2.5, 0.35


class Wearer:
    """Call ``advance`` once per tick, at 100 Hz or faster, with rising times; all that is public is of the last tick.

    ``eyes`` come ready made (they know the seat); ``rest_m`` (3,) is where the right hand rests; ``things_move`` as for
    the ``Planner``. Positions are in the world frame. Equal generators, minds and worlds give equal lives, whoever
    looks on.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        person: Person,
        eyes: Eyes,
        intentions: Intentions,
        world: World,
        rest_m: np.ndarray = HAND_REST_M,
        things_move: bool = False,
    ) -> None:
        self.person, self.eyes = person, eyes
        self._rng, self._world = rng, world
        self._shoulder_m = eyes.position_m + _SHOULDER_M
        self._left_shoulder_m = eyes.position_m + _SHOULDER_M * _MIRROR
        self._rest_m = np.asarray(rest_m, dtype=float)
        self.states: dict[str, Any] = dict(intentions.states)
        """State of each thing as it is to be seen now."""
        self.carried = ""
        self.contact = ""
        """The thing that the right hand touches, carried or not; "" for none."""
        self.hand_opening = 0.5
        self.phase_count = 0
        """Grows by one with each change of the activity."""
        self.gaze_reason = "scan"
        """Why the eyes are there: guide, scan, look-ahead, check, follow, use, read, distraction, robot or asked."""
        self._phases: deque[Phase] = deque()
        self._contacts: deque[Contact] = deque()
        self._changes: deque[Change] = deque()
        self._effects: list[Change] = []
        self._glances: deque[Glance] = deque()
        self._last_glance = Glance(0.0, lambda: self._rest_m, "scan")
        self._noticed_s = -np.inf
        self._asked = False
        self._now_s = 0.0
        self._pose = self._hand = pose_at(self._rest_m, self._shoulder_m)
        self._grip_local = np.zeros(3)
        self._left_rest = pose_at(self._rest_m * _MIRROR, self._left_shoulder_m)
        self._left = self._left_from = self._left_rest
        self._left_since_s = -2.0 * _LEFT_S
        self._planner = Planner(
            rng, person, intentions, world, self._rest_m, self._shoulder_m, eyes.mouth_m, things_move
        )
        self._plan_ahead()
        self._motion: Motion = stay(self._pose)
        self._begin(self._phases[0])

    # --- what is the case

    @property
    def activity(self) -> Slots:
        return self._phases[0].activity

    @property
    def event(self) -> Slots:
        """The next hand-object contact or start of a use. There is always one."""
        return self._contacts[0].event

    @property
    def event_time_s(self) -> float:
        return self._contacts[0].time_s

    @property
    def hand_m(self) -> np.ndarray:
        """Position (3,) of the right hand."""
        return self._hand[:3].copy()

    @property
    def carried_m(self) -> np.ndarray:
        """Centre (3,) of the carried thing, if the grip does not give; NaN where nothing is carried."""
        return self._pose[:3].copy() if self.carried else np.full(3, np.nan)

    def world_T_hand(self) -> np.ndarray:
        """Pose (4, 4) of the right hand: at rest its fingers point along y of this frame, its back along z."""
        return _matrix(self._hand)

    def world_T_left_hand(self) -> np.ndarray:
        return _matrix(self._left)

    def pop_effects(self) -> list[Change]:
        """Changes (time, thing, state) of things since the last call, oldest first."""
        effects, self._effects = self._effects, []
        return effects

    def notice(self, point_m: np.ndarray) -> None:
        """Something moves at ``point_m`` (3,), as the robot does: the wearer may glance there, unless busy."""
        if self._now_s - self._noticed_s < _NOTICE_GAP_S:
            return
        self._noticed_s = self._now_s
        habits = self.person.habits
        busy = self.event_time_s - self._now_s < 2 * _BUSY_S
        if self._rng.random() >= habits.robot_glance or busy:
            return
        start_s = self._now_s + _NOTICE_AFTER_S
        end_s = start_s + float(np.clip(habits.fixation_s(self._rng), 0.15, 0.5))
        point = np.array(point_m, dtype=float)
        before = [one for one in self._glances if one.time_s <= end_s]
        back = before[-1] if before else self._last_glance
        later = [one for one in self._glances if one.time_s > end_s]
        self._glances = deque(
            [one for one in before if one.time_s < start_s]
            + [Glance(start_s, lambda: point, "robot"), Glance(end_s, back.aim, back.reason)]
            + later
        )

    def ask_to_look(self, point_m: np.ndarray | None) -> None:
        """Somebody asks for a look at ``point_m`` (3,): it lasts, whatever the hands do, until None is asked for."""
        self._asked = point_m is not None
        self.gaze_reason = "asked" if self._asked else self._last_glance.reason
        self.eyes.look_at(self._last_glance.aim if point_m is None else np.array(point_m, dtype=float), self._now_s)

    # --- time

    def postpone(self, dt_s: float) -> None:
        """Waits: the hand stays where it is on its way, and all that was to come comes ``dt_s`` later."""
        self._phases = deque(
            replace(phase, start_s=phase.start_s + dt_s, end_s=phase.end_s + dt_s) for phase in self._phases
        )
        self._contacts = deque(replace(contact, time_s=contact.time_s + dt_s) for contact in self._contacts)
        self._changes = deque((time_s + dt_s, thing, state) for time_s, thing, state in self._changes)
        self._glances = deque(replace(glance, time_s=glance.time_s + dt_s) for glance in self._glances)
        self._planner.postpone(dt_s)

    def advance(self, now_s: float, dt_s: float) -> None:
        """Lives up to ``now_s``, ``dt_s`` after the call before."""
        self._now_s = now_s
        while now_s >= self._contacts[0].time_s:
            self._contacts.popleft()
            self._plan_ahead()
        while now_s >= self._phases[0].end_s:
            self._next_phase()
        while self._changes and now_s >= self._changes[0][0]:
            change = self._changes.popleft()
            self.states[change[1]] = change[2]
            self._effects.append(change)
        self._move_hands(now_s, dt_s)
        self._look(now_s)
        self.eyes.advance(now_s, dt_s)

    def _plan_ahead(self) -> None:
        """So that the next event and the one after it are known: the eyes need to know before the hand has ended."""
        while len(self._contacts) < 2:
            plan = self._planner.next_plan(self._now_s)
            self._phases.extend(plan.phases)
            self._contacts.extend(plan.contacts)
            self._changes.extend(plan.changes)
            kept = [glance for glance in self._glances if glance.time_s < plan.leave_s - SHORTEST_S]
            self._glances = deque(kept + plan.glances)

    def _next_phase(self) -> None:
        ended = self._phases.popleft()
        self._pose = self._motion(1.0)
        self._begin(self._phases[0])
        self.phase_count += ended.activity != self._phases[0].activity
        if (ended.steadies is None) != (self._phases[0].steadies is None):
            self._left_from, self._left_since_s = self._left, ended.end_s

    def _begin(self, phase: Phase) -> None:
        if phase.carries != self.carried:
            self._grip(phase.carries)
        self.contact = phase.carries or phase.touches
        self._motion = phase.begin(self._pose)

    def _grip(self, thing: str) -> None:
        """From now on ``_pose`` is that of the carried thing's centre, or again of the hand itself."""
        hand = self._hand_of(self._pose)
        self._pose = hand.copy()
        self._grip_local = np.zeros(3)
        if thing:
            centre = self._world.position_of(thing)
            self._grip_local = rotation_of(hand).T @ (hand[:3] - centre)
            self._pose[:3] = centre
        self.carried = thing

    def _hand_of(self, pose: np.ndarray) -> np.ndarray:
        if not self.carried:
            return pose
        hand = pose.copy()
        hand[:3] += rotation_of(pose) @ self._grip_local
        return hand

    def _move_hands(self, now_s: float, dt_s: float) -> None:
        phase = self._phases[0]
        share = min(max((now_s - phase.start_s) / (phase.end_s - phase.start_s), 0.0), 1.0)
        self._pose = self._motion(share)
        self._hand = self._hand_of(self._pose)
        closing = phase.activity.verb == "reach" and share > 0.75
        self.hand_opening += ((0.3 if closing else phase.opening) - self.hand_opening) * (
            1.0 - math.exp(-dt_s / _FINGERS_S)
        )
        self._move_left_hand(phase, share, now_s)

    def _move_left_hand(self, phase: Phase, share: float, now_s: float) -> None:
        moved = (now_s - self._left_since_s) / _LEFT_S
        if phase.steadies is not None:
            goal = pose_at(phase.steadies(share), self._left_shoulder_m)
        elif moved <= 1.5:
            goal = self._left_rest
        else:
            return
        self._left = self._left_from + minimum_jerk(moved) * (goal - self._left_from)

    def _look(self, now_s: float) -> None:
        due = None
        while self._glances and now_s >= self._glances[0].time_s:
            due = self._glances.popleft()
        # A corrective saccade has just done what the next fixation on the same thing was to do.
        if due is not None and self._asked:
            self._last_glance, due = due, None
        if due is None or (due.reason == self.gaze_reason and self.eyes.resting_s(now_s) < _SETTLED_S):
            return
        self._last_glance, self.gaze_reason = due, due.reason
        self.eyes.look_at(due.aim, now_s)


def _matrix(pose: np.ndarray) -> np.ndarray:
    matrix = np.zeros((4, 4))
    matrix[:3, :3], matrix[:3, 3], matrix[3, 3] = rotation_of(pose), pose[:3], 1.0
    return matrix
