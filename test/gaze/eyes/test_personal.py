from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_checkpoint import save_tiny

from gaze_vlm_ros.gaze.eyes.checkpoint import load_eye_checkpoint
from gaze_vlm_ros.gaze.eyes.estimator import EyeEstimator
from gaze_vlm_ros.gaze.eyes.frames import direction_of, yaw_pitch_of
from gaze_vlm_ros.gaze.eyes.last_stage import LastStage, folded, for_eyes
from gaze_vlm_ros.gaze.eyes.personal import Adapters, Lesson, Look, PersonalError, learn, load_net, personalise
from gaze_vlm_ros.geometry.transforms import angle_between


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("eyes")
    save_tiny(path)
    return path


def pictures(count):
    return np.random.default_rng(0).integers(0, 255, (count, 64, 64)).astype(np.uint8)


def test_five_looks_bring_the_estimates_nearer(folder):
    estimator = EyeEstimator.load(folder)
    shown = pictures(5)
    generic = [estimator.estimate(picture, None).left.direction for picture in shown]
    true = [direction_of(*(yaw_pitch_of(one) + [0.08, -0.05])) for one in generic]
    looks = [Look(picture, None, direction) for picture, direction in zip(shown, true, strict=True)]
    own = estimator.with_adapters(personalise(folder, looks))
    after = [own.estimate(picture, None).left.direction for picture in shown]
    before_rad, after_rad = (
        np.mean([angle_between(a, b) for a, b in zip(s, true, strict=True)]) for s in (generic, after)
    )
    assert after_rad < 0.5 * before_rad
    np.testing.assert_allclose(
        own.estimate(None, shown[0]).right.direction, estimator.estimate(None, shown[0]).right.direction, atol=1e-6
    )


def test_the_same_looks_give_the_same_adapters_and_a_file_keeps_them(folder, tmp_path):
    looks = [Look(picture, picture, direction_of(0.1, 0.0)) for picture in pictures(5)]
    first, again = (personalise(folder, looks) for _ in range(2))
    first.save(tmp_path / "person.safetensors")
    kept = Adapters.load(tmp_path / "person.safetensors")
    for side in ("left", "right"):
        for name, tensor in first.of(side).items():
            np.testing.assert_array_equal(tensor, again.of(side)[name])
            np.testing.assert_array_equal(tensor, kept.of(side)[name])


def test_folding_batch_norm_in_changes_nothing(folder):
    net = load_net(load_eye_checkpoint(folder))
    adapter = net.stages[-1][0].adapter
    adapter.norm.running_mean.uniform_(-1, 1)
    adapter.norm.running_var.uniform_(0.5, 2)
    adapter.norm.weight.data.uniform_(0.5, 2)
    x = torch.randn(7, 80)
    tensors = {name: torch.tensor(tensor) for name, tensor in folded(net).items()}
    narrow = x @ tensors["adapter0_down_weight"].T + tensors["adapter0_down_bias"]
    up = torch.nn.functional.leaky_relu(narrow) @ tensors["adapter0_up_weight"].T + tensors["adapter0_up_bias"]
    torch.testing.assert_close(x + up, adapter(x), rtol=1e-4, atol=1e-4)


def test_the_last_stage_apart_is_that_of_the_network(folder):
    net = load_net(load_eye_checkpoint(folder))
    third = torch.randn(2, 3, 40, 4, 4)
    with torch.no_grad():
        expected = net.head(net.pooled(net.last_stage(third.flatten(0, 1)))).reshape(2, 3, 2)
        torch.testing.assert_close(LastStage(net)(third, for_eyes(folded(net), 2)), expected, rtol=1e-4, atol=1e-5)


def test_eyes_learn_apart_and_steps_of_zero_leave_all_but_the_head(folder):
    checkpoint = load_eye_checkpoint(folder)
    stage, lesson = LastStage(load_net(checkpoint)), Lesson.of(checkpoint)
    third, gaze = torch.randn(2, 5, 40, 4, 4), 0.1 * torch.randn(2, 5, 2)
    both, alone = learn(stage, lesson, third, gaze), learn(stage, lesson, third[:1], gaze[:1])
    still = learn(stage, replace(lesson, step={n: 0 * t for n, t in lesson.step.items()}), third, gaze)
    for name, tensor in both.items():
        torch.testing.assert_close(tensor[:1], alone[name], rtol=1e-4, atol=1e-6)
        if not name.startswith("head"):
            torch.testing.assert_close(still[name][1], lesson.start[name])


