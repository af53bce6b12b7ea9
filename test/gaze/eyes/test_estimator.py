import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_checkpoint import save_tiny

from gaze_vlm_ros.gaze.eyes.checkpoint import CONFIG, GRAPH, SHIPPED, WEIGHTS
from gaze_vlm_ros.gaze.eyes.estimate import EyeEstimate
from gaze_vlm_ros.gaze.eyes.estimator import EyeEstimator
from gaze_vlm_ros.gaze.eyes.frames import direction_of, network_picture, yaw_pitch_of
from gaze_vlm_ros.gaze.eyes.network import EyeNetError
from gaze_vlm_ros.gaze.eyes.personal import Adapters
from gaze_vlm_ros.gaze.eyes.quality import EyePictureError
from gaze_vlm_ros.sim.eye_images.anatomy import EyePerson
from gaze_vlm_ros.sim.eye_images.render import render_eye
from gaze_vlm_ros.sim.eye_images.rig import EyeRig
from gaze_vlm_ros.sim.eye_images.scene import EyeScene


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("eyes")
    save_tiny(path)
    return path


@pytest.fixture(scope="module")
def estimator(folder):
    return EyeEstimator.load(folder)


@pytest.fixture(scope="module")
def picture():
    scene = EyeScene(np.array([0.1, 0.05, 1.0]))
    return render_eye(EyePerson.create(0), EyeRig.preset("neon"), "left", scene, np.random.default_rng(0)).image


def test_the_graph_gives_what_torch_gives(tmp_path, picture):
    net, _ = save_tiny(tmp_path, seed=3)
    said = EyeEstimator.load(tmp_path).estimate(picture, None).left
    pixels = torch.from_numpy(network_picture(picture, "left", 64))[None, None].float() / 255
    expected = net(pixels)[0].detach().numpy()
    np.testing.assert_allclose(yaw_pitch_of(said.direction), expected, atol=2e-5)
    assert said.sigma_rad.shape == (2,) and (said.sigma_rad > 0).all()


def test_the_mirrored_picture_in_the_other_eye_looks_the_other_way(estimator, picture):
    both = estimator.estimate(picture, np.ascontiguousarray(picture[:, ::-1]))
    np.testing.assert_allclose(both.left.direction * [-1, 1, 1], both.right.direction, atol=1e-5)
    alone = estimator.estimate(picture, None)
    assert alone.right is None and alone.valid
    np.testing.assert_allclose(alone.left.direction, both.left.direction, atol=1e-5)


def test_two_cameras_of_other_sizes_are_no_matter(estimator, picture):
    small = np.ascontiguousarray(picture[:120, :100])
    both = estimator.estimate(picture, small)
    np.testing.assert_allclose(both.right.direction, estimator.estimate(None, small).right.direction, atol=1e-5)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda p: p // 40, "dark"),
        (lambda p: np.where(p > 20, 255, p).astype(np.uint8), "saturated"),
        (lambda p: np.full_like(p, 90), "flat"),
        (lambda p: np.pad(p[:, :90], ((0, 0), (0, 102))), "cropped"),
    ],
)
def test_what_cannot_be_an_eye_is_refused_with_its_reason(estimator, picture, spoil, says):
    said = estimator.estimate(spoil(picture), picture)
    assert says in said.left.reason and said.left.state == "unusable" and not said.left.valid
    assert np.isnan(said.left.direction).all() and np.isnan(said.left.sigma_rad).all()
    assert said.right.valid and said.valid


@pytest.mark.parametrize("state", ["closed", "absent", "unusable"])
def test_what_the_head_recognises_is_not_guessed(tmp_path, picture, state):
    save_tiny(tmp_path, state=state)
    said = EyeEstimator.load(tmp_path).estimate(picture, None).left
    assert said.state == state and said.reason and np.isnan(said.direction).all()


def test_a_foreign_picture_is_unusable(tmp_path, picture):
    save_tiny(tmp_path, threshold=1e-6)
    said = EyeEstimator.load(tmp_path).estimate(picture, None).left
    assert said.state == "unusable" and "unlike" in said.reason


