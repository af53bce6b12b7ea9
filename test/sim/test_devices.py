"""What simulated eye trackers report, against the truth and against their own figures."""

from dataclasses import replace

import numpy as np
import pytest

from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.transforms import angle_between, invert_transform, transform_points
from gaze_vlm_ros.sim.devices.disturbance import DisturbanceStream
from gaze_vlm_ros.sim.devices.presets import PRESETS, UnknownTracker, tracker_preset
from gaze_vlm_ros.sim.devices.tracker import EYEBALL_MM, EyeTracker, TrueEyes
from gaze_vlm_ros.types import CameraModel

PINHOLE = CameraModel(640, 480, np.array([[417.0, 0, 319.5], [0, 417.0, 239.5], [0, 0, 1]]))
POSE = np.array([[1.0, 0, 0, 0.1], [0, 0, 1, -0.6], [0, -1, 0, 1.2], [0, 0, 0, 1]])
"""The scene camera looks along +y of the world, upright."""


def eyes_at(yaw_deg=0.0, pitch_deg=0.0, distance_m=0.7, blinking=False, camera_offset_m=(0.0, 0.0, 0.0)):
    """Eyes 63 mm apart that look down by ``pitch_deg`` and right by ``yaw_deg``, as their camera sees it."""
    yaw, pitch = np.deg2rad([yaw_deg, pitch_deg])
    way = np.array([np.cos(pitch) * np.sin(yaw), np.sin(pitch), np.cos(pitch) * np.cos(yaw)])
    centre = -np.asarray(camera_offset_m)
    points = np.array([centre + distance_m * way, centre - [0.0315, 0, 0], centre + [0.0315, 0, 0]])
    world = transform_points(POSE, points)
    return TrueEyes(world[0], world[1:], POSE, blinking)


def angles(ray):
    ray = np.asarray(ray)
    return np.stack([np.arctan2(ray[..., 0], ray[..., 2]), np.arcsin(ray[..., 1])], axis=-1)


def true_ray(eyes):
    point = transform_points(invert_transform(eyes.world_T_camera), eyes.gaze_point_m)
    return point / np.linalg.norm(point)


AHEAD = eyes_at()


def record(preset, seconds, seed=0, eyes=AHEAD):
    tracker = EyeTracker(preset, np.random.default_rng(seed), PINHOLE)
    tracker.advance(seconds, eyes if callable(eyes) else lambda _: eyes)
    return [delivery.sample for delivery in tracker.take(np.inf)]


def test_an_unknown_preset_lists_what_exists():
    with pytest.raises(UnknownTracker, match=r"'tobii'.*ideal, default, neon, aria, webcam"):
        tracker_preset("tobii")


@pytest.mark.parametrize(
    "change",
    [
        {"gaze_rate_hz": 0.0},
        {"data_loss": 1.0},
        {"latency_s": -0.1},
        {"precision_s2s_deg": 2.0},
        {"vergence_sigma_deg": 0.5},
        {"slippage_share": float("nan")},
    ],
)
def test_impossible_figures_are_named(change):
    with pytest.raises(ValueError, match=next(iter(change)).split("_")[0]):
        replace(PRESETS["default"], **change)


def test_a_tracker_without_a_scene_camera_asks_for_one():
    with pytest.raises(ValueError, match="webcam"):
        EyeTracker("webcam", np.random.default_rng(0))


def test_the_ideal_tracker_reports_the_truth():
    eyes = eyes_at(12.0, 20.0, 0.8, camera_offset_m=(0.04, -0.02, 0.01))
    samples = record("ideal", 0.1, eyes=eyes)
    assert [sample.sequence for sample in samples] == list(range(21))
    assert [sample.stamp_ns for sample in samples] == [5_000_000 * index for index in range(21)]
    point = transform_points(invert_transform(POSE), eyes.gaze_point_m)
    for sample in (samples[0], samples[-1]):
        assert sample.valid and sample.worn and sample.confidence == 1.0
        np.testing.assert_allclose(sample.ray, point / np.linalg.norm(point), atol=1e-9)
        np.testing.assert_allclose(sample.point_px, project(PINHOLE, point)[0], atol=1e-6)
        assert sample.distance_m == pytest.approx(np.linalg.norm(point))
        for eye, centre in zip((sample.left, sample.right), eyes.eyes_m, strict=True):
            way = POSE[:3, :3].T @ (eyes.gaze_point_m - centre)
            np.testing.assert_allclose(eye.ray, way / np.linalg.norm(way), atol=1e-9)
            assert eye.valid


