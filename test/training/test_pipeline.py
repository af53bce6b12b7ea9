"""The tiny end-to-end run: pretrain, cache, train, resume, evaluate, predict, on squares that are learned in seconds.

The pictures hold no sign of which square is looked at, so a model without gaze cannot beat a coin and one with gaze can
be perfect: whatever leaks, in either direction, shows.
"""

import json

import numpy as np
import pytest
import torch
from synthetic import CAMERA, LABELS, write_data
from tiny_run import SETTINGS, TINY, steps

from gaze_vlm_ros.training import cache_tokens, evaluate_vlm, fit_domain, pretrain_encoder, train_vlm
from gaze_vlm_ros.training.answers import Input, answer, other_episodes
from gaze_vlm_ros.training.data import DataError, read_episodes
from gaze_vlm_ros.training.loop import LoopSettings
from gaze_vlm_ros.training.model_card import write_card
from gaze_vlm_ros.training.pretrain_encoder import EncoderSettings, FrameSet
from gaze_vlm_ros.training.provenance import load_stages
from gaze_vlm_ros.training.token_set import Sentences, TokenSet
from gaze_vlm_ros.training.train_vlm import SettingsError, VLMSettings, drawn, window_losses
from gaze_vlm_ros.types import Frame, GazeSample, PredictionKind
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint
from gaze_vlm_ros.vlm.predictor import StreamingPredictor
from gaze_vlm_ros.vlm.tokenizer import KINDS


@pytest.fixture(scope="module")
def result(runs):
    return evaluate_vlm.evaluate(runs / "vlm" / "checkpoint", runs / "tokens")


@pytest.fixture
def trained(runs):
    model, tokenizer = load_checkpoint(runs / "vlm" / "checkpoint")
    data = TokenSet(runs / "tokens", model.config)
    return model, tokenizer, data, data.of_split("test")


def test_the_encoder_names_the_patches(runs):
    (stage,) = json.loads((runs / "encoder" / "checkpoint" / "training.json").read_text())
    assert stage["validation"]["mean_iou"] > 0.8


def test_gaze_makes_it_right_and_without_gaze_it_is_a_coin(result):
    windows = result["per_window"]
    assert windows["gaze"]["event"]["value"] > 0.95
    assert windows["gaze"]["event_object"]["value"] > 0.95
    assert windows["rgb"]["event"]["value"] <= 0.85, "nothing in the pictures tells which square is looked at"
    assert result["per_phase"]["gaze"]["event"]["model"]["n"] == result["episodes"] == 6
    assert windows["repeat"]["event"]["n"] == windows["rgb"]["event"]["n"] < result["windows"]


def test_attention_was_drawn_to_gaze_by_the_loss_alone(result):
    mass = {name: figure["value"] for name, figure in result["attention_mass_within_2_patches"].items()}
    assert mass["rgb"] > 2 * mass["uniform"], "both squares draw attention where gaze is unknown"
    assert mass["gaze"] > mass["rgb"]
    assert mass["human_gaze"] > 0.9


def test_targets_cannot_reach_a_free_running_answer(trained):
    model, tokenizer, data, windows = trained
    before = answer(model, tokenizer, data, windows, Input.GAZE)
    for kind in KINDS:
        data.columns[kind.value] = np.full_like(data.columns[kind.value], "put the spoon")
    after = answer(model, tokenizer, data, windows, Input.GAZE)
    assert [before.texts(kind) for kind in KINDS] == [after.texts(kind) for kind in KINDS]


def test_gaze_cannot_reach_an_rgb_answer(trained):
    model, tokenizer, data, windows = trained
    before = answer(model, tokenizer, data, windows, Input.RGB)
    for key in ("heatmap", "heatmap_input", "gaze_px"):
        data.columns[key] = np.roll(data.columns[key], 7, axis=0) * 3
    after = answer(model, tokenizer, data, windows, Input.RGB)
    assert [before.texts(kind) for kind in KINDS] == [after.texts(kind) for kind in KINDS]
    assert np.array_equal(before.attention, after.attention)


def test_no_window_of_a_test_episode_is_trained_on(runs, trained):
    _, _, data, _ = trained
    test_episodes = {e.number for e in read_episodes(runs / "data")[0] if e.split == "test"}
    for split in ("train", "validation", "test"):
        windows = data.of_split(split)
        for column in range(5):
            numbers = set(data.columns["episode"][data._windows[windows, column]].tolist())
            assert numbers <= test_episodes if split == "test" else not numbers & test_episodes