def test_adapters_of_one_eye_move_that_eye_alone(estimator, picture):
    generic = {name: tensor for name, tensor in estimator._checkpoint.part("generic.").items()}
    moved = {**generic, "head_bias": generic["head_bias"] + np.array([0.1, -0.05], np.float32)}
    own = estimator.with_adapters(Adapters(moved, generic))
    before, after = (one.estimate(picture, picture) for one in (estimator, own))
    shift = yaw_pitch_of(after.left.direction) - yaw_pitch_of(before.left.direction)
    np.testing.assert_allclose(shift, [0.1, -0.05], atol=1e-4)
    np.testing.assert_allclose(after.right.direction, before.right.direction, atol=1e-6)
    np.testing.assert_allclose(after.right.sigma_rad, before.right.sigma_rad, rtol=1e-5)
    ratio = after.left.sigma_rad[1] / after.left.sigma_rad[0]
    assert ratio == pytest.approx(np.e, rel=1e-4)  # as the checkpoint's personal sigma has it


def test_adapters_of_another_network_are_refused(estimator):
    with pytest.raises(EyeNetError, match="another network"):
        estimator.with_adapters(Adapters({"head_bias": np.zeros(2)}, {}))


@pytest.mark.parametrize(
    "wrong", [np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64)), np.zeros((8, 8), np.uint8), [[0] * 64] * 64]
)
def test_arrays_of_another_form_are_named(estimator, wrong):
    with pytest.raises(EyePictureError, match="picture"):
        estimator.estimate(wrong, None)


def test_a_file_that_is_missing_changed_or_garbled_is_named(tmp_path):
    with pytest.raises(EyeNetError, match=CONFIG):
        EyeEstimator.load(tmp_path)
    save_tiny(tmp_path)
    config = (tmp_path / CONFIG).read_text()
    for name in (GRAPH, WEIGHTS):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[:-10])
        with pytest.raises(EyeNetError, match=name):
            EyeEstimator.load(tmp_path)
        (tmp_path / name).write_bytes(whole)
    (tmp_path / CONFIG).write_text(json.dumps({**json.loads(config), "settings": {}}))
    with pytest.raises(EyeNetError, match=CONFIG):
        EyeEstimator.load(tmp_path)


def test_an_estimate_is_valid_or_says_why_not():
    fine = EyeEstimate(direction_of(0.0, 0.0), np.ones(2), "open")
    assert fine.valid and np.isnan(fine.pupil_diameter_mm)
    for wrong in ({"reason": "because"}, {"state": "closed"}, {"state": "asleep"}):
        with pytest.raises(ValueError, match=r"state named|only an open one"):
            replace(fine, **wrong)


@pytest.mark.skipif(not SHIPPED.is_dir(), reason="no estimator ships yet")
def test_the_shipped_estimator_knows_where_eyes_look_and_what_is_none():
    estimator, rig = EyeEstimator.load(), EyeRig.preset("neon")
    said, turned = {}, []
    for yaw in (-0.3, -0.1, 0.1, 0.3):
        scene = EyeScene.looking_along(direction_of(yaw, 0.0), 2.0)
        images = [
            render_eye(EyePerson.create(5, "test"), rig, s, scene, np.random.default_rng(1)).image
            for s in ("left", "right")
        ]
        said[yaw] = estimator.estimate(*images)
        upside_down = estimator.estimate(*(np.ascontiguousarray(image[::-1, ::-1]) for image in images))
        turned += [upside_down.left.state, upside_down.right.state]
    assert turned.count("unusable") >= 7, turned
    for side in ("left", "right"):
        assert getattr(said[0.3], side).direction[0] - getattr(said[-0.3], side).direction[0] > 0.3
    shut = EyeScene(np.array([0.0, 0.0, 1.0]), openness=0.0)
    image = render_eye(EyePerson.create(5, "test"), rig, "left", shut, np.random.default_rng(1)).image
    assert estimator.estimate(image, None).left.state == "closed"