@pytest.mark.parametrize("name", ["default", "neon", "aria", "webcam"])
def test_the_stated_sigma_covers_the_errors(name):
    """Many people, directions and distances; the scene camera sits beside the eyes, and the glasses have slipped."""
    rng = np.random.default_rng(5)
    shares = []
    for seed in range(400):
        eyes = eyes_at(rng.uniform(-25, 25), rng.uniform(-15, 25), rng.uniform(0.4, 1.2), camera_offset_m=(-0.05, 0, 0))
        samples = record(replace(PRESETS[name], slippage_every_s=3.0), 6.0 / PRESETS[name].gaze_rate_hz, seed, eyes)
        off = [(angles(s.ray) - angles(true_ray(eyes))) / s.sigma_rad for s in samples if s.valid]
        shares += [np.mean([np.abs(off) <= 1.0, np.abs(off) <= 2.0], axis=1)] if off else []
    one, two = np.mean(shares, axis=0)
    np.testing.assert_allclose(one, 0.683, atol=0.05)
    np.testing.assert_allclose(two, 0.954, atol=0.025)


EACH_ALONE = {
    "offset": {"accuracy_deg": 1.0},
    "drift": {"accuracy_deg": 1.0, "drift_share": 0.9},
    "noise": {"precision_std_deg": 1.0, "precision_s2s_deg": 0.8},
    "slips": {"slippage_mm": 1.0, "slippage_share": 0.2, "slippage_every_s": 0.1},
    "distance": {"vergence_sigma_deg": 0.6},
}


@pytest.mark.parametrize("cause", EACH_ALONE)
def test_the_stated_sigma_covers_each_cause_alone(cause):
    """What one cause would hide among the others: each alone, at 60 degrees down too, where yaw suffers more."""
    rng = np.random.default_rng(6)
    preset = replace(PRESETS["ideal"], **({"vergence_sigma_deg": None} | EACH_ALONE[cause]), gaze_rate_hz=20.0)
    off = []
    for seed in range(500):
        eyes = eyes_at(0.0, rng.choice([0.0, 60.0]), rng.uniform(0.4, 1.2), camera_offset_m=(-0.05, 0.04, 0))
        sample = record(preset, 1.0, seed, eyes)[-1]
        off.append((angles(sample.ray) - angles(true_ray(eyes))) / sample.sigma_rad)
    np.testing.assert_allclose(np.mean(np.abs(off) <= 1.0, axis=0), 0.683, atol=0.07)
    np.testing.assert_allclose(np.mean(np.abs(off) <= 2.0, axis=0), 0.954, atol=0.035)


def test_distance_is_as_uncertain_as_the_angle_between_the_eyes():
    preset = replace(PRESETS["ideal"], vergence_sigma_deg=0.3)
    found = np.array([sample.distance_m for sample in record(preset, 10.0, eyes=eyes_at(distance_m=0.5))])
    assert np.median(found) == pytest.approx(0.5, rel=0.01)
    assert found.std() == pytest.approx(0.5**2 / 0.063 * np.deg2rad(0.3), rel=0.1)


