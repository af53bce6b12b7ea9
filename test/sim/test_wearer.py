from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.language import OBJECT_KINDS, USES, Slots, makes_sense
from gaze_vlm_ros.sim.eyes import Eyes
from gaze_vlm_ros.sim.intentions import Step
from gaze_vlm_ros.sim.intentions.situation import HANDS_OFF
from gaze_vlm_ros.sim.things.state import ThingState
from gaze_vlm_ros.sim.wearer import GazeHabits, Person, Wearer
from gaze_vlm_ros.sim.wearer import uses as wearer_uses
from gaze_vlm_ros.sim.wearer.moments import measure_task, seated_wearer
from gaze_vlm_ros.sim.wearer.table_top import TableTop
from gaze_vlm_ros.sim.wearer.world import WearerError

TICK = 0.005
SEAT, FACED = np.array([0.0, -0.62, 1.24]), np.array([0.0, 0.02, 0.74])
THINGS = ("mug", "kettle", "jar", "spoon", "bread")
ATTENTIVE = Person(habits=GazeHabits(distraction=0.0, follow_hand=0.0, look_ahead=0.0))


class Script:
    """Intentions known beforehand: steps, each with the states that it leaves; then the mug goes to and fro."""

    def __init__(self, *steps, states=None):
        self.states = {thing: ThingState() for thing in THINGS} | (states or {})
        self._steps = deque(step if isinstance(step, tuple) else (step, {}) for step in steps)
        self._turn = 0

    def next_step(self):
        if self._steps:
            step, changed = self._steps.popleft()
            self.states = self.states | changed
            return step
        self._turn += 1
        return Step("put", "mug", ("tray", "table")[self._turn % 2])


class Life:
    """A wearer at a table without physics, and what is noted of each tick."""

    def __init__(self, *steps, states=None, person=ATTENTIVE, seed=0):
        rng = np.random.default_rng(seed)
        self.eyes = Eyes(rng, SEAT, FACED, person.eyes)
        self.table = TableTop(rng, THINGS, self.eyes.mouth_m())
        self.wearer = Wearer(rng, person, self.eyes, Script(*steps, states=states), self.table)
        self.now_s, self.log = 0.0, []

    def tick(self):
        self.wearer.advance(self.now_s, TICK)
        self.table.follow(self.wearer)
        wearer = self.wearer
        self.log.append(
            {
                "time": self.now_s,
                "activity": wearer.activity,
                "event": wearer.event,
                "event_time": wearer.event_time_s,
                "carried": wearer.carried,
                "contact": wearer.contact,
                "hand": wearer.world_T_hand(),
                "left": wearer.world_T_left_hand()[:3, 3],
                "opening": wearer.hand_opening,
                "gaze": wearer.eyes.gaze_point_m() - wearer.eyes.position_m,
                "reason": wearer.gaze_reason,
            }
        )
        self.now_s += TICK

    def until(self, verb, most_s=60.0):
        """Lives to the end of the first activity ``verb``; returns the ticks of that activity."""
        while self.now_s < most_s:
            self.tick()
            if len(self.log) > 1 and self.log[-2]["activity"].verb == verb != self.log[-1]["activity"].verb:
                break
        return [row for row in self.log if row["activity"].verb == verb]

    def off_deg(self, row, point):
        return np.rad2deg(angle_between(row["gaze"], point - self.eyes.position_m))


def column(rows, name):
    return np.array([row[name] for row in rows])


def used(rows, verb):
    """Of an activity, the part in which the thing is in use: after its event."""
    return [row for row in rows if row["activity"].verb == verb and row["time"] >= rows[0]["event_time"]]


def test_a_thing_is_picked_up_and_put_where_it_belongs():
    life = Life(Step("put", "kettle", "tray"))
    spot = life.table.spot_for("kettle", "tray")
    life.until("move")
    order = list(dict.fromkeys(row["activity"] for row in life.log[:-1]))
    assert order == [Slots("look"), Slots("reach", "kettle"), Slots("move", "kettle", "tray")]
    events = list(dict.fromkeys(row["event"] for row in life.log[:-1]))
    assert events == [Slots("pick up", "kettle"), Slots("put", "kettle", "tray")]
    np.testing.assert_allclose(life.table.position_of("kettle"), spot, atol=0.02)
    for row in life.log[:-1]:
        assert row["carried"] == ("kettle" if row["activity"].verb == "move" else "")
    assert life.log[-1]["carried"] == life.log[-1]["contact"] == ""


