"""The detector against gaze with known eye movements, and against bad input."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from synthetic_gaze import CAMERA, FIRST_NS, f1_score, overlap, record, saccade_kappa

from gaze_vlm_ros.gaze.eye_movements import DetectorSettings, EyeMovementDetector, RateTooLow
from gaze_vlm_ros.types import NS_PER_S, EyeMovementKind, GazeSample

FIXATION, SACCADE, BLINK = EyeMovementKind.FIXATION, EyeMovementKind.SACCADE, EyeMovementKind.BLINK
SEEDS = [0, 1, 2, 3]


def detect(samples, rate_hz, camera=None):
    detector = EyeMovementDetector(DetectorSettings.for_rate(rate_hz), camera)
    found = [movement for one in samples for movement in detector.update(one)]
    return found + detector.finish()


def of_kind(found, kind):
    return [movement for movement in found if movement.kind is kind]


def steady(rate_hz, seconds, yaw_deg=0.0, start_s=0.0, noise_deg=0.0):
    """A gaze that rests."""
    rng = np.random.default_rng(0)
    count = round(seconds * rate_hz)
    return [at(start_s + number / rate_hz, yaw_deg, rng.normal(0.0, noise_deg, 2)) for number in range(count)]


def at(stamp_s, yaw_deg, noise_deg=(0.0, 0.0)):
    yaw, pitch = np.radians([yaw_deg + noise_deg[0], noise_deg[1]])
    ray = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    point = CAMERA.matrix[:2, :2] @ (ray[:2] / ray[2]) + CAMERA.matrix[:2, 2]
    return GazeSample(FIRST_NS + round(stamp_s * NS_PER_S), point, ray)


def blind(one):
    return replace(one, ray=np.full(3, np.nan), point_px=np.full(2, np.nan))


# known labels


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "rate_hz, noise_deg, least_f1, least_kappa",
    [
        (30.0, 0.1, 0.85, 0.68),
        (30.0, 0.5, 0.78, 0.52),
        (60.0, 0.3, 0.92, 0.70),
        (120.0, 0.3, 0.93, 0.75),
        (200.0, 0.1, 0.95, 0.80),
        (200.0, 0.5, 0.93, 0.70),
    ],
)
def test_eye_movements_are_found(rate_hz, noise_deg, least_f1, least_kappa, seed):
    recording = record(rate_hz, noise_deg, seed)
    found = detect(recording.samples, rate_hz)
    assert f1_score(of_kind(found, FIXATION), recording.of_kind(FIXATION), 0.5) > least_f1
    assert f1_score(of_kind(found, SACCADE), recording.of_kind(SACCADE), 0.0) > least_f1
    assert saccade_kappa(found, recording) > least_kappa


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pupils", [False, True], ids=["invalid samples", "vanishing pupils"])
@pytest.mark.parametrize("rate_hz", [30.0, 200.0])
def test_blinks_are_found(rate_hz, pupils, seed):
    recording = record(rate_hz, 0.3, seed, blinks=True, pupils=pupils)
    found = detect(recording.samples, rate_hz)
    assert f1_score(of_kind(found, BLINK), recording.of_kind(BLINK), 0.5) == 1.0
    assert f1_score(of_kind(found, FIXATION), recording.of_kind(FIXATION), 0.5) > 0.85


@pytest.mark.parametrize("rate_hz, least", [(30.0, 0.7), (200.0, 0.9)])
def test_gaze_that_slides_while_the_head_turns_is_a_fixation(rate_hz, least):
    recording = record(rate_hz, 0.2, 0, drift_deg_s=20.0)
    assert f1_score(of_kind(detect(recording.samples, rate_hz), FIXATION), recording.of_kind(FIXATION), 0.5) > least


@pytest.mark.parametrize("rate_hz, most_deg", [(30.0, 0.25), (200.0, 0.12)])
def test_amplitudes_are_right(rate_hz, most_deg):
    recording = record(rate_hz, 0.1, 0)
    errors = [
        abs(movement.amplitude_rad - truth.amplitude_rad)
        for movement in of_kind(detect(recording.samples, rate_hz), SACCADE)
        for truth in recording.of_kind(SACCADE)
        if overlap(movement, truth) > 0.0
    ]
    assert np.degrees(np.median(errors)) < most_deg


def test_peak_speed_follows_the_main_sequence():
    """A minimum-jerk saccade peaks at 1.875 times its mean speed; a slope over 20 ms flattens the short ones."""
    recording = record(200.0, 0.0, 1)
    ratios = [
        movement.peak_velocity_rad_s / (1.875 * truth.amplitude_rad / truth.duration_s)
        for movement in of_kind(detect(recording.samples, 200.0), SACCADE)
        for truth in recording.of_kind(SACCADE)
        if overlap(movement, truth) > 0.5
    ]
    assert 0.8 < np.median(ratios) < 1.02


# shape of the output


@pytest.mark.parametrize("rate_hz", [30.0, 200.0])
def test_movements_come_in_order_and_do_not_overlap(rate_hz):
    found = detect(record(rate_hz, 0.5, 0, blinks=True).samples, rate_hz)
    for before, after in pairwise(found):
        assert before.start_ns < before.end_ns <= after.start_ns


def test_a_fixation_carries_its_mean_point():
    fixation = detect(steady(200.0, 1.0, 5.0, noise_deg=0.2), 200.0)[0]
    assert fixation.kind is FIXATION
    assert np.abs(fixation.mean_point_px - at(0.0, 5.0).point_px).max() < 2.0
    assert fixation.duration_s == pytest.approx(0.995)
    assert np.isfinite([fixation.amplitude_rad, fixation.peak_velocity_rad_s]).all()


def test_a_blink_carries_no_numbers():
    samples = steady(200.0, 1.0)
    samples[100:130] = [blind(one) for one in samples[100:130]]
    blink = of_kind(detect(samples, 200.0), BLINK)[0]
    assert blink.duration_s == pytest.approx(0.15)
    assert np.isnan([*blink.mean_point_px, blink.amplitude_rad, blink.peak_velocity_rad_s]).all()


def test_a_saccade_is_told_within_150_ms_of_its_end():
    samples = steady(200.0, 0.5) + steady(200.0, 0.5, 10.0, 0.5)
    detector = EyeMovementDetector(DetectorSettings.for_rate(200.0))
    for one in samples:
        if any(movement.kind is SACCADE for movement in detector.update(one)):
            assert (one.stamp_ns - FIRST_NS) / NS_PER_S < 0.65
            return
    pytest.fail("the saccade was not told before the end")


def test_a_very_long_fixation_is_one_with_the_right_mean():
    samples = steady(200.0, 30.0, 3.0, noise_deg=0.2)
    found = detect(samples, 200.0)
    assert [movement.kind for movement in found] == [FIXATION]
    assert found[0].duration_s == pytest.approx(29.995)
    assert np.allclose(found[0].mean_point_px, np.mean([one.point_px for one in samples], axis=0))


# bad input


@pytest.mark.parametrize("rate_hz", [10.0, 24.9, 0.0, float("nan")])
def test_a_rate_too_low_is_refused(rate_hz):
    with pytest.raises(RateTooLow, match="too slow for eye movements: they need at least 25 Hz"):
        DetectorSettings.for_rate(rate_hz)


def test_the_presets_differ():
    camera, fast = DetectorSettings.for_rate(30.0), DetectorSettings.for_rate(200.0)
    assert camera.min_speed_rad_s > fast.min_speed_rad_s
    assert DetectorSettings.for_rate(100.0) == replace(camera, rate_hz=100.0)


def test_noise_alone_makes_no_saccade():
    for rate_hz in (30.0, 200.0):
        assert not of_kind(detect(steady(rate_hz, 20.0, noise_deg=0.5), rate_hz), SACCADE)


def test_a_single_wild_sample_is_no_saccade():
    for rate_hz in (30.0, 200.0):
        samples = steady(rate_hz, 2.0, noise_deg=0.1)
        samples[len(samples) // 2] = at(1.0, 15.0)
        assert [movement.kind for movement in detect(samples, rate_hz)] == [FIXATION]


def test_a_short_drop_out_does_not_split_a_fixation():
    samples = steady(200.0, 1.0)
    samples[100:105] = [blind(one) for one in samples[100:105]]
    assert [movement.kind for movement in detect(samples, 200.0)] == [FIXATION]


def test_one_lost_frame_at_camera_rate_is_no_blink():
    samples = steady(30.0, 2.0)
    samples[30] = blind(samples[30])
    assert [movement.kind for movement in detect(samples, 30.0)] == [FIXATION]


@pytest.mark.parametrize("changes", [{"worn": False}, {"confidence": 0.0}, {"ray": np.full(3, np.nan)}])
def test_a_long_pause_is_lost_data_and_no_blink(changes):
    samples = steady(200.0, 3.0)
    samples[200:400] = [replace(one, **changes) for one in samples[200:400]]
    assert [movement.kind for movement in detect(samples, 200.0)] == [FIXATION, FIXATION]


def test_missing_samples_end_the_fixation_and_are_no_blink():
    samples = steady(200.0, 2.0)
    del samples[200:240]
    assert [movement.kind for movement in detect(samples, 200.0)] == [FIXATION, FIXATION]


def test_repeated_and_reordered_samples_are_ignored():
    samples = record(200.0, 0.3, 0, duration_s=5.0).samples
    disturbed = [one for number, sample in enumerate(samples) for one in (sample, samples[max(0, number - 3)])]
    detector = EyeMovementDetector(DetectorSettings.for_rate(200.0))
    found = [movement for one in disturbed for movement in detector.update(one)] + detector.finish()
    assert [movement.start_ns for movement in found] == [movement.start_ns for movement in detect(samples, 200.0)]
    assert detector.ignored == len(samples)


def test_all_invalid_gives_nothing():
    assert detect([blind(one) for one in steady(200.0, 2.0)], 200.0) == []
    assert detect([], 200.0) == []


def test_directions_come_from_the_camera_where_the_tracker_gives_points_only():
    recording = record(200.0, 0.2, 0, duration_s=10.0)
    points_only = [replace(one, ray=np.full(3, np.nan)) for one in recording.samples]
    with_camera = [movement.kind for movement in detect(points_only, 200.0, CAMERA)]
    assert with_camera == [movement.kind for movement in detect(recording.samples, 200.0)]
    assert detect(points_only, 200.0) == []


def test_it_can_go_on_after_finish():
    detector = EyeMovementDetector(DetectorSettings.for_rate(200.0))
    for one in steady(200.0, 1.0):
        detector.update(one)
    assert len(detector.finish()) == 1
    assert detector.finish() == []
    for one in steady(200.0, 1.0, start_s=1.0):
        detector.update(one)
    assert detector.finish()[0].start_ns == FIRST_NS + NS_PER_S


@pytest.mark.parametrize(
    "change, message",
    [
        ({"window_s": 0.0}, "window_s must be positive, got 0"),
        ({"min_speed_rad_s": 9.0}, "min_speed_rad_s 9.0 must not exceed max_speed_rad_s"),
        ({"max_blink_s": 0.01}, "min_blink_s 0.05 must not exceed max_blink_s 0.01"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(DetectorSettings.for_rate(200.0), **change)
