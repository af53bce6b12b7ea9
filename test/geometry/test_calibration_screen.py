"""What the screen shows is found again in the scene picture, target and all."""

import cv2
import numpy as np
import pytest

from gaze_vlm_ros.geometry.calibration_screen import ORDERS, CalibrationScreen
from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.registration import BoardNotFound, MarkerBoard
from gaze_vlm_ros.geometry.transforms import invert_transform, make_transform, rotation_from_vector
from gaze_vlm_ros.types import CameraModel

CAMERA = CameraModel(1280, 960, np.array([[900.0, 0, 639.5], [0, 900.0, 479.5], [0, 0, 1]]))
SCREEN = CalibrationScreen(1920, 1080, 0.53)
FACING = rotation_from_vector(np.array([np.pi, 0.0, 0.0])) @ rotation_from_vector(np.array([0.2, -0.15, 0.05]))
BOARD_T_CAMERA = make_transform(FACING, np.array([0.05, -0.05, 0.55]))


def seen(screen, picture, board_T_camera=BOARD_T_CAMERA):
    """The scene picture (H, W, 3) of a screen that shows ``picture``."""
    per_px = screen.width_m / screen.width_px
    to_board = np.array(
        [
            [per_px, 0, -(screen.width_px - 1) / 2 * per_px],
            [0, -per_px, (screen.height_px - 1) / 2 * per_px],
            [0, 0, 1],
        ]
    )
    homography = CAMERA.matrix @ invert_transform(board_T_camera)[:3, [0, 1, 3]] @ to_board
    size = (CAMERA.width, CAMERA.height)
    return cv2.warpPerspective(picture, homography, size, flags=cv2.INTER_AREA, borderValue=(70, 70, 70))


def red_spot(rgb):
    """Middle (x, y) [px] of what is red."""
    values = rgb.astype(int)
    rows, columns = np.nonzero((values[..., 0] - values[..., 1] > 80) & (values[..., 0] - values[..., 2] > 80))
    return np.array([columns.mean(), rows.mean()]), len(rows)


@pytest.mark.parametrize("screen", [SCREEN, CalibrationScreen(800, 1280, 0.15), CalibrationScreen(1024, 768, 0.3)])
def test_every_target_is_where_the_screen_says_that_it_is(screen):
    for place in screen.targets_m(9):
        picture = screen.picture(place)
        assert picture.shape == (screen.height_px, screen.width_px, 3)
        spot, size = red_spot(picture)
        wanted = np.array([screen.width_px, screen.height_px]) / 2 - 0.5
        wanted = wanted + place[:2] * (1, -1) * screen.width_px / screen.width_m
        assert size > 50
        np.testing.assert_allclose(spot, wanted, atol=1.5)


def test_the_screen_and_its_target_are_found_in_the_scene_picture():
    for place in SCREEN.targets_m(5):
        scene = seen(SCREEN, SCREEN.picture(place))
        camera_T_board = SCREEN.camera_T_board(scene, CAMERA)
        np.testing.assert_allclose(camera_T_board, invert_transform(BOARD_T_CAMERA), atol=0.01)
        point_m = SCREEN.target_in_camera(camera_T_board, place)
        np.testing.assert_allclose(project(CAMERA, point_m[None])[0], red_spot(scene)[0], atol=1.5)


@pytest.mark.parametrize("targets", [1, 5, 9])
def test_targets_differ_lie_between_the_markers_and_begin_in_the_middle(targets):
    places = SCREEN.targets_m(targets)
    assert len(places) == targets and len(np.unique(places, axis=0)) == targets
    np.testing.assert_array_equal(places[0], np.zeros(3))
    corners = SCREEN.board.corners_m.reshape(-1, 3)
    nearest = np.linalg.norm(places[:, None] - corners[None], axis=-1).min()
    assert nearest > 0.3 * SCREEN.board.gap_m
    assert set(ORDERS) == {1, 5, 9}


def test_the_targets_lie_far_enough_apart_for_who_sits_before_the_screen():
    across, down = np.degrees(np.arctan2(np.ptp(SCREEN.places_m, axis=0)[:2] / 2, 0.55))
    assert across > 12.0 and down > 6.0


def test_a_scene_without_the_screen_and_the_registration_board_are_refused_with_a_remedy():
    with pytest.raises(BoardNotFound, match=r"calibration screen is not found: .* bring the whole board into view"):
        SCREEN.camera_T_board(np.full((960, 1280, 3), 90, np.uint8), CAMERA)
    other = np.repeat(MarkerBoard().image(900)[..., None], 3, axis=2)
    scene = np.full((960, 1280, 3), 90, np.uint8)
    scene[50 : 50 + other.shape[0], 100:1000] = other
    with pytest.raises(BoardNotFound, match="0 of 24 markers"):
        SCREEN.camera_T_board(scene, CAMERA)


@pytest.mark.parametrize(("values", "said"), [((300, 1080, 0.5), "too small"), ((1920, 1080, 53.0), "in metres")])
def test_a_screen_that_cannot_be_is_refused(values, said):
    with pytest.raises(ValueError, match=said):
        CalibrationScreen(*values)