def test_events_come_true_at_their_time_and_there_is_always_one():
    rng = np.random.default_rng(2)
    wearer, table, _ = seated_wearer(rng)
    event, time_s, seen = wearer.event, wearer.event_time_s, 0
    for tick in range(12_000):
        now_s = tick * TICK
        wearer.advance(now_s, TICK)
        table.follow(wearer)
        assert wearer.event_time_s > now_s
        assert makes_sense(wearer.event)
        assert makes_sense(wearer.activity)
        if (wearer.event, wearer.event_time_s) != (event, time_s):
            seen += 1
            assert time_s <= now_s < time_s + 2 * TICK
            if event.verb == "pick up":
                assert wearer.carried == wearer.contact == event.object
            elif event.verb in ("put", "give"):
                assert wearer.carried == ""
            else:
                assert wearer.activity == event
            event, time_s = wearer.event, wearer.event_time_s
    assert seen > 12


def test_the_hand_never_leaps():
    rng = np.random.default_rng(7)
    wearer, table, _ = seated_wearer(rng)
    hands, lefts = [], []
    for tick in range(8000):
        wearer.advance(tick * TICK, TICK)
        table.follow(wearer)
        hands.append(wearer.hand_m)
        lefts.append(wearer.world_T_left_hand()[:3, 3])
    for points in (hands, lefts):
        speed = np.linalg.norm(np.diff(points, axis=0), axis=1) / TICK
        assert speed.max() < 2.5
    assert np.percentile(np.linalg.norm(np.diff(hands, axis=0), axis=1) / TICK, 90) > 0.1


def test_every_use_of_the_language_is_known_and_hands_off_is_agreed():
    assert set(wearer_uses.USES) | {"search"} == set(USES)
    assert {verb for verb, use in wearer_uses.USES.items() if not use.held} | {"search"} == HANDS_OFF
    for use in wearer_uses.USES.values():
        assert 0.8 <= use.duration_s[0] < use.duration_s[1] <= 4.0


def test_pouring_tips_the_kettle_above_the_mug_and_levels_follow():
    full, empty = ThingState(level=0.9), ThingState(level=0.1)
    after = {"kettle": ThingState(level=0.55), "mug": ThingState(level=0.45, is_hot=True)}
    life = Life(
        (Step("pour", "kettle", "mug"), after), Step("put", "kettle", "table"), states={"kettle": full, "mug": empty}
    )
    rows = life.until("pour")
    assert all(row["carried"] == "kettle" for row in rows)
    start_s = next(row["event_time"] for row in rows if row["event"] == Slots("pour", "kettle", "mug"))
    pouring = [row for row in rows if row["time"] >= start_s]
    tipped = column(pouring, "hand")[:, :3, :3] @ [0.0, 0.0, 1.0]
    assert tipped[:, 2].min() < np.cos(np.deg2rad(55))
    assert tipped[tipped[:, 2].argmin(), 0] < -0.8
    assert tipped[-1, 2] == pytest.approx(1.0, abs=1e-3)
    effects = life.wearer.pop_effects()
    assert life.wearer.pop_effects() == []
    for thing in ("kettle", "mug"):
        times, levels = np.array([(time, state.level) for time, one, state in effects if one == thing]).T
        assert start_s < times[0] < times[-1] < pouring[-1]["time"]
        assert (np.diff(levels) * (1 if thing == "mug" else -1) > 0).all()
        assert life.wearer.states[thing] == after[thing]
    hot = [state.is_hot for _, one, state in effects if one == "mug"]
    assert hot == sorted(hot)
    assert set(hot) == {False, True}


def test_a_tool_stays_in_the_hand_until_it_is_put_down():
    life = Life(Step("stir", "spoon", "mug"), Step("stir", "spoon", "jar"), Step("put", "spoon", "table"))
    life.until("move")
    carried = [row["carried"] for row in life.log]
    first, last = carried.index("spoon"), len(carried) - 1
    assert set(carried[first:last]) == {"spoon"}
    assert [event.verb for event in dict.fromkeys(row["event"] for row in life.log[:-1])] == [
        "pick up",
        "stir",
        "stir",
        "put",
    ]


