import numpy as np
import pytest

from gaze_vlm_ros.safety.deadlines import Deadlines, Input
from gaze_vlm_ros.safety.governor import GovernorMode, GovernorSettings

GOAL = np.array([0.8, 0.9, 1.4])
START = np.array([0.0, 0.6, 1.0])
YAW = np.array([1.0, 0.0, 0.0])


class TestArming:
    def test_nothing_moves_unarmed(self, bench):
        assert bench.run(0.5, GOAL).state is GovernorMode.DISARMED
        np.testing.assert_array_equal(bench.here.position_rad, START)

    def test_needs_its_inputs(self, bench):
        assert bench.governor.arm(bench.now_s) == "no joint states yet"
        bench.joint_state()
        assert bench.governor.arm(bench.now_s) == "no policy yet"

    def test_disarmed_it_stops(self, bench):
        bench.armed().run(0.5, GOAL)
        bench.governor.disarm()
        bench.follow(0.1)
        np.testing.assert_array_equal(bench.here.velocity_rad_s, 0.0)
        assert bench.tick().trajectory is None

    def test_an_old_command_does_not_outlive_arming(self, bench):
        bench.joint_state()
        bench.command(GOAL)
        bench.armed()
        assert bench.tick().trajectory is None


class TestFollowing:
    def test_reaches_the_goal_and_stays(self, bench):
        output = bench.armed().run(4.0, GOAL)
        assert output.state is GovernorMode.MOVING
        np.testing.assert_allclose(bench.here.position_rad, GOAL, atol=1e-3)
        np.testing.assert_allclose(bench.here.velocity_rad_s, 0.0, atol=1e-3)

    def test_keeps_up_with_a_motion_within_the_limits(self, bench):
        bench.armed()
        began, worst = bench.now_s, 0.0
        for _ in range(100):
            t = bench.now_s - began
            bench.joint_state()
            times = t + np.array([0.0, 0.1])
            swing = START + np.outer(0.2 * (1 - np.cos(times)), YAW)
            bench.command(swing, np.outer(0.2 * np.sin(times), YAW), times - t)
            bench.tick()
            worst = max(worst, np.abs(bench.here.position_rad - swing[0]).max())
            bench.follow(0.02)
        assert worst < 0.01

    def test_first_point_in_the_future_is_led_up_to(self, bench):
        """A single point due in 2 s is no jump: halfway there the arm is halfway."""
        bench.armed()
        bench.joint_state()
        bench.command(START + 0.4 * YAW, times=(2.0,))
        stored = bench.governor._command.trajectory
        np.testing.assert_array_equal(stored.position_rad[0], START)
        assert stored.time_from_start_s.tolist() == [0.0, 2.0]

    def test_joints_may_come_in_any_order(self, bench):
        bench.armed()
        bench.joint_state(names=("elbow", "yaw", "lift"), position_rad=START[[2, 0, 1]])
        bench.command(GOAL[[2, 0, 1]], names=("elbow", "yaw", "lift"))
        bench.run(4.0, None, lambda: bench.command(GOAL[[2, 0, 1]], names=("elbow", "yaw", "lift")))
        np.testing.assert_allclose(bench.here.position_rad, GOAL, atol=1e-3)

    def test_a_command_must_be_repeated(self, bench):
        bench.armed().run(0.4, GOAL)
        output = bench.run(0.4, None, lambda: bench.governor.heard("policy", bench.now_s))
        assert (output.state, output.reason) == (GovernorMode.HOLDING, "the policy asks for no motion")
        np.testing.assert_array_equal(bench.here.velocity_rad_s, 0.0)


class TestHorizons:
    def test_are_short_and_end_at_rest(self, bench):
        bench.armed()
        for _ in range(100):
            output = bench.run(0.02, GOAL)
            assert output.trajectory.time_from_start_s[-1] <= 2 * bench.governor.settings.control_period_s
            np.testing.assert_array_equal(output.trajectory.velocity_rad_s[-1], 0.0)

    @pytest.mark.parametrize("moment_s", [0.02, 0.1, 0.26, 0.5, 0.9])
    def test_a_dead_governor_is_an_arm_at_rest(self, bench, moment_s):
        bench.armed().run(moment_s, GOAL)
        assert np.abs(bench.here.velocity_rad_s).max() > 0.0
        before = bench.here.velocity_rad_s
        bench.follow(0.1)
        np.testing.assert_array_equal(bench.here.velocity_rad_s, 0.0)
        assert (np.abs(before) / 0.08 <= bench.limits.braking_rad_s2).all()


