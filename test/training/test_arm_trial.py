"""A trial from cache to JSON on a tiny cache: nothing leaks into training, gaze not into RGB scores, nor the truth."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from arm_cache import EPISODES, FRAMES, TINY, change_cache, look_elsewhere, write_cache

from gaze_vlm_ros.training.arms import trial as trial_module
from gaze_vlm_ros.training.arms.arm import ArmError
from gaze_vlm_ros.training.arms.figures import HALLUCINATED, MASS, figures, rate
from gaze_vlm_ros.training.arms.targets import target_maps
from gaze_vlm_ros.training.arms.trial import Setup, Trial, run_trial, windows_of
from gaze_vlm_ros.training.data import SPLITS, DataError
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint
from gaze_vlm_ros.vlm.model import GazeVLM


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def setup(cache, tmp_path):
    return Setup(cache / "tokens", cache / "encoder", tmp_path / "out", None, 3, batch=8)


def of_split(split):
    return {100 + i for i, name in enumerate(s for s, n in EPISODES.items() for _ in range(n)) if name == split}


def test_a_trial_is_done_once_and_kept_as_json(setup, monkeypatch):
    trial = Trial(setup, "gaze", 0.5, 1, 1e-3)
    result = run_trial(trial)
    assert json.loads((trial.folder / "result.json").read_text()) == json.loads(json.dumps(result))
    stage = result["stage"]
    assert (stage["steps"], stage["episodes"], stage["seed"]) == (3, EPISODES["train"] / 2, 1)
    assert set(stage["validation"]) == {"activity", "event"} and stage["settings"]["target"] == "gaze"
    rgb = result["test"]["rgb"]
    assert set(rgb["episodes"]) == of_split("test") and set(result["test"]) == {"rgb", "teacher_forced"}
    assert sum(rgb["event"]["count"]) == EPISODES["test"], "once per event"
    assert sum(rgb["next_object_0.5s"]["count"]) == EPISODES["test"]
    assert 0.0 < rate(rgb[MASS]) < 1.0 and rgb["episodes"] == sorted(rgb["episodes"])
    assert not (trial.folder / "state.safetensors").exists(), "only the result is kept"
    monkeypatch.setattr(trial_module, "train", None)
    assert run_trial(trial)["stage"] == json.loads(json.dumps(stage))
    for other, said in (
        (replace(trial, learning_rate=2e-3), "learning_rate: 0.001 -> 0.002"),
        (replace(trial, setup=replace(setup, steps=4)), "steps: 3 -> 4"),
    ):
        with pytest.raises(ArmError, match=said):
            run_trial(other)


def test_a_search_sees_no_test_episode(setup, monkeypatch):
    asked = []
    monkeypatch.setattr(trial_module, "figures", lambda *arguments: asked.append(arguments))
    assert "test" not in run_trial(Trial(setup, "lambda_0", 1.0, 1000, 1e-3, search=True)) and not asked


@pytest.mark.parametrize("arm", ["shuffled", "gaze_input"])
def test_only_episodes_of_the_share_are_trained_on(setup, arm, monkeypatch):
    """What is drawn, what supervises and what is shuffled in: all of it is of the trial's training episodes. The best
    weights are told by validation episodes."""
    drawn, judged, supervising, real = set(), set(), set(), TokenSet.batch

    def batch(self, windows):
        seen = drawn if torch.is_grad_enabled() else judged
        seen.update(self.columns["episode"][self.rows(windows)].ravel().tolist())
        return real(self, windows)

    def maps(target, data, rows, seed):
        supervising.update(data.columns["episode"][rows].tolist())
        unseen = np.setdiff1d(np.arange(len(data.columns["episode"])), rows)
        look_elsewhere(data.columns, unseen)
        moved = target_maps(target, data, rows, seed)
        look_elsewhere(data.columns, unseen)
        assert np.array_equal(moved, target_maps(target, data, rows, seed), equal_nan=True)
        return moved

    monkeypatch.setattr(trial_module, "target_maps", maps)
    monkeypatch.setattr(trial_module, "exact_figures", lambda *_: {"activity": None, "event": None})
    monkeypatch.setattr(trial_module, "rate", lambda _: 0.0)
    monkeypatch.setattr(trial_module, "figures", lambda *_: {})
    monkeypatch.setattr(TokenSet, "batch", batch)
    run_trial(Trial(setup, arm, 0.5, 0, 1e-3))
    assert drawn == supervising < of_split("train") and len(drawn) == EPISODES["train"] / 2
    assert judged == of_split("validation")


def test_a_frame_outside_the_share_would_stop_the_trial(setup, monkeypatch):
    monkeypatch.setattr(trial_module, "windows_of", lambda data, _: data.of_split("test"))
    with pytest.raises(ArmError, match="outside the training episodes"):
        run_trial(Trial(setup, "lambda_0", 1.0, 0, 1e-3))


def test_shares_lie_in_each_other_and_are_the_same_for_all_arms(setup):
    numbers = np.arange(40)
    quarter, half, whole = (trial_module._share_of(numbers, Trial(setup, "gaze", s, 2, 1e-3)) for s in (0.25, 0.5, 1.0))
    assert [len(part) for part in (quarter, half, whole)] == [10, 20, 40]
    assert set(quarter) < set(half) < set(whole)
    assert (trial_module._share_of(numbers, Trial(setup, "lambda_0", 0.25, 2, 1e-3)) == quarter).all()
    assert set(trial_module._share_of(numbers, Trial(setup, "gaze", 0.25, 3, 1e-3))) != set(quarter)


@pytest.fixture
def judged(cache):
    """A model of random weights, and what to judge it on: its figures under a change of the data or of the model."""
    model, tokenizer = load_checkpoint(cache / "encoder")
    data = TokenSet(cache / "tokens", TINY)
    return model, tokenizer, data, data.of_split("test")


def test_gaze_reaches_no_figure_of_frames_alone(judged):
    before = figures(*judged, sees_gaze=True)
    look_elsewhere(judged[2].columns, np.arange(len(judged[2].columns["episode"])))
    after = figures(*judged, sees_gaze=True)
    mass = before["rgb"].pop(MASS), after["rgb"].pop(MASS)
    assert mass[0] != mass[1], "else nothing was moved"
    assert before["rgb"] == after["rgb"] and before["teacher_forced"] == after["teacher_forced"]


@pytest.mark.parametrize("arm", ["lambda_0", "hand"])
def test_gaze_reaches_no_weight_of_an_arm_that_is_not_about_it(cache, setup, tmp_path, arm):
    moved = write_cache(tmp_path / "moved")
    change_cache(moved, lambda columns: look_elsewhere(columns, np.arange(len(columns["episode"]))))
    results = [
        run_trial(Trial(replace(setup, tokens=folder / "tokens", out=tmp_path / str(i)), arm, 1.0, 0, 1e-2))
        for i, folder in enumerate((cache, moved))
    ]
    for result in results:
        result["test"]["rgb"].pop(MASS)
        result["stage"].pop("elapsed_s")
    assert results[0] == results[1]


@pytest.fixture(scope="module")
def overlay(cache, tmp_path_factory):
    """Tokens of the same frames in which the patch that is looked at stands out."""
    drawn = write_cache(tmp_path_factory.mktemp("drawn")) / "tokens"
    data = TokenSet(cache / "tokens", TINY)
    tokens = np.load(drawn / "tokens.npy")
    tokens += 3.0 * data.columns["heatmap_input"].reshape(len(tokens), -1, 1).astype(np.float16)
    np.save(drawn / "tokens.npy", tokens)
    card = json.loads((drawn / "cache.json").read_text())
    (drawn / "cache.json").write_text(json.dumps(card | {"overlay": True}))
    return drawn


@pytest.mark.parametrize("arm", ["gaze_text", "gaze_overlay"])
def test_gaze_in_words_or_drawn_reaches_the_answers_and_no_figure_of_frames_alone(cache, setup, overlay, arm, tmp_path):
    result = run_trial(Trial(replace(setup, overlay=overlay), arm, 1.0, 0, 1e-2))
    assert {"rgb", "gaze"} <= set(result["test"]) and "heatmap" not in result["test"]
    moved = write_cache(tmp_path / "moved")
    rows = np.isin(TokenSet(moved / "tokens", TINY).columns["episode"], list(of_split("test")))
    change_cache(moved, lambda columns: look_elsewhere(columns, np.flatnonzero(rows)))
    again = replace(setup, tokens=moved / "tokens", overlay=overlay, out=tmp_path / "again")
    other = run_trial(Trial(again, arm, 1.0, 0, 1e-2))
    for one in (result, other):
        one["test"]["rgb"].pop(MASS)
    assert result["test"]["rgb"] == other["test"]["rgb"]
    assert result["test"]["teacher_forced"] == other["test"]["teacher_forced"]


def test_pictures_with_gaze_drawn_in_serve_no_other_arm(setup, overlay):
    with pytest.raises(DataError, match="was made with --overlay"):
        run_trial(Trial(replace(setup, tokens=overlay), "lambda_0", 1.0, 0, 1e-3))
    with pytest.raises(ArmError, match="needs the tokens of `cache_tokens --overlay`"):
        run_trial(Trial(setup, "gaze_overlay", 1.0, 0, 1e-3))
    with pytest.raises(DataError, match="was made without --overlay"):
        run_trial(Trial(replace(setup, overlay=setup.tokens), "gaze_overlay", 1.0, 0, 1e-3))


def test_the_truth_reaches_teacher_forced_scores_alone(judged, monkeypatch):
    before = figures(*judged, sees_gaze=True)

    def repeats_the_truth(self, features, ids):
        return F.one_hot(ids.roll(-1, dims=1), self.config.vocabulary_size).float()

    monkeypatch.setattr(GazeVLM, "logits", repeats_the_truth)
    forced = figures(*judged, sees_gaze=True)
    assert forced.pop("teacher_forced") == {"sentence": 1.0, "word": 1.0}
    assert before.pop("teacher_forced")["sentence"] < 1.0
    assert forced == before


def test_the_oracle_points_at_the_true_object_wherever_the_wearer_looks(judged, monkeypatch):
    model, _, data, windows = judged
    at_object = data.gaze(windows).argmax(-1)
    look_elsewhere(data.columns, np.arange(len(data.columns["episode"])))
    real, shown = model.attend, []

    def attend(tokens, heatmap=None, given=None, **how):
        shown.append(heatmap)
        return real(tokens, heatmap, given, **how)

    monkeypatch.setattr(model, "attend", attend)
    figures(*judged, sees_gaze=True)
    rgb, gaze, in_its_place, oracle, _ = shown
    assert torch.equal(gaze, in_its_place)
    assert rgb is None
    assert torch.equal(oracle.argmax(-1), at_object) and not torch.equal(gaze.argmax(-1), at_object)


def test_a_thing_out_of_sight_is_hallucinated(judged):
    judged[2].columns["visible"][:] = False
    result = figures(*judged, sees_gaze=False)["rgb"][HALLUCINATED]
    assert result["total"] == result["count"]


def test_equal_time_for_every_arm(setup):
    """Seconds of training, whatever an arm does with them."""
    seconds = {}
    for arm in ("no_block", "gaze"):
        timed = replace(setup, steps=None, minutes=0.01, out=setup.out / arm)
        seconds[arm] = run_trial(Trial(timed, arm, 1.0, 0, 1e-3))["stage"]["elapsed_s"]
    assert all(spent >= 0.6 for spent in seconds.values())


def test_most_caps_the_episodes_by_a_draw(setup, cache):
    data = TokenSet(cache / "tokens", TINY)
    few = [trial_module._episodes(data, replace(setup, most=(3, None, 1), draw=draw), "train") for draw in range(6)]
    assert all(len(one) == 3 and set(one.tolist()) < of_split("train") for one in few)
    assert len({tuple(one.tolist()) for one in few}) > 1
    assert len(windows_of(data, few[0])) <= 3 * FRAMES
    assert set(data.columns["split"][data.last(windows_of(data, few[0]))]) == {SPLITS.index("train")}


def test_a_cache_without_labels_of_patches_is_sent_back(setup, tmp_path):
    old = write_cache(tmp_path / "old")
    change_cache(old, lambda columns: columns.pop("patch_label"))
    with pytest.raises(DataError, match="lacks patch_label; run cache_tokens again"):
        run_trial(Trial(replace(setup, tokens=old / "tokens"), "gaze", 1.0, 0, 1e-3))
