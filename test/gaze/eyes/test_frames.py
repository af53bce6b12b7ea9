import cv2
import numpy as np
import pytest

from gaze_vlm_ros.gaze.eyes.frames import direction_of, mirrored, network_picture, yaw_pitch_of
from gaze_vlm_ros.geometry.transforms import angle_between


def test_yaw_is_positive_to_the_right_and_pitch_upwards():
    right, up = yaw_pitch_of(np.array([[1.0, 0.0, 1.0], [0.0, -1.0, 1.0]]))
    np.testing.assert_allclose(right, [np.pi / 4, 0.0])
    np.testing.assert_allclose(up, [0.0, np.pi / 4])


def test_directions_come_back_from_their_angles():
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((500, 3))
    directions[:, 2] = np.abs(directions[:, 2])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    np.testing.assert_allclose(direction_of(*yaw_pitch_of(directions).T), directions, atol=1e-12)


def test_swapped_or_negated_angles_are_another_direction():
    direction = direction_of(0.3, 0.1)
    yaw, pitch = yaw_pitch_of(direction)
    for wrong in ((pitch, yaw), (-yaw, pitch), (yaw, -pitch)):
        assert angle_between(direction_of(*wrong), direction) > 0.15


def test_a_right_eye_is_seen_as_a_left_one():
    picture = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    np.testing.assert_array_equal(network_picture(picture, "left", 64), picture)
    np.testing.assert_array_equal(network_picture(picture, "right", 64), picture[:, ::-1])
    np.testing.assert_array_equal(mirrored(np.array([0.2, 0.1]), "right"), [-0.2, 0.1])
    np.testing.assert_array_equal(mirrored(np.array([0.2, 0.1]), "left"), [0.2, 0.1])


def test_a_narrow_view_is_the_middle_of_the_picture():
    picture = np.arange(80 * 40, dtype=np.uint16).reshape(80, 40).astype(np.uint8)
    np.testing.assert_array_equal(
        network_picture(picture, "left", 20, 0.5),
        cv2.resize(picture[20:60, 10:30], (20, 20), interpolation=cv2.INTER_AREA),
    )
    assert network_picture(picture, "left", 64, 0.75).shape == (64, 64)


def test_a_small_angle_is_exact():
    assert angle_between(direction_of(1e-9, 0.0), direction_of(0.0, 0.0)) == pytest.approx(1e-9, rel=1e-6)


def test_an_unknown_side_is_named():
    with pytest.raises(ValueError, match="left, right"):
        mirrored(np.zeros(2), "middle")