class TestDeadlines:
    @pytest.mark.parametrize("name", [name for name in Input if name not in (Input.POLICY, Input.JOINT_STATES)])
    def test_a_silent_input_stops_the_arm_in_time(self, make_bench, name):
        deadlines = Deadlines(needed=(name,))
        bench = make_bench(GovernorSettings(deadlines=deadlines))
        bench.governor.heard(name, bench.now_s)
        bench.armed().run(0.5, GOAL, lambda: bench.governor.heard(name, bench.now_s))
        last_heard, withheld = bench.now_s - 0.02, None
        for _ in range(100):
            bench.joint_state()
            bench.command(GOAL)
            output = bench.tick()
            if output.trajectory is None and withheld is None:
                withheld = bench.now_s
                assert name.value.replace("_", " ") in output.reason
                assert output.state is GovernorMode.HOLDING
            bench.follow(0.02)
            if withheld is not None and bench.now_s - last_heard >= deadlines.of(name) + 0.3:
                break
        assert 0.0 < withheld - last_heard - deadlines.of(name) <= 0.1
        np.testing.assert_array_equal(bench.here.velocity_rad_s, 0.0)

    def test_lost_joint_states_stop_the_arm(self, bench):
        bench.armed().run(0.5, GOAL)
        bench.follow(0.06)
        bench.command(GOAL)
        assert "no joint states for" in bench.tick().reason

    def test_motion_goes_on_when_the_input_is_back(self, bench):
        bench.armed().run(0.3, GOAL)
        bench.follow(1.0)
        assert bench.run(0.1, GOAL).state is GovernorMode.MOVING


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"position": [0.0, np.nan, 1.0]}, "position_rad are not finite"),
            ({"position": START, "velocity": [np.inf, 0, 0]}, "velocity_rad_s are not finite"),
            ({"position": START, "times": (np.nan,)}, "time_from_start_s are not finite"),
            ({"position": [START, START], "times": (0.0,)}, "shape"),
            ({"position": START[:2]}, "shape"),
            ({"position": np.zeros((0, 3)), "times": ()}, "0 points"),
            ({"position": [START, START], "times": (1.0, 1.0)}, "times do not rise"),
            ({"position": START, "times": (-1.0,)}, "times do not rise"),
            ({"position": START, "times": (1e9,)}, "times do not rise"),
            ({"position": [0.0, 1.7, 1.0]}, "lift would go 0.200 rad beyond its limit"),
            ({"position": START, "velocity": [0, 0, -1.0]}, "elbow would be 0.100 rad/s faster"),
            ({"position": START, "names": ("yaw", "lift", "wrist")}, "its joints are yaw, lift, wrist"),
            ({"position": START, "names": ("yaw", "yaw", "lift")}, "its joints are yaw, yaw, lift"),
            ({"position": START, "names": ()}, "not named"),
        ],
    )
    def test_a_bad_command_is_refused_with_its_reason_and_stops_the_arm(self, bench, change, message):
        bench.armed().run(0.4, GOAL)
        bench.joint_state()
        assert message in bench.command(**change)
        output = bench.tick()
        assert output.trajectory is None and output.state is GovernorMode.HOLDING
        assert message in output.reason and output.refused == 1
        bench.follow(0.1)
        np.testing.assert_array_equal(bench.here.velocity_rad_s, 0.0)

    @pytest.mark.parametrize(("shift_s", "message"), [(1.0, "in the future"), (-1.0, "1.00 s old"), (3600.0, "future")])
    def test_a_stamp_out_of_time_is_refused(self, bench, shift_s, message):
        bench.armed()
        assert message in bench.command(GOAL, stamp_ns=bench.ros_ns + round(shift_s * 1e9))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"names": ("a", "b", "c")}, "its joints are a, b, c"),
            ({"position_rad": np.array([0.0, np.nan, 0.0])}, "position_rad are not 3 finite numbers"),
            ({"velocity_rad_s": np.zeros(0)}, "velocity_rad_s are not 3 finite numbers"),
            ({"position_rad": np.array(["a", "b", "c"])}, "position_rad are not"),
        ],
    )
    def test_bad_joint_states_are_not_heard(self, bench, change, message):
        assert message in bench.joint_state(**change)
        assert bench.governor.arm(bench.now_s) == "no joint states yet"

    def test_unknown_input_is_an_error(self, bench):
        with pytest.raises(ValueError, match="sonar"):
            bench.governor.heard("sonar", 0.0)


class TestProtectiveStop:
    def test_is_latched_until_reset_and_armed_again(self, bench):
        bench.armed().run(0.4, GOAL)
        bench.governor.stop("the button")
        bench.governor.stop("a later reason")
        output = bench.run(0.4, GOAL)
        assert (output.state, output.reason) == (GovernorMode.PROTECTIVE_STOP, "the button")
        np.testing.assert_array_equal(bench.here.velocity_rad_s, 0.0)
        assert "the button" in bench.governor.arm(bench.now_s)
        bench.governor.disarm()
        assert bench.run(0.1, GOAL).state is GovernorMode.PROTECTIVE_STOP
        bench.governor.reset()
        assert bench.run(0.1, GOAL).state is GovernorMode.DISARMED
        assert bench.armed().run(0.1, GOAL).state is GovernorMode.MOVING

    def test_reset_without_a_stop_changes_nothing(self, bench):
        bench.armed().governor.reset()
        assert bench.governor.state is GovernorMode.HOLDING


