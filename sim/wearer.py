"""The simulated wearer: a plan of phases, a hand that moves, and gaze that runs ahead of the hand.

Times are seconds of simulation, positions metres in the world frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.language import ROBOT, Slots
from gaze_vlm_ros.sim.eyes import Eyes
from gaze_vlm_ros.sim.intentions import Intentions, Step

HAND_REST = np.array([0.22, -0.36, 0.78])
_FITTS_A_S, _FITTS_B_S = 0.35, 0.17
"""Movement time = a + b * log2(2 D / W): slow, everyday reaches (Fitts 1954)."""


@dataclass(frozen=True)
class Phase:
    """One activity: its slots, start and end, where the hand goes, and which thing it carries."""

    activity: Slots
    start_s: float
    end_s: float
    hand_from: np.ndarray
    hand_to: np.ndarray
    carries: str = ""


@dataclass(frozen=True)
class Contact:
    """A hand-object contact change: the event, and when it happens."""

    event: Slots
    time_s: float


@dataclass(frozen=True)
class Places:
    """What the wearer must know of the world: where a thing is now and where it can be put."""

    position_of: Callable[[str], np.ndarray]
    slot_for: Callable[[str, str], np.ndarray]
    grip_height: Callable[[str], float]


def movement_time_s(distance_m: float, width_m: float = 0.05) -> float:
    """Fitts's law; at least 0.35 s."""
    return max(_FITTS_A_S, _FITTS_A_S + _FITTS_B_S * float(np.log2(max(2 * distance_m / width_m, 1.0))))


def minimum_jerk(phase: float) -> float:
    """Share of the way at a share ``phase`` of the time (Flash and Hogan 1985)."""
    phase = min(max(phase, 0.0), 1.0)
    return phase**3 * (10 - 15 * phase + 6 * phase**2)


