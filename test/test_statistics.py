import math

import numpy as np
import pytest

from gaze_vlm_ros.statistics import (
    cluster_bootstrap,
    clustered_rate,
    paired_bootstrap,
    poisson_rate,
    trend,
    wilson,
    wilson_of,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:857, table I, score method without continuity correction.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_agrees_with_published_intervals(successes, n, low, high):
    estimate = wilson(successes, n)
    assert estimate.value == successes / n
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=5e-5)


def test_wilson_ends_solve_the_score_equation():
    estimate = wilson(7, 19)
    for end in (estimate.low, estimate.high):
        assert abs(estimate.value - end) / math.sqrt(end * (1 - end) / 19) == pytest.approx(1.959964, abs=1e-5)


def test_wilson_mirrors_successes_and_failures():
    some, others = wilson(3, 11), wilson(8, 11)
    assert (some.low, some.high) == pytest.approx((1 - others.high, 1 - others.low))


def test_no_cases_give_no_value():
    assert wilson(0, 0).as_dict() == {"value": None, "n": 0, "ci95": None}
    assert cluster_bootstrap([], []).value is None


def test_wilson_refuses_more_successes_than_cases():
    with pytest.raises(ValueError, match=r"successes must lie in 0\.\.n, got 4 of 3"):
        wilson(4, 3)


def test_wilson_of_counts_true():
    assert wilson_of([True, False, True]) == wilson(2, 3)


@pytest.mark.parametrize(
    ("events", "low", "high"),
    # Garwood 1936, Biometrika 28:437: exact 95 % limits of a Poisson mean.
    [(0, 0.0, 3.6889), (2, 0.2422, 7.2247), (10, 4.7954, 18.3904)],
)
def test_a_count_has_the_exact_interval(events, low, high):
    estimate = poisson_rate(events, 8.0)
    assert estimate.value == events / 8.0
    assert (8.0 * estimate.low, 8.0 * estimate.high) == pytest.approx((low, high), abs=5e-5)


def test_without_time_there_is_no_rate():
    assert poisson_rate(0, 0.0).value is None
    with pytest.raises(ValueError, match="must not be negative"):
        poisson_rate(-1, 8.0)


def test_bootstrap_of_independent_cases_agrees_with_the_normal_interval():
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    estimate = cluster_bootstrap(values, range(400), draws=4000)
    half = 1.96 * values.std() / 20
    assert (estimate.low, estimate.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_repeating_every_case_within_its_cluster_adds_no_certainty():
    values = list(np.random.default_rng(2).normal(size=30))
    once = cluster_bootstrap(values, range(30))
    tenfold = cluster_bootstrap(values * 10, list(range(30)) * 10)
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))
    assert tenfold.n == 300


def test_bootstrap_does_not_depend_on_the_names_of_clusters():
    values = [0.0, 1.0, 1.0, 0.5]
    assert cluster_bootstrap(values, ["b", "a", "a", "c"]) == cluster_bootstrap(values, [7, 3, 3, 1])


def test_one_cluster_has_no_interval():
    estimate = cluster_bootstrap([1.0, 0.0], ["only", "only"])
    assert (estimate.value, estimate.low) == (0.5, None)


def test_bootstrap_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="finite"):
        cluster_bootstrap([1.0, math.nan], [0, 1])


def test_a_clustered_rate_of_zero_keeps_its_doubt():
    estimate = clustered_rate([False] * 40, [0] * 20 + [1] * 20)
    assert (estimate.value, estimate.n, estimate.low) == (0.0, 40, 0.0)
    assert estimate.high == wilson(0, 2).high


def test_pairing_sees_a_difference_that_separate_intervals_hide():
    episodes = np.random.default_rng(3)
    hardness = episodes.normal(0, 1.0, 40)
    ours, rival = hardness + 0.2 + episodes.normal(0, 0.1, 40), hardness + episodes.normal(0, 0.1, 40)
    paired = paired_bootstrap(ours, rival)
    assert paired.low > 0
    assert paired.value == pytest.approx(ours.mean() - rival.mean())
    assert cluster_bootstrap(ours, range(40)).low < cluster_bootstrap(rival, range(40)).high


def test_no_difference_is_not_found():
    assert paired_bootstrap([1, 0, 1, 0], [0, 1, 0, 1]).low < 0 < paired_bootstrap([1, 0, 1, 0], [0, 1, 0, 1]).high


def test_paired_scores_must_match():
    with pytest.raises(ValueError, match="got 2 and 1"):
        paired_bootstrap([1, 2], [1])


class TestTrend:
    def test_a_line_has_its_slope_and_no_doubt(self):
        times = np.arange(200.0)
        found = trend(times, 3.0 - 0.5 * times)
        assert (found.value, found.low, found.high) == pytest.approx((-0.5, -0.5, -0.5)) and found.n == 18

    def test_what_does_not_change_has_none(self):
        found = trend(np.arange(60.0), np.full(60, 7.0))
        assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)

    def test_outliers_do_not_move_it(self):
        times = np.arange(360.0)
        values = 0.1 * times
        values[::7] += 1000.0
        assert trend(times, values).value == pytest.approx(0.1, abs=0.01)

    def test_the_interval_holds_the_truth_nineteen_times_in_twenty_although_neighbours_resemble_each_other(self):
        rng, times, inside = np.random.default_rng(0), np.arange(360.0), 0
        for _ in range(200):
            noise = np.convolve(rng.normal(size=370), np.ones(11) / 11, "valid")
            found = trend(times, 0.01 * times + noise)
            inside += found.low <= 0.01 <= found.high
        assert 0.9 * 200 <= inside < 200

    def test_too_little_gives_less(self):
        assert trend([], []).value is None
        assert trend([1.0], [2.0]).value is None
        few = trend([0.0, 1.0, 2.0], [0.0, 1.0, 2.0])
        assert few.value == pytest.approx(1.0) and few.low is None

    def test_refuses_what_is_no_series(self):
        with pytest.raises(ValueError, match="one time per value"):
            trend([0.0], [1.0, 2.0])
        with pytest.raises(ValueError, match="finite"):
            trend([0.0, 1.0], [1.0, np.nan])
