import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaze_vlm_ros.robots.trajectory import Point, braking_motion, fastest_motion, rest_of, sample

NAMES = ("a", "b", "c")
VELOCITY = np.array([0.6, 0.8, 1.2])
ACCELERATION = np.array([2.0, 2.5, 0.7])

angle = st.floats(-3.0, 3.0)
share = st.floats(-1.0, 1.0)
AT_ZERO = Point(np.zeros(1), np.zeros(1))
triple = lambda of: st.tuples(of, of, of).map(np.array)  # noqa: E731


def dense(trajectory, step=0.002):
    times = np.arange(0.0, trajectory.time_from_start_s[-1], step)
    position, velocity = zip(*(sample(trajectory, t) for t in times), strict=True)
    return times, np.array(position), np.array(velocity)


class TestFastestMotion:
    @given(triple(angle), triple(share), triple(angle))
    def test_starts_and_ends_where_asked(self, start, speed, goal):
        motion = fastest_motion(NAMES, Point(start, speed * VELOCITY), goal, VELOCITY, ACCELERATION)
        np.testing.assert_allclose(motion.position_rad[0], start, atol=1e-9)
        np.testing.assert_allclose(motion.velocity_rad_s[0], speed * VELOCITY, atol=1e-9)
        np.testing.assert_allclose(motion.position_rad[-1], goal, atol=1e-5)
        np.testing.assert_array_equal(motion.velocity_rad_s[-1], 0.0)
        assert (np.diff(motion.time_from_start_s) > 0).all()

    @given(triple(angle), triple(share), triple(angle))
    def test_keeps_the_limits_between_its_points(self, start, speed, goal):
        motion = fastest_motion(NAMES, Point(start, speed * VELOCITY), goal, VELOCITY, ACCELERATION)
        times, position, velocity = dense(motion, 0.01)
        assert (np.abs(velocity) <= VELOCITY * 1.001 + 1e-4).all()
        if len(times) > 1:
            assert (np.abs(np.diff(velocity, axis=0)) / 0.01 <= ACCELERATION * 1.001 + 1e-3).all()
            np.testing.assert_allclose(np.diff(position, axis=0) / 0.01, velocity[:-1], atol=0.02)

    def test_takes_the_time_of_a_trapezoid(self):
        motion = fastest_motion(("a",), AT_ZERO, np.array([1.2]), np.array([0.6]), np.array([2.0]))
        assert motion.time_from_start_s[-1] == pytest.approx(1.2 / 0.6 + 0.6 / 2.0)

    def test_takes_the_time_of_a_triangle(self):
        motion = fastest_motion(("a",), AT_ZERO, np.array([-0.02]), np.array([0.6]), np.array([2.0]))
        assert motion.time_from_start_s[-1] == pytest.approx(2 * np.sqrt(0.02 / 2.0))

    def test_turns_back_when_it_is_too_fast_to_stop(self):
        fast, goal = np.array([0.6]), np.array([0.01])
        motion = fastest_motion(("a",), Point(np.zeros(1), fast), goal, fast, np.array([2.0]))
        assert motion.position_rad.max() > 0.04
        assert motion.position_rad[-1, 0] == pytest.approx(0.01)

    def test_no_way_to_go_is_a_trajectory_too(self):
        motion = fastest_motion(NAMES, Point(np.ones(3), np.zeros(3)), np.ones(3), VELOCITY, ACCELERATION)
        assert len(motion.time_from_start_s) == 2
        np.testing.assert_array_equal(motion.position_rad, 1.0)


class TestBrakingMotion:
    def test_stops_in_the_shortest_way(self):
        motion = braking_motion(("a",), Point(np.zeros(1), np.array([0.6])), np.array([3.0]))
        assert motion.position_rad[-1, 0] == pytest.approx(0.6**2 / 6.0)
        assert motion.time_from_start_s[-1] == pytest.approx(0.2)

    def test_at_rest_it_stays(self):
        motion = braking_motion(NAMES, Point(np.ones(3), np.zeros(3)), ACCELERATION)
        np.testing.assert_array_equal(motion.position_rad, 1.0)


class TestRestOf:
    @given(st.floats(0.0, 4.0), st.floats(0.0, 2.0))
    def test_says_the_same_as_the_whole(self, elapsed, later):
        start, goal = Point(np.zeros(3), 0.3 * VELOCITY), np.array([1.0, -1.0, 0.2])
        motion = fastest_motion(NAMES, start, goal, VELOCITY, ACCELERATION)
        rest = rest_of(motion, elapsed, 7)
        assert rest.stamp_ns == 7 and rest.time_from_start_s[0] == 0.0
        for got, expected in zip(sample(rest, later), sample(motion, elapsed + later), strict=True):
            np.testing.assert_allclose(got, expected, atol=1e-5)


class TestSample:
    def test_holds_both_ends(self):
        motion = fastest_motion(NAMES, Point(np.zeros(3), np.zeros(3)), np.ones(3), VELOCITY, ACCELERATION)
        for time, position in ((-1.0, 0.0), (99.0, 1.0)):
            got, velocity = sample(motion, time)
            np.testing.assert_allclose(got, position, atol=1e-9)
            np.testing.assert_array_equal(velocity, 0.0)
