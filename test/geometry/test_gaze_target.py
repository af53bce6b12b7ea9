"""Gaze rays meet planes and depth images; covariances are checked against Monte Carlo."""

import numpy as np
import pytest
from camera_examples import FISHEYE, IDEAL

from gaze_vlm_ros.geometry.camera import unproject
from gaze_vlm_ros.geometry.gaze_target import (
    DEFAULT_SIGMA_RAD,
    DepthNoise,
    NoIntersection,
    intersect_depth,
    intersect_plane,
)
from gaze_vlm_ros.geometry.transforms import invert_transform, make_transform, rotation_from_vector, transform_points

EXACT = DepthNoise(0.0, 0.0)
AHEAD = np.array([0.0, 0.0, 1.0])
SIGMA = np.radians(1.0)


def depth_of_plane(camera, point, normal):
    """Depth along z of an endless plane."""
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = unproject(camera, np.column_stack([x.ravel(), y.ravel()]))
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (np.asarray(normal) @ np.asarray(point)) / (rays @ normal)
    return np.where(distance > 0.0, distance * rays[:, 2], np.nan).reshape(camera.height, camera.width)


def with_box(depth, camera, centre_px, half_px, distance):
    """The depth image with a square thing in front."""
    x, y = (int(value) for value in centre_px)
    depth = depth.copy()
    depth[y - half_px : y + half_px + 1, x - half_px : x + half_px + 1] = distance
    return depth


def perturbed(rays, rng, sigma, count):
    """Rays (count, 3) turned by noise of yaw and pitch."""
    yaw = np.cross([0.0, 1.0, 0.0], rays)
    yaw /= np.linalg.norm(yaw)
    pitch = np.cross(rays, yaw)
    angles = rng.normal(0.0, sigma, (count, 2))
    noisy = rays + angles[:, :1] * yaw + angles[:, 1:] * pitch
    return noisy / np.linalg.norm(noisy, axis=1, keepdims=True)


def assert_covariance(samples, estimate, tolerance=0.15):
    numeric = np.cov(np.asarray(samples).T)
    scale = np.linalg.norm(numeric)
    assert np.linalg.norm(numeric - estimate.covariance_m2) < tolerance * scale


# planes


def test_a_ray_meets_a_plane_where_geometry_says():
    hit = intersect_plane([0.0, 0.0, 1.2], [0.0, 0.6, -0.8], SIGMA, [5.0, 5.0, 0.72], [0.0, 0.0, 2.0])
    assert np.allclose(hit.position_m, [0.0, 0.36, 0.72])


