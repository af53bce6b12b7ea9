"""The filter calms fixations and leaves saccades, invalid samples and stamps alone."""

import numpy as np
import pytest
from synthetic_gaze import CAMERA, FIRST_NS, record

from gaze_vlm_ros.gaze.filters import GazeFilter, GazeFilterSettings
from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.types import NS_PER_S, EyeMovementKind, GazeSample


def sample(stamp_s, yaw_deg, pitch_deg=0.0, **changes):
    yaw, pitch = np.radians([yaw_deg, pitch_deg])
    ray = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    values = {"point_px": project(CAMERA, ray)[0], "ray": ray, **changes}
    return GazeSample(FIRST_NS + round(stamp_s * NS_PER_S), **values)


def errors_deg(rate_hz, noise_deg, seed):
    """RMS error in settled fixations: before and after the filter."""
    noisy, clean = record(rate_hz, noise_deg, seed, drift_deg_s=5.0), record(rate_hz, 0.0, seed, drift_deg_s=5.0)
    smooth = GazeFilter(GazeFilterSettings.for_rate(rate_hz))
    filtered = [smooth.update(one) for one in noisy.samples]
    stamps = np.array([one.stamp_ns for one in noisy.samples])
    settled = np.zeros(len(stamps), dtype=bool)
    for movement in noisy.of_kind(EyeMovementKind.FIXATION):
        settled |= (stamps > movement.start_ns + NS_PER_S // 10) & (stamps <= movement.end_ns)
    truth = np.array([one.ray for one in clean.samples])[settled]
    return [
        np.degrees(np.sqrt(np.mean(angle_between(truth, np.array([one.ray for one in some])[settled]) ** 2)))
        for some in (noisy.samples, filtered)
    ]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("rate_hz, share", [(30.0, 0.8), (200.0, 0.5)])
def test_fixations_become_calmer(rate_hz, share, seed):
    before, after = errors_deg(rate_hz, 0.5, seed)
    assert after < share * before


@pytest.mark.parametrize("rate_hz", [30.0, 200.0])
def test_a_calm_signal_is_not_made_worse_by_much(rate_hz):
    before, after = errors_deg(rate_hz, 0.1, 0)
    assert after < before + 0.05


@pytest.mark.parametrize("rate_hz", [30.0, 200.0])
@pytest.mark.parametrize("amplitude_deg", [4.0, 10.0, -20.0])
def test_a_saccade_lands_at_once(rate_hz, amplitude_deg):
    smooth = GazeFilter(GazeFilterSettings.for_rate(rate_hz))
    for number in range(20):
        smooth.update(sample(number / rate_hz, 0.0))
    landed = smooth.update(sample(20 / rate_hz, amplitude_deg))
    assert np.degrees(angle_between(landed.ray, sample(0.0, amplitude_deg).ray)) < 1e-6


@pytest.mark.parametrize("rate_hz", [30.0, 200.0])
def test_in_a_slow_flight_the_lag_never_exceeds_the_jump(rate_hz):
    settings = GazeFilterSettings.for_rate(rate_hz)
    smooth = GazeFilter(settings)
    for number in range(60):
        raw = sample(number / rate_hz, 100.0 * number / rate_hz - 25.0)
        assert angle_between(smooth.update(raw).ray, raw.ray) <= settings.jump_rad


def test_it_is_causal():
    """Later samples do not change what came out before."""
    samples = record(200.0, 0.3, 0, duration_s=2.0).samples
    short, whole = GazeFilter(), GazeFilter()
    first = [short.update(one).ray for one in samples[:200]]
    again = [whole.update(one).ray for one in samples][:200]
    assert np.array_equal(first, again)


@pytest.mark.parametrize(
    "changes",
    [
        {"ray": np.full(3, np.nan)},
        {"point_px": np.full(2, np.nan)},
        {"confidence": 0.0},
        {"worn": False},
    ],
)
def test_invalid_samples_stay_invalid_and_do_no_harm(changes):
    touched, untouched = GazeFilter(), GazeFilter()
    for smooth in (touched, untouched):
        smooth.update(sample(0.0, 0.0))
    bad = sample(0.005, 30.0, **changes)
    assert touched.update(bad) is bad
    following = sample(0.010, 0.3)
    assert np.array_equal(touched.update(following).ray, untouched.update(following).ray)


def test_it_starts_anew_after_a_gap():
    smooth = GazeFilter()
    smooth.update(sample(0.0, 0.0))
    late = sample(0.5, 1.0)
    assert smooth.update(late) is late


def test_stamps_that_do_not_rise_pass_through():
    smooth = GazeFilter()
    smooth.update(sample(0.1, 0.0))
    repeated = sample(0.1, 0.5)
    assert smooth.update(repeated) is repeated
    older = sample(0.05, 0.5)
    assert smooth.update(older) is older


def test_all_but_point_and_ray_is_kept():
    smooth = GazeFilter()
    smooth.update(sample(0.0, 0.0))
    raw = sample(0.005, 0.4, sequence=7, distance_m=0.8, confidence=0.9)
    out = smooth.update(raw)
    assert (out.stamp_ns, out.sequence, out.distance_m, out.confidence) == (raw.stamp_ns, 7, 0.8, 0.9)


def test_point_and_ray_stay_together():
    smooth = GazeFilter()
    rng = np.random.default_rng(0)
    for number in range(100):
        out = smooth.update(sample(number / 200.0, *rng.normal(0.0, 0.4, 2)))
    assert np.isclose(np.linalg.norm(out.ray), 1.0)
    assert np.abs(project(CAMERA, out.ray)[0] - out.point_px).max() < 0.1


@pytest.mark.parametrize(
    "change, message",
    [
        ({"min_cutoff_hz": 0.0}, "min_cutoff_hz must be positive, got 0"),
        ({"jump_rad": float("nan")}, "jump_rad must be positive"),
        ({"beta": -1.0}, "beta must be >= 0, got -1"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        GazeFilterSettings(**change)
