"""From a step to what the body does: phases of the hand, glances of the eyes, contacts and changes of things."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS, Slots
from gaze_vlm_ros.sim.wearer.changes import changes_of
from gaze_vlm_ros.sim.wearer.hands import Begin, along, away_by, movement_time_s, pose_at, stay, travel
from gaze_vlm_ros.sim.wearer.looks import Looks
from gaze_vlm_ros.sim.wearer.person import Person
from gaze_vlm_ros.sim.wearer.phases import CLOSED, FINGER, OPEN, PRESHAPED, Contact, Phase, Plan, Steady
from gaze_vlm_ros.sim.wearer.uses import USES, Use, to_mouth
from gaze_vlm_ros.sim.wearer.watching import Watching
from gaze_vlm_ros.sim.wearer.world import Intentions, Step, WearerError, World

_AHEAD = 3
"""Steps that the wearer has in mind beyond the present one; look-aheads go to their things."""
_LET_GO_M = np.array([0.0, -0.02, 0.06])
_WIDTH_M = 0.06
_AWAY_M = 0.05
_BESIDE_M = np.array([-0.09, -0.02, 0.02])


class Planner:
    """Turns the steps of ``intentions`` into plans, one after the other, each from where the last one ends.

    ``rest_m`` (3,) is where the right hand rests, ``mouth`` gives the point (3,) before the mouth. With
    ``things_move`` somebody else may move things too: then the hand goes to where they are in the end.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        person: Person,
        intentions: Intentions,
        world: World,
        rest_m: np.ndarray,
        shoulder_m: np.ndarray,
        mouth: Callable[[], np.ndarray],
        things_move: bool = False,
    ) -> None:
        self._things_move = things_move
        self._rng, self._person, self._intentions, self._world = rng, person, intentions, world
        self._rest_m, self._shoulder_m, self._mouth = rest_m, shoulder_m, mouth
        self._states = dict(intentions.states)
        self._steps: deque[tuple[Step, dict[str, Any]]] = deque()
        self._now_s = self._clock_s = self._free_s = 0.0
        self._hand_m = rest_m
        self._in_hand = ""
        self._placed: tuple[str, np.ndarray, float] = ("", rest_m, 0.0)

    def postpone(self, dt_s: float) -> None:
        """All that is planned from now on begins ``dt_s`` later."""
        self._clock_s += dt_s
        self._free_s += dt_s
        thing, spot_m, until_s = self._placed
        self._placed = thing, spot_m, until_s + dt_s

    def next_plan(self, now_s: float) -> Plan:
        """The plan of the next step; it begins where the last one ends."""
        while len(self._steps) <= _AHEAD:
            step = self._intentions.next_step()
            self._steps.append((step, dict(self._intentions.states)))
        step, after = self._steps.popleft()
        self._now_s = now_s
        self._plan = Plan(leave_s=self._clock_s)
        looks = Looks(self._rng, self._person.habits, self._world)
        self._watching = Watching(looks, [later.object for later, _ in list(self._steps)[:_AHEAD]])
        if step.verb == "search":
            self._search(step)
        elif step.verb in ("put", "give"):
            self._put(step)
        elif step.verb in USES:
            self._use(step, USES[step.verb])
        else:
            raise WearerError(f"no step {step.verb!r}; there are put, give, search, {', '.join(USES)}")
        self._plan.glances = looks.glances
        self._plan.changes = changes_of(self._states, after, self._plan.phases[-1])
        self._states = after
        return self._plan

    # --- pieces of a plan

    def _add(self, activity: Slots, duration_s: float, begin: Begin, **more: Any) -> None:
        end_s = self._clock_s + duration_s
        self._plan.phases.append(Phase(activity, self._clock_s, end_s, begin, **more))
        self._clock_s = end_s

    def _happens(self, event: Slots) -> None:
        self._plan.contacts.append(Contact(event, self._clock_s))

    def _travel_s(self, goal_m: np.ndarray, low: float, high: float) -> float:
        """Fitts's time from where the hand will be, with scatter; from now on it will be at the goal."""
        time_s = movement_time_s(float(np.linalg.norm(goal_m - self._hand_m)), _WIDTH_M)
        self._hand_m = goal_m
        return time_s * self._person.pace * float(self._rng.uniform(low, high))

    def _is_away(self) -> bool:
        return float(np.linalg.norm(self._hand_m - self._rest_m)) > _AWAY_M

    def _pose(self, point_m: np.ndarray, pitch_rad: float = 0.0) -> np.ndarray:
        return pose_at(point_m, self._shoulder_m, pitch_rad)

    def _grip_m(self, thing: str) -> np.ndarray:
        """Where the thing will be gripped: it may still be on its way to the place where the last step puts it."""
        placed, spot_m, until_s = self._placed
        grip_m = self._world.grip_of(thing)
        if thing == placed and self._now_s < until_s:
            return spot_m + grip_m - self._world.position_of(thing)
        return grip_m

    # --- getting hold of a thing

    def _take(self, step: Step) -> None:
        """The thing of ``step`` comes into the hand; ``_free_s`` is then when gaze may leave it."""
        if self._in_hand == step.object:
            lead_s = min(self._person.habits.lead_s(self._rng), 0.8)
            self._plan.leave_s = self._free_s = max(self._clock_s - lead_s, self._now_s)
            return
        self._approach(step.object)
        self._happens(Slots("pick up", step.object))
        self._in_hand = step.object
        self._free_s = self._clock_s + float(self._rng.uniform(-0.15, 0.15))
        grip_s = float(self._rng.uniform(0.15, 0.3))
        self._add(_carrying(step), grip_s, stay, carries=step.object, opening=CLOSED)

    def _approach(self, thing: str) -> None:
        """Lets go of the last step, chooses, looks and reaches; ends as the hand touches ``thing``."""
        self._need_free_hand(f"take the {thing}")
        person, habits, rng = self._person, self._person.habits, self._rng
        away, landed_s = self._is_away(), self._clock_s
        if away:
            landed_s += float(rng.uniform(-habits.leave_before_s, habits.leave_after_s))
        leave_s = self._plan.leave_s = max(landed_s, self._now_s)
        straight_on = away and rng.random() < person.straight_on
        lead_s = habits.lead_s(rng)
        looks_s = habits.scanning_s(rng, straight_on)
        if straight_on:
            reach_s = max(self._clock_s + 0.25, leave_s + looks_s + lead_s)
            self._add(Slots("look"), reach_s - self._clock_s, away_by(_LET_GO_M), opening=PRESHAPED)
        else:
            self._withdraw()
            idle_s = 0.2 + float(rng.gamma(2.0, 0.3)) * person.pace
            reach_s = max(self._clock_s + idle_s, leave_s + looks_s + lead_s)
            self._add(Slots("look"), reach_s - self._clock_s, stay)
        duration_s = self._travel_s(self._grip_m(thing), 0.9, 1.2)
        self._watching.choose(thing, leave_s, reach_s - lead_s, reach_s, reach_s + duration_s)
        reach = travel(lambda: self._pose(self._world.grip_of(thing)), 0.05, live=True)
        self._add(Slots("reach", thing), duration_s, reach, opening=OPEN)

    def _need_free_hand(self, what: str) -> None:
        if self._in_hand:
            raise WearerError(f"the hand cannot {what}: it holds the {self._in_hand}; put that down first")

    def _withdraw(self) -> None:
        if self._is_away():
            duration_s = self._travel_s(self._rest_m, 0.9, 1.2)
            self._add(Slots("withdraw"), duration_s, travel(lambda: self._pose(self._rest_m), 0.05))

    # --- what is done with it

    def _carry(self, step: Step, goal: Callable[[], np.ndarray], use: Use | None = None) -> None:
        """Brings the held thing to ``goal``, where it is put down or used; gaze is there first."""
        thing, at_mouth = step.object, use is not None and use.at_mouth
        follows = at_mouth or (self._things_move and step.place in OBJECT_KINDS)
        settled: list[np.ndarray] = []

        def place() -> np.ndarray:
            """The goal, fixed as soon as the eyes or the hand need it; where it may move, that of the moment."""
            if follows or not settled:
                settled[:] = [goal()]
            return settled[0]

        duration_s = self._travel_s(goal(), 1.0, 1.3)
        aim = place if step.place and not at_mouth else None
        self._watching.guide(thing, aim, self._free_s, self._clock_s + duration_s, at_mouth)
        begin = travel(lambda: self._pose(place(), use.pitch_rad if use else 0.0), 0.12, live=follows)
        steadies = self._left_hand(step, use) if use else None
        self._add(_carrying(step), duration_s, begin, carries=thing, opening=CLOSED, steadies=steadies)

    def _put(self, step: Step) -> None:
        thing, place = step.object, step.place
        self._take(step)
        self._carry(step, lambda: self._world.spot_for(thing, place))
        self._happens(Slots(step.verb, thing, place))
        self._placed = (thing, self._hand_m, self._clock_s)
        self._in_hand = ""

    def _use(self, step: Step, use: Use) -> None:
        slots = Slots(step.verb, step.object, step.place)

        def point() -> np.ndarray:
            return self._world.use_point(step.verb, step.object, step.place)

        if use.held:
            self._take(step)
            self._carry(step, point, use)
        else:
            self._approach(step.object)
        self._happens(slots)
        duration_s = use.draw_duration_s(self._rng) * self._person.pace
        self._watching.use(slots, self._clock_s, self._clock_s + duration_s)
        base = (lambda: self._pose(point(), use.pitch_rad)) if use.at_mouth else None
        self._add(
            slots,
            duration_s,
            along(use.course, duration_s, self._way(step), base),
            carries=step.object if use.held else "",
            touches=step.object,
            opening=CLOSED if use.held else FINGER,
            steadies=self._left_hand(step, use, moving=True),
        )

    def _way(self, step: Step) -> Callable[[], np.ndarray]:
        """From where the use begins to the plate, where there is one, or a little back."""
        world = self._world
        if step.place in OBJECT_KINDS:
            return lambda: world.position_of(step.place) + [0.0, 0.0, 0.08] - world.position_of(step.object)
        return lambda: np.array([0.0, 0.05, -0.03])

    def _left_hand(self, step: Step, use: Use, moving: bool = False) -> Steady | None:
        if not use.left:
            return None
        thing = step.place or step.object

        def beside(share: float) -> np.ndarray:
            point = self._world.position_of(thing) + _BESIDE_M
            if use.left == "mouth" and moving:
                point = point + to_mouth(share) * (self._mouth() - point)
            return point

        return beside

    def _search(self, step: Step) -> None:
        """Eyes only: from thing to thing until the wanted one is found, or given up where it cannot be seen."""
        self._need_free_hand(f"rest while the eyes search the {step.object}")
        self._withdraw()
        pause_s = float(self._rng.uniform(0.3, 0.8)) * self._person.pace
        self._add(Slots("look"), pause_s, stay)
        slots = Slots("search", step.object)
        self._happens(slots)
        start_s = self._clock_s
        end_s = self._watching.search(step.object, self._plan.leave_s, start_s)
        self._add(slots, end_s - start_s, stay)


def _carrying(step: Step) -> Slots:
    """What the way of a held thing to its goal is called; as an activity a use begins with the thing in the hand."""
    return Slots({"put": "move", "give": "hand over"}.get(step.verb, step.verb), step.object, step.place)
