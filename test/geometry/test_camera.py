"""Projection and back-projection: round trips, signs, and agreement with written-out formulas."""

import numpy as np
import pytest
from camera_examples import ALL, BROWN, FISHEYE, IDEAL, NAMES, RATIONAL, matrix

from gaze_vlm_ros.geometry.camera import field_limit, inside, project, unproject
from gaze_vlm_ros.types import CameraKind, CameraModel


@pytest.fixture(params=ALL, ids=NAMES)
def camera(request):
    return request.param


def pixels_of(camera, count=500, share=0.9):
    rng = np.random.default_rng(7)
    middle = np.array([camera.width, camera.height]) / 2.0
    return middle + share * middle * rng.uniform(-1.0, 1.0, (count, 2))


def test_pixels_survive_the_way_to_rays_and_back(camera):
    pixels = pixels_of(camera)
    assert np.abs(project(camera, unproject(camera, pixels)) - pixels).max() < 1e-6


def test_rays_survive_the_way_to_pixels_and_back(camera):
    rays = unproject(camera, pixels_of(camera))
    distances = np.random.default_rng(1).uniform(0.1, 10.0, (len(rays), 1))
    assert np.abs(unproject(camera, project(camera, rays * distances)) - rays).max() < 1e-9


def test_rays_are_unit_vectors(camera):
    assert np.allclose(np.linalg.norm(unproject(camera, pixels_of(camera)), axis=1), 1.0)


def test_right_is_plus_x_down_is_plus_y_and_the_axis_is_the_principal_point(camera):
    ahead, right, left, down, up = project(camera, [[0, 0, 1.0], [0.2, 0, 1], [-0.2, 0, 1], [0, 0.2, 1], [0, -0.2, 1]])
    assert np.allclose(ahead, camera.matrix[:2, 2])
    assert right[0] > ahead[0] > left[0]
    assert down[1] > ahead[1] > up[1]


def test_near_and_far_points_of_a_ray_share_a_pixel(camera):
    ray = np.array([0.1, -0.2, 1.0])
    assert np.allclose(*project(camera, [0.3 * ray, 30.0 * ray]))


def test_points_behind_and_unknown_points_are_nan(camera):
    pixels = project(camera, [[0.1, 0.1, -1.0], [0.1, 0.1, 0.0], [np.nan, 0.0, 1.0], [0.0, 0.0, 1.0]])
    assert np.isnan(pixels[:3]).all()
    assert np.isfinite(pixels[3]).all()


def test_unknown_pixels_are_nan_and_leave_the_others_alone(camera):
    rays = unproject(camera, [[np.nan, 10.0], [camera.matrix[0, 2], camera.matrix[1, 2]]])
    assert np.isnan(rays[0]).all()
    assert np.allclose(rays[1], [0.0, 0.0, 1.0])


def test_no_points_give_no_pixels(camera):
    assert project(camera, np.zeros((0, 3))).shape == (0, 2)
    assert unproject(camera, np.zeros((0, 2))).shape == (0, 3)


def test_brown_conrady_formula():
    x, y = 0.3, -0.2
    k1, k2, p1, p2, k3 = BROWN.distortion
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    expected = [
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    ]
    assert np.allclose(project(BROWN, [[x, y, 1.0]])[0], BROWN.matrix[:2, :2] @ expected + BROWN.matrix[:2, 2])


@pytest.mark.parametrize("degrees", [5.0, 40.0, 80.0])
def test_kannala_brandt_formula(degrees):
    angle = np.radians(degrees)
    k1, k2, k3, k4 = FISHEYE.distortion
    radius = angle * (1 + k1 * angle**2 + k2 * angle**4 + k3 * angle**6 + k4 * angle**8)
    ray = np.array([0.6 * np.sin(angle), 0.8 * np.sin(angle), np.cos(angle)])
    expected = 610.0 * radius * np.array([0.6, 0.8]) + FISHEYE.matrix[:2, 2]
    assert np.allclose(project(FISHEYE, ray[None])[0], expected)
    assert np.allclose(unproject(FISHEYE, expected)[0], ray)


def test_a_point_beyond_the_fold_of_the_distortion_does_not_appear_in_the_picture():
    wild = CameraModel(640, 480, matrix(417.0, 319.5, 239.5), [-0.3, 0.0, 0.0, 0.0])
    # The formula alone would put this ray, 61 degrees off the axis, inside the picture.
    assert np.degrees(field_limit(wild)) < 50.0
    assert np.isnan(project(wild, [[1.8, 0.0, 1.0]])).all()


@pytest.mark.parametrize("k1", [-0.4, -0.2, -0.1])
def test_a_fisheye_ray_just_within_the_fold_comes_back(k1):
    camera = CameraModel(640, 480, FISHEYE.matrix, np.array([k1, 0.0, 0.0, 0.0]), CameraKind.FISHEYE)
    angles = field_limit(camera) * np.linspace(0.5, 0.995, 50)
    rays = np.column_stack([np.sin(angles), np.zeros(50), np.cos(angles)])
    assert np.abs(unproject(camera, project(camera, rays)) - rays).max() < 1e-6


def test_a_pixel_that_sees_no_ray_is_nan():
    assert np.isnan(unproject(RATIONAL, [[-4000.0, 600.0]])).all()


def test_inside_counts_whole_pixels_and_not_nan():
    edge = [[-0.5, -0.5], [639.4, 479.4], [639.5, 0.0], [0.0, -0.6], [np.nan, 1.0]]
    assert inside(IDEAL, edge).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("kind, count", [(CameraKind.PINHOLE, 3), (CameraKind.FISHEYE, 5)])
def test_a_wrong_number_of_coefficients_is_named(kind, count):
    camera = CameraModel(640, 480, IDEAL.matrix, np.zeros(count), kind)
    with pytest.raises(ValueError, match=f"got {count}"):
        project(camera, [[0.0, 0.0, 1.0]])