def test_stirring_circles_and_the_left_hand_steadies_the_mug():
    life = Life(Step("stir", "spoon", "mug"), Step("put", "spoon", "table"))
    rest = life.wearer.world_T_left_hand()[:3, 3]
    rows = life.until("stir")
    start_s = next(row["event_time"] for row in rows if row["event"].verb == "stir")
    stirring = column([row for row in rows if row["time"] > start_s], "hand")[:, :3, 3]
    middle = stirring[len(stirring) // 4 : -len(stirring) // 4]
    assert np.ptp(middle[:, 0]) == pytest.approx(0.04, abs=0.008)
    assert np.ptp(middle[:, 1]) == pytest.approx(0.04, abs=0.008)
    assert np.linalg.norm(rows[-1]["left"] - life.table.position_of("mug")) < 0.12
    life.until("withdraw", life.now_s + 20)
    np.testing.assert_allclose(life.wearer.world_T_left_hand()[:3, 3], rest, atol=1e-6)


def test_drinking_brings_the_mug_to_the_mouth_and_tips_it_towards_the_face():
    life = Life(Step("drink", "mug"), Step("put", "mug", "table"))
    mouth = life.table.use_point("drink", "mug", "")
    nearest, tipped = np.inf, 1.0
    life.until("reach")
    while life.wearer.activity.verb == "drink":
        life.tick()
        nearest = min(nearest, np.linalg.norm(life.table.position_of("mug") - mouth))
        top = life.log[-1]["hand"][:3, :3] @ [0.0, 0.0, 1.0]
        tipped = min(tipped, top[1])
    assert nearest < 0.01
    assert tipped < -0.5


def test_pressing_touches_without_carrying():
    life = Life(Step("press", "kettle"))
    rows = life.until("press")
    assert all(row["carried"] == "" and row["contact"] == "kettle" for row in rows)
    assert life.log[0]["event"] == Slots("press", "kettle")
    grip = life.table.grip_of("kettle")
    assert np.linalg.norm(column(rows, "hand")[:, :3, 3] - grip, axis=1).max() < 0.03


def test_searching_is_done_with_the_eyes_alone_and_ends_on_the_thing():
    life = Life(Step("search", "jar"))
    rest = life.wearer.hand_m
    rows = life.until("search")
    np.testing.assert_allclose(column(rows, "hand")[:, :3, 3], np.tile(rest, (len(rows), 1)))
    off = np.array([life.off_deg(row, life.table.position_of("jar")) for row in rows])
    assert off[-20:].max() < 4.0
    assert np.median(off[: len(off) // 2]) > 5.0
    assert rows[0]["event"].verb != "search"


def test_what_the_hand_cannot_do_is_refused():
    life = Life(Step("stir", "spoon", "mug"), Step("drink", "mug"))
    with pytest.raises(WearerError, match="cannot take the mug: it holds the spoon"):
        life.until("drink")
    with pytest.raises(WearerError, match="cannot rest while the eyes search the jar: it holds the spoon"):
        Life(Step("stir", "spoon", "mug"), Step("search", "jar")).until("search")
    with pytest.raises(WearerError, match="no step 'juggle'; there are put, give, search, open"):
        Life(Step("juggle", "mug"))


def test_the_hand_corrects_for_a_thing_that_moves_during_the_reach():
    life = Life(Step("put", "jar", "tray"))
    while life.wearer.activity.verb != "reach":
        life.tick()
    middle_s = (life.now_s + life.wearer.event_time_s) / 2
    while life.now_s < middle_s:
        life.tick()
    life.table._centres["jar"] += [0.05, 0.03, 0.0]
    while life.wearer.carried != "jar":
        life.tick()
    np.testing.assert_allclose(life.log[-1]["hand"][:3, 3], life.table.grip_of("jar"), atol=0.005)


def test_the_hand_opens_for_the_reach_and_closes_on_the_thing():
    life = Life(Step("put", "mug", "shelf"))
    moving = life.until("move")
    reaching = [row for row in life.log if row["activity"].verb == "reach"]
    assert column(reaching, "opening").max() > 0.9
    assert reaching[-1]["opening"] < 0.6
    assert column(moving, "opening")[40:].max() < 0.25


def test_gaze_is_on_the_place_before_the_thing_arrives():
    off = []
    for seed in range(6):
        life = Life(Step("put", "kettle", "tray"), seed=seed)
        spot = life.table.spot_for("kettle", "tray")
        rows = life.until("move")
        off.append(life.off_deg(rows[-80], spot))
    assert np.sort(off)[-2] < 5.0


def test_gaze_leads_the_hand_as_people_do_and_does_not_give_everything_away():
    moments = measure_task(range(8), 45.0)
    assert len(moments.right) > 40
    assert 0.4 < np.median(moments.lead_s) < 1.0
    assert 0.5 < np.mean(moments.right) < 0.85
    assert 1.6 < moments.acting_fixations / moments.acting_s < 3.0
    assert 0.25 < np.mean(moments.fixation_s) < 0.5
    assert {"guide", "scan", "use", "distraction"} <= set(moments.reasons)
    assert sum(moments.reasons.values()) == pytest.approx(1.0)


def test_an_attentive_person_looks_at_the_right_thing_more_often_than_a_dreamer():
    def share(**habits):
        seen = []
        for seed in range(3):
            life = Life(person=Person(habits=GazeHabits(**habits)), seed=seed)
            reaching = False
            while life.now_s < 30:
                life.tick()
                if life.wearer.activity.verb == "reach" and not reaching and len(life.log) > 120:
                    seen.append(life.off_deg(life.log[-100], life.table.position_of("mug")) < 4.0)
                reaching = life.wearer.activity.verb == "reach"
        return np.mean(seen)

    assert share(distraction=0.0, lead_median_s=1.0) > share(distraction=1.0, lead_median_s=0.3) + 0.3


def test_a_moving_robot_draws_a_glance_now_and_then_and_gaze_returns():
    robot = np.array([0.6, 0.4, 1.0])
    glancing = Person(habits=GazeHabits(robot_glance=1.0, distraction=0.0))
    life = Life(person=glancing)
    for _ in range(200):
        life.tick()
    life.wearer.notice(robot)
    life.wearer.notice(robot)
    for _ in range(200):
        life.tick()
    at_robot = [life.off_deg(row, robot) < 4.0 for row in life.log[200:]]
    assert 20 < sum(at_robot) < 140
    assert not at_robot[-1]
    assert sum(before == "robot" != after for before, after in zip(*_pairs(life.log), strict=True)) == 1


def _pairs(log):
    reasons = [row["reason"] for row in log]
    return reasons[:-1], reasons[1:]


def test_nobody_glances_at_the_robot_who_never_does():
    life = Life(person=replace(ATTENTIVE, habits=replace(ATTENTIVE.habits, robot_glance=0.0)))
    for tick in range(2000):
        life.tick()
        if tick % 100 == 0:
            life.wearer.notice(np.array([0.6, 0.4, 1.0]))
    assert "robot" not in {row["reason"] for row in life.log}


def test_people_differ_and_equal_seeds_do_not():
    def trace(seed, look_on=False):
        wearer, table, _ = seated_wearer(np.random.default_rng(seed))
        for tick in range(1500):
            wearer.advance(tick * TICK, TICK)
            table.follow(wearer)
            if look_on:
                wearer.pop_effects()
                wearer.eyes.eye_rays()
        return np.array([wearer.hand_m, wearer.eyes.gaze_point_m()])

    np.testing.assert_array_equal(trace(1), trace(1, look_on=True))
    assert not np.allclose(trace(1), trace(2))
    paces = {Person.sample(np.random.default_rng(seed)).pace for seed in range(5)}
    assert len(paces) == 5


def test_the_phase_count_grows_with_each_change_of_activity():
    life = Life(Step("put", "mug", "tray"), Step("press", "kettle"))
    counts = []
    for _ in range(3000):
        life.tick()
        counts.append(life.wearer.phase_count)
    changes = sum(a["activity"] != b["activity"] for a, b in zip(life.log, life.log[1:], strict=False))
    assert counts[-1] - counts[0] == changes > 4


def test_all_kinds_can_be_on_the_table():
    table = TableTop(np.random.default_rng(0), OBJECT_KINDS[:14], SEAT)
    centres = np.array([table.position_of(kind) for kind in OBJECT_KINDS[:14]])
    gaps = np.linalg.norm(centres[:, None] - centres, axis=2)[~np.eye(14, dtype=bool)]
    assert gaps.min() > 0.09
