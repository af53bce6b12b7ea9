import numpy as np
import pytest

from gaze_vlm_ros.geometry.pointing import pointed_thing
from gaze_vlm_ros.policies.assist import AssistPolicy, AssistSettings
from gaze_vlm_ros.policies.rivals import nearest_to_hand
from gaze_vlm_ros.robots.trajectory import Point, sample
from gaze_vlm_ros.types import (
    AssistMode,
    GazeTarget,
    Hypothesis,
    JointState,
    Prediction,
    PredictionKind,
    WearerState,
)

S = 1_000_000_000
PERIOD_S = 1 / 30
THINGS = {"mug": (0.4, -0.2, 0.05), "bowl": (0.4, 0.2, 0.05), "spoon": (0.3, 0.0, 0.02)}
FAR_HAND = (0.9, -0.3, 0.1)


class Table:
    """A policy, an arm that does what it is told, and a wearer who looked at everything once."""

    def __init__(self, arm, policy=None) -> None:
        self.arm, self.policy = arm, policy or AssistPolicy(AssistSettings(), arm)
        self.now_s, self.here = 10.0, Point(arm.robot.home_rad.copy(), np.zeros(6))
        self.hand = np.array(FAR_HAND)
        self.event: tuple[str, str, float] | None = None
        self.out_of_domain = False
        self.decisions = []
        for label, place in THINGS.items():
            self.look(label, place)

    @property
    def now_ns(self) -> int:
        return round(self.now_s * S)

    @property
    def tool(self) -> np.ndarray:
        return self.arm.kinematics.base_T_tool(self.here.position_rad)

    def look(self, label, place, frame_id="robot_base") -> None:
        target = GazeTarget(self.now_ns, np.asarray(place, float), np.eye(3) * 1e-4, label, frame_id=frame_id)
        self.policy.on_gaze_target(target)

    def joints(self) -> None:
        self.policy.on_joint_state(JointState(self.now_ns, self.arm.robot.joint_names, *self.here))

    def predict(self) -> None:
        verb, thing, confidence = self.event
        best = Hypothesis(f"{verb} the {thing}", verb, thing, "", confidence)
        kind, doubt = PredictionKind.EVENT, {"out_of_domain": self.out_of_domain}
        self.policy.on_prediction(Prediction(self.now_ns, kind, best.text, confidence, (best,), **doubt))

    def run(self, seconds, follow=True):
        for _ in range(round(seconds / PERIOD_S)):
            self.joints()
            self.policy.on_wearer(WearerState(self.now_ns, np.full((4, 4), np.nan), right_hand_m=self.hand))
            if self.event is not None:
                self.predict()
            decision = self.policy.step(self.now_ns)
            self.decisions.append(decision)
            self.now_s += PERIOD_S
            if follow and decision.trajectory is not None:
                self.here = sample(decision.trajectory, PERIOD_S)
        return decision

    @property
    def at_rest(self) -> bool:
        return np.abs(self.here.velocity_rad_s).max() < 1e-9


@pytest.fixture
def table(arm):
    return Table(arm)


