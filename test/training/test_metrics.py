"""Every figure on cases that are worked out by hand."""

import json
import sys

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.scoring import Point
from gaze_vlm_ros.training import evaluate_vlm
from gaze_vlm_ros.training.data import DataError
from gaze_vlm_ros.training.metrics import abstention, embedding
from gaze_vlm_ros.training.metrics.attention import auc_judd, mass_near, near_gaze, nss
from gaze_vlm_ros.training.metrics.calibration import equal_mass_bins, expected_calibration_error, reliability
from gaze_vlm_ros.training.metrics.hallucination import is_unseen
from gaze_vlm_ros.training.metrics.judged import Points, slot_of
from gaze_vlm_ros.training.metrics.next_object import Reach, reaches, window_before
from gaze_vlm_ros.training.metrics.phases import accuracy, slot_accuracy
from gaze_vlm_ros.training.metrics.seeds import over_seeds
from gaze_vlm_ros.training.metrics.wording import likeness, rouge_l_f
from gaze_vlm_ros.training.pretrain_encoder import confusion_scores

TRAY, MAT = "moving the mug to the tray", "moving the mug to the mat"
POINTS = Points(
    [
        Point(TRAY, "moving the mug to the mat", TRAY),
        Point(TRAY, "moving the bowl to the tray", ""),
        Point("looking around", "reaching for the mug", "looking around"),
        Point("reaching for the bowl", "reaching for the bowl", "no sentence at all"),
        Point("reaching for the bowl", "no sentence at all", "reaching for the bowl"),
    ],
    [1, 1, 1, 2, 2],
)


@pytest.mark.parametrize(("slot", "value"), [("verb", "move"), ("object", "mug"), ("place", "tray")])
def test_a_slot_of_any_phrasing(slot, value):
    assert slot_of(TRAY, slot) == slot_of("carrying the mug to the tray", slot) == value
    assert slot_of("looking around", "object") == ""
    assert slot_of("the tray mug moving", slot) is None


def test_exact_accuracy_and_its_rivals():
    figures = accuracy(POINTS)
    assert {name: figure.value for name, figure in figures.items()} == {"model": 0.2, "majority": 0.4, "repeat": 0.6}
    assert figures["model"].n == 5
    assert (figures["model"].low, figures["model"].high) == (0.0, 0.5), "whole episodes: 0 of 3 or 1 of 2"


@pytest.mark.parametrize(
    ("slot", "model", "majority", "repeat", "n"),
    [("verb", 3 / 5, 2 / 5, 3 / 5, 5), ("object", 2 / 4, 2 / 4, 2 / 4, 4), ("place", 1 / 2, 1.0, 1 / 2, 2)],
)
def test_slots_are_judged_where_the_truth_fills_them(slot, model, majority, repeat, n):
    figures = slot_accuracy(POINTS, slot)
    assert [figures[name].value for name in ("model", "majority", "repeat")] == [model, majority, repeat]
    assert figures["model"].n == n


def test_no_points_are_no_figure():
    assert accuracy(Points([], []))["model"].value is None
    assert slot_accuracy(Points([Point("looking around", "", "")], [1]), "place")["majority"].n == 0


def test_a_reach_begins_when_the_verb_turns():
    nan = float("nan")
    activity = ["reaching for the pen", "looking around", "reaching for the mug", "reaching for the mug", TRAY]
    activity += ["reaching for the bowl"]
    start_s = np.array([nan, 1.0, 1.4, 1.4, 2.2, 2.6])
    found = reaches(activity, start_s, np.array([0.9, 2.2, 2.2, 2.2, 2.6, 3.1]))
    assert found == [Reach(1.4, "mug", 2.2), Reach(2.6, "bowl", 3.1)], "when the first began is not known"


@pytest.mark.parametrize(
    ("lead_s", "ends_s"),
    [(2.0, 8.0), (1.0, 9.0), (0.5, 9.4), (0.25, None), (3.0, 7.0), (9.0, None)],
)
def test_the_window_a_lead_before_the_reach(lead_s, ends_s):
    stamp_s = np.array([7.0, 7.4, 8.0, 8.4, 9.0, 9.4, 10.0])
    index = window_before(Reach(10.0, "mug", 10.8), lead_s, stamp_s)
    assert (None if index is None else stamp_s[index]) == ends_s


def test_a_window_may_not_end_later_than_the_lead():
    reach = Reach(10.0, "mug", 10.8)
    assert window_before(reach, 1.0, np.array([9.02])) is None
    assert window_before(reach, 1.0, np.array([9.004])) == 0, "a tick of the simulation is rounding"
    assert window_before(reach, 1.0, np.array([8.9, 8.8])) == 0, "the newest one"