class Wearer:
    """Lives one step ahead: ``advance`` moves hand and eyes; phases and contacts of the current step are known."""

    def __init__(self, rng: np.random.Generator, eyes: Eyes, intentions: Intentions, places: Places) -> None:
        self._rng = rng
        self.eyes = eyes
        self._intentions = intentions
        self._places = places
        self.hand_m = HAND_REST.copy()
        self.carried = ""
        self.phase_count = 0
        self._phases: list[Phase] = []
        self._contacts: list[Contact] = []
        self._glances: list[tuple[float, Callable[[], np.ndarray]]] = []
        self._step = intentions.next_step()
        self._plan(0.0)

    @property
    def phase(self) -> Phase:
        return self._phases[0]

    @property
    def contact(self) -> Contact:
        """The next contact change. There is always one."""
        return self._contacts[0]

    def advance(self, now_s: float, dt_s: float) -> None:
        while self._contacts and now_s >= self._contacts[0].time_s:
            del self._contacts[0]
        if now_s >= self._phases[0].end_s:
            ended = self._phases.pop(0)
            self.phase_count += ended.activity != self._phases[0].activity
            if len(self._phases) == 1:  # withdrawing: the next step begins to form in the wearer's mind
                self._step = self._intentions.next_step()
                self._plan(self._phases[0].end_s)
        while self._glances and now_s >= self._glances[0][0]:
            self.eyes.look_at(self._glances[0][1](), now_s)
            del self._glances[0]
        self._move_hand(now_s)
        self.eyes.advance(now_s, dt_s)

    def _move_hand(self, now_s: float) -> None:
        phase = self._phases[0]
        share = minimum_jerk((now_s - phase.start_s) / (phase.end_s - phase.start_s))
        self.hand_m = phase.hand_from + share * (phase.hand_to - phase.hand_from)
        lift = 0.12 if phase.carries else 0.05
        if np.linalg.norm(phase.hand_to - phase.hand_from) > 0.02:
            self.hand_m = self.hand_m + [0, 0, lift * np.sin(np.pi * share)]
        self.carried = phase.carries

    def _plan(self, start_s: float) -> None:
        """Appends look, reach, carry and withdraw of the current step, with their glances and contacts."""
        step, rng = self._step, self._rng
        grip = np.array([0, 0, self._places.grip_height(step.thing)])
        thing_m = self._places.position_of(step.thing) + grip
        goal_m = self._places.slot_for(step.thing, step.place) + grip
        reach_s = start_s + float(rng.uniform(0.9, 2.4))
        grasp_s = reach_s + movement_time_s(float(np.linalg.norm(thing_m - HAND_REST))) * float(rng.uniform(0.9, 1.2))
        carry_s = grasp_s + float(rng.uniform(0.15, 0.3))
        put_s = carry_s + movement_time_s(float(np.linalg.norm(goal_m - thing_m))) * float(rng.uniform(1.0, 1.3))
        rest_s = put_s + float(rng.uniform(0.6, 0.9))
        hands_over = step.place == ROBOT
        carry = Slots("hand over" if hands_over else "move", step.thing, step.place)
        self._phases += [
            Phase(Slots("look"), start_s, reach_s, HAND_REST, HAND_REST),
            Phase(Slots("reach", step.thing), reach_s, grasp_s, HAND_REST, thing_m),
            Phase(carry, grasp_s, carry_s, thing_m, thing_m, step.thing),
            Phase(carry, carry_s, put_s, thing_m, goal_m, step.thing),
            Phase(Slots("withdraw"), put_s, rest_s, goal_m, HAND_REST),
        ]
        self._contacts += [
            Contact(Slots("pick up", step.thing), grasp_s),
            Contact(Slots("give" if hands_over else "put", step.thing, step.place), put_s),
        ]
        self._plan_glances(step, start_s, reach_s, grasp_s, carry_s, put_s, goal_m - grip)

    def _plan_glances(
        self,
        step: Step,
        start_s: float,
        reach_s: float,
        grasp_s: float,
        carry_s: float,
        put_s: float,
        goal_m: np.ndarray,
    ) -> None:
        """Looks about, leads the hand to the thing by 0.4 to 1.0 s, and to the place before the hand sets off."""
        rng = self._rng
        lead_s = reach_s - float(rng.uniform(0.4, 1.0))
        now = start_s
        while now < lead_s - 0.2:
            self._glances.append((now, self._somewhere()))
            now += float(rng.gamma(4.0, 0.075)) + 0.1
        self._glances.append((lead_s, self._at_thing(step.thing)))
        if rng.random() < 0.15 and reach_s - lead_s > 0.6:
            self._glances.append((lead_s + 0.3, self._somewhere()))
            self._glances.append((lead_s + 0.55, self._at_thing(step.thing)))
        leave_s = grasp_s + float(rng.uniform(-0.1, 0.2))
        self._glances.append((leave_s, lambda: goal_m + rng.normal(0, 0.012, 3)))
        if rng.random() < 0.4:
            self._glances.append((carry_s + 0.25 * (put_s - carry_s), self._at_hand))
            self._glances.append((carry_s + 0.5 * (put_s - carry_s), lambda: goal_m + rng.normal(0, 0.012, 3)))
        self._glances.append((put_s + float(rng.uniform(-0.05, 0.2)), self._somewhere()))
        self._glances.sort(key=lambda glance: glance[0])

    def _at_hand(self) -> np.ndarray:
        return self.hand_m.copy()

    def _at_thing(self, thing: str) -> Callable[[], np.ndarray]:
        return lambda: self._places.position_of(thing) + self._rng.normal(0, 0.01, 3)

    def _somewhere(self) -> Callable[[], np.ndarray]:
        """Another thing, or a point of the table."""
        others = list(self._intentions.where)
        if self._rng.random() < 0.75:
            return self._at_thing(str(self._rng.choice(others)))
        point = np.array([self._rng.uniform(-0.5, 0.5), self._rng.uniform(-0.25, 0.35), 0.74])
        return lambda: point
