"""The whole evaluation on squares: only gaze tells which one is meant, so each figure has a known value or a bound.

Two leaks would make it worthless, so each is poured in and must show nowhere else: the truth that teacher-forced scores
read, and gaze in what is said of frames alone.
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch.nn.functional as F
from synthetic import write_squares

from gaze_vlm_ros.statistics import wilson
from gaze_vlm_ros.training import cache_tokens
from gaze_vlm_ros.training.answers import Input, answer
from gaze_vlm_ros.training.data import DataError
from gaze_vlm_ros.training.evaluate_leads import KEY, write_leads
from gaze_vlm_ros.training.evaluate_vlm import evaluate, write_evaluation
from gaze_vlm_ros.training.metrics.embedding import INSTALL
from gaze_vlm_ros.training.model_card import write_card
from gaze_vlm_ros.training.shards.schema import RecordOptions
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import KINDS

OLD_KEYS = ("per_phase", "per_window", "teacher_forced", "attention_mass_within_2_patches")
REACH_S = 5.0


@pytest.fixture(scope="module")
def result(runs):
    return evaluate(runs / "vlm" / "checkpoint", runs / "tokens")


def changed_cache(runs, folder, change, tokens="tokens"):
    """A copy of a token cache whose columns ``change`` has altered in place."""
    folder.mkdir()
    os.link(runs / tokens / "tokens.npy", folder / "tokens.npy")
    shutil.copy(runs / tokens / "cache.json", folder)
    with np.load(runs / tokens / "frames.npz") as arrays:
        columns = dict(arrays)
    change(columns)
    np.savez(folder / "frames.npz", **columns)
    return folder


def rgb_figures(tree):
    """All that an evaluation says of frames alone; what it says of attention is judged by gaze."""
    if not isinstance(tree, dict):
        return {}
    found = {key: value for key, value in tree.items() if key in ("rgb", "rgb_plain_greedy")}
    return found | {
        key: rgb_figures(value) for key, value in tree.items() if key not in found and "attention" not in key
    }


def test_slots_tell_the_known_from_the_unknowable(result):
    slots = result["slots"]
    assert slots["rgb"]["activity"]["verb"]["model"] == wilson(6, 6).as_dict(), "where all are right, as one an episode"
    for source in ("gaze", "oracle_gaze"):
        assert slots[source]["event"]["object"]["model"]["value"] > 0.8
    assert slots["rgb"]["event"]["object"]["model"]["value"] <= 5 / 6
    assert slots["rgb"]["event"]["place"]["model"] == {"value": None, "n": 0, "ci95": None}


def test_a_square_that_is_named_is_seen(result, runs, tmp_path):
    figures = result["hallucinated_object"]
    assert (figures["rgb"]["value"], figures["rgb"]["n"]) == (0.0, result["windows"])
    hidden = changed_cache(runs, tmp_path / "hidden", lambda columns: columns["visible"].fill(False))
    figures = evaluate(runs / "vlm" / "checkpoint", hidden)["hallucinated_object"]
    assert figures["rgb"]["value"] == figures["truth"]["value"] == figures["majority"]["value"] == 1.0


def begin_reach(columns):
    """The hand starts at REACH_S instead of before the recording."""
    is_early = columns["stamp_s"] < REACH_S
    columns["activity"] = np.where(is_early, "looking around", columns["activity"])
    columns["activity_start_s"] = np.where(is_early, np.nan, REACH_S)


def test_the_next_object_is_asked_before_the_hand_starts(runs, tmp_path, result):
    assert {at["n"] for at in result["next_object"].values()} == {0}, "all reaches began before the recording"
    checkpoint = runs / "vlm" / "checkpoint"
    leads = evaluate(checkpoint, changed_cache(runs, tmp_path / "reach", begin_reach))["next_object"]
    assert {lead: (at["n"], at["median_lead_s"]) for lead, at in leads.items()} == {
        "2": (6, 2.0),
        "1": (6, 1.0),
        "0.5": (6, 0.5),
        "0.25": (0, None),
    }
    assert leads["0.25"]["accuracy"]["rgb"]["value"] is None
    for lead in ("2", "1", "0.5"):
        accuracy = {source: figure["value"] for source, figure in leads[lead]["accuracy"].items()}
        assert accuracy["gaze"] > 0.8 and accuracy["oracle_gaze"] > 0.8
        assert accuracy["rgb"] <= 5 / 6 and accuracy["shuffled_gaze"] <= 5 / 6
        assert 0.5 <= accuracy["majority"] < 1.0


def test_every_recorded_frame_tells_what_a_quarter_of_a_second_before_the_hand_is_said(runs, tmp_path, result):
    options = RecordOptions(seconds=8.0, rate_hz=10.0, split="test")
    checkpoint = Path(shutil.copytree(runs / "vlm" / "checkpoint", tmp_path / "checkpoint"))
    cache = cache_tokens.cache_tokens
    cache(write_squares(tmp_path / "data", [0, 1, 2], options), checkpoint, tmp_path / "tokens", every_frame=True)
    with pytest.raises(DataError, match="run evaluate_vlm"):
        write_leads(checkpoint, tmp_path / "tokens")
    (checkpoint / "evaluation.json").write_text(json.dumps(result))
    write_leads(checkpoint, changed_cache(tmp_path, tmp_path / "reach", begin_reach))
    found = json.loads((checkpoint / "evaluation.json").read_text())
    leads = found[KEY]["leads"]
    assert {lead: (at["n"], at["median_lead_s"]) for lead, at in leads.items()} == {
        "2": (3, 2.0),
        "1": (3, 1.0),
        "0.5": (3, 0.5),
        "0.25": (3, 0.3),
    }
    assert leads["0.25"]["accuracy"]["gaze"]["value"] == 1.0 and found[KEY]["frames_per_s"] == 10.0
    assert {key: found[key] for key in result} == result, "the other figures stay"
    assert "The same at short leads" in (checkpoint / "README.md").read_text()


def test_test_episodes_alone_are_enough_but_one_is_not(runs, tmp_path):
    checkpoint = runs / "vlm" / "checkpoint"
    options = RecordOptions(seconds=8.0, rate_hz=2.0, split="test")
    data = write_squares(tmp_path / "data", [0, 1], options)
    before = (checkpoint / "evaluation.json").exists()
    write_evaluation(checkpoint, tmp_path / "tokens", "test", data, out=tmp_path / "figures")
    found = json.loads((tmp_path / "figures" / "evaluation.json").read_text())
    assert found["episodes"] == 2 and "centre_prior" not in found["attention_mass_within_2_patches"]
    assert (tmp_path / "figures" / "README.md").exists() and (checkpoint / "evaluation.json").exists() == before
    with pytest.raises(DataError, match="at least two episodes"):
        write_evaluation(checkpoint, tmp_path / "one", "test", write_squares(tmp_path / "alone", [0], options))


def test_a_reach_behind_another_event_is_not_asked(runs, tmp_path):
    def change(columns):
        begin_reach(columns)
        columns["event_time_s"] = np.where(columns["stamp_s"] < REACH_S - 0.7, REACH_S - 0.7, columns["event_time_s"])

    leads = evaluate(runs / "vlm" / "checkpoint", changed_cache(runs, tmp_path / "other", change))["next_object"]
    assert {lead: (at["n"], at["other_event_first"]) for lead, at in leads.items()} == {
        "2": (0, 6),
        "1": (0, 6),
        "0.5": (6, 0),
        "0.25": (0, 0),
    }


def test_attention_measures_agree_with_the_mass(result):
    nss, auc = (
        {name: figure["value"] for name, figure in result["attention"][key].items()} for key in ("nss", "auc_judd")
    )
    assert (nss["uniform"], auc["uniform"]) == (0.0, 0.5)
    assert nss["human_gaze"] > nss["gaze"] > nss["rgb"] > 0.5
    assert auc["human_gaze"] == pytest.approx((192 + 3 / 2) / 195), "gaze is at a corner where four patches meet"
    assert auc["gaze"] > 0.95 and auc["rgb"] > 0.8
    assert auc["centre_prior"] < auc["rgb"]


def test_calibration_counts_every_window(result):
    for source in ("rgb", "gaze"):
        figures = result["calibration"][source]["event"]
        assert sum(one["accuracy"]["n"] for one in figures["bins"]) == result["windows"]
        assert len(figures["bins"]) == 10
        error, over = (figures[key]["value"] for key in ("expected_calibration_error", "overconfidence"))
        assert abs(over) <= error <= 1.0
        means = [one["probability"] for one in figures["bins"]]
        assert means == sorted(means)


def test_wording_flatters_what_gets_the_object_wrong(result):
    rouge, exact = result["wording"]["rouge_l_f"]["rgb"]["event"], result["per_phase"]["rgb"]["event"]
    assert rouge["model"]["value"] == pytest.approx(exact["model"]["value"] + (1 - exact["model"]["value"]) * 3 / 4)


def test_what_teacher_forcing_reads_reaches_no_other_score(runs, result, monkeypatch):
    """With a model that repeats the truth where it is given to it, only the teacher-forced scores are perfect."""

    def repeats_the_truth(self, features, ids):
        return F.one_hot(ids.roll(-1, dims=1), self.config.vocabulary_size).float()

    monkeypatch.setattr(GazeVLM, "logits", repeats_the_truth)
    forced = evaluate(runs / "vlm" / "checkpoint", runs / "tokens")
    assert {figure["value"] for scores in forced.pop("teacher_forced").values() for figure in scores.values()} == {1.0}
    assert result["teacher_forced"]["rgb"]["sentence"]["value"] < 1.0
    assert forced == {key: value for key, value in result.items() if key != "teacher_forced"}


@pytest.mark.parametrize("source", Input)
def test_the_truth_reaches_no_answer(runs, source):
    """Not even the probability of a sentence changes when all that is known of the truth but gaze does."""
    model, tokenizer = load_checkpoint(runs / "vlm" / "checkpoint")
    data = TokenSet(runs / "tokens", model.config)
    windows = data.of_split("test")
    before = answer(model, tokenizer, data, windows, source)
    for kind in KINDS:
        data.columns[kind.value] = np.full_like(data.columns[kind.value], "put the spoon")
    for name in ("event_time_s", "activity_start_s", "phase_id", "visible"):
        data.columns[name] = np.ones_like(data.columns[name])
    assert answer(model, tokenizer, data, windows, source).ranked == before.ranked


@pytest.mark.parametrize(
    ("column", "moves"), [("heatmap", {Input.ORACLE}), ("heatmap_input", {Input.GAZE, Input.SHUFFLED})]
)
def test_the_oracle_alone_is_given_the_heatmap_that_supervises(runs, column, moves):
    model, tokenizer = load_checkpoint(runs / "vlm" / "checkpoint")
    data = TokenSet(runs / "tokens", model.config)
    windows = data.of_split("test")
    before = {source: answer(model, tokenizer, data, windows, source) for source in Input}
    data.columns[column] = np.roll(data.columns[column], (3, 5), axis=(1, 2))
    after = {source: answer(model, tokenizer, data, windows, source) for source in Input}
    assert {source for source in Input if after[source].ranked != before[source].ranked} == moves


def test_gaze_reaches_no_score_of_frames_alone(runs, result, tmp_path):
    def change(columns):
        for name in ("heatmap", "heatmap_input"):
            columns[name] = np.roll(columns[name], (3, 5), axis=(1, 2))
        columns["gaze_px"] = columns["gaze_px"] / 2

    moved = evaluate(runs / "vlm" / "checkpoint", changed_cache(runs, tmp_path / "moved", change))
    assert rgb_figures(moved) == rgb_figures(result)
    assert rgb_figures(result)["calibration"]["rgb"]["event"]["bins"], "probabilities to many digits are among them"
    assert moved["calibration"]["gaze"] != result["calibration"]["gaze"], "else nothing was moved"
    assert moved["attention"]["nss"]["rgb"] != result["attention"]["nss"]["rgb"]


def test_a_cache_of_an_earlier_form_is_completed_without_encoding(runs, result, tmp_path, monkeypatch):
    def drop(columns):
        del columns["visible"], columns["activity_start_s"]

    old, checkpoint = changed_cache(runs, tmp_path / "old", drop), runs / "vlm" / "checkpoint"
    card = json.loads((old / "cache.json").read_text())
    del card["columns"]
    (old / "cache.json").write_text(json.dumps(card))
    with pytest.raises(DataError, match="lacks activity_start_s, visible; run cache_tokens again"):
        evaluate(checkpoint, old)
    monkeypatch.delattr(cache_tokens, "_write_tokens")
    cache_tokens.cache_tokens(runs / "data", checkpoint, old)
    assert evaluate(checkpoint, old) == result


def test_the_seeds_behind_a_model_are_named(result):
    assert set(result["seeds"].values()) == {0} and len(result["seeds"]) == 2
    assert len(result["data_sha256"]) == 64


@pytest.fixture
def card(runs, tmp_path):
    """Writes a card of an evaluation and gives its text."""
    for name in ("config.json", "model.safetensors", "training.json"):
        shutil.copy(runs / "vlm" / "checkpoint" / name, tmp_path)

    def text(evaluation):
        write_card(tmp_path, evaluation)
        return (tmp_path / "README.md").read_text()

    return text


def test_the_card_shows_every_figure(card, result):
    text = card(result)
    for title in ("Verb, object", "Next object", "Hallucinated", "Calibration", "Likeness", "Attention at the gaze"):
        assert f"### {title}" in text
    assert "frames and the heatmap that supervises" in text
    assert "| 0.25 s |" not in text, "no reach was asked about so late"


def test_the_card_says_what_a_semantic_score_needs(card, result):
    without = result | {"wording": result["wording"] | {"semantic": None}}
    assert INSTALL in card(without)
    scored = result | {"wording": result["wording"] | {"semantic": result["wording"]["rouge_l_f"]}}
    assert INSTALL not in card(scored) and "semantic score | oracle gaze" in card(scored)


def test_the_card_of_an_earlier_evaluation_lacks_what_it_lacks(card, result):
    old = {key: result[key] for key in (*OLD_KEYS, "split", "episodes", "windows")}
    old["per_window"] = {key: value for key, value in old["per_window"].items() if key != "oracle_gaze"}
    text = card(old)
    assert "### Every window" in text and "### Next object" not in text