def test_an_object_is_hallucinated_if_no_frame_shows_it():
    visible = np.zeros((3, 2, len(OBJECT_KINDS)), bool)
    visible[:, 0, OBJECT_KINDS.index("mug")] = True
    visible[1, 1, OBJECT_KINDS.index("bowl")] = True
    assert is_unseen(["mug", "bowl", "bowl"], visible).tolist() == [False, False, True]
    assert is_unseen([], visible[:0]).tolist() == []


def test_near_gaze_is_a_disc_of_two_patches():
    near = near_gaze(np.array([[7.5, 7.5]]), (14, 14)).reshape(14, 14)
    assert near.sum() == 13
    assert near[7, 5] and near[9, 7] and not near[9, 9]


def test_mass_near_the_gaze():
    attention = np.zeros((2, 25))
    attention[0, [12, 10, 24]] = 0.5, 0.3, 0.2  # the centre, two to its left, a corner
    attention[1] = 1 / 25
    assert mass_near(attention, np.array([12, 12]), (5, 5)) == pytest.approx([0.8, 13 / 25])


def test_nss_is_in_standard_deviations():
    attention = np.array([[0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4], [0.25] * 4])
    spread = np.sqrt((0.15**2 + 0.05**2) / 2)
    assert nss(attention, np.array([3, 0, 1])) == pytest.approx([0.15 / spread, -0.15 / spread, 0.0])
    assert nss(np.full((1, 196), 1 / 196), np.array([5]))[0] == 0.0, "rounding is no spread"


def test_auc_is_the_share_of_patches_below_the_gazed_one():
    attention = np.array([[0.1, 0.2, 0.3, 0.4, 0.0]] * 3 + [[0.2] * 5, [0.2, 0.2, 0.5, 0.1, 0.0]])
    assert auc_judd(attention, np.array([3, 0, 4, 1, 0])).tolist() == [1.0, 0.25, 0.0, 0.5, (2 + 0.5) / 4]


def test_bins_have_equal_numbers():
    probability = np.array([0.9, 0.1, 0.8, 0.2, 0.7, 0.3, 0.6])
    assert [part.tolist() for part in equal_mass_bins(probability, 3)] == [[1, 3, 5], [6, 4], [2, 0]]
    assert len(equal_mass_bins(probability, 10)) == 7


def test_expected_calibration_error():
    probability, right = np.array([0.2, 0.4, 0.8, 1.0, 0.9]), np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    # Bins {0.2, 0.4, 0.8} with accuracy 2/3 and {0.9, 1.0} with accuracy 1/2.
    expected = (3 * abs(2 / 3 - 1.4 / 3) + 2 * abs(0.5 - 0.95)) / 5
    assert expected_calibration_error(probability, right, bins=2).value == pytest.approx(expected)
    assert expected_calibration_error(right, right).value == 0.0
    assert expected_calibration_error(right[:0], right[:0]).n == 0


def test_risk_falls_with_coverage_where_probability_tells_right_from_wrong():
    probability, right = np.array([0.9, 0.8, 0.8, 0.4]), np.array([1.0, 1.0, 0.0, 0.0])
    threshold, coverage, risk = abstention.risk_at_coverage(probability, right)
    assert threshold.tolist() == [0.9, 0.8, 0.4]
    assert coverage.tolist() == [0.25, 0.75, 1.0]
    assert risk == pytest.approx([0.0, 1 / 3, 0.5])
    assert abstention.area_under_curve(probability, right) == pytest.approx(0.25 * 0 + 0.5 / 3 + 0.25 * 0.5)
    assert abstention.area_under_curve(probability, 1 - right) > 0.5
    assert abstention.area_under_curve(np.full(4, 0.5), right) == 0.5, "one that cannot tell has the risk of chance"


def test_the_reliability_table_rises():
    probability = np.linspace(0.05, 0.95, 20)
    bins = reliability(probability, (probability > 0.5).astype(float), np.arange(20) % 4)
    assert len(bins) == 10 and all(one["accuracy"].n == 2 for one in bins)
    assert [one["accuracy"].value for one in bins] == [0.0] * 5 + [1.0] * 5
    assert bins[0]["probability"] == pytest.approx((probability[0] + probability[1]) / 2)


@pytest.mark.parametrize(
    ("said", "truth", "score"),
    [
        # The example of Lin 2004, section 3.1.
        ("police kill the gunman", "police killed the gunman", 3 / 4),
        ("the gunman kill police", "police killed the gunman", 2 / 4),
        (TRAY, TRAY, 1.0),
        (MAT, TRAY, 5 / 6),
        ("reaching for the mug", "Moving the mug to the tray", 2 * 2 / (4 + 6)),
        ("the mug reaching", "reaching for the mug", 2 * 2 / (3 + 4)),
        ("", TRAY, 0.0),
        ("looking around", TRAY, 0.0),
    ],
)
def test_rouge_l(said, truth, score):
    assert rouge_l_f(said, truth) == pytest.approx(score)
    assert rouge_l_f(truth, said) == pytest.approx(score)