class TestPointing:
    @pytest.mark.parametrize("label", sorted(THINGS))
    def test_points_at_what_is_picked_up_next(self, table, label):
        table.event = ("pick up", label, 0.8)
        state = table.run(2.0).state
        assert state.mode is AssistMode.POINTING
        assert (state.target_label, state.limited_by) == (label, "")
        assert label in state.reason
        assert state.prediction_stamp_ns == state.stamp_ns
        np.testing.assert_allclose(state.target_position_m, THINGS[label], atol=1e-6)
        assert pointed_thing(table.tool, THINGS, max_angle_rad=0.02) == label
        assert table.at_rest

    def test_is_there_before_a_hand_would_be(self, table):
        table.event = ("pick up", "mug", 0.8)
        table.run(1.2)
        assert pointed_thing(table.tool, THINGS) == "mug"

    def test_turns_to_another_thing_without_a_jump(self, table):
        limits = table.arm.robot.limits
        velocity = []
        for label in ("mug", "bowl", "spoon", "mug"):
            table.event = ("pick up", label, 0.8)
            for _ in range(15):
                table.run(PERIOD_S)
                velocity.append(table.here.velocity_rad_s)
        change = np.abs(np.diff(velocity, axis=0)) / PERIOD_S
        assert (change <= limits.acceleration_rad_s2).all()
        assert (np.abs(velocity) <= limits.velocity_rad_s).all()

    def test_follows_a_thing_that_was_moved(self, table):
        table.event = ("pick up", "mug", 0.8)
        table.run(1.5)
        for _ in range(2):
            table.look("mug", (0.5, 0.1, 0.05))
            table.run(PERIOD_S)
        table.run(2.0)
        assert pointed_thing(table.tool, {"mug": (0.5, 0.1, 0.05)}, max_angle_rad=0.02) == "mug"

    def test_each_trajectory_keeps_the_limits_and_ends_at_rest(self, table):
        table.event = ("pick up", "bowl", 0.8)
        table.run(1.0)
        limits = table.arm.robot.limits
        for decision in table.decisions:
            if decision.trajectory is not None:
                assert (np.abs(decision.trajectory.velocity_rad_s) <= limits.velocity_rad_s).all()
                assert (decision.trajectory.position_rad >= limits.lower_rad).all()
                assert (decision.trajectory.position_rad <= limits.upper_rad).all()
                np.testing.assert_array_equal(decision.trajectory.velocity_rad_s[-1], 0.0)

    def test_goes_home_when_nothing_is_wanted(self, table):
        table.event = ("pick up", "mug", 0.8)
        table.run(1.5)
        table.event = ("put", "mug", 0.8)
        table.run(1.0)
        assert table.decisions[-1].state.mode is AssistMode.IDLE
        assert pointed_thing(table.tool, THINGS) == "mug", "it waits a little first"
        table.run(4.0)
        np.testing.assert_allclose(table.here.position_rad, table.arm.robot.home_rad, atol=1e-4)

    def test_an_arm_that_cannot_follow_is_planned_anew_from_where_it_is(self, table):
        table.event = ("pick up", "mug", 0.8)
        table.run(1.0, follow=False)
        first = table.decisions[-1].trajectory.position_rad[0]
        assert np.abs(first - table.here.position_rad).max() <= table.policy.settings.follow_tolerance_rad + 1e-9


class TestNotHelping:
    def stays(self, table, seconds=1.0):
        before = table.here.position_rad
        state = table.run(seconds).state
        np.testing.assert_allclose(table.here.position_rad, before, atol=1e-9)
        return state

    def test_no_prediction(self, table):
        state = self.stays(table)
        assert (state.mode, state.reason) == (AssistMode.IDLE, "No event has been predicted yet.")

    def test_out_of_domain(self, table):
        table.event, table.out_of_domain = ("pick up", "mug", 0.99), True
        assert self.stays(table).mode is AssistMode.IDLE

    def test_unknown_place(self, table):
        table.event = ("pick up", "teapot", 0.9)
        state = self.stays(table)
        assert (state.mode, state.target_label) == (AssistMode.BLOCKED, "teapot")
        assert state.limited_by == "where the teapot is is not known"
        assert np.isnan(state.target_position_m).all()

    def test_place_in_another_frame(self, table):
        table.look("teapot", (0.4, 0.0, 0.1), frame_id="map")
        table.event = ("pick up", "teapot", 0.9)
        assert self.stays(table).mode is AssistMode.BLOCKED

    def test_out_of_reach(self, table):
        table.look("teapot", (2.0, 0.0, 0.1))
        table.event = ("pick up", "teapot", 0.9)
        state = self.stays(table)
        assert state.mode is AssistMode.BLOCKED
        assert state.limited_by.startswith("the teapot is out of reach: ")

    def test_contradicting_predictions_at_every_step_break_nothing(self, table):
        for i in range(60):
            table.event = ("pick up", sorted(THINGS)[i % 3], 0.9)
            table.run(PERIOD_S)
        assert np.isfinite(table.here.position_rad).all()