class TestAstray:
    def test_an_arm_that_does_not_follow_is_not_pushed_on(self, bench):
        bench.armed()
        stuck = bench.here.position_rad
        for _ in range(60):
            bench.joint_state(position_rad=stuck, velocity_rad_s=np.zeros(3))
            bench.command(GOAL)
            output = bench.tick()
            bench.follow(0.02)
            if output.trajectory is None:
                break
        assert "away from where it was sent" in output.reason
        assert np.abs(bench.here.position_rad - stuck).max() < 0.25

    def test_an_arm_that_moves_on_its_own_is_not_taken_over(self, bench):
        bench.armed()
        bench.joint_state(velocity_rad_s=np.array([0.0, 0.3, 0.0]))
        bench.command(GOAL)
        assert "lift moves at 0.30 rad/s" in bench.tick().reason

    def test_an_arm_moved_by_hand_is_taken_up_where_it_is(self, bench):
        bench.armed().run(3.0, GOAL)
        bench.follow(1.0)
        moved = GOAL - [0.15, 0.0, 0.0]
        bench.joint_state(position_rad=moved, velocity_rad_s=np.zeros(3))
        bench.command(GOAL)
        first = bench.tick().trajectory.position_rad[0]
        np.testing.assert_allclose(first, moved, atol=0.01)

    def test_a_clock_that_runs_backwards_stops(self, bench):
        bench.armed().run(0.4, GOAL)
        bench.now_s -= 0.03
        assert bench.governor.tick(bench.now_s).trajectory is None


class TestWorkspace:
    def test_the_tool_stops_at_the_edge_and_comes_back(self, bench):
        """Both links stretched would reach 0.8 m sideways; the box ends at 0.7 m."""
        bench.armed()
        out = np.array([1.35, 1.45, 0.12])
        output = bench.run(6.0, out)
        tool = bench.link_points(bench.here.position_rad)[-1]
        assert bench.box.outside_m(tool) <= 1e-6
        assert bench.box.outside_m(bench.link_points(out)[-1]) > 0.03
        assert output.reason == "the tool would leave its workspace"
        bench.run(6.0, START)
        np.testing.assert_allclose(bench.here.position_rad, START, atol=1e-3)


class TestSettings:
    @pytest.mark.parametrize(
        ("change", "message"),
        [({"tick_s": 0.0}, "tick_s"), ({"gain_per_s": np.nan}, "gain_per_s"), ({"tick_s": 0.2}, "must not exceed")],
    )
    def test_out_of_range_is_named(self, change, message):
        with pytest.raises(ValueError, match=message):
            GovernorSettings(**change)


class TestWithoutAWearer:
    UNCHECKED = "no wearer state is heard, so the distance to the wearer is not checked"

    def test_it_says_so_while_it_lets_motion_through(self, bench):
        assert self.UNCHECKED in bench.armed().governor.unchecked(bench.now_s)
        assert bench.run(0.1, GOAL).reason == f"the policy's command passes; {self.UNCHECKED}"

    def test_once_one_is_heard_the_words_end(self, bench):
        bench.wearer([5.0, 5.0, 5.0])
        bench.armed()
        assert bench.governor.unchecked(bench.now_s) == ""
        bench.wearer([5.0, 5.0, 5.0])
        assert bench.run(0.1, GOAL).reason == "the policy's command passes"

    def test_one_who_fell_silent_before_arming_does_not_count(self, bench):
        bench.wearer([5.0, 5.0, 5.0])
        bench.now_s += 1.0
        assert bench.armed().governor.unchecked(bench.now_s) == self.UNCHECKED


class TestStamps:
    @pytest.mark.parametrize(("shift_s", "message"), [(0.5, "0.50 s in the future"), (-2.0, "2.00 s old")])
    def test_what_is_not_of_the_present_is_not_heard(self, make_bench, shift_s, message):
        bench = make_bench(GovernorSettings(deadlines=Deadlines(needed=("frames",))))
        said = bench.governor.told("frames", bench.ros_ns + round(shift_s * 1e9), bench.now_s, bench.ros_ns)
        assert message in said
        bench.joint_state()
        bench.governor.heard("policy", bench.now_s)
        assert bench.governor.arm(bench.now_s) == "no frames yet"
        assert bench.governor.told("frames", bench.ros_ns - 10**8, bench.now_s, bench.ros_ns) == ""
        assert bench.governor.arm(bench.now_s) == ""

    def test_a_word_that_joints_were_heard_is_no_joint_state(self, bench):
        bench.governor.heard("joint_states", bench.now_s)
        bench.governor.heard("policy", bench.now_s)
        assert bench.governor.arm(bench.now_s) == "no joint states yet"


class TestMessagesAreNotShared:
    def test_changing_an_array_afterwards_changes_nothing(self, bench):
        bench.armed()
        goal = np.array([GOAL])
        bench.command(goal)
        goal[:] = 1e6
        assert np.abs(bench.governor._command.trajectory.position_rad).max() < 2.0
