import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gaze_vlm_ros.robots.limits import JointLimits
from gaze_vlm_ros.robots.trajectory import Point, sample
from gaze_vlm_ros.safety.horizon import Times, horizon, reference, velocity_range, wanted_velocity
from gaze_vlm_ros.types import JointTrajectory

LIMITS = JointLimits(("a", "b"), [-1.0, -1.0], [1.0, 1.0], [0.6, 0.9], [2.0, 3.0], [8.0, 12.0])
TIMES = Times(0.02, 0.1)


def pair(low, high):
    return st.tuples(st.floats(low, high), st.floats(low, high)).map(np.array)


class TestReference:
    @given(pair(-1, 1), pair(-0.5, 0.5), pair(-0.5, 0.5), st.floats(0.0, 0.2))
    def test_is_what_a_cubic_controller_does(self, position, v0, v1, elapsed):
        start = Point(position, v0)
        sent = horizon(LIMITS.names, start, v1, TIMES)
        cubic = JointTrajectory(
            0,
            LIMITS.names,
            np.vstack([position, sent.position_rad]),
            np.vstack([v0, sent.velocity_rad_s]),
            np.r_[0.0, sent.time_from_start_s],
        )
        for ours, controllers in zip(reference(start, sent, elapsed), sample(cubic, elapsed), strict=True):
            np.testing.assert_allclose(ours, controllers, atol=1e-9)


class TestVelocityRange:
    @given(pair(-1, 1), pair(-0.6, 0.6), pair(0, 1))
    def test_every_choice_keeps_the_limits(self, position, v0, share):
        allowed = velocity_range(Point(position, v0), LIMITS, TIMES)
        if allowed is None:
            return
        v1 = allowed[0] + share * (allowed[1] - allowed[0])
        sent = horizon(LIMITS.names, Point(position, v0), v1, TIMES)
        assert (np.abs(v1) <= LIMITS.velocity_rad_s + 1e-9).all()
        assert (np.abs(v1) <= LIMITS.braking_rad_s2 * 0.08 + 1e-9).all()
        assert (np.abs(sent.position_rad[1]) <= 1.0 + 1e-9).all()
        change, faster = (v1 - v0) / TIMES.first_s, np.abs(v1) > np.abs(v0)
        assert (np.abs(change[faster]) <= LIMITS.acceleration_rad_s2[faster] + 1e-6).all()
        assert (np.abs(change) <= LIMITS.braking_rad_s2 + 1e-6).all()

    def test_at_rest_inside_everything_slow_is_allowed(self):
        low, high = velocity_range(Point(np.zeros(2), np.zeros(2)), LIMITS, TIMES)
        np.testing.assert_allclose(high, LIMITS.acceleration_rad_s2 * TIMES.first_s)
        np.testing.assert_allclose(low, -high)

    def test_at_the_limit_only_the_way_back_is_left(self):
        low, high = velocity_range(Point(np.array([1.0, 0.0]), np.zeros(2)), LIMITS, TIMES)
        assert high[0] == 0.0 and low[0] < 0.0

    def test_beyond_the_limit_only_the_way_back_is_left(self):
        _, high = velocity_range(Point(np.array([1.3, 0.0]), np.zeros(2)), LIMITS, TIMES)
        assert high[0] == 0.0

    def test_too_fast_towards_the_limit_leaves_nothing(self):
        assert velocity_range(Point(np.array([0.999, 0.0]), np.array([0.6, 0.0])), LIMITS, TIMES) is None


class TestWantedVelocity:
    def test_follows_without_a_gap(self):
        desired = Point(np.array([0.3, 0.3]), np.array([0.2, -0.1]))
        np.testing.assert_array_equal(wanted_velocity(desired.position_rad, desired, LIMITS, 4.0), [0.2, -0.1])

    @given(pair(-1, 1), pair(-1, 1))
    def test_leads_towards_the_goal(self, here, goal):
        speed = wanted_velocity(here, Point(goal, np.zeros(2)), LIMITS, 4.0)
        assert (speed * (goal - here) >= 0).all()