def test_likeness_of_the_model_and_of_the_majority():
    figures = likeness(
        POINTS, lambda said, truth: np.array([rouge_l_f(*pair) for pair in zip(said, truth, strict=True)])
    )
    assert figures["model"].value == pytest.approx((5 / 6 + 5 / 6 + 0 + 1 + 0) / 5)
    assert figures["majority"].value == pytest.approx((1 + 1 + 0 + 2 * (2 * 1 / 10)) / 5)


@pytest.fixture
def bert(tmp_path, monkeypatch):
    """A package of the same form as the one with the weights, with a small random model in it."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "reaching", "for", "the", "mug", "bowl"]
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    folder = tmp_path / embedding.PACKAGE / "model"
    PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertModel(BertConfig(vocab_size=len(words), **size)).eval()
    model.save_pretrained(folder)
    (folder.parent / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return model


def test_the_semantic_score_is_the_cosine_of_mean_word_vectors(bert):
    mug, bowl = [2, 4, 5, 6, 7, 3], [2, 8, 3]
    with torch.inference_mode():
        a, b = (bert(torch.tensor([ids])).last_hidden_state[0].mean(0).numpy() for ids in (mug, bowl))
    cosine = embedding.load_embedder().cosine(["reaching for the mug", "bowl", "bowl"], ["bowl", "bowl", "mug"])
    assert cosine[0] == pytest.approx(float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)), abs=1e-5)
    assert cosine[1] == pytest.approx(1.0)
    assert cosine[2] < 0.999


def test_without_its_package_there_is_no_semantic_score(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert embedding.load_embedder() is None


def evaluation(seed, value, **changes):
    figure = {"value": value, "n": 9, "ci95": [0.0, 1.0]}
    return {
        "split": "test",
        "data_sha256": "d",
        "episodes": 3,
        "windows": 30,
        "seeds": {"frame encoder": 0, "gaze block": seed},
        "per_phase": {"rgb": {"event": {"model": figure}}},
        "calibration": {"rgb": {"event": {"bins": [{"accuracy": figure}]}}},
    } | changes


def test_mean_and_range_over_seeds():
    summary = over_seeds([evaluation(seed, value) for seed, value in enumerate((0.2, 0.6, 0.4))])
    spread = summary["per_phase"]["rgb"]["event"]["model"]
    assert spread["mean"] == pytest.approx(0.4)
    assert (spread["range"], spread["values"]) == ([0.2, 0.6], [0.2, 0.6, 0.4])
    assert [seeds["gaze block"] for seeds in summary["seeds"]] == [0, 1, 2]
    assert (summary["split"], summary["windows"]) == ("test", 30)


def test_a_figure_that_one_seed_lacks_has_no_mean():
    summary = over_seeds([evaluation(0, 0.2), evaluation(1, None)])
    assert summary["per_phase"]["rgb"]["event"]["model"] == {"mean": None, "range": None, "values": [0.2, None]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"split": "validation"}, "split"), ({"data_sha256": "e"}, "data"), ({"windows": 29}, "windows")],
)
def test_only_evaluations_of_the_same_windows_are_put_together(changes, words):
    with pytest.raises(DataError, match=words):
        over_seeds([evaluation(0, 0.2), evaluation(1, 0.2, **changes)])


def test_one_seed_twice_is_no_range():
    with pytest.raises(DataError, match="same seeds"):
        over_seeds([evaluation(0, 0.2), evaluation(1, 0.3), evaluation(0, 0.2)])
    with pytest.raises(DataError, match="at least two"):
        over_seeds([evaluation(0, 0.2)])


def test_the_command_prints_the_summary(tmp_path, capsys):
    paths = [tmp_path / name for name in "ab"]
    for seed, path in enumerate(paths):
        path.write_text(json.dumps(evaluation(seed, seed / 4)))
    assert evaluate_vlm.main(["--summarize", *map(str, paths), "--threads", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["per_phase"]["rgb"]["event"]["model"]["range"] == [0.0, 0.25]
    assert evaluate_vlm.main(["--summarize", str(paths[0]), str(tmp_path / "none"), "--threads", "1"]) == 1
    assert "no evaluation" in capsys.readouterr().err


def test_patches_are_counted_by_hand():
    """Six patches of a floor (0), a mug (1), a bowl (2): two of the floor, one of the mug and one of the bowl right."""
    labels = torch.tensor([[0, 0, 0], [1, 1, 2]])
    named = torch.tensor([[0, 0, 1], [1, 2, 2]])
    scores = confusion_scores(torch.eye(4)[named], labels, torch.tensor([1, 2, 3]))
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["things_accuracy"] == pytest.approx(2 / 3)
    assert scores["mean_iou"] == pytest.approx((2 / 3 + 1 / 3 + 1 / 2) / 3)
