from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaze_vlm_ros.robots.limits import JointLimits
from gaze_vlm_ros.robots.trajectory import Point, sample
from gaze_vlm_ros.safety.horizon import (
    Times,
    acceleration,
    horizon,
    reference,
    smooth_velocity,
    velocity_range,
    wanted_velocity,
)
from gaze_vlm_ros.types import JointTrajectory

LIMITS = JointLimits(("a", "b"), [-1.0, -1.0], [1.0, 1.0], [0.6, 0.9], [2.0, 3.0], [8.0, 12.0])
TIMES = Times(0.02, 0.1)
REST = np.zeros(2)


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
    @given(pair(-1, 1), pair(-0.6, 0.6), pair(-3, 3), pair(0, 1))
    def test_every_choice_keeps_the_limits(self, position, v0, before, share):
        allowed = velocity_range(Point(position, v0), before, LIMITS, TIMES)
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
        assert (np.abs(change - before) <= LIMITS.jerk_rad_s3 * TIMES.first_s + 1e-6).all()

    def test_a_jolt_to_full_acceleration_is_not_allowed(self):
        slow = replace(LIMITS, jerk_rad_s3=[25.0, 25.0])
        _, high = velocity_range(Point(REST, REST), REST, slow, TIMES)
        np.testing.assert_allclose(high, 25.0 * TIMES.first_s**2)

    def test_what_is_no_number_leaves_nothing(self):
        assert velocity_range(Point(np.array([np.nan, 0.0]), REST), REST, LIMITS, TIMES) is None
        assert velocity_range(Point(REST, REST), np.array([np.nan, 0.0]), LIMITS, TIMES) is None

    def test_at_rest_inside_everything_slow_is_allowed(self):
        low, high = velocity_range(Point(np.zeros(2), np.zeros(2)), REST, LIMITS, TIMES)
        np.testing.assert_allclose(high, LIMITS.acceleration_rad_s2 * TIMES.first_s)
        np.testing.assert_allclose(low, -high)

    def test_at_the_limit_only_the_way_back_is_left(self):
        low, high = velocity_range(Point(np.array([1.0, 0.0]), np.zeros(2)), REST, LIMITS, TIMES)
        assert high[0] == 0.0 and low[0] < 0.0

    def test_beyond_the_limit_only_the_way_back_is_left(self):
        _, high = velocity_range(Point(np.array([1.3, 0.0]), np.zeros(2)), REST, LIMITS, TIMES)
        assert high[0] == 0.0

    def test_too_fast_towards_the_limit_leaves_nothing(self):
        assert velocity_range(Point(np.array([0.999, 0.0]), np.array([0.6, 0.0])), REST, LIMITS, TIMES) is None


class TestWantedVelocity:
    def test_follows_without_a_gap(self):
        desired = Point(np.array([0.3, 0.3]), np.array([0.2, -0.1]))
        np.testing.assert_array_equal(wanted_velocity(desired.position_rad, desired, LIMITS, 4.0), [0.2, -0.1])

    @given(pair(-1, 1), pair(-1, 1))
    def test_leads_towards_the_goal(self, here, goal):
        speed = wanted_velocity(here, Point(goal, np.zeros(2)), LIMITS, 4.0)
        assert (speed * (goal - here) >= 0).all()


class TestSmoothVelocity:
    @pytest.mark.parametrize("jerk", [20.0, 50.0, 400.0])
    @pytest.mark.parametrize("wanted", [0.5, -0.3, 0.001])
    def test_reaches_what_is_wanted_within_the_limits_and_stays(self, wanted, jerk):
        limits = replace(LIMITS, jerk_rad_s3=[jerk, jerk])
        velocity, before, fastest = np.zeros(2), np.zeros(2), 0.0
        for _ in range(200):
            allowed = velocity_range(Point(REST, velocity), before, limits, TIMES)
            assert allowed is not None
            v1 = np.clip(smooth_velocity(velocity, np.full(2, wanted), limits, TIMES), *allowed)
            before, velocity = (v1 - velocity) / TIMES.first_s, v1
            fastest = max(fastest, np.abs(velocity).max())
        np.testing.assert_allclose(velocity, wanted, atol=1e-6)
        assert fastest <= abs(wanted) + 1e-9, "it does not overshoot"


class TestAcceleration:
    def test_is_the_agreed_one_while_the_next_horizon_may_still_come(self):
        start, v1 = Point(REST, np.array([0.1, 0.0])), np.array([0.14, -0.02])
        sent = horizon(LIMITS.names, start, v1, TIMES)
        for elapsed in (0.0, 0.02, 0.039):
            np.testing.assert_allclose(acceleration(start, sent, elapsed), [2.0, -1.0])
        np.testing.assert_allclose(acceleration(start, sent, 0.05), -v1 / 0.08)
        np.testing.assert_array_equal(acceleration(start, sent, 0.1), 0.0)
