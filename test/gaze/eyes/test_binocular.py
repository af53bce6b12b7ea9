"""Two rays of eyes with known places: the gaze they make, and what it says of itself."""

import numpy as np
import pytest

from gaze_vlm_ros.gaze.eyes.binocular import EyeGeometry, combine
from gaze_vlm_ros.gaze.eyes.estimate import BinocularEstimate, EyeEstimate
from gaze_vlm_ros.gaze.eyes.frames import direction_of, yaw_pitch_of
from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.transforms import angle_between, make_transform, rotation_from_vector
from gaze_vlm_ros.types import CameraModel

CAMERA = CameraModel(640, 480, np.array([[400.0, 0, 319.5], [0, 400.0, 239.5], [0, 0, 1]]))
CAMERA_T_RIG = make_transform(rotation_from_vector(np.array([0.15, -0.02, 0.01])), np.array([0.01, 0.04, -0.02]))
GEOMETRY = EyeGeometry(CAMERA_T_RIG)
SURE = np.radians([0.05, 0.05])
STAMP = 10**18


def eye(direction, sigma_rad=SURE):
    return EyeEstimate(direction, np.asarray(sigma_rad), "open")


def looking_at(point_m, sigma_rad=SURE, noise=None):
    """Both eyes on a point (3,) of the scene camera, each off by a normal error of its own."""
    angles = yaw_pitch_of(GEOMETRY.directions_to(np.asarray(point_m)))
    angles = angles if noise is None else angles + noise.normal(0.0, sigma_rad, (2, 2))
    left, right = direction_of(angles[:, 0], angles[:, 1])
    return BinocularEstimate(eye(left, sigma_rad), eye(right, sigma_rad))


@pytest.mark.parametrize("point_m", [(0.0, 0.0, 0.4), (0.1, -0.15, 0.6), (-0.25, 0.1, 0.9)])
def test_exact_rays_meet_in_the_point_looked_at(point_m):
    gaze = combine(looking_at(point_m), GEOMETRY, CAMERA, STAMP, 7)
    sample = gaze.sample
    assert sample.valid and not gaze.reason and sample.confidence == 1.0
    assert (sample.stamp_ns, sample.sequence) == (STAMP, 7)
    assert sample.distance_m == pytest.approx(np.linalg.norm(point_m), rel=1e-3)
    assert np.degrees(angle_between(sample.ray, np.array(point_m))) < 0.05
    np.testing.assert_allclose(sample.point_px, project(CAMERA, np.array([point_m]))[0], atol=0.5)


def test_the_rays_of_the_eyes_are_those_of_the_scene_camera():
    sample = combine(looking_at((0.1, 0.0, 0.5)), GEOMETRY, CAMERA, STAMP).sample
    eyes_m = GEOMETRY.eyes_m @ CAMERA_T_RIG[:3, :3].T + CAMERA_T_RIG[:3, 3]
    for state, place in zip((sample.left, sample.right), eyes_m, strict=True):
        way = np.array([0.1, 0.0, 0.5]) - place
        np.testing.assert_allclose(state.ray, way / np.linalg.norm(way), atol=1e-9)
        assert state.valid


def test_one_sigma_holds_the_truth_about_as_often_as_it_says():
    noise, sigma = np.random.default_rng(0), np.radians([1.0, 1.5])
    off, depths = [], []
    for _ in range(400):
        nearness = np.clip(noise.normal(1.4, 0.7), 0.3, 4.0)
        yaw, pitch = noise.uniform(-0.2, 0.2, 2)
        point = direction_of(yaw, pitch) / nearness
        gaze = combine(looking_at(point, sigma, noise), GEOMETRY, CAMERA, STAMP)
        if gaze.sample.valid:
            off.append((yaw_pitch_of(gaze.sample.ray) - yaw_pitch_of(point)) / gaze.sample.sigma_rad)
            depths.append((gaze.sample.distance_m - np.linalg.norm(point)) / gaze.distance_sigma_m)
    assert len(off) > 380
    assert np.mean(np.abs(off) < 1.0, axis=0) == pytest.approx(0.683, abs=0.08)
    known = np.array(depths)[np.isfinite(depths)]
    assert len(known) > 80 and np.mean(np.abs(known) < 1.0) == pytest.approx(0.683, abs=0.1)


