"""The calibrated ensemble and its files."""

import json

import numpy as np
import pytest
import torch

from gaze_vlm_ros.gaze.eyes.one_eye.encoders import OneEyeError
from gaze_vlm_ros.gaze.eyes.one_eye.ensemble import OneEyeEnsemble, PersonalRegressor
from gaze_vlm_ros.gaze.eyes.one_eye.network import OneEyeNetwork, OneEyeSettings
from gaze_vlm_ros.gaze.eyes.one_eye.store import load_ensemble, save_ensemble


@pytest.fixture
def ensemble() -> OneEyeEnsemble:
    torch.manual_seed(0)
    return OneEyeEnsemble({name: OneEyeNetwork(OneEyeSettings(name)) for name in ("cnn", "inception")})


@pytest.fixture
def looks() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.integers(0, 255, (6, 1, 64, 64), dtype=np.uint8), rng.uniform(size=(6, 4))


def test_a_person_whose_points_are_off_by_a_steady_error_is_put_right():
    rng = np.random.default_rng(0)
    dots = rng.uniform((-3.0, -12.0), (3.0, -1.0), (39 + 100, 2))
    features = np.tanh(dots @ rng.normal(0.0, 0.2, (2, 16)) + 0.3)
    own = PersonalRegressor(features[:39], dots[:39])
    assert np.linalg.norm(own.points_cm(features[39:]) - dots[39:], axis=1).mean() < 0.4


def test_the_uncalibrated_point_is_the_mean_of_all_networks(ensemble, looks):
    features = ensemble.activations(*looks)
    assert features.shape == (6, 8)
    each = [
        OneEyeEnsemble({name: network}).uncalibrated_cm(features[:, 4 * index : 4 * index + 4])
        for index, (name, network) in enumerate(ensemble.networks.items())
    ]
    np.testing.assert_allclose(ensemble.uncalibrated_cm(features), np.mean(each, axis=0))


def test_an_ensemble_comes_back_from_its_files(ensemble, looks, tmp_path):
    save_ensemble(tmp_path, ensemble, {"seed": 3})
    again = load_ensemble(tmp_path)
    np.testing.assert_array_equal(again.activations(*looks), ensemble.activations(*looks))
    assert json.loads((tmp_path / "config.json").read_text())["seed"] == 3


@pytest.mark.parametrize("damage", ["missing", "other", "cut"])
def test_a_checkpoint_that_cannot_be_used_is_named_with_the_command_that_makes_it(ensemble, damage, tmp_path):
    save_ensemble(tmp_path, ensemble, {})
    weights = tmp_path / "cnn.safetensors"
    if damage == "missing":
        (tmp_path / "config.json").unlink()
    elif damage == "other":
        weights.write_bytes(weights.read_bytes()[:-4] + b"\0\1\2\3")
    else:
        (tmp_path / "config.json").write_text('{"networks": {"cnn": {}}}')
    with pytest.raises(OneEyeError, match=r"training\.eyes\.one_eye --ship --eyes 2"):
        load_ensemble(tmp_path, eyes=2)


def test_wrong_shapes_and_too_few_looks_are_refused(ensemble, looks):
    pictures, landmarks = looks
    with pytest.raises(OneEyeError, match=r"\(N, 1, 64, 64\) uint8"):
        ensemble.activations(pictures[:, :, :32], landmarks)
    with pytest.raises(OneEyeError, match="landmarks must be finite"):
        ensemble.activations(pictures, np.full((6, 4), np.nan))
    with pytest.raises(OneEyeError, match="at least 5 looks"):
        PersonalRegressor(np.zeros((4, 8)), np.zeros((4, 2)))
    with pytest.raises(OneEyeError, match="same number and size"):
        OneEyeEnsemble({"a": OneEyeNetwork(OneEyeSettings("cnn")), "b": OneEyeNetwork(OneEyeSettings("cnn", 2))})