@pytest.mark.parametrize("name", ["default", "neon", "aria", "webcam"])
def test_accuracy_and_precision_are_those_of_the_preset(name):
    preset = replace(PRESETS[name], slippage_mm=0.0, data_loss=0.0, vergence_sigma_deg=None)
    truth = true_ray(eyes_at())
    offsets = [angle_between(record(preset, 0.0, seed)[0].ray, truth) for seed in range(500)]
    noise_free = replace(preset, precision_std_deg=0.0, precision_s2s_deg=0.0)
    means = [angle_between(record(noise_free, 0.0, seed)[0].ray, truth) for seed in range(500)]
    assert np.rad2deg(np.mean(means)) == pytest.approx(preset.accuracy_deg, rel=0.08)
    assert np.mean(offsets) > np.mean(means)
    still = np.rad2deg(angles([s.ray for s in record(replace(preset, drift_share=0.0), 3000 / preset.gaze_rate_hz, 3)]))
    assert np.sqrt(still.var(axis=0).sum()) == pytest.approx(preset.precision_std_deg, rel=0.1)
    steps = np.sqrt(np.mean(np.sum(np.diff(still, axis=0) ** 2, axis=1)))
    assert steps == pytest.approx(preset.precision_s2s_deg, rel=0.05)


def test_drift_wanders_slowly_about_the_persons_own_offset():
    preset = replace(
        PRESETS["default"],
        gaze_rate_hz=20.0,
        precision_std_deg=0.0,
        precision_s2s_deg=0.0,
        drift_share=0.5,
        drift_time_s=1.0,
    )
    paths = np.array(
        [
            angles([sample.ray for sample in record(replace(preset, data_loss=0.0), 3.0, seed)])[:, 0]
            for seed in range(300)
        ]
    )
    spread = np.deg2rad(preset.offset_sigma_deg)
    assert paths.std(axis=0) == pytest.approx(np.full(paths.shape[1], spread), rel=0.15)
    expected = 0.5 + 0.5 * np.exp(-1.0)
    assert np.corrcoef(paths[:, 0], paths[:, 20])[0, 1] == pytest.approx(expected, abs=0.1)
    assert np.diff(paths).std() == pytest.approx(spread * np.sqrt(1.0 - np.exp(-0.05)), rel=0.1)


def test_losses_come_in_bursts_of_the_stated_share_and_length():
    preset = replace(PRESETS["default"], data_loss=0.1, loss_duration_s=0.02)
    lost = DisturbanceStream(preset, np.random.default_rng(1)).take(100_000).lost
    assert lost.mean() == pytest.approx(0.1, rel=0.08)
    bursts = np.sum(lost[1:] & ~lost[:-1])
    assert lost.sum() / bursts == pytest.approx(0.02 * preset.gaze_rate_hz, rel=0.08)


@pytest.mark.parametrize("name", list(PRESETS))
def test_blinks_and_losses_are_nan_and_only_some_devices_tell_which(name):
    preset = replace(PRESETS[name], data_loss=0.2)
    blink = range(20, 30)
    period = 1.0 / preset.gaze_rate_hz
    samples = record(preset, 120 * period, 2, lambda time: eyes_at(blinking=round(time / period) in blink))
    gone = [sample for sample in samples if not sample.valid]
    assert {sample.sequence for sample in gone} > set(blink)
    for sample in gone:
        assert np.isnan(sample.ray).all() and np.isnan(sample.point_px).all() and np.isnan(sample.distance_m)
        assert np.isnan(sample.left.ray).all() and sample.confidence == 0.0
        told_open = preset.reports_blinks and sample.sequence not in blink
        assert sample.left.valid == sample.right.valid == told_open
    assert np.isfinite([sample.ray for sample in samples if sample.valid]).all()
    assert np.isfinite([s.distance_m for s in samples if s.valid]).all() == preset.distance_known


def test_a_point_behind_the_scene_camera_has_no_pixel():
    assert not any(sample.valid for sample in record("ideal", 0.05, eyes=eyes_at(yaw_deg=120.0)))


def test_samples_arrive_after_their_latency_and_in_order():
    preset = replace(PRESETS["neon"], latency_s=0.06, latency_jitter_s=0.001)
    tracker = EyeTracker(preset, np.random.default_rng(0), PINHOLE, start_s=10.0)
    tracker.advance(20.0, lambda _: eyes_at())
    early = tracker.take(10.2)
    assert early and all(delivery.available_s <= 10.2 for delivery in early)
    assert 10.2 - early[-1].sample.stamp_ns * 1e-9 == pytest.approx(0.06, abs=0.01)
    rest = tracker.take(np.inf)
    assert [d.sample.sequence for d in early + rest] == list(range(2001))
    arrivals = np.array([d.available_s for d in early + rest])
    latency = arrivals - [d.sample.stamp_ns * 1e-9 for d in early + rest]
    assert (np.diff(arrivals) >= 0).all() and latency.min() > 0.0
    assert latency.mean() == pytest.approx(0.06, rel=0.01) and latency.std() == pytest.approx(0.001, rel=0.1)
    assert tracker.take(np.inf) == []


