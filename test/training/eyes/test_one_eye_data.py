"""One Eye's virtual device, its sessions, and how an ensemble is judged by them."""

import copy

import numpy as np
import pytest
import torch

from gaze_vlm_ros.gaze.eyes.one_eye.ensemble import OneEyeEnsemble
from gaze_vlm_ros.gaze.eyes.one_eye.network import OneEyeNetwork, OneEyeSettings
from gaze_vlm_ros.geometry.transforms import invert_transform, transform_points
from gaze_vlm_ros.sim.eye_images.anatomy import EyePerson
from gaze_vlm_ros.training.eyes.one_eye.device import DEVICES, hold_device, moved, take, target_in_head_m
from gaze_vlm_ros.training.eyes.one_eye.evaluate import judge
from gaze_vlm_ros.training.eyes.one_eye.sessions import (
    CALIBRATION,
    FRAMES_OF_A_DOT,
    TEST_DOTS,
    Session,
    joined,
    record,
    train_session,
)
from gaze_vlm_ros.training.eyes.one_eye.train import OneEyeRun, samples, shifted, train_network

PHONE = DEVICES[0]


@pytest.fixture(scope="module")
def hold():
    return hold_device(np.random.default_rng(4), PHONE)


@pytest.fixture(scope="module")
def session() -> Session:
    return train_session(2, "train", 64)


def test_the_device_looks_back_at_the_head(hold):
    head = transform_points(invert_transform(hold.head_T_device), np.zeros(3))
    assert head[2] > 0.9 * np.linalg.norm(head)
    assert PHONE.distance_mm[0] <= np.linalg.norm(head) <= PHONE.distance_mm[1]


def test_a_dot_to_the_right_and_lower_is_so_for_the_wearer(hold):
    middle, right, lower = (target_in_head_m(hold, np.array(dot)) for dot in ((0.0, -6.0), (3.0, -6.0), (0.0, -9.0)))
    assert right[0] - middle[0] == pytest.approx(0.03, abs=0.003)
    assert lower[1] - middle[1] == pytest.approx(0.03, abs=0.004)


def test_the_crop_shows_the_eye_between_its_corners_and_the_pupil_follows_the_dot(hold):
    person, rng = EyePerson.create(1), np.random.default_rng(0)
    left, right = (take(person, hold, np.array([x, -1.0]), 128, rng, 4.0) for x in (-3.0, 3.0))
    assert left.landmarks.shape == (2, 4)
    assert (left.landmarks[:, 2] > left.landmarks[:, 0]).all()  # left corner in the picture first
    assert left.landmarks[0, 0] > left.landmarks[1, 2]  # the wearer's left eye is on the right there
    for eye in range(2):
        darkest = [_darkest(frame.pictures[eye]) for frame in (left, right)]
        assert all(20 < place < 108 for place in darkest)
        assert darkest[0] > darkest[1]  # the wearer's right is the picture's left


def _darkest(picture: np.ndarray) -> float:
    """Mean column of the darkest pixels about the middle: the pupil."""
    middle = picture[40:90]
    return float(np.nonzero(middle <= np.percentile(middle, 1.5))[1].mean())


def test_hands_that_move_change_the_pose_a_little(hold):
    later = moved(hold, np.random.default_rng(0), 5.0, 1.0)
    shift = np.linalg.norm(later.head_T_device[:3, 3] - hold.head_T_device[:3, 3])
    assert 0.5 < shift < 25.0
    np.testing.assert_allclose(later.head_T_device[:3, :3] @ later.head_T_device[:3, :3].T, np.eye(3), atol=1e-9)


def test_sessions_are_kept_and_not_made_again(tmp_path):
    first = record(tmp_path, "test", "test", [5], 64, workers=1)[0]
    path = next(tmp_path.glob("*.npz"))
    written = path.stat().st_mtime_ns
    again = record(tmp_path, "test", "test", [5], 64, workers=1)[0]
    assert path.stat().st_mtime_ns == written
    np.testing.assert_array_equal(first.pictures, again.pictures)
    assert len(first) == (CALIBRATION + TEST_DOTS) * FRAMES_OF_A_DOT
    spread = np.ptp(first.dots_cm[first.dot < CALIBRATION], axis=0)
    left, right, bottom, top = DEVICES[5 % 2].screen_cm
    assert (spread > 0.8 * np.array([right - left, top - bottom])).all()


def test_dots_of_different_people_have_different_numbers(session):
    both = joined([session, session])
    assert len(set(both.dot)) == 2 * len(set(session.dot))
    assert len(both) == 2 * len(session)


def test_crops_shift_by_two_pixels_at_most():
    pictures = np.tile(np.arange(64, dtype=np.uint8), (20, 1, 64, 1))
    columns = shifted(pictures, np.random.default_rng(0))[:, 0, 32, 32].astype(int)
    assert set(columns) <= set(range(30, 35)) and len(set(columns)) > 2


def test_training_fits_the_dots_and_is_the_same_twice(session, tmp_path):
    run, errors, losses = OneEyeRun(steps=8, learning_rate=1e-2), [], []
    pictures, landmarks, dots = samples(session, 1)
    for name in ("a", "b"):
        torch.manual_seed(0)
        network = OneEyeNetwork(OneEyeSettings("cnn"))
        network.last.bias.data.copy_(torch.from_numpy(dots.mean(axis=0)))
        losses.append(_loss(network, pictures, landmarks, dots))
        errors.append(train_network(network, session, session, run, tmp_path / name))
        losses.append(_loss(network, pictures, landmarks, dots))
    assert errors[0] == errors[1]
    assert losses[1] < 0.9 * losses[0]


def _loss(network: OneEyeNetwork, pictures: np.ndarray, landmarks: np.ndarray, dots: np.ndarray) -> float:
    """With the batch's own means: a few steps are too few for the running ones."""
    torch.manual_seed(1)
    with torch.no_grad():
        found = copy.deepcopy(network).train()(torch.from_numpy(pictures), torch.from_numpy(landmarks))
    return float((found - torch.from_numpy(dots)).square().mean())


class KnowsNeighbours(OneEyeEnsemble):
    """Activations that are the same within a dot and else tell nothing: all that a leak needs."""

    def activations(self, pictures, landmarks):
        return np.repeat(np.random.default_rng(1).normal(0.0, 3.0, (len(pictures) // 3, 8)), 3, axis=0)


def test_the_random_split_leaks_and_the_thirteen_dots_do_not():
    rng = np.random.default_rng(0)
    dots = np.repeat(rng.uniform((-3.0, -12.0), (3.0, -1.0), (CALIBRATION + TEST_DOTS, 2)), 3, axis=0)
    frames = len(dots)
    session = Session(
        np.zeros((frames, 2, 64, 64), np.uint8), np.zeros((frames, 2, 4), np.float32), dots,
        np.repeat(np.arange(CALIBRATION + TEST_DOTS), 3),
    )  # fmt: skip
    networks = {name: OneEyeNetwork(OneEyeSettings("cnn")) for name in ("first", "second")}
    found = judge(KnowsNeighbours(networks), session, rng)
    assert set(found) == {"left", "right", "mean", "concatenated", "one"}
    assert found["one"]["random_split"] < 0.5 * found["one"]["calibrated"]
