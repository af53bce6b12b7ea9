import numpy as np
import pytest

from gaze_vlm_ros.robots.clearance import chain_distance
from gaze_vlm_ros.robots.limits import Box, JointLimits


class TestBox:
    box = Box([0.0, 0.0, 0.0], [1.0, 2.0, 3.0])

    @pytest.mark.parametrize(
        ("point", "outside"),
        [((0.5, 1, 1), 0.0), ((1, 2, 3), 0.0), ((1.25, 1, 1), 0.25), ((-0.5, 5, 1), 3.0), ((np.nan, 1, 1), np.inf)],
    )
    def test_outside(self, point, outside):
        assert self.box.outside_m(np.array(point, float)) == outside

    def test_refuses_an_empty_box(self):
        with pytest.raises(ValueError, match="must be below upper_m"):
            Box([0, 0, 0], [1, 0, 1])


class TestSeveral:
    @pytest.mark.parametrize(
        ("numbers", "words"),
        [((0.0, 0.0, 0.0, 1.0, 1.0), "keep_out_m needs six numbers"), ((0, 0, 0, 1.0, 1.0, 0), "must be below")],
    )
    def test_names_what_is_no_box(self, numbers, words):
        with pytest.raises(ValueError, match=words):
            Box.several(numbers, "keep_out_m")

    def test_zeros_are_no_box(self):
        assert Box.several((0.0,) * 6, "keep_out_m") == ()
        assert len(Box.several((0.0, 0.0, 0.0, 1.0, 1.0, 1.0) * 2, "keep_out_m")) == 2


class TestJointLimits:
    def test_refuses_a_wrong_length(self):
        with pytest.raises(ValueError, match="velocity_rad_s must hold 2 finite numbers"):
            JointLimits(("a", "b"), [0, 0], [1, 1], [1], [1, 1], [1, 1])

    def test_cannot_be_changed(self):
        limits = JointLimits(("a",), [0], [1], [1], [1], [1])
        with pytest.raises(ValueError, match="read-only"):
            limits.upper_rad[0] = 5.0


class TestChainDistance:
    chain = np.array([[0.0, 0, 0], [0, 0, 1], [1, 0, 1]])

    @pytest.mark.parametrize(
        ("point", "distance"),
        [((0.3, 0, 0.5), 0.3), ((0.5, 0.4, 1), 0.4), ((2, 0, 1), 1.0), ((0, 0, -2), 2.0), ((0, 0, 1), 0.0)],
    )
    def test_against_hand_made_values(self, point, distance):
        assert chain_distance(self.chain, np.array([point], float))[0] == pytest.approx(distance)

    def test_against_dense_sampling(self):
        rng = np.random.default_rng(3)
        chain, points = rng.normal(size=(5, 3)), rng.normal(size=(30, 3))
        share = np.linspace(0, 1, 2001)[:, None, None]
        dense = (chain[:-1] + share * np.diff(chain, axis=0)).reshape(-1, 3)
        nearest = np.linalg.norm(points[:, None] - dense, axis=2).min(axis=1)
        np.testing.assert_allclose(chain_distance(chain, points), nearest, atol=2e-3)

    def test_unseen_stays_unseen(self):
        assert np.isnan(chain_distance(self.chain, np.full((1, 3), np.nan))[0])

    def test_repeated_points_do_no_harm(self):
        assert chain_distance(np.zeros((3, 3)), np.array([[0.0, 3, 4]]))[0] == 5.0