def test_an_offset_and_a_gain_are_mended_before_the_first_step(folder):
    checkpoint = load_eye_checkpoint(folder)
    stage, lesson = LastStage(load_net(checkpoint)), Lesson.of(checkpoint)
    lesson = replace(lesson, step={n: 0 * t for n, t in lesson.step.items()})
    third = torch.randn(1, 9, 40, 4, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        start = {name: tensor[None] for name, tensor in lesson.start.items()}
        start["head_weight"] *= 0.3 / stage(third, start).std()
        lesson = replace(lesson, start={name: tensor[0] for name, tensor in start.items()})
        estimated = stage(third, start)
        true = torch.tensor([1.05, 0.96]) * estimated + torch.tensor([0.05, -0.03])
    learnt = learn_with(stage, lesson, third[:, :5], true[:, :5])
    with torch.no_grad():
        after = (stage(third, learnt) - true)[:, 5:].abs().mean()
    assert after < 0.2 * (estimated - true)[:, 5:].abs().mean()


def test_copies_of_a_look_teach_no_more_than_the_look(folder):
    checkpoint = load_eye_checkpoint(folder)
    stage, lesson = LastStage(load_net(checkpoint)), Lesson.of(checkpoint)
    third, gaze = torch.randn(1, 5, 40, 4, 4), 0.1 * torch.randn(1, 5, 2)
    once = learn(stage, lesson, third, gaze)
    often = learn(stage, lesson, *(part.repeat_interleave(3, dim=1) for part in (third, gaze)), copies=3)
    for name, tensor in once.items():
        torch.testing.assert_close(often[name], tensor, rtol=1e-3, atol=1e-5)


def test_replay_holds_other_peoples_looks_in_place(folder):
    """Five looks that all say the same wrong thing draw everything towards it, less so where others are replayed."""
    checkpoint = load_eye_checkpoint(folder)
    stage, lesson = LastStage(load_net(checkpoint)), Lesson.of(checkpoint)
    bare = replace(lesson, replay_third=lesson.replay_third[:0], replay_gaze=lesson.replay_gaze[:0])
    third, gaze = torch.randn(1, 5, 40, 4, 4), torch.full((1, 5, 2), 0.3)
    drift = []
    for one in (lesson, bare):
        with torch.no_grad():
            said = stage(lesson.replay_third[None], learn_with(stage, one, third, gaze))[0]
        drift.append((said - lesson.replay_gaze).abs().mean().item())
    assert drift[0] < drift[1]


def learn_with(stage, lesson, third, gaze):
    with torch.enable_grad():
        return learn(stage, lesson, third, gaze)


def test_looks_that_teach_nothing_are_named(folder):
    picture = pictures(1)[0]
    with pytest.raises(PersonalError, match="no look has a picture"):
        personalise(folder, [])
    for direction, said in (((0.0, 0.0, 2.0), "look 1: .* unit vector"), ((0.0, 0.0, -1.0), "180 deg aside")):
        with pytest.raises(PersonalError, match=said):
            personalise(folder, [Look(picture, None, np.array(direction))])
    dark, ahead = np.zeros_like(picture), np.array([0.0, 0.0, 1.0])
    with pytest.raises(PersonalError, match="look 2: the right eye's picture is dark"):
        personalise(folder, [Look(None, picture, ahead), Look(None, dark, ahead)])


def test_a_closed_eye_teaches_nothing(tmp_path):
    save_tiny(tmp_path, state="closed")
    with pytest.raises(PersonalError, match="look 1: the left eye is closed"):
        personalise(tmp_path, [Look(pictures(1)[0], None, np.array([0.0, 0.0, 1.0]))])


def test_a_file_that_holds_no_adapters_is_named(tmp_path):
    path = tmp_path / "person.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(PersonalError, match="calibrate again"):
        Adapters.load(path)
