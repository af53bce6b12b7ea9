"""Gaze as a distribution over patches; the paper's occlusion rule beside one at the gazed pixel."""

import numpy as np
import pytest

from gaze_vlm_ros.gaze.heatmap import (
    OcclusionRule,
    aggregated_heatmap,
    flow_occlusion_weights,
    heatmap,
    move_point,
)

SIZE = (1088, 1080)
GRID = (16, 16)


def brute_force(point, size, grid, sigma):
    """The Gaussian on every pixel, summed over patches."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    mass = np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / (2 * sigma**2))
    patches = mass.reshape(grid[0], size[1] // grid[0], grid[1], size[0] // grid[1]).sum(axis=(1, 3))
    return patches / patches.sum()


@pytest.mark.parametrize("point", [(300.0, 200.0), (10.0, 470.0), (639.0, 0.0)])
def test_one_point_agrees_with_a_sum_over_pixels(point):
    found = heatmap([point], (640, 480), (12, 16), 20.0)
    assert found.dtype == np.float32
    assert np.abs(found - brute_force(point, (640, 480), (12, 16), 20.0)).max() < 1e-3


def test_the_papers_sigma_gives_the_papers_entropy():
    """At the released resolution and the image centre: 1.39 nats, top patch 0.30 (sigma 50: 2.37 and 0.18)."""
    for sigma, entropy, top in ((20.0, 1.39, 0.30), (50.0, 2.37, 0.18)):
        found = heatmap([[544.0, 540.0]], SIZE, GRID, sigma).astype(float)
        assert -np.sum(found * np.log(found + 1e-30)) == pytest.approx(entropy, abs=0.06)
        assert found.max() == pytest.approx(top, abs=0.05)


def test_it_sums_to_one_and_peaks_where_the_gaze_is():
    found = heatmap([[1000.0, 100.0]], SIZE, GRID, 20.0)
    assert found.sum() == pytest.approx(1.0)
    assert np.unravel_index(found.argmax(), GRID) == (1, 14)


def test_right_is_a_larger_column_and_down_a_larger_row():
    left, right = heatmap([[200.0, 500.0]], SIZE, GRID, 20.0), heatmap([[900.0, 500.0]], SIZE, GRID, 20.0)
    up, down = heatmap([[500.0, 200.0]], SIZE, GRID, 20.0), heatmap([[500.0, 900.0]], SIZE, GRID, 20.0)
    assert left.sum(axis=0).argmax() < right.sum(axis=0).argmax()
    assert up.sum(axis=1).argmax() < down.sum(axis=1).argmax()


def test_points_add_up_by_weight():
    a, b = [[200.0, 300.0]], [[800.0, 700.0]]
    both = heatmap(a + b, SIZE, GRID, 20.0, weights=[3.0, 1.0])
    expected = 0.75 * heatmap(a, SIZE, GRID, 20.0) + 0.25 * heatmap(b, SIZE, GRID, 20.0)
    assert np.allclose(both, expected, atol=1e-6)


def test_a_point_at_the_border_counts_as_much_as_one_inside():
    found = heatmap([[0.0, 540.0], [544.0, 540.0]], SIZE, GRID, 20.0)
    assert found[:, :8].sum() - found[:, 2:8].sum() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((0, 2)),
        [[np.nan, 100.0]],
        [[-40.0, 100.0]],
        [[100.0, 5000.0]],
    ],
)
def test_no_usable_point_gives_zeros(points):
    assert not heatmap(points, SIZE, GRID, 20.0).any()


def test_weights_of_zero_give_zeros():
    assert not heatmap([[100.0, 100.0]], SIZE, GRID, 20.0, weights=[0.0]).any()


def test_unusable_points_leave_the_others_alone():
    found = heatmap([[np.nan, np.nan], [300.0, 300.0], [-9.0, 4.0]], SIZE, GRID, 20.0)
    assert np.array_equal(found, heatmap([[300.0, 300.0]], SIZE, GRID, 20.0))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"sigma_px": 0.0}, "sigma_px must be positive"),
        ({"weights": [1.0, 2.0]}, "weights must be 1 numbers"),
        ({"weights": [-1.0]}, "weights must be 1 numbers >= 0"),
    ],
)
def test_nonsense_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        heatmap([[1.0, 1.0]], SIZE, GRID, **{"sigma_px": 20.0, **change})


# flow


def shift(dx, dy, height=120, width=160):
    return np.broadcast_to(np.float32([dx, dy]), (height, width, 2)).copy()


def test_a_point_moves_with_its_flow():
    flow = shift(0, 0)
    flow[..., 0] = np.arange(160)[None] * 0.1
    assert np.allclose(move_point([40.5, 30.0], flow), [44.55, 30.0], atol=1e-3)


@pytest.mark.parametrize("point", [[-1.0, 5.0], [5.0, 200.0], [np.nan, 1.0]])
def test_a_point_outside_the_flow_is_unknown(point):
    assert np.isnan(move_point(point, shift(1, 1))).all()


def test_consistent_flow_keeps_every_point():
    for rule in OcclusionRule:
        weights = flow_occlusion_weights([[80.0, 60.0]], [shift(10, -4)], [shift(-10, 4)], rule)
        assert weights.tolist() == [1.0]


def test_a_change_of_scene_drops_the_point_by_both_rules():
    for rule in OcclusionRule:
        weights = flow_occlusion_weights([[80.0, 60.0]], [shift(10, 0)], [shift(30, 0)], rule)
        assert weights.tolist() == [0.0]


def inconsistent_on_the_right(share):
    """Flow of zero whose way back is wrong by 30 px on the right ``share`` of the picture."""
    backward = shift(0, 0)
    backward[:, int(160 * (1 - share)) :, 0] = 30.0
    return shift(0, 0), backward


def test_the_two_rules_differ_on_a_thing_that_moves_in_a_still_scene():
    """The paper's rule looks at the whole frame, and so keeps the point on the occluded thing."""
    forward, backward = inconsistent_on_the_right(0.3)
    on_it, beside = [140.0, 60.0], [30.0, 60.0]
    pair = ([forward] * 2, [backward] * 2)
    assert flow_occlusion_weights([on_it, beside], *pair, OcclusionRule.FRAME).tolist() == [1.0, 1.0]
    assert flow_occlusion_weights([on_it, beside], *pair, OcclusionRule.POINT).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("share, weight", [(0.55, 1.0), (0.65, 0.0)])
