"""A wearer who cannot reach everything: waits, is helped, and lives the same life however long it takes."""

from types import SimpleNamespace

import numpy as np
import pytest

from gaze_vlm_ros.language import ROBOT, TABLE
from gaze_vlm_ros.sim.assistance import AssistedKitchen, LiveKitchen, Scenario, live
from gaze_vlm_ros.sim.assistance.gripper import HELD, Gripper
from gaze_vlm_ros.sim.assistance.reach import ArmsReach, LimitedIntentions, everyday_grammar
from gaze_vlm_ros.sim.intentions import Step
from gaze_vlm_ros.sim.simulation import SimulationConfig

SEED = 4_000_001
PERIOD_S = 0.048


def until(kitchen, holds, limit_s=90.0):
    while not holds() and kitchen.time_s < limit_s:
        kitchen.advance(PERIOD_S)
    assert holds()


@pytest.fixture
def kitchen():
    made = AssistedKitchen(SEED)
    yield made
    made.close()


def test_reach_is_that_of_the_nearer_shoulder():
    reach = ArmsReach(np.array([[0.2, 0.0, 1.0], [-0.2, 0.0, 1.0]]), 0.5)
    assert reach.holds(np.array([-0.2, 0.4, 0.8])) and not reach.holds(np.array([0.0, 0.6, 1.0]))
    assert reach.holds(np.zeros((3, 3))).tolist() == [False] * 3


def test_everyday_goals_need_no_robots_hand_and_no_search():
    assert "make tea" in everyday_grammar().goals and "hand over" not in everyday_grammar().goals


@pytest.mark.parametrize("verb", ["put", "give"])
@pytest.mark.parametrize("place", ["shelf", ROBOT])
def test_what_would_go_out_of_reach_is_put_on_the_table(kitchen, verb, place):
    nobody = ArmsReach(np.full((2, 3), 9.0), 0.5)
    drawn = SimpleNamespace(next_step=lambda: Step(verb, "letter", place))
    step = LimitedIntentions(drawn, kitchen.layout, nobody, np.random.default_rng(0)).next_step()
    assert (step.verb, step.object, step.place) == ("put", "letter", TABLE)


def test_the_hand_waits_for_what_is_out_of_reach_and_goes_on_once_it_is_brought(kitchen):
    until(kitchen, lambda: kitchen.wearer.want)
    thing, since_s = kitchen.wearer.want, kitchen.wearer.want_since_s
    assert thing in kitchen.far_things() and kitchen.next_wanted() == thing
    hand_m, event = kitchen.wearer.hand_m, kitchen.wearer.event
    until(kitchen, lambda: kitchen.time_s > since_s + 5.0)
    assert kitchen.wearer.want == thing and kitchen.wearer.want_since_s == since_s
    np.testing.assert_allclose(kitchen.wearer.hand_m, hand_m, atol=1e-9)
    assert kitchen.wearer.event == event and kitchen.wearer.event_time_s > kitchen.time_s
    kitchen.bring(thing)
    until(kitchen, lambda: kitchen.wearer.contact == thing, limit_s=kitchen.time_s + 4.0)
    assert kitchen.wearer.want == ""


def test_who_waits_looks_at_what_is_wanted_most_of_the_time(kitchen):
    until(kitchen, lambda: kitchen.wearer.want)
    thing, near = kitchen.wearer.want, []
    for _ in range(120):
        kitchen.advance(PERIOD_S)
        eyes = kitchen.wearer.eyes
        way, ray = kitchen.scene.position_of(thing) - eyes.position_m, eyes.gaze_point_m() - eyes.position_m
        near.append(np.dot(way, ray) > np.cos(0.1) * np.linalg.norm(way) * np.linalg.norm(ray))
    assert np.mean(near) > 0.5


def test_lives_of_one_seed_differ_in_nothing_but_the_waiting():
    """The same steps, and the same time between a thing's coming and the next want, however late it came."""
    own = []
    for delay_s in (0.5, 6.0):
        kitchen, spans, came_s = AssistedKitchen(SEED), [], 0.0
        while len(spans) < 3 and kitchen.time_s < 120.0:
            kitchen.advance(PERIOD_S)
            wearer = kitchen.wearer
            if wearer.want and kitchen.time_s > wearer.want_since_s + delay_s:
                spans.append((wearer.want, wearer.want_since_s - came_s))
                kitchen.bring(wearer.want)
                came_s = kitchen.time_s
        own.append((spans, [step.seen for step in kitchen.intentions.steps[:6]]))
        kitchen.close()
    assert own[0][1] == own[1][1] and [thing for thing, _ in own[0][0]] == [thing for thing, _ in own[1][0]]
    np.testing.assert_allclose([s for _, s in own[0][0]], [s for _, s in own[1][0]], atol=2.5 * PERIOD_S)


def test_what_is_put_down_or_brought_stays_within_reach(kitchen):
    for thing in kitchen.far_things()[:4]:
        kitchen.bring(thing)
        kitchen.advance(0.5)
        assert kitchen.in_reach(thing)
        assert kitchen.reach.holds(kitchen.scene.spot_for(thing, "table") - [0.0, 0.0, 0.05])