def moving(time_s):
    return eyes_at(20 * np.sin(time_s), 10 * np.cos(2 * time_s), 0.6 + 0.2 * np.sin(time_s))


def test_reading_more_often_changes_nothing():
    at_once = record("neon", 3.0, 4, moving)
    tracker = EyeTracker("neon", np.random.default_rng(4), PINHOLE)
    often = []
    for tick in range(751):
        tracker.advance(tick * 0.004, moving)
        often += [delivery.sample for delivery in tracker.take(tick * 0.004)]
    often += [delivery.sample for delivery in tracker.take(np.inf)]
    assert len(often) == len(at_once) == 601
    for one, other in zip(at_once, often, strict=True):
        assert one.stamp_ns == other.stamp_ns
        np.testing.assert_array_equal(one.ray, other.ray)
        np.testing.assert_array_equal(one.left.ray, other.left.ray)


def test_what_the_wearer_does_does_not_change_later_errors():
    calm = record("neon", 3.0, 4, moving)
    blinks = record("neon", 3.0, 4, lambda time: replace(moving(time), blinking=time < 1.5))
    assert not any(sample.valid for sample in blinks[:300])
    for one, other in zip(calm[301:], blinks[301:], strict=True):
        np.testing.assert_array_equal(one.ray, other.ray)


def test_slipped_glasses_err_by_direction():
    """1 mm to the right, uncompensated, turns a forward gaze by 1 mm per eyeball radius to the left; a gaze along the
    slip hardly at all."""
    preset = replace(
        PRESETS["ideal"], slippage_mm=1.0, slippage_share=0.5, slippage_every_s=0.02, vergence_sigma_deg=None
    )
    slips = DisturbanceStream(preset, np.random.default_rng(8)).take(250).slip_mm
    assert 35 < np.sum(np.any(np.diff(slips, axis=0) != 0.0, axis=1)) < 80  # one in 20 ms, at 200 Hz
    assert slips.std() == pytest.approx(1.0, rel=0.2)
    for yaw in (0.0, 40.0):
        eyes = eyes_at(yaw)
        samples = record(preset, 249 / 200, 8, eyes)
        found = np.array([angles(sample.ray)[0] - np.deg2rad(yaw) for sample in samples])
        across = slips @ [np.cos(np.deg2rad(yaw)), 0.0, -np.sin(np.deg2rad(yaw))]
        np.testing.assert_allclose(found, -0.5 * across / EYEBALL_MM, atol=0.02)
        assert np.abs(found).max() > 0.05


def test_glasses_stay_where_they_slipped_to():
    preset = replace(PRESETS["neon"], slippage_every_s=2.0)
    slips = DisturbanceStream(preset, np.random.default_rng(1)).take(10_000).slip_mm
    changes = np.sum(np.any(np.diff(slips, axis=0) != 0.0, axis=1))
    assert 10 < changes < 45
    assert len(np.unique(slips, axis=0)) == changes + 1  # no place twice


def test_optical_axes_lie_temporally_of_the_lines_of_sight():
    preset = replace(PRESETS["ideal"], kappa_deg=5.0)
    samples = [record(preset, 0.0, seed)[0] for seed in range(100)]
    aim = np.arctan([0.0315 / 0.7, -0.0315 / 0.7])
    assert np.rad2deg(np.mean([angles(s.left.ray)[0] for s in samples]) - aim[0]) == pytest.approx(-5.0, abs=0.4)
    assert np.rad2deg(np.mean([angles(s.right.ray)[0] for s in samples]) - aim[1]) == pytest.approx(5.0, abs=0.4)
