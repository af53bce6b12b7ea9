"""Whatever comes in, in whatever order: what goes out keeps every limit."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaze_vlm_ros.robots.trajectory import Point, sample
from gaze_vlm_ros.safety.deadlines import Deadlines, Input
from gaze_vlm_ros.safety.governor import GovernorMode, GovernorSettings
from gaze_vlm_ros.types import JointTrajectory

STRANGE = (0.0, -0.0, 1e-300, 1e300, -1e300, 1e9, np.nan, np.inf, -np.inf)
number = st.one_of(st.floats(-3.0, 3.0), st.sampled_from(STRANGE))
triple = st.tuples(number, number, number)
sane = st.tuples(st.floats(-2, 2), st.floats(-0.5, 1.5), st.floats(0.1, 2.5))
stamp = st.sampled_from((0, 0, 0, 0, -50_000_000, 10_000_000, 1_000_000_000, -(10**18)))
action = st.one_of(
    st.tuples(st.just("command"), st.one_of(sane, triple), triple, st.sampled_from((0.0, 0.3, -1.0, np.nan)), stamp),
    st.tuples(st.just("goal"), sane),
    st.tuples(st.just("goal"), sane),
    st.tuples(st.just("joints"), triple, triple),
    st.tuples(st.just("wearer"), triple, number),
    st.tuples(st.just("heard"), st.sampled_from(list(Input))),
    st.tuples(st.just("wait"), st.sampled_from((0.0, 0.001, 0.02, 0.05, 0.11, 0.5))),
    st.tuples(st.just("arm")),
    st.tuples(st.just("disarm")),
    st.tuples(st.just("stop")),
    st.tuples(st.just("reset")),
)


def act(bench, kind, *values):
    governor = bench.governor
    if kind == "command":
        position, velocity, first_s, shift_ns = values
        bench.command([position], [velocity], (first_s,), stamp_ns=bench.ros_ns + shift_ns)
    elif kind == "goal":
        bench.run(0.2, np.array(values[0]))
    elif kind == "joints":
        bench.joint_state(position_rad=np.array(values[0]), velocity_rad_s=np.array(values[1]))
    elif kind == "wearer":
        bench.wearer(values[0], sigma_m=values[1])
    elif kind == "heard":
        governor.heard(values[0], bench.now_s)
    elif kind == "wait":
        bench.follow(values[0])
    elif kind == "arm":
        bench.joint_state()
        governor.heard(Input.POLICY, bench.now_s)
        governor.arm(bench.now_s)
    elif kind == "disarm":
        governor.disarm()
    elif kind == "stop":
        governor.stop("test")
    elif kind == "reset":
        governor.reset()


class Watch:
    """Stands between governor and controller and checks each horizon with its own arithmetic."""

    def __init__(self, bench) -> None:
        self.bench, self.sent = bench, 0
        self._tick = bench.governor.tick
        bench.governor.tick = self.tick

    def tick(self, now_s):
        output = self._tick(now_s)
        governor = self.bench.governor
        if output.trajectory is None:
            assert output.reason
            assert output.state is not GovernorMode.MOVING
            return output
        self.sent += 1
        assert output.state is GovernorMode.MOVING
        assert not governor.settings.deadlines.overdue(governor._heard, now_s)
        self.check(output.trajectory)
        return output

    def check(self, sent: JointTrajectory) -> None:
        limits, here = self.bench.limits, self.bench.here
        assert np.isfinite(sent.position_rad).all() and np.isfinite(sent.velocity_rad_s).all()
        assert sent.time_from_start_s[-1] <= 0.1 + 1e-9
        np.testing.assert_array_equal(sent.velocity_rad_s[-1], 0.0)
        whole = JointTrajectory(
            0,
            sent.names,
            np.vstack([here.position_rad, sent.position_rad]),
            np.vstack([here.velocity_rad_s, sent.velocity_rad_s]),
            np.r_[0.0, sent.time_from_start_s],
        )
        times = np.linspace(0.0, 0.1, 51)
        path = [sample(whole, t) for t in times]
        position, velocity = np.array([p.position_rad for p in path]), np.array([p.velocity_rad_s for p in path])
        assert (position >= limits.lower_rad - 1e-6).all() and (position <= limits.upper_rad + 1e-6).all()
        assert (np.abs(velocity) <= limits.velocity_rad_s + 1e-6).all()
        assert (np.abs(np.diff(velocity, axis=0)) / 0.002 <= limits.braking_rad_s2 + 1e-3).all()
        before = self.bench.box.outside_m(self.bench.governor.link_points(here.position_rad)[-1])
        for q in sent.position_rad:
            assert self.bench.box.outside_m(self.bench.governor.link_points(q)[-1]) <= before + 1e-6


class TestEverySequence:
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(action, max_size=25), st.sampled_from(((), ("frames",), ("wearer",))))
    def test_keeps_every_limit(self, make_bench, actions, needed):
        bench = make_bench(GovernorSettings(deadlines=Deadlines(needed=needed)))
        watch = Watch(bench)
        act(bench, "arm")
        for kind, *values in actions:
            # What the joint states say may be untrue; a lie is corrected by the next message, as on a real arm.
            act(bench, kind, *values)
            if kind != "joints":
                bench.joint_state()
            bench.tick()
            bench.follow(0.005)
        assert watch.sent == bench.governor.passed
        bench.follow(0.1)
        np.testing.assert_array_equal(bench.here.velocity_rad_s, 0.0)

    def test_the_watch_would_notice(self, make_bench):
        """A horizon that is too fast for its limits does not get past the checks above."""
        bench = make_bench()
        watch = Watch(bench)
        fast = JointTrajectory(
            0,
            bench.limits.names,
            np.vstack([bench.here.position_rad + 0.02] * 2),
            np.array([[0.9] * 3, [0.0] * 3]),
            np.array([0.02, 0.1]),
        )
        with pytest.raises(AssertionError):
            watch.check(fast)


class TestDeathAtAnyMoment:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(sane, min_size=1, max_size=3), st.floats(0.0, 1.5), st.floats(0.0, 0.019))
    def test_leaves_an_arm_at_rest_within_its_limits(self, make_bench, goals, dies_s, between_s):
        bench = make_bench()
        bench.armed()
        for goal in goals:
            bench.run(dies_s / len(goals), np.array(goal))
        bench.follow(between_s)
        for _ in range(20):
            before: Point = bench.here
            bench.follow(0.005)
            change = np.abs(bench.here.velocity_rad_s - before.velocity_rad_s) / 0.005
            assert (change <= bench.limits.braking_rad_s2 + 1e-3).all()
        np.testing.assert_array_equal(bench.here.velocity_rad_s, 0.0)
        assert (bench.here.position_rad >= bench.limits.lower_rad - 1e-6).all()
        assert (bench.here.position_rad <= bench.limits.upper_rad + 1e-6).all()
