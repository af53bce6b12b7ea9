"""A checkpoint's calibration comes back, is named where it cannot be trusted, and makes a model abstain."""

import json

import numpy as np
import pytest
import torch
from tiny import CAMERA, frame_at, gaze_at, tiny_model

from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.calibration import CALIBRATION, INPUTS, Calibration, TaskCalibration, load_calibration
from gaze_vlm_ros.vlm.checkpoint import CheckpointError, save_checkpoint
from gaze_vlm_ros.vlm.domain import weights_digest
from gaze_vlm_ros.vlm.predictor import StreamingPredictor
from gaze_vlm_ros.vlm.tokenizer import KINDS


def calibration(threshold=0.0, digest="", temperatures=(1.0, 1.0), gaze_threshold=None):
    with_gaze = threshold if gaze_threshold is None else gaze_threshold
    tasks = {
        name: {kind: TaskCalibration(temperatures, level, {"windows": 3}) for kind in KINDS}
        for name, level in zip(INPUTS, (threshold, with_gaze), strict=True)
    }
    return Calibration(tasks, digest, 0.5)


@pytest.fixture
def folder(tmp_path):
    save_checkpoint(tmp_path, *tiny_model())
    calibration(0.25, weights_digest(tmp_path), (1.5, 0.5)).save(tmp_path)
    return tmp_path


def predicted(gaze=(), **settings):
    one = StreamingPredictor(*tiny_model(), **settings)
    for i in range(26):
        one.observe(frame_at(i / 5), [gaze_at(i / 5, *gaze)] if gaze else [], CAMERA)
    return one.predict()


def test_comes_back(folder):
    found = load_calibration(folder)
    assert found == calibration(0.25, weights_digest(folder), (1.5, 0.5))
    assert found.temperatures(True).tolist() == [[1.5, 0.5]] * 2
    assert found.speaks(PredictionKind.EVENT, 0.25, False) and not found.speaks(PredictionKind.EVENT, 0.249, False)


def test_the_predictor_takes_it_from_the_checkpoint(folder):
    assert StreamingPredictor.from_checkpoint(folder)._calibration == load_calibration(folder)


def test_a_checkpoint_without_one_is_not_calibrated(folder):
    (folder / CALIBRATION).unlink()
    assert load_calibration(folder) is None


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": {}},
        {"risk": "much"},
        {"weights_sha256": None},
        {"inputs": {name: {kind.value: {"temperatures": [0, 1], "threshold": 0} for kind in KINDS} for name in INPUTS}},
        {"inputs": {name: {kind.value: {"temperatures": [1], "threshold": 0} for kind in KINDS} for name in INPUTS}},
    ],
)
def test_what_cannot_be_trusted_is_named_with_a_remedy(folder, change):
    values = json.loads((folder / CALIBRATION).read_text()) | change
    (folder / CALIBRATION).write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match=f"{CALIBRATION}.*fit_calibration"):
        load_calibration(folder)


def test_a_file_that_was_cut_off_is_named(folder):
    (folder / CALIBRATION).write_text((folder / CALIBRATION).read_text()[:40])
    with pytest.raises(CheckpointError, match=CALIBRATION):
        load_calibration(folder)


def test_one_of_other_weights_is_refused(folder):
    save_checkpoint(folder, *tiny_model(1))
    with pytest.raises(CheckpointError, match="other weights"):
        load_calibration(folder)


def test_below_the_threshold_the_model_abstains_and_still_ranks():
    plain, silent = predicted(), predicted(calibration=calibration(1.0))
    for before, after in ((plain.activity, silent.activity), (plain.event, silent.event)):
        assert before.text == before.hypotheses[0].text != ""
        assert after.text == "" and after.hypotheses == before.hypotheses and after.confidence == before.confidence
    assert predicted(calibration=calibration(0.0)).activity == plain.activity


def test_gaze_has_thresholds_of_its_own():
    fitted = calibration(1.0, gaze_threshold=0.0)
    assert predicted(calibration=fitted).event.text == ""
    assert predicted((300, 200), calibration=fitted).event.text != ""
    assert predicted((300, 200), calibration=fitted, gaze_input="off").event.text == ""


def test_temperatures_make_it_less_sure():
    plain, warm = predicted(), predicted(calibration=calibration(temperatures=(5.0, 5.0)))
    assert warm.activity.confidence < plain.activity.confidence
    assert np.array_equal(warm.attention, plain.attention)


def test_a_model_that_gives_no_numbers_predicts_nothing():
    model, tokenizer = tiny_model()
    one = StreamingPredictor(model, tokenizer)
    one.observe(frame_at(0.0), [], CAMERA)
    with torch.no_grad():
        model.block.norm_out.weight.fill_(float("nan"))
    with pytest.raises(Exception, match="no finite numbers") as caught:
        one.predict()
    assert type(caught.value).__name__ == "PredictorError"