def test_the_frame_rule_switches_at_eta(share, weight):
    forward, backward = inconsistent_on_the_right(share)
    assert flow_occlusion_weights([[10.0, 10.0]], [forward], [backward]).tolist() == [weight]


def test_errors_up_to_eps_are_forgiven():
    backward = shift(19.0, 0.0)
    assert flow_occlusion_weights([[80.0, 60.0]], [shift(0, 0)], [backward]).tolist() == [1.0]
    assert flow_occlusion_weights([[80.0, 60.0]], [shift(0, 0)], [backward], eps_px=18.0).tolist() == [0.0]


def test_what_leaves_the_picture_is_confirmed_by_nothing():
    forward, backward = shift(120, 0), shift(-120, 0)
    assert flow_occlusion_weights([[80.0, 60.0]], [forward], [backward], OcclusionRule.POINT).tolist() == [0.0]
    assert flow_occlusion_weights([[10.0, 60.0]], [forward], [backward], OcclusionRule.FRAME).tolist() == [0.0]


def test_earlier_points_are_moved_before_they_are_added():
    points = [[40.0, 60.0], [60.0, 60.0]]
    found = aggregated_heatmap(points, [shift(40, 0), shift(20, 0)], [shift(-40, 0), shift(-20, 0)], (12, 16), 5.0)
    assert np.allclose(found, heatmap([[80.0, 60.0]], (160, 120), (12, 16), 5.0), atol=1e-6)


def test_no_earlier_points_give_zeros():
    assert not aggregated_heatmap([], [], [], (12, 16)).any()
