import json
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from gaze_vlm_ros.gaze.eyes.checkpoint import load_eye_checkpoint
from gaze_vlm_ros.gaze.eyes.estimate import STATES
from gaze_vlm_ros.gaze.eyes.estimator import EyeEstimator
from gaze_vlm_ros.gaze.eyes.heads import EyeHeads
from gaze_vlm_ros.gaze.eyes.last_stage import folded
from gaze_vlm_ros.gaze.eyes.network import EyeNet, EyeNetConfig
from gaze_vlm_ros.gaze.eyes.quality import fault_of
from gaze_vlm_ros.training.eyes import corruptions, train
from gaze_vlm_ros.training.eyes.batches import CLUSTERS, Batches, disturbed, gaze_clusters, to_pixels
from gaze_vlm_ros.training.eyes.distil import Distillation, distillation_loss, draw_hidden, inherit_first_stage
from gaze_vlm_ros.training.eyes.fit_heads import NOMINAL, Summaries, calibrate, fit_domain
from gaze_vlm_ros.training.eyes.fit_personal import fit_log_sigma
from gaze_vlm_ros.training.eyes.lessons import calibration_looks, gather, train_lesson
from gaze_vlm_ros.training.eyes.renders import (
    EyeDataError,
    EyeRenders,
    RenderSettings,
    digest,
    load_renders,
    render_person,
    render_set,
)
from gaze_vlm_ros.training.eyes.scores import angles_deg
from gaze_vlm_ros.training.eyes.sessions import SLIP_MM, draw_session, unseen_people
from gaze_vlm_ros.training.eyes.supervised import Supervision, new_net, train_supervised
from gaze_vlm_ros.training.loop import LoopSettings

FEW = RenderSettings(train=10, validation=10, worn_looks=2, slipped_looks=1)


@pytest.fixture(scope="module")
def person():
    return render_person("train", 3, RenderSettings(worn_looks=20, slipped_looks=6, absent_share=0.2))


