"""Whatever comes in, in whatever order: what goes out keeps every limit."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaze_vlm_ros.robots.clearance import box_distances, chain_distance
from gaze_vlm_ros.robots.limits import Box
from gaze_vlm_ros.robots.trajectory import Point, sample
from gaze_vlm_ros.safety.clearance import ArmShape
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
    st.tuples(st.just("hand"), st.floats(-0.6, 0.6), st.floats(-0.6, 0.6)),
    st.tuples(st.just("told"), st.sampled_from(list(Input)), stamp),
    st.tuples(st.just("wait"), st.sampled_from((0.0, 0.001, 0.02, 0.05, 0.11, 0.5))),
    st.tuples(st.just("clock"), st.sampled_from((-3600.0, -1.0, -0.01, 1.0, 3600.0))),
    st.tuples(st.just("arm")),
    st.tuples(st.just("disarm")),
    st.tuples(st.just("stop")),
    st.tuples(st.just("reset")),
)


def arm(bench):
    bench.joint_state()
    bench.governor.heard(Input.POLICY, bench.now_s)
    bench.governor.arm(bench.now_s)


ACTS = {
    "command": lambda bench, position, velocity, first_s, shift_ns: bench.command(
        [position], [velocity], (first_s,), stamp_ns=bench.ros_ns + shift_ns
    ),
    "goal": lambda bench, goal: bench.run(0.2, np.array(goal)),
    "joints": lambda bench, position, velocity: bench.joint_state(
        position_rad=np.array(position), velocity_rad_s=np.array(velocity)
    ),
    "wearer": lambda bench, hand, sigma_m: bench.wearer(hand, sigma_m=sigma_m),
    "hand": lambda bench, y, z: bench.wearer([0.5, y, z]),
    "told": lambda bench, name, shift_ns: bench.governor.told(name, bench.ros_ns + shift_ns, bench.now_s, bench.ros_ns),
    "clock": lambda bench, shift_s: bench.governor.tick(bench.now_s + shift_s),
    "heard": lambda bench, name: bench.governor.heard(name, bench.now_s),
    "wait": lambda bench, seconds: bench.follow(seconds),
    "arm": arm,
    "disarm": lambda bench: bench.governor.disarm(),
    "stop": lambda bench: bench.governor.stop("test"),
    "reset": lambda bench: bench.governor.reset(),
}


def act(bench, kind, *values):
    ACTS[kind](bench, *values)


class Watch:
    """Stands between governor and controller and checks each horizon with its own arithmetic."""

    def __init__(self, bench) -> None:
        self.bench, self.sent = bench, 0
        self._before: tuple[float, np.ndarray] | None = None
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
        self.check_jerk(output.trajectory, now_s)
        return output

    def check_jerk(self, sent: JointTrajectory, now_s: float) -> None:
        """From one horizon to the next that comes in time, the acceleration changes by the jerk at most."""
        first_s = sent.time_from_start_s[0]
        acceleration = (sent.velocity_rad_s[0] - self.bench.here.velocity_rad_s) / first_s
        if self._before is not None and now_s - self._before[0] <= 2.0 * first_s:
            change = np.abs(acceleration - self._before[1]) / first_s
            assert (change <= self.bench.limits.jerk_rad_s3 + 1e-3).all()
        self._before = now_s, acceleration

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
        self.check_places(np.array([self.bench.link_points(q) for q in position[::5]]))

    def check_places(self, chains: np.ndarray) -> None:
        """Along the whole way: no further out of the workspace, no nearer to the wearer or a keep-out box."""
        bench, wearer = self.bench, self.bench.governor._wearer
        settings = bench.governor.settings
        outside = [bench.box.outside_m(chain[-1]) for chain in chains]
        assert max(outside) <= outside[0] + 1e-3
        if wearer is not None:
            hands = np.array([wearer.left_hand_m, wearer.right_hand_m])
            near = chain_distance(chains, hands) - (0.0 if np.isnan(wearer.sigma_m) else 2.0 * wearer.sigma_m)
            near = near[:, np.isfinite(near).all(axis=0)]
            assert (near >= np.minimum(near[:1], settings.separation.stop_m) - 6e-3).all()
            assert (near[:, near[0] >= settings.separation.stop_m + 5e-3] >= settings.separation.stop_m).all()
        for box in settings.keep_out:
            near = (box_distances(chains, box) - bench.radius_m).min(axis=1)
            assert near.min() >= min(near[0] - 6e-3, 0.0) or (near[0] >= 5e-3 and near.min() >= 0.0)


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

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.lists(st.tuples(sane, st.floats(0.1, 1.0)), min_size=1, max_size=6))
    def test_no_way_leads_through_a_keep_out_box(self, make_bench, goals):
        box = Box([0.3, 0.2, 0.0], [0.6, 0.4, 0.6])
        shape = ArmShape(make_bench.link_points, (0.03, 0.03))
        bench = make_bench(GovernorSettings(keep_out=(box,)), shape)
        bench.radius_m = np.array([0.03, 0.03])
        watch = Watch(bench)
        bench.armed()
        for goal, seconds in goals:
            bench.run(seconds, np.array(goal))
        assert watch.sent > 0
        assert box_distances(bench.link_points(bench.here.position_rad), box).min() >= 0.03 - 1e-6

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
