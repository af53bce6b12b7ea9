"""Distances of an arm from boxes and from itself, against the same distances found by trying very many points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaze_vlm_ros.robots.clearance import box_distances, chain_distance, link_distances, separable_links
from gaze_vlm_ros.robots.limits import Box

BOX = Box([-0.2, -0.1, 0.0], [0.3, 0.2, 0.15])
coordinate = st.one_of(st.floats(-0.6, 0.6), st.sampled_from([0.0, 0.15, 0.3, -0.2]))
point = st.tuples(coordinate, coordinate, coordinate)
SHARES = np.linspace(0.0, 1.0, 201)


def along(start, end):
    return np.asarray(start) + SHARES[:, None] * (np.asarray(end) - np.asarray(start))


class TestBoxes:
    @settings(deadline=None, max_examples=200)
    @given(point, point)
    def test_is_the_least_distance_of_any_point(self, start, end):
        points = along(start, end)
        nearest = np.linalg.norm(points - np.clip(points, BOX.lower_m, BOX.upper_m), axis=1).min()
        found = max(box_distances(np.array([start, end]), BOX)[0], 0.0)
        assert found <= nearest + 1e-9
        assert found >= nearest - 0.5 * np.linalg.norm(np.subtract(start, end)) / 200 - 1e-9

    @pytest.mark.parametrize(
        ("start", "end", "distance"),
        [
            ((-1, 0, 0.1), (1, 0, 0.1), -0.05),
            ((0, 0, 0.1), (0, 0, 0.1), -0.05),
            ((0, 0, 0.15), (0, 0, 0.5), 0.0),
            ((0.6, 0, 0.1), (0.6, 0, 0.1), 0.3),
            ((0.4, 0, 1.0), (0.4, 0, -1.0), 0.1),
            ((0.3, 0.3, 0.25), (0.3, 0.3, 0.25), np.sqrt(0.02)),
        ],
    )
    def test_known_cases(self, start, end, distance):
        assert box_distances(np.array([start, end], float), BOX)[0] == pytest.approx(distance)

    def test_nothing_known_is_nothing_near(self):
        assert np.isnan(box_distances(np.full((2, 3), np.nan), BOX)).all()


class TestLinks:
    @settings(deadline=None, max_examples=200)
    @given(point, point, point, point)
    def test_is_the_least_distance_of_any_two_points(self, a, b, c, d):
        chain = np.array([a, b, c, d])
        one, other = along(a, b), along(c, d)
        nearest = np.sqrt(((one[:, None] - other) ** 2).sum(-1).min())
        found = link_distances(chain, np.array([0]), np.array([2]))[0]
        step = max(np.linalg.norm(chain[1] - chain[0]), np.linalg.norm(chain[3] - chain[2])) / 200
        assert found <= nearest + 1e-6
        assert found >= nearest - step - 1e-6

    def test_parallel_and_crossing(self):
        ladder = np.array([[0, 0, 0], [1, 0, 0], [1, 0.3, 0], [0, 0.3, 0]], float)
        assert link_distances(ladder, np.array([0]), np.array([2]))[0] == pytest.approx(0.3)
        cross = np.array([[0, 0, 0], [1, 0, 0], [0.5, -1, 0.2], [0.5, 1, 0.2]], float)
        assert link_distances(cross, np.array([0]), np.array([2]))[0] == pytest.approx(0.2)

    def test_neighbours_and_thin_links_are_no_pair(self):
        chain = np.array([[0, 0, 0], [0.4, 0, 0], [0.4, 0.4, 0], [0, 0.4, 0], [0, 0.3, 0]], float)
        first, second = separable_links(chain, np.array([0.05, 0.05, 0.05, 0.0]))
        assert list(zip(first.tolist(), second.tolist(), strict=True)) == [(0, 2)]


def test_many_chains_at_once_are_the_same_as_one_by_one():
    rng = np.random.default_rng(0)
    chains, points = rng.uniform(-0.5, 0.5, (3, 6, 3)), rng.uniform(-0.5, 0.5, (4, 3))
    first, second = np.array([0, 1]), np.array([3, 4])
    np.testing.assert_array_equal(chain_distance(chains, points), [chain_distance(c, points) for c in chains])
    np.testing.assert_array_equal(box_distances(chains, BOX), [box_distances(c, BOX) for c in chains])
    np.testing.assert_array_equal(
        link_distances(chains, first, second), [link_distances(c, first, second) for c in chains]
    )
