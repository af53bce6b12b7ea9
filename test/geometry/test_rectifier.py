"""Pictures and rays of a turned fisheye camera, made upright and rectilinear."""

import cv2
import numpy as np
import pytest
from camera_examples import BROWN, FISHEYE, IDEAL, matrix

from gaze_vlm_ros.geometry.camera import Rectifier, project, unproject, upright_pinhole
from gaze_vlm_ros.types import CameraModel


def scene(rays):
    """A smooth world at infinity: its colour depends on the direction alone."""
    x, y, z = np.moveaxis(rays, -1, 0)
    return np.stack([128 + 100 * np.sin(5 * x), 128 + 100 * np.sin(4 * y + 1), 128 + 100 * np.cos(6 * z * x)], axis=-1)


def picture(camera, rotation):
    """What ``camera`` sees of the world when ``rotation`` takes its rays to the world's."""
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = unproject(camera, np.column_stack([x.ravel(), y.ravel()])) @ rotation.T
    return np.round(np.nan_to_num(scene(rays)).reshape(camera.height, camera.width, 3)).astype(np.uint8)


SMALL_FISHEYE = CameraModel(352, 352, matrix(152.5, 175.5, 176.0), FISHEYE.distortion, FISHEYE.kind)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_the_rectified_picture_is_what_the_target_camera_would_have_seen(turns):
    target = CameraModel(240, 200, matrix(150.0, 118.0, 102.0))
    rectifier = Rectifier(SMALL_FISHEYE, turns, target)
    found = rectifier.image(picture(SMALL_FISHEYE, rectifier.rotation)).astype(float)
    expected = picture(target, np.eye(3)).astype(float)
    assert np.abs(found - expected)[2:-2, 2:-2].max() < 4.0


def test_one_quarter_turn_is_clockwise():
    camera = CameraModel(60, 40, matrix(50.0, 29.5, 19.5))
    rgb = np.zeros((40, 60, 3), dtype=np.uint8)
    rgb[:8, :12] = 255  # top left
    upright = Rectifier(camera, 1).image(rgb)
    assert upright.shape == (60, 40, 3)
    assert np.array_equal(upright, cv2.rotate(rgb, cv2.ROTATE_90_CLOCKWISE))


def test_rays_go_with_the_picture():
    rectifier = Rectifier(FISHEYE, 1)
    pixels = np.array([[700.0, 300.0], [1100.0, 800.0], [500.0, 900.0]])
    by_ray = project(rectifier.target, rectifier.rotate_ray(unproject(FISHEYE, pixels)))
    assert np.allclose(rectifier.move_points(pixels), by_ray)
    up_in_source = rectifier.rotate_ray(np.array([0.0, -0.5, 1.0]))
    assert np.allclose(up_in_source, [0.5, 0.0, 1.0])  # a clockwise turn takes up to right


def test_four_turns_are_none():
    assert np.array_equal(Rectifier(IDEAL, 4).rotation, np.eye(3))
    assert Rectifier(IDEAL, -1).quarter_turns == 3


def test_the_default_target_keeps_the_principal_ray():
    for turns in range(4):
        target = upright_pinhole(BROWN, turns)
        assert (target.width, target.height) == ((1280, 720) if turns % 2 == 0 else (720, 1280))
        rectifier = Rectifier(BROWN, turns)
        assert np.allclose(rectifier.move_points(BROWN.matrix[None, :2, 2]), target.matrix[:2, 2])


def test_an_unknown_ray_stays_unknown():
    assert np.isnan(Rectifier(IDEAL, 1).rotate_ray(np.full(3, np.nan))).all()


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match="10x20 does not belong to a camera of 640x480"):
        Rectifier(IDEAL).image(np.zeros((20, 10, 3), dtype=np.uint8))