class TestYielding:
    def test_draws_back_from_a_hand_and_comes_again(self, table):
        table.event = ("pick up", "mug", 0.8)
        table.run(2.0)
        table.hand = table.tool[:3, 3] + [0.08, 0.0, -0.03]
        before = np.linalg.norm(table.tool[:3, 3] - table.hand)
        state = table.run(0.7).state
        assert (state.mode, state.limited_by) == (AssistMode.YIELDING, "the wearer's right hand is near")
        assert np.linalg.norm(table.tool[:3, 3] - table.hand) > before + 0.01
        table.hand = np.array(FAR_HAND)
        table.run(2.0)
        assert pointed_thing(table.tool, THINGS, max_angle_rad=0.02) == "mug"

    def test_stops_on_its_way_home_where_a_hand_comes_into_it(self, table):
        table.event = ("pick up", "mug", 0.8)
        table.run(2.0)
        table.hand = table.tool[:3, 3] + [0.08, 0.0, -0.03]
        table.run(0.2)
        home = table.arm.kinematics.link_points(table.arm.robot.home_rad)[-1]
        assert np.linalg.norm(home - table.tool[:3, 3]) > 0.05
        table.hand = home
        table.run(0.5)
        before = table.here.position_rad
        assert table.run(1.0).state.mode is AssistMode.YIELDING
        np.testing.assert_allclose(table.here.position_rad, before, atol=1e-6)

    def test_stops_where_drawing_back_would_come_nearer(self, table):
        table.event = ("pick up", "mug", 0.8)
        table.run(2.0)
        home = table.arm.kinematics.link_points(table.arm.robot.home_rad)[-1]
        towards = home - table.tool[:3, 3]
        table.hand = table.tool[:3, 3] + 0.1 * towards / np.linalg.norm(towards)
        before = table.here.position_rad
        assert table.run(1.0).state.mode is AssistMode.YIELDING
        np.testing.assert_allclose(table.here.position_rad, before, atol=1e-6)

    def test_never_comes_near_a_hand_in_the_way(self, table):
        table.event = ("pick up", "mug", 0.8)
        table.run(2.0)
        solution = table.arm.solve_pointing(np.array(THINGS["bowl"]), table.here.position_rad)
        goal = table.arm.kinematics.base_T_tool(solution.q)[:3, 3]
        way = goal - table.tool[:3, 3]
        table.hand = goal + 0.1 * way / np.linalg.norm(way)
        table.event = ("pick up", "bowl", 0.8)
        near = np.inf
        for _ in range(60):
            state = table.run(PERIOD_S).state
            near = min(near, np.linalg.norm(table.tool[:3, 3] - table.hand))
        assert near >= 0.15
        assert state.mode is AssistMode.BLOCKED
        assert state.limited_by == "the way there comes too close to the wearer's right hand"


class TestJoints:
    def test_none_yet(self, arm):
        policy = AssistPolicy(AssistSettings(), arm)
        decision = policy.step(0)
        assert decision.trajectory is None
        assert (decision.state.mode, decision.state.limited_by) == (AssistMode.BLOCKED, "no joint states yet")

    def test_too_old(self, table):
        table.joints()
        decision = table.policy.step(table.now_ns + S)
        assert decision.trajectory is None and decision.state.limited_by == "joint states are too old"

    @pytest.mark.parametrize(
        ("names", "position", "problem"),
        [(("a", "b"), np.zeros(2), "joint states lack joint_1"), (None, np.full(6, np.nan), "are not numbers")],
    )
    def test_of_another_robot_or_broken(self, arm, names, position, problem):
        policy = AssistPolicy(AssistSettings(), arm)
        policy.on_joint_state(JointState(0, names or arm.robot.joint_names, position, np.zeros(len(position))))
        assert problem in policy.step(0).state.limited_by

    def test_velocities_that_are_missing_are_named(self, arm):
        policy = AssistPolicy(AssistSettings(), arm)
        policy.on_joint_state(JointState(0, arm.robot.joint_names, np.zeros(6), np.full(6, np.nan)))
        assert "carry no velocity" in policy.step(0).state.limited_by

    def test_what_was_good_once_and_is_broken_now_is_named(self, table):
        table.joints()
        broken = JointState(table.now_ns + S, table.arm.robot.joint_names, np.full(6, np.nan), np.zeros(6))
        table.policy.on_joint_state(broken)
        assert table.policy.step(table.now_ns + S).state.limited_by == "joint states are not numbers"

    def test_more_joints_in_another_order_are_fine(self, table):
        names = ("finger_1", *reversed(table.arm.robot.joint_names))
        position = np.concatenate([[0.9], table.here.position_rad[::-1]])
        table.policy.on_joint_state(JointState(table.now_ns, names, position, np.zeros(7)))
        table.event = ("pick up", "mug", 0.8)
        table.predict()
        first = table.policy.step(table.now_ns).trajectory.position_rad[0]
        np.testing.assert_allclose(first, table.here.position_rad)


class TestRival:
    def test_points_at_the_thing_nearest_to_the_hand(self, arm):
        table = Table(arm, nearest_to_hand(AssistSettings(), arm))
        table.event = ("pick up", "mug", 0.99)
        table.hand = np.array([0.55, 0.25, 0.05])
        assert table.run(2.0).state.target_label == "bowl"
        assert pointed_thing(table.tool, THINGS, max_angle_rad=0.02) == "bowl"


class TestSettings:
    @pytest.mark.parametrize(
        "change", [{"speed": 0.0}, {"speed": 1.5}, {"retarget_m": 0.0}, {"home_after_s": -1.0}, {"joints_max_age_s": 0}]
    )
    def test_out_of_range_is_named(self, change):
        with pytest.raises(ValueError, match=next(iter(change))):
            AssistSettings(**change)