def test_what_the_robot_holds_cannot_be_had_goes_with_the_tool_and_stays_where_it_lets_go(kitchen):
    thing = kitchen.far_things()[0]
    before = kitchen.scene.position_of(thing) - kitchen.arm.world_T_tool()[:3, 3]
    kitchen.lift(thing)
    assert kitchen.lifted == thing and not kitchen.available(thing)
    kitchen.advance(0.2)
    after = kitchen.scene.position_of(thing) - kitchen.arm.world_T_tool()[:3, 3]
    np.testing.assert_allclose(after, before, atol=0.005)
    kitchen.let_go()
    assert kitchen.lifted == ""


def test_an_idle_wearer_wants_nothing_and_looks_about():
    kitchen = AssistedKitchen(SEED, Scenario(idle=True))
    hand_m, points = kitchen.wearer.hand_m, []
    for _ in range(250):
        kitchen.advance(PERIOD_S)
        points.append(kitchen.wearer.eyes.gaze_point_m())
        assert kitchen.wearer.want == "" and kitchen.next_wanted() == ""
    np.testing.assert_allclose(kitchen.wearer.hand_m, hand_m)
    assert np.std(points, axis=0)[0] > 0.05 and kitchen.wearer.finished == 0
    kitchen.close()


class TestGripper:
    def closed_about(self, thing):
        calls = []
        gripper = Gripper(lambda: calls.append("grasp") or thing, lambda: calls.append("release"))
        gripper.want(0.0)
        for _ in range(100):
            gripper.advance(0.01)
        return gripper, calls

    def test_fingers_stop_at_what_they_hold_and_let_go_once(self):
        gripper, calls = self.closed_about(thing=True)
        assert gripper.opening == HELD and calls == ["grasp"]
        gripper.want(1.0)
        for _ in range(100):
            gripper.advance(0.01)
        assert gripper.opening == 1.0 and calls == ["grasp", "release"]

    def test_fingers_about_nothing_close_and_release_nothing(self):
        gripper, calls = self.closed_about(thing=False)
        assert gripper.opening == 0.0
        gripper.want(1.0)
        gripper.advance(2.0)
        assert calls == ["grasp"]

    def test_what_was_taken_is_not_let_go_of_again(self):
        gripper, calls = self.closed_about(thing=True)
        gripper.lost()
        gripper.want(1.0)
        gripper.advance(2.0)
        assert calls == ["grasp"]

    @pytest.mark.parametrize("opening", [-0.1, 1.1, float("nan")])
    def test_an_opening_that_cannot_be_is_refused(self, opening):
        with pytest.raises(ValueError, match=r"lies in 0\.\.1"):
            Gripper(lambda: False, lambda: None).want(opening)


def test_fingers_lift_what_is_between_them_and_nothing_else(kitchen):
    thing = kitchen.far_things()[0]
    assert kitchen.between_fingers() == ""
    _put_at_tool(kitchen, thing)
    assert kitchen.between_fingers() == thing
    kitchen.open_gripper(0.0)
    for _ in range(20):
        _put_at_tool(kitchen, thing)
        kitchen.advance(PERIOD_S)
    assert kitchen.lifted == thing
    kitchen.open_gripper(1.0)
    until(kitchen, lambda: kitchen.lifted == "", limit_s=kitchen.time_s + 2.0)


def _put_at_tool(kitchen, thing):
    if not kitchen.lifted:
        kitchen.data.joint(f"{thing}/free").qpos[:3] = kitchen.arm.world_T_tool()[:3, 3]
        kitchen.data.body(thing).xpos[:] = kitchen.arm.world_T_tool()[:3, 3]


class TestLiveKitchen:
    @pytest.fixture
    def live_kitchen(self):
        made = LiveKitchen(SimulationConfig(seed=SEED))
        yield made
        made.close()

    def test_what_the_robot_brings_is_counted(self, live_kitchen):
        until(live_kitchen, lambda: live_kitchen.wearer.want)
        live_kitchen.bring(live_kitchen.wearer.want)
        until(live_kitchen, lambda: live_kitchen.wearer.want == "")
        waits = live_kitchen.waits
        assert (waits.things, waits.served, waits.given) == (1, 1, 0) and waits.waited_s > 0.0
        assert waits.figures()["brought by the robot"] == "1"

    def test_somebody_else_gives_what_does_not_come(self, live_kitchen, monkeypatch):
        monkeypatch.setattr(live, "PATIENCE_S", 1.0)
        until(live_kitchen, lambda: live_kitchen.waits.given)
        until(live_kitchen, lambda: live_kitchen.wearer.want == "")
        assert live_kitchen.waits.served == 0 and live_kitchen.waits.waited_s == pytest.approx(1.0, abs=0.8)

    def test_fingers_are_among_the_joints(self, live_kitchen):
        joints = live_kitchen.joint_state()
        assert joints.names[-3:] == tuple(live_kitchen.robot.gripper_rad) and len(joints.position_rad) == 9