def test_two_eyes_are_better_than_one():
    noise, sigma, point = np.random.default_rng(1), np.radians([1.5, 1.5]), np.array([0.05, 0.0, 0.7])
    errors = {"both": [], "left": []}
    for _ in range(200):
        both = looking_at(point, sigma, noise)
        for name, estimate in (("both", both), ("left", BinocularEstimate(both.left, None))):
            errors[name].append(angle_between(combine(estimate, GEOMETRY, CAMERA, STAMP).sample.ray, point))
    assert np.mean(errors["both"]) < 0.85 * np.mean(errors["left"])


def test_one_eye_is_enough_and_says_that_it_is_alone():
    both = looking_at((0.1, 0.0, 0.7), np.radians([1.0, 1.0]))
    gaze = combine(BinocularEstimate(None, both.right), GEOMETRY, CAMERA, STAMP)
    alone, pair = gaze.sample, combine(both, GEOMETRY, CAMERA, STAMP).sample
    assert alone.valid and alone.confidence == 0.5 and alone.right.valid and not alone.left.valid
    assert np.isnan(alone.distance_m) and np.isnan(gaze.distance_sigma_m)
    assert (alone.sigma_rad > pair.sigma_rad).all()
    assert np.degrees(angle_between(alone.ray, np.array([0.1, 0.0, 0.7]))) < 1.0


def test_nearly_parallel_eyes_give_a_ray_and_no_distance():
    gaze = combine(looking_at((0.0, 0.0, 6.0), np.radians([1.0, 1.0])), GEOMETRY, CAMERA, STAMP)
    assert gaze.sample.valid and np.isnan(gaze.sample.distance_m)


def test_closed_eyes_give_an_invalid_sample_with_both_reasons():
    shut = BinocularEstimate(EyeEstimate.invalid("closed", "is closed"), None)
    gaze = combine(shut, GEOMETRY, CAMERA, STAMP)
    assert not gaze.sample.valid and gaze.sample.confidence == 0.0
    assert np.isnan(gaze.sample.ray).all() and np.isnan(gaze.sample.point_px).all()
    assert gaze.reason == "left eye: is closed; right eye: no picture" and gaze.sample.worn


def test_glasses_that_nobody_wears_are_said_not_to_be_worn():
    nobody = EyeEstimate.invalid("absent", "no eye is before the camera")
    assert not combine(BinocularEstimate(nobody, nobody), GEOMETRY, CAMERA, STAMP).sample.worn
    assert combine(BinocularEstimate(None, None), GEOMETRY, CAMERA, STAMP).sample.worn


def test_eyes_that_cannot_belong_together_are_refused_with_the_reason():
    both = looking_at((0.0, 0.0, 0.6), np.radians([1.0, 1.0]))
    exchanged = combine(BinocularEstimate(both.right, both.left), GEOMETRY, CAMERA, STAMP)
    assert not exchanged.sample.valid and "exchanged" in exchanged.reason
    up, down = (eye(direction_of(0.0, pitch), np.radians([1.0, 1.0])) for pitch in (0.1, -0.1))
    crooked = combine(BinocularEstimate(up, down), GEOMETRY, CAMERA, STAMP)
    assert not crooked.sample.valid and "in height" in crooked.reason


def test_without_the_scene_cameras_calibration_no_sample_is_valid():
    gaze = combine(looking_at((0.0, 0.0, 0.6)), GEOMETRY, None, STAMP)
    assert not gaze.sample.valid and "calibration has not come" in gaze.reason


def test_gaze_behind_the_scene_camera_is_invalid_with_the_reason():
    turned = EyeGeometry(make_transform(rotation_from_vector(np.array([0.0, np.pi, 0.0])), np.zeros(3)))
    gaze = combine(looking_at((0.0, 0.0, 0.6)), turned, CAMERA, STAMP)
    assert not gaze.sample.valid and "does not see" in gaze.reason
