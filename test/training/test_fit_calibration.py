"""Temperatures and thresholds: found where they are known, fitted on validation episodes alone, used everywhere."""

import json

import numpy as np
import pytest
import torch

from gaze_vlm_ros.training import fit_calibration as fitting
from gaze_vlm_ros.training.answers import Input, answer
from gaze_vlm_ros.training.data import SPLITS, DataError
from gaze_vlm_ros.training.evaluate_vlm import evaluate
from gaze_vlm_ros.training.fit_calibration import fit_calibration, threshold_for
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.vlm.calibration import CALIBRATION, load_calibration
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint
from gaze_vlm_ros.vlm.tokenizer import KINDS


@pytest.fixture
def checkpoint(runs, tmp_path):
    """A copy of the trained checkpoint."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for path in (runs / "vlm" / "checkpoint").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("truth", [0.5, 1.0, 2.5])
def test_the_temperature_at_which_words_were_drawn_is_found(truth):
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(4000, 6, generator=generator)
    logits[:, 4:] = -torch.inf
    words = torch.multinomial((logits / truth).softmax(-1), 1, generator=generator)[:, 0]
    assert fitting._temperature(list(zip(logits, words, strict=True))) == pytest.approx(truth, rel=0.1)


def test_without_a_choice_the_temperature_is_one():
    assert fitting._temperature([]) == 1.0


class TestThreshold:
    probability = np.linspace(1.0, 0.0, 1000, endpoint=False)

    def test_says_most_that_keeps_the_risk(self):
        right = (np.arange(1000) < 300).astype(float)
        threshold = threshold_for(self.probability, right, 0.25)
        assert (self.probability >= threshold).sum() == 400

    def test_says_everything_where_everything_is_right(self):
        assert threshold_for(self.probability, np.ones(1000), 0.1) == self.probability.min()

    def test_abstains_where_the_risk_cannot_be_kept(self):
        assert threshold_for(self.probability, np.zeros(1000), 0.5) == 1.0

    def test_a_few_lucky_cases_are_not_enough(self):
        right = (np.arange(1000) < fitting.LEAST_SAID // 4).astype(float)
        assert threshold_for(self.probability, right, 0.5) == 1.0


def test_a_fit_is_stored_and_shows_in_all_that_is_measured(runs, checkpoint, capsys):
    fitted = fit_calibration(runs / "tokens", checkpoint, risk=0.2)
    assert load_calibration(checkpoint) == fitted
    assert "gaze event: temperatures" in capsys.readouterr().err
    model, tokenizer = load_checkpoint(checkpoint)
    data = TokenSet(runs / "tokens", model.config)
    windows = data.of_split("test")
    plain, warmed = (answer(model, tokenizer, data, windows, Input.RGB, calibration=c) for c in (None, fitted))
    event = KINDS[1]
    # Without gaze the squares are a coin, and a model that is surer than that has to become less sure.
    assert warmed.probabilities(event).mean() < plain.probabilities(event).mean()
    assert fitted.tasks["rgb"][event].validation["ece"] < fitted.tasks["rgb"][event].validation["ece_before"]
    assert fitted.tasks["gaze"][event].validation["risk"] <= 0.2
    result = evaluate(checkpoint, runs / "tokens")
    table = result["abstention"]
    assert table["gaze"]["event"]["coverage"]["value"] > 0.8 > table["rgb"]["event"]["coverage"]["value"]
    assert table["gaze"]["event"]["risk"]["value"] <= table["gaze"]["event"]["risk_of_saying_everything"]["value"]
    assert np.mean(warmed.probabilities(event)) == pytest.approx(
        np.mean([b["probability"] for b in result["calibration"]["rgb"]["event"]["bins"]]), abs=0.02
    )


def test_only_validation_episodes_are_looked_at(runs, checkpoint):
    """Whatever the sentences of training and test episodes say, the fit is the same; those of validation move it."""
    model, tokenizer = load_checkpoint(checkpoint)

    def temperatures(changed):
        data = TokenSet(runs / "tokens", model.config)
        for split in changed:
            rows = data.columns["split"] == SPLITS.index(split)
            data.columns["event"] = np.where(rows, "open the jar", data.columns["event"])
        fit = fitting._Fit(model, tokenizer, data)
        return fitting._temperatures(fitting._choices(fit, Input.RGB))

    assert temperatures([]) == temperatures(["train", "test"]) != temperatures(["validation"])


def test_the_logits_are_those_of_the_decoder(runs, checkpoint):
    """The product of the softmaxes on the way to what the decoder says is the probability that it gives."""
    model, tokenizer = load_checkpoint(checkpoint)
    data = TokenSet(runs / "tokens", model.config)
    windows = data.of_split("validation")
    said = answer(model, tokenizer, data, windows, Input.GAZE)
    for kind in KINDS:
        data.columns[kind.value] = np.array(data.columns[kind.value], dtype=object)
        data.columns[kind.value][data.last(windows)] = said.texts(kind)
        data.columns[kind.value] = data.columns[kind.value].astype(str)
    choices = fitting._choices(fitting._Fit(model, tokenizer, data), Input.GAZE)
    for kind in KINDS:
        surprise = sum(
            float(torch.nn.functional.cross_entropy(logits, word, reduction="sum"))
            for level in (0, 1)
            for logits, word in choices[kind, level]
        )
        assert -np.log(said.probabilities(kind)).sum() == pytest.approx(surprise, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("risk", [0.0, 1.0, -1.0])
def test_a_risk_that_means_nothing_is_refused(runs, checkpoint, risk):
    with pytest.raises(DataError, match="between 0 and 1"):
        fit_calibration(runs / "tokens", checkpoint, risk)
    assert not (checkpoint / CALIBRATION).exists()


def test_tokens_of_another_encoder_are_refused(runs, checkpoint, tmp_path):
    cache = tmp_path / "tokens"
    cache.mkdir()
    for path in (runs / "tokens").iterdir():
        (cache / path.name).symlink_to(path)
    card = json.loads((cache / "cache.json").read_text()) | {"encoder_sha256": "0"}
    (cache / "cache.json").unlink()
    (cache / "cache.json").write_text(json.dumps(card))
    with pytest.raises(DataError, match="another encoder"):
        fit_calibration(cache, checkpoint)
