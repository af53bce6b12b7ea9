"""The marker board is drawn as a camera would see it, and the camera's place is recovered."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from camera_examples import FISHEYE, IDEAL, RATIONAL, matrix

from gaze_vlm_ros.geometry.camera import project, unproject
from gaze_vlm_ros.geometry.registration import BoardNotFound, MarkerBoard, estimate_camera_pose, moved
from gaze_vlm_ros.geometry.transforms import (
    angle_between,
    invert_transform,
    make_transform,
    rotation_from_vector,
    transform_points,
)
from gaze_vlm_ros.types import CameraModel

BOARD = MarkerBoard()
BASE_T_BOARD = make_transform(rotation_from_vector([0.3, 0.2, -0.5]), [0.4, 0.1, 0.2])
FACING = np.diag([1.0, -1.0, -1.0])
"""A camera that looks straight at the paper: its z against the board's, its y down against the board's up."""
OVERSAMPLING = 4
SMALL_RATIONAL = CameraModel(800, 600, matrix(444.0, 402.5, 309.0), RATIONAL.distortion)


def view(tilt, shift):
    return make_transform(rotation_from_vector(np.asarray(tilt)) @ FACING, np.asarray(shift, dtype=float))


VIEWS = [
    view([0.0, 0.4, 0.0], [0.02, -0.01, 0.55]),
    view([0.5, -0.2, 0.3], [-0.05, 0.03, 0.7]),
    view([-0.6, 0.3, 2.5], [0.04, 0.02, 0.8]),
]


def paper_to_board(board, shape):
    """(4, 3) takes homogeneous pixels of the printed picture to homogeneous points of the board."""
    (width, height), (rows, columns) = board.size_m, shape
    return np.array(
        [
            [width / columns, 0.0, 0.5 * width / columns - width / 2],
            [0.0, -height / rows, height / 2 - 0.5 * height / rows],
            [0.0, 0.0, 0.0],
            [0.0, 0.0, 1.0],
        ]
    )


def seen_by_pinhole(camera, board, camera_T_board, noise=2.0):
    paper = board.image(1600)
    finer = np.array([[OVERSAMPLING, 0, (OVERSAMPLING - 1) / 2], [0, OVERSAMPLING, (OVERSAMPLING - 1) / 2], [0, 0, 1]])
    homography = finer @ camera.matrix @ camera_T_board[:3] @ paper_to_board(board, paper.shape)
    size = (camera.width * OVERSAMPLING, camera.height * OVERSAMPLING)
    large = cv2.warpPerspective(paper, homography, size, flags=cv2.INTER_AREA, borderValue=128)
    return finish(cv2.resize(large, (camera.width, camera.height), interpolation=cv2.INTER_AREA), noise)


def seen_by_any(camera, board, camera_T_board, noise=2.0):
    """Looks up, for each pixel, where its ray meets the paper."""
    paper = cv2.GaussianBlur(board.image(900), (0, 0), 0.8)
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = unproject(camera, np.column_stack([x.ravel(), y.ravel()])) @ camera_T_board[:3, :3]
    eye = invert_transform(camera_T_board)[:3, 3]
    on_board = eye[:2] - rays[:, :2] / rays[:, 2:] * eye[2]
    (width, height), (rows, columns) = board.size_m, paper.shape
    lookup = np.column_stack([(on_board[:, 0] / width + 0.5) * columns, (0.5 - on_board[:, 1] / height) * rows]) - 0.5
    lookup = np.nan_to_num(lookup, nan=-1e4).astype(np.float32).reshape(camera.height, camera.width, 2)
    return finish(cv2.remap(paper, lookup, None, cv2.INTER_LINEAR, borderValue=128), noise)


def finish(grey, noise):
    grey = grey + np.random.default_rng(5).normal(0.0, noise, grey.shape)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def assert_close(pose, camera_T_board, metres=0.01, degrees=1.0):
    truth = BASE_T_BOARD @ invert_transform(camera_T_board)
    assert np.linalg.norm(pose.base_T_camera[:3, 3] - truth[:3, 3]) < metres
    turned = cv2.Rodrigues(pose.base_T_camera[:3, :3] @ truth[:3, :3].T)[0]
    assert np.degrees(np.linalg.norm(turned)) < degrees


@pytest.mark.parametrize("camera_T_board", VIEWS)
@pytest.mark.parametrize("dictionary", ["DICT_APRILTAG_36H11", "DICT_4X4_50"])
def test_a_pinhole_camera_is_found_within_a_centimetre_and_a_degree(camera_T_board, dictionary):
    board = MarkerBoard(dictionary=dictionary)
    pose = estimate_camera_pose(seen_by_pinhole(IDEAL, board, camera_T_board), IDEAL, board, BASE_T_BOARD)
    assert_close(pose, camera_T_board)
    assert pose.markers == 12
    assert pose.reprojection_px < 0.5


@pytest.mark.parametrize("camera", [FISHEYE, SMALL_RATIONAL], ids=["fisheye", "rational"])
def test_a_distorted_camera_is_found_too(camera):
    camera_T_board = view([0.3, -0.5, 0.2], [-0.25, 0.1, 0.4])
    pose = estimate_camera_pose(seen_by_any(camera, BOARD, camera_T_board), camera, BOARD, BASE_T_BOARD)
    assert_close(pose, camera_T_board)


def test_half_a_board_is_enough():
    rgb = seen_by_pinhole(IDEAL, BOARD, VIEWS[0])
    middle = project(IDEAL, VIEWS[0][None, :3, 3])[0]
    rgb[:, : int(middle[0])] = 128
    pose = estimate_camera_pose(rgb, IDEAL, BOARD, BASE_T_BOARD)
    assert 2 <= pose.markers < 12
    assert_close(pose, VIEWS[0], metres=0.02, degrees=2.0)


def test_the_error_is_within_the_covariance():
    errors = []
    for camera_T_board in VIEWS:
        pose = estimate_camera_pose(seen_by_pinhole(IDEAL, BOARD, camera_T_board), IDEAL, BOARD, BASE_T_BOARD)
        truth = BASE_T_BOARD @ invert_transform(camera_T_board)
        errors.append(mahalanobis(pose, truth))
    assert max(errors) < 16.8  # 99 % of chi-square with six degrees of freedom


def mahalanobis(pose, truth):
    turned = cv2.Rodrigues(pose.base_T_camera[:3, :3] @ truth[:3, :3].T)[0].ravel()
    error = np.concatenate([pose.base_T_camera[:3, 3] - truth[:3, 3], turned])
    return float(error @ np.linalg.solve(pose.covariance, error))


@dataclass(frozen=True)
class NoisyBoard(MarkerBoard):
    """Finds the true corners, moved by white noise."""

    camera_T_board: np.ndarray = None
    sigma_px: float = 0.5
    seed: int = 0

    def detect(self, rgb):
        points = transform_points(self.camera_T_board, self.corners_m.reshape(-1, 3))
        noise = np.random.default_rng(self.seed).normal(0.0, self.sigma_px, (len(points), 2))
        return (project(IDEAL, points) + noise).reshape(-1, 4, 2), np.arange(self.rows * self.columns)


def test_covariance_agrees_with_monte_carlo():
    truth = BASE_T_BOARD @ invert_transform(VIEWS[0])
    squares = [
        mahalanobis(estimate_camera_pose(None, IDEAL, board, BASE_T_BOARD), truth)
        for board in (NoisyBoard(camera_T_board=VIEWS[0], seed=seed) for seed in range(120))
    ]
    assert np.mean(squares) == pytest.approx(6.0, rel=0.2)  # chi-square with six degrees of freedom


def test_a_small_change_of_pose_is_about_the_parents_axes():
    pose = make_transform(rotation_from_vector([0.1, 0.7, -0.3]), [1.0, 2.0, 3.0])
    after = moved(pose, np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.2]))
    assert np.allclose(after[:3, 3], [1.1, 2.0, 3.0])
    assert np.allclose(after[:3, :3], rotation_from_vector([0.0, 0.0, 0.2]) @ pose[:3, :3])


def test_a_picture_without_board_says_what_to_do():
    with pytest.raises(BoardNotFound, match=r"0 of 12 markers of DICT_APRILTAG_36H11 seen.*bring the whole board"):
        estimate_camera_pose(np.full((480, 640, 3), 128, np.uint8), IDEAL, BOARD, BASE_T_BOARD)


def test_markers_of_another_board_are_not_ours():
    rgb = seen_by_pinhole(IDEAL, MarkerBoard(first_id=100), VIEWS[0])
    with pytest.raises(BoardNotFound, match="0 of 12"):
        estimate_camera_pose(rgb, IDEAL, BOARD, BASE_T_BOARD)


def test_a_board_described_wrongly_is_refused():
    rgb = seen_by_pinhole(IDEAL, BOARD, VIEWS[1])
    with pytest.raises(BoardNotFound, match="check its marker_m"):
        estimate_camera_pose(rgb, IDEAL, MarkerBoard(gap_m=0.04), BASE_T_BOARD)


def test_an_ambiguous_tilt_is_refused():
    """Far away through a long lens the view has no perspective, and a board tilted left looks like one tilted right."""
    camera = CameraModel(640, 480, matrix(8000.0, 319.5, 239.5))
    with pytest.raises(BoardNotFound, match="ambiguous"):
        estimate_camera_pose(
            None, camera, AmbiguousBoard(camera_T_board=view([0.0, 0.3, 0.0], [0.0, 0.0, 12.0])), BASE_T_BOARD
        )


@dataclass(frozen=True)
class AmbiguousBoard(NoisyBoard):
    def detect(self, rgb):
        camera = CameraModel(640, 480, matrix(8000.0, 319.5, 239.5))
        points = transform_points(self.camera_T_board, self.corners_m.reshape(-1, 3))
        noise = np.random.default_rng(0).normal(0.0, 0.5, (len(points), 2))
        return (project(camera, points) + noise).reshape(-1, 4, 2), np.arange(self.rows * self.columns)


def test_the_printed_board_is_found_where_it_says():
    paper = BOARD.image(1100)
    corners, places = BOARD.detect(paper)
    assert sorted(places) == list(range(12))
    scale = 1100 / BOARD.size_m[0]
    middle = (np.array(BOARD.size_m) / 2 * [1, 1]) * scale
    expected = BOARD.corners_m[places][..., :2] * [scale, -scale] + middle - 0.5
    assert np.abs(corners - expected).max() < 1.0


def test_the_board_lies_with_z_out_of_the_paper():
    first, last = BOARD.corners_m[0], BOARD.corners_m[-1]
    across, down = first[1] - first[0], first[3] - first[0]
    assert angle_between(np.cross(across, -down), np.array([0.0, 0.0, 1.0])) < 1e-9
    assert first[0, 1] > last[0, 1]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"columns": 0}, "columns must be at least 1, got 0"),
        ({"marker_m": 0.0}, "marker_m must be positive"),
        ({"gap_m": float("nan")}, "gap_m must be positive"),
        ({"dictionary": "DICT_9X9"}, "unknown dictionary 'DICT_9X9'; known: .*DICT_APRILTAG_36H11"),
        ({"dictionary": "DICT_4X4_50", "first_id": 45}, "has 50 markers"),
    ],
)
def test_a_board_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        MarkerBoard(**change)