def test_covariance_on_a_plane_agrees_with_monte_carlo():
    origin, ray = np.array([0.1, -0.6, 1.2]), np.array([0.2, 0.7, -0.6]) / np.linalg.norm([0.2, 0.7, -0.6])
    optical = np.column_stack([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    sigma = np.radians([0.5, 1.0])
    pose_covariance = np.diag([0.01, 0.02, 0.005, 0.01, 0.008, 0.02]) ** 2
    plane = ([0.0, 0.0, 0.72], [0.0, 0.05, 1.0])
    hit = intersect_plane(origin, ray, sigma, *plane, rotation=optical, pose_covariance=pose_covariance)
    rng = np.random.default_rng(0)
    rays = perturbed(optical.T @ ray, rng, sigma, 4000) @ optical.T
    moves = rng.multivariate_normal(np.zeros(6), pose_covariance, 4000)
    hits = [
        intersect_plane(origin + move[:3], rotation_from_vector(move[3:]) @ noisy, 0.0, *plane).position_m
        for noisy, move in zip(rays, moves, strict=True)
    ]
    assert_covariance(hits, hit)


def test_jacobian_of_the_plane_agrees_with_finite_differences():
    """A pose covariance of one unit entry gives the outer product of one column of the Jacobian."""
    origin, ray, plane = np.array([0.1, 0.2, 1.3]), np.array([0.3, 0.5, -0.8]), ([0.0, 0.0, 0.7], [0.1, 0.0, 1.0])
    ray = ray / np.linalg.norm(ray)
    step = 1e-6
    for axis in range(6):
        change = np.zeros(6)
        change[axis] = step
        ends = [
            intersect_plane(
                origin + sign * change[:3], rotation_from_vector(sign * change[3:]) @ ray, 0.0, *plane
            ).position_m
            for sign in (1.0, -1.0)
        ]
        column = (ends[0] - ends[1]) / (2 * step)
        unit = np.zeros((6, 6))
        unit[axis, axis] = 1.0
        hit = intersect_plane(origin, ray, 0.0, *plane, pose_covariance=unit)
        assert np.allclose(hit.covariance_m2, np.outer(column, column), atol=1e-6)


@pytest.mark.parametrize(
    "ray, message",
    [
        ([np.nan] * 3, "not valid"),
        ([0.0, 0.0, 0.0], "not valid"),
        ([0.0, 0.0, 1.0], "behind"),
        ([1.0, 0.0, -0.01], "along the plane"),
    ],
)
def test_a_ray_that_meets_no_plane_says_why(ray, message):
    with pytest.raises(NoIntersection, match=message):
        intersect_plane([0.0, 0.0, 1.0], ray, SIGMA, np.zeros(3), [0.0, 0.0, 1.0])


def test_an_unknown_sigma_is_taken_as_that_of_an_uncalibrated_tracker():
    unknown = intersect_plane(np.zeros(3), AHEAD, np.nan, AHEAD, AHEAD)
    assert np.allclose(unknown.covariance_m2[0, 0], DEFAULT_SIGMA_RAD**2)


def test_a_negative_sigma_is_refused():
    with pytest.raises(ValueError, match="sigma_rad must be >= 0"):
        intersect_plane(np.zeros(3), AHEAD, -0.1, AHEAD, AHEAD)


# depth images


@pytest.mark.parametrize("camera", [IDEAL, FISHEYE], ids=["pinhole", "fisheye"])
@pytest.mark.parametrize(
    "target", [[0.25, 0.0, 1.0], [-0.25, 0.0, 1.0], [0.0, -0.2, 1.0], [0.0, 0.2, 0.4], [0.3, 0.2, 3.0]]
)
def test_a_target_right_left_up_near_far_is_found_where_it_is(camera, target):
    target = np.array(target)
    depth = np.full((camera.height, camera.width), target[2])
    hit = intersect_depth(target / np.linalg.norm(target), SIGMA, depth, camera)
    assert np.allclose(hit.position_m, target, atol=1e-3)


def test_a_slanted_table_is_met_exactly():
    point, normal = [0.0, 0.3, 0.9], np.array([0.1, 0.9, 0.4])
    ray = np.array([0.1, 0.25, 1.0]) / np.linalg.norm([0.1, 0.25, 1.0])
    hit = intersect_depth(ray, SIGMA, depth_of_plane(IDEAL, point, normal), IDEAL, noise=EXACT)
    expected = intersect_plane(np.zeros(3), ray, SIGMA, point, normal)
    assert np.allclose(hit.position_m, expected.position_m, atol=1e-3)
    assert np.allclose(hit.covariance_m2, expected.covariance_m2, rtol=0.05, atol=1e-6)


def test_covariance_in_a_depth_image_agrees_with_monte_carlo():
    noise = DepthNoise(0.01, 0.0)
    depth = depth_of_plane(IDEAL, [0.0, 0.0, 1.0], [0.2, -0.3, 1.0])
    ray = np.array([0.05, 0.1, 1.0]) / np.linalg.norm([0.05, 0.1, 1.0])
    hit = intersect_depth(ray, SIGMA, depth, IDEAL, noise=noise)
    rng = np.random.default_rng(2)
    hits = [intersect_depth(noisy, 0.0, depth, IDEAL).position_m for noisy in perturbed(ray, rng, SIGMA, 1500)]
    hits += rng.normal(0.0, 0.01, (len(hits), 1)) * ray
    assert_covariance(hits, hit)


def test_depth_noise_lies_along_the_ray():
    ray = np.array([0.3, 0.0, 1.0]) / np.linalg.norm([0.3, 0.0, 1.0])
    depth = depth_of_plane(IDEAL, ray, ray)
    hit = intersect_depth(ray, 0.0, depth, IDEAL, noise=DepthNoise(0.02, 0.0))
    assert np.allclose(hit.covariance_m2, 0.02**2 * np.outer(ray, ray), atol=1e-8)


def test_depth_noise_grows_with_the_square_of_the_distance():
    assert DepthNoise(0.003, 0.002).sigma_m(2.0) == pytest.approx(0.011)


def test_at_an_edge_the_nearer_thing_counts_while_the_gaze_disc_covers_it():
    wall = np.full((480, 640), 2.0)
    depth = with_box(wall, IDEAL, (319, 239), 20, 0.8)
    one_sigma_px = 417.0 * SIGMA
    just_beside = unproject(IDEAL, [[339.0 + 0.6 * one_sigma_px, 239.5]])[0]
    far_beside = unproject(IDEAL, [[339.0 + 1.5 * one_sigma_px, 239.5]])[0]
    assert intersect_depth(just_beside, SIGMA, depth, IDEAL).position_m[2] == pytest.approx(0.8, abs=0.01)
    assert intersect_depth(far_beside, SIGMA, depth, IDEAL).position_m[2] == pytest.approx(2.0, abs=0.01)


def test_a_gaze_at_a_small_thing_is_not_drawn_to_the_wall_behind():
    depth = with_box(np.full((480, 640), 2.0), IDEAL, (319, 239), 3, 0.8)
    assert intersect_depth(AHEAD, SIGMA, depth, IDEAL).position_m[2] == pytest.approx(0.8, abs=0.01)


def test_flying_pixels_are_no_thing():
    depth = np.full((480, 640), 2.0)
    depth[236:243:3, 316:324:4] = 0.7
    assert intersect_depth(AHEAD, SIGMA, depth, IDEAL).position_m[2] == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("unknown", [np.nan, 0.0, -1.0, np.inf])
def test_a_hole_in_the_depth_is_filled_by_its_neighbourhood(unknown):
    depth = with_box(np.full((480, 640), 1.5), IDEAL, (319, 239), 15, unknown)
    assert intersect_depth(AHEAD, SIGMA, depth, IDEAL).position_m[2] == pytest.approx(1.5, abs=0.01)


def test_a_hole_larger_than_the_search_says_so():
    depth = with_box(np.full((480, 640), 1.5), IDEAL, (319, 239), 60, np.nan)
    with pytest.raises(NoIntersection, match="no depth within 24 px"):
        intersect_depth(AHEAD, SIGMA, depth, IDEAL)


def test_a_gaze_as_uncertain_as_can_be_looks_at_the_whole_picture():
    estimate = intersect_depth(AHEAD, np.float32(3e38), np.full((480, 640), 1.5), IDEAL)
    assert estimate.position_m[2] == pytest.approx(1.5)


@pytest.mark.parametrize(
    "ray, message",
    [
        ([np.nan, np.nan, np.nan], "not valid"),
        ([2.0, 0.0, 1.0], "leaves the depth image"),
        ([0.0, 0.0, -1.0], "leaves the depth image"),
    ],
)
def test_a_gaze_that_is_not_in_the_picture_says_so(ray, message):
    with pytest.raises(NoIntersection, match=message):
        intersect_depth(ray, SIGMA, np.ones((480, 640)), IDEAL)


def test_a_gaze_at_the_very_corner_works():
    ray = unproject(IDEAL, [[639.0, 479.0]])[0]
    assert intersect_depth(ray, SIGMA, np.ones((480, 640)), IDEAL).position_m[2] == pytest.approx(1.0)


def test_depth_of_another_camera_is_refused():
    with pytest.raises(ValueError, match="320x240 does not belong to a camera of 640x480"):
        intersect_depth(AHEAD, SIGMA, np.ones((240, 320)), IDEAL)


def test_noise_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="base_m must be >= 0, got -1"):
        DepthNoise(-1.0)


# from camera to base


def test_an_estimate_in_the_base_agrees_with_monte_carlo():
    base_T_camera = make_transform(rotation_from_vector([-2.0, 0.1, 0.2]), [0.1, -0.6, 0.5])
    ray = np.array([0.1, 0.2, 1.0])
    estimate = intersect_plane(np.zeros(3), ray, SIGMA, [0.0, 0.0, 0.9], [0.0, 0.3, 1.0])
    pose_covariance = np.diag([0.01, 0.02, 0.01, 0.02, 0.01, 0.03]) ** 2
    in_base = estimate.transformed(base_T_camera, pose_covariance)
    rng = np.random.default_rng(4)
    points = rng.multivariate_normal(estimate.position_m, estimate.covariance_m2, 5000)
    moves = rng.multivariate_normal(np.zeros(6), pose_covariance, 5000)
    in_bases = [
        rotation_from_vector(move[3:]) @ base_T_camera[:3, :3] @ point + base_T_camera[:3, 3] + move[:3]
        for point, move in zip(points, moves, strict=True)
    ]
    assert np.allclose(in_base.position_m, transform_points(base_T_camera, estimate.position_m))
    assert_covariance(in_bases, in_base)


def test_there_and_back_is_the_same_estimate():
    base_T_camera = make_transform(rotation_from_vector([-2.0, 0.1, 0.2]), [0.1, -0.6, 0.5])
    estimate = intersect_plane(np.zeros(3), AHEAD, SIGMA, AHEAD, [0.0, 0.3, 1.0])
    back = estimate.transformed(base_T_camera).transformed(invert_transform(base_T_camera))
    assert np.allclose(back.position_m, estimate.position_m)
    assert np.allclose(back.covariance_m2, estimate.covariance_m2)