def test_shuffled_gaze_is_another_episodes(trained):
    _, _, data, windows = trained
    others = other_episodes(data, windows, seed=0)
    assert (data.columns["episode"][data.last(others)] != data.columns["episode"][data.last(windows)]).all()


def test_resuming_ends_in_the_same_model(runs, tmp_path, monkeypatch):
    """Killed at step 45 of 60, in the same cache and with the same encoder."""
    where = runs / "tokens", runs / "encoder" / "checkpoint"
    eager = LoopSettings(minutes=None, steps=60, save_every_s=0.0, evaluations=1)
    whole = train_vlm.train_vlm(*where, tmp_path / "whole", eager, SETTINGS)

    def killed_at_45(windows, step, size, seed):
        if step == 45:
            raise KeyboardInterrupt
        return drawn(windows, step, size, seed)

    with monkeypatch.context() as patch:
        patch.setattr(train_vlm, "drawn", killed_at_45)
        with pytest.raises(KeyboardInterrupt):
            train_vlm.train_vlm(*where, tmp_path / "killed", eager, SETTINGS)
    resumed = train_vlm.train_vlm(*where, tmp_path / "killed", eager, SETTINGS)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_kl_counts_only_where_gaze_was_not_given(trained):
    """Given to every window, gaze leaves the regulariser nothing to say; given to none, it is all that is said."""
    model, tokenizer, data, windows = trained
    batch, ids = data.batch(windows[:8]), Sentences(data.columns, tokenizer, 5).batch(data.last(windows[:8]))
    given, withheld = (window_losses(model, batch, *ids, torch.full((8,), on), 1.0) for on in (True, False))
    assert given["gaze_kl"].item() == 0.0
    assert withheld["gaze_kl"].item() > 0.0
    assert withheld["loss"].item() == pytest.approx((withheld["words"] + withheld["gaze_kl"]).item(), rel=1e-6)


def test_the_checkpoint_streams(runs):
    """Live frames and gaze at the camera's size: it says what the wearer looks at, and finds the squares."""
    one = StreamingPredictor.from_checkpoint(runs / "vlm" / "checkpoint")
    for episode in read_episodes(runs / "data")[0][-6:]:
        one.reset()
        for i in range(len(episode)):
            stamp = round(episode.stamp_s[i] * 1e9)
            samples = [GazeSample(stamp - 5_000_000, episode.gaze_px[i], np.array([0.0, 0.0, 1.0]))]
            one.observe(Frame(stamp, episode.frame(i)), samples, CAMERA)
        output = one.predict()
        assert output.event.text == str(episode.event[-1])
        assert output.activity.hypotheses[0].object in episode.activity[-1]
        assert (output.objects.label_index == episode.patch_label[-1]).mean() > 0.95
    assert one.labels == LABELS


def test_the_card_names_what_was_done(runs, result):
    write_card(runs / "vlm" / "checkpoint", result)
    card = (runs / "vlm" / "checkpoint" / "README.md").read_text()
    for word in ("squares", "frame encoder", "gaze block", "lambda 1", "majority", "repeat", "Teacher-forced"):
        assert word in card


def test_squares_are_its_world_and_noise_is_not(runs, result):
    checkpoint = runs / "vlm" / "checkpoint"
    fit_domain.fit_domain(runs / "tokens", checkpoint, runs / "data")
    found = json.loads((checkpoint / "domain.json").read_text())
    assert found["test"]["value"] <= 0.5 and found["others"]["white noise"]["value"] == 1.0
    assert found["others"]["black"]["value"] == 1.0
    write_card(checkpoint, result)
    assert "white noise | 100%" in (checkpoint / "README.md").read_text()
    one = StreamingPredictor.from_checkpoint(checkpoint)
    for second in range(5):
        one.observe(Frame(second * 10**9, np.zeros((48, 64, 3), np.uint8)), [], (64, 48))
    assert one.predict().event.out_of_domain


def test_a_domain_of_another_encoder_is_refused(runs, tmp_path):
    pretrain_encoder.pretrain(runs / "data", tmp_path, steps(1), EncoderSettings(batch=2), TINY)
    with pytest.raises(DataError, match="another encoder"):
        fit_domain.fit_domain(runs / "tokens", tmp_path / "checkpoint", runs / "data")