@pytest.fixture(scope="module")
def renders(person):
    """Many copies of a few pictures, each with a gaze of its own kind: enough for clusters."""
    rng = np.random.default_rng(0)
    many = person.subset(rng.integers(len(person), size=600))
    gaze = rng.uniform(-0.5, 0.5, (600, 2)).astype(np.float32)
    gaze[~many.open] = np.nan
    return replace(many, gaze=gaze, person=np.arange(600, dtype=np.int32) // 20)


# --- pictures -------------------------------------------------------------------------------------------------------


def test_a_person_is_drawn_the_same_again_and_has_every_state(person):
    again = render_person("train", 3, RenderSettings(worn_looks=20, slipped_looks=6, absent_share=0.2))
    assert digest(person) == digest(again)
    assert person.pictures.shape == (52, 64, 64) and person.slipped.sum() == 12 and person.right.sum() == 26
    absent = person.state == STATES.index("absent")
    assert absent.any() and np.isnan(person.gaze[absent]).all() and np.isfinite(person.gaze[~absent]).all()
    assert (person.openness[person.state == STATES.index("closed")] < 0.7).all()


def test_both_eyes_of_a_look_agree_but_for_vergence(person):
    """As of left eyes, a right eye's yaw is negated: to the nose is positive for both."""
    left, right = person.subset(~person.right), person.subset(person.right)
    seen = np.isfinite(left.gaze[:, 0])
    assert np.abs(left.gaze[seen, 0] + right.gaze[seen, 0]).max() < np.arctan2(0.07, 0.28)
    assert np.abs(left.gaze[seen, 1] - right.gaze[seen, 1]).max() < 0.05


def test_splits_share_nobody():
    assert not np.array_equal(*(render_person(split, 0, FEW).pictures for split in ("train", "validation")))


def test_rendering_goes_on_where_it_was_left_and_refuses_another_kind(tmp_path):
    told = []
    render_set(tmp_path, FEW, 2, lambda *at: told.append(at))
    assert told[0] == (0, 2) and told[-1] == (2, 2)
    whole = load_renders(tmp_path, "train")
    assert len(whole) == 10 * 3 * 2 and len(np.unique(whole.person)) == 10
    (tmp_path / "train-0000.safetensors").unlink()
    render_set(tmp_path, FEW, 1)
    assert digest(load_renders(tmp_path, "train")) == digest(whole)
    with pytest.raises(EyeDataError, match="other settings"):
        render_set(tmp_path, replace(FEW, worn_looks=3), 1)
    (tmp_path / "train-0000.safetensors").write_bytes(b"half")
    with pytest.raises(EyeDataError, match="damaged"):
        load_renders(tmp_path, "train")


def test_pictures_that_are_not_there_are_named_with_the_command(tmp_path):
    with pytest.raises(EyeDataError, match="--stages render"):
        load_renders(tmp_path, "train")


def test_a_session_is_of_one_unseen_person_whose_glasses_then_slip():
    number = unseen_people(3, 0)[1]
    session, again = draw_session(number, 0, looks=2), draw_session(number, 0, looks=2)
    assert session.identity == f"test-{number}" and len(session.calibrate) == 5
    np.testing.assert_array_equal(session.slipped[1].pictures["left"], again.slipped[1].pictures["left"])
    assert session.worn[0].pictures["left"].shape == (192, 192)
    look = session.calibrate[0].look("right")
    assert look.left is None and look.right is session.calibrate[0].pictures["right"]
    assert SLIP_MM == 2.0 and unseen_people(3, 1) != unseen_people(3, 0)


# --- batches --------------------------------------------------------------------------------------------------------


def test_batches_are_balanced_over_directions_and_repeatable(renders):
    seen = renders.subset(renders.open)
    skewed = seen.subset(np.concatenate([np.arange(len(seen)), np.repeat(np.flatnonzero(seen.gaze[:, 0] > 0.3), 20)]))
    centres, _ = gaze_clusters(skewed.gaze)

    def shares(balanced):
        batches = Batches(skewed, 600, seed=0, balanced=balanced)
        gaze = batches.draw(0).gaze.numpy()
        nearest = np.argmin(np.linalg.norm(gaze[:, None] - centres[None], axis=2), axis=1)
        return np.bincount(nearest, minlength=CLUSTERS) / len(gaze)

    assert shares(True).max() < 0.12
    assert shares(False).max() > 0.15
    first, again, next_one = (Batches(seen, 8, seed=0).draw(step).pictures for step in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, next_one)


def test_disturbed_pictures_stay_pictures(person):
    pictures = to_pixels(torch.from_numpy(person.pictures))
    shown = disturbed(pictures, torch.Generator().manual_seed(0))
    assert shown.shape == pictures.shape and shown.min() >= 0 and shown.max() <= 1
    assert torch.corrcoef(torch.stack([shown.flatten(), pictures.flatten()]))[0, 1] > 0.7


@pytest.mark.parametrize("way", corruptions._WAYS)
def test_corrupted_pictures_are_others_of_the_same_form(person, way):
    picture = person.pictures[np.flatnonzero(person.open)[0]]
    spoilt = way(picture, np.random.default_rng(0))
    assert spoilt.shape == picture.shape and spoilt.dtype == np.uint8
    assert np.abs(spoilt.astype(float) - picture).mean() > 5


def test_pictures_of_the_set_pass_the_grey_values_test(person):
    faults = [fault_of(picture) for picture in person.pictures[person.open]]
    assert not any(faults)


# --- distillation ---------------------------------------------------------------------------------------------------


def test_sixty_percent_of_half_of_the_pictures_are_hidden():
    hidden = draw_hidden(400, torch.Generator().manual_seed(0)).flatten(1).sum(1)
    assert set(hidden.tolist()) == {0.0, 10.0}
    assert 0.4 < (hidden > 0).float().mean() < 0.6


def test_distillation_looks_at_no_label_and_only_where_it_was_hidden(person):
    torch.manual_seed(0)
    teacher, student = EyeNet(EyeNetConfig.teacher()).eval(), EyeNet(EyeNetConfig.student())
    inherit_first_stage(student, teacher)
    assert torch.equal(student.stem[0].weight, teacher.stem[0].weight)
    model = Distillation(student, teacher)
    parts = distillation_loss(model, teacher, to_pixels(torch.from_numpy(person.pictures[:8])), seed=1)
    expected = parts["image"] + 0.5 * (parts["stage3"] + parts["stage4"])
    assert parts["loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    parts["loss"].backward()
    assert student.stem[0].weight.grad.abs().max() > 0 and student.head.weight.grad is None
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_another_first_width_inherits_nothing():
    torch.manual_seed(0)
    teacher, student = EyeNet(EyeNetConfig.teacher()), EyeNet(EyeNetConfig.student(8))
    before = student.stem[0].weight.clone()
    inherit_first_stage(student, teacher)
    assert torch.equal(student.stem[0].weight, before)


# --- learning -------------------------------------------------------------------------------------------------------


def _learn(renders, folder, steps, tunes="all"):
    net = new_net(EyeNetConfig((8, 8, 8, 16), (1, 1, 1, 1)), 0)
    loop = LoopSettings(minutes=None, steps=steps, learning_rate=5e-3, evaluations=1, save_every_s=0.0)
    train_supervised(net, renders, renders, Supervision(tunes, batch=32), loop, folder)
    return net


def test_the_same_seed_gives_the_same_network(person, tmp_path):
    many = person.subset(np.tile(np.arange(len(person)), 6))
    first, again = (_learn(many, tmp_path / name, 20) for name in "ab")
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_generic_phase_leaves_the_backbone_alone(person, tmp_path):
    many = person.subset(np.tile(np.arange(len(person)), 6))
    net, fresh = _learn(many, tmp_path, 5, "adapters"), new_net(EyeNetConfig((8, 8, 8, 16), (1, 1, 1, 1)), 0)
    changed = {n for (n, a), b in zip(net.named_parameters(), fresh.parameters(), strict=True) if not torch.equal(a, b)}
    assert changed and all("adapter" in name or name.startswith(("norm", "head")) for name in changed)


def test_angles_are_those_on_the_sphere():
    told = angles_deg(np.radians([[10.0, 0.0], [0.0, 80.0]]), np.radians([[0.0, 0.0], [90.0, 80.0]]))
    np.testing.assert_allclose(told, [10.0, 14.1], atol=0.1)


def test_a_lesson_changes_start_and_steps_from_what_calibrations_teach(tmp_path):
    people = [render_person("train", number, RenderSettings(worn_looks=12, slipped_looks=5)) for number in range(3)]
    many = EyeRenders(*(np.concatenate([getattr(p, f.name) for p in people]) for f in fields(EyeRenders)))
    net = new_net(EyeNetConfig((8, 8, 8, 16), (1, 1, 1, 1)), 0).eval()
    replay = {"third": np.zeros((1, 8, 4, 4), np.float16), "gaze": np.zeros((1, 2), np.float32)}
    loop = LoopSettings(minutes=None, steps=3, learning_rate=1e-3, weight_decay=0.0, evaluations=1)
    start, step, position = train_lesson(net, many, many, replay, loop, tmp_path)
    assert position.step == 3 and start.keys() == step.keys() == folded(net).keys()
    assert all((tensor > 0).all() for tensor in step.values())
    changed = [name for name, tensor in folded(net).items() if not np.array_equal(tensor, start[name])]
    assert "head_bias" in changed
    looks = gather(net, many)
    own = calibration_looks(looks.gaze.numpy(), looks.eyes[0].worn, None)
    assert len(set(own.tolist())) == 5 and set(own) <= set(looks.eyes[0].worn)


# --- intervals and foreign pictures ---------------------------------------------------------------------------------


def _summaries(count, scale):
    torch.manual_seed(count)
    values = torch.randn(count, 160)
    error = scale * torch.randn(count, 2)
    return Summaries(values, error, torch.zeros(count, dtype=torch.long), torch.full((count,), 4.0))


def test_calibrated_sigmas_hold_the_nominal_share():
    heads = EyeHeads(40).eval()
    calibrate(heads, _summaries(4000, 0.02))
    fresh = _summaries(4001, 0.02)
    with torch.no_grad():
        within = fresh.error.abs() <= heads(fresh.values).log_sigma.exp()
    assert within.float().mean().item() == pytest.approx(NOMINAL, abs=0.03)


def test_personal_sigmas_hold_the_nominal_share_of_sure_and_of_unsure_pictures():
    def drawn(seed):
        rng = np.random.default_rng(seed)
        summaries = rng.normal(0.0, 1.0, (6000, 12))
        return summaries, np.abs(rng.normal(0.0, 0.01, (6000, 2)) * np.exp(summaries[:, :1]))

    fitted = fit_log_sigma(*drawn(0))
    summaries, errors = drawn(1)
    within = errors <= np.exp(summaries @ fitted["sigma_weight"].T + fitted["sigma_bias"])
    for chosen in (summaries[:, 0] < -0.5, summaries[:, 0] > 0.5):
        assert within[chosen].mean() == pytest.approx(NOMINAL, abs=0.04)


def test_the_domain_holds_its_own_and_not_others():
    domain, threshold = fit_domain(_summaries(3000, 0.1), _summaries(1000, 0.1))
    other = 3.0 + torch.randn(500, 160).numpy()
    outside = np.linalg.norm((other - domain["mean"]) @ domain["whitening"].T, axis=1) > threshold
    assert outside.mean() > 0.99


# --- the whole command ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_command_runs_through_resumes_and_gives_an_estimator(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "EVALUATED_PEOPLE", 2)
    few = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--people", "10", "--minutes", "0.8"]
    assert train.main([*few, "--batch", "16", "--threads", "1"]) == 0
    student = tmp_path / "out" / "student"
    evaluation = json.loads((student / "evaluation.json").read_text())
    assert evaluation["people"] == 2 and evaluation["student_over_teacher"] > 0
    assert [r["name"] for r in json.loads((student / "training.json").read_text())] == [
        "teacher",
        "distil",
        "generic",
        "steady",
        "sigma",
        "personal",
    ]
    assert "281,012" in (student / "README.md").read_text()
    shot = draw_session(unseen_people(1, 0)[0], 0, looks=1).worn[0]
    said = EyeEstimator.load(student).estimate(shot.pictures["left"], shot.pictures["right"])
    assert said.left.state in STATES and load_eye_checkpoint(student).config.widths == (40, 20, 40, 80)
    before = (student / "model.safetensors").read_bytes()
    assert train.main([*few, "--batch", "16", "--threads", "1", "--stages", "teacher", "generic", "export"]) == 0
    assert (student / "model.safetensors").read_bytes() == before


def test_renders_of_nobody_are_refused():
    with pytest.raises(EyeDataError, match="train"):
        RenderSettings(train=0)
    assert isinstance(render_person("train", 0, FEW), EyeRenders)
