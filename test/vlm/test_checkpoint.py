"""Checkpoints come back as they were, and every way in which they can be broken is named."""

import json

import pytest
import torch
from tiny import tiny_model

from gaze_vlm_ros.vlm.checkpoint import CONFIG, TOKENIZER, WEIGHTS, CheckpointError, load_checkpoint, save_checkpoint
from gaze_vlm_ros.vlm.config import GazeVLMConfig
from gaze_vlm_ros.vlm.model import GazeVLM


@pytest.fixture
def folder(tmp_path):
    save_checkpoint(tmp_path, *tiny_model())
    return tmp_path


def test_comes_back_in_float32_within_half_precision(folder):
    model, tokenizer = tiny_model()
    loaded, words = load_checkpoint(folder)
    assert loaded.config == model.config
    assert len(words) == len(tokenizer)
    for name, tensor in loaded.state_dict().items():
        before = model.state_dict()[name]
        assert tensor.dtype == before.dtype
        assert torch.equal(tensor, before.half().to(before.dtype))


def test_saving_what_was_loaded_gives_the_same_bytes(folder, tmp_path):
    save_checkpoint(tmp_path / "again", *load_checkpoint(folder))
    for name in (WEIGHTS, CONFIG, TOKENIZER):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, TOKENIZER])
def test_a_missing_file_is_named_with_a_remedy(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=f"{name} is missing.*train"):
        load_checkpoint(folder)


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, TOKENIZER])
def test_a_file_that_was_cut_off_is_named(folder, name):
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match=name) as caught:
        load_checkpoint(folder)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_in_the_weights_is_noticed(folder):
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-7] ^= 1
    (folder / WEIGHTS).write_bytes(data)
    with pytest.raises(CheckpointError, match="sha256 differs"):
        load_checkpoint(folder)


def test_weights_of_another_shape_are_named(folder, tmp_path):
    save_checkpoint(tmp_path / "other", *tiny_model(hidden=64))
    (folder / WEIGHTS).write_bytes((tmp_path / "other" / WEIGHTS).read_bytes())
    with pytest.raises(CheckpointError, match="does not fit"):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    "change", [{"hidden": 33}, {"frames": 0}, {"model_type": "llava"}, {"surprise": 1}, {"labels": ["mug"]}]
)
def test_a_configuration_that_cannot_work_is_named(folder, change):
    config = json.loads((folder / CONFIG).read_text()) | change
    (folder / CONFIG).write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=CONFIG):
        load_checkpoint(folder)


def test_the_default_model_fits_into_sixteen_megabytes():
    parameters = sum(p.numel() for p in GazeVLM(GazeVLMConfig()).parameters())
    assert 2 * parameters <= 16e6