def test_the_encoder_sees_only_training_pictures_of_the_glances(runs, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(pretrain_encoder, "FrameSet", lambda episodes: seen.append(episodes) or FrameSet(episodes))
    write_data(tmp_path / "glances", first_seed=500)
    pretrain_encoder.pretrain(
        runs / "data", tmp_path / "out", steps(1), EncoderSettings(batch=2), TINY, tmp_path / "glances"
    )
    shown, held_out = seen
    assert {e.split for e in shown} == {"train"} and len({e.number >= 500 for e in shown}) == 2
    assert {e.split for e in held_out} == {"validation"} and not any(e.number >= 500 for e in held_out)
    (stage,) = load_stages(tmp_path / "out" / "checkpoint")
    assert stage.settings["glances"] == len(read_episodes(tmp_path / "glances")[0])


def test_a_card_without_the_check_says_so(runs, result, tmp_path):
    for name in ("config.json", "model.safetensors", "training.json"):
        (tmp_path / name).write_bytes((runs / "vlm" / "checkpoint" / name).read_bytes())
    write_card(tmp_path, result)
    assert "nothing is checked" in (tmp_path / "README.md").read_text()


def test_a_finished_cache_is_kept_and_another_encoder_is_refused(runs, tmp_path):
    before = (runs / "tokens" / "tokens.npy").stat().st_mtime_ns
    cache_tokens.cache_tokens(runs / "data", runs / "encoder" / "checkpoint", runs / "tokens")
    assert (runs / "tokens" / "tokens.npy").stat().st_mtime_ns == before
    other = tmp_path / "other"
    pretrain_encoder.pretrain(runs / "data", other, steps(1), EncoderSettings(batch=2), TINY)
    with pytest.raises(DataError, match="another encoder"):
        train_vlm.train_vlm(runs / "tokens", other / "checkpoint", tmp_path / "vlm", steps(1), SETTINGS)


def test_gaze_is_drawn_into_the_pictures_where_it_is_known(runs, tmp_path):
    cache_tokens.cache_tokens(runs / "data", runs / "encoder" / "checkpoint", tmp_path, overlay=True)
    plain, drawn = (np.load(folder / "tokens.npy") for folder in (runs / "tokens", tmp_path))
    point = TokenSet(tmp_path, load_checkpoint(runs / "encoder" / "checkpoint")[0].config, True).columns["gaze_px"]
    inside = ((point >= 0) & (point < (639, 479))).all(1)
    changed = (plain != drawn).any((1, 2))
    assert changed[inside].all() and not changed[~np.isfinite(point).all(1)].any()


def test_an_unfinished_cache_is_named(tmp_path):
    with pytest.raises(DataError, match="no finished token cache"):
        TokenSet(tmp_path, TINY)


def test_commands_answer_with_one_line_and_a_code(tmp_path, capsys):
    assert pretrain_encoder.main(["--data", str(tmp_path), "--out", str(tmp_path / "run"), "--threads", "1"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert evaluate_vlm.main(["--checkpoint", str(tmp_path), "--threads", "1"]) == 1
    assert "config.json is missing" in capsys.readouterr().err


def test_every_epoch_draws_every_window_once():
    windows = np.arange(100, 148)
    epochs = [np.concatenate([drawn(windows, e * 6 + k, 8, seed=1) for k in range(6)]) for e in range(2)]
    assert all(sorted(epoch) == windows.tolist() for epoch in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()


def test_a_frame_without_an_event_is_not_scored(trained):
    _, tokenizer, data, windows = trained
    data.columns["event"][data.last(windows[:1])] = ""
    ids, scored = Sentences(data.columns, tokenizer, 5).batch(data.last(windows[:2]))
    assert scored.any(1).tolist() == [True, False, True, True]
    said = [tokenizer.decode(row[told].tolist()) for row, told in zip(ids, scored, strict=True)]
    assert said[0] == str(data.columns[PredictionKind.ACTIVITY.value][data.last(windows[:1])][0])


@pytest.mark.parametrize("bad", [{"batch": 0}, {"regulariser": -1.0}, {"gaze_dropout": 1.5}])
def test_settings_out_of_range_are_refused(bad):
    with pytest.raises(SettingsError):
        VLMSettings(**bad)
