"""A wrapped model comes back as it was, without the network, and every broken file is named."""

import json
import socket

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file
from tiny_wrap import KINDS, frames_for, prompt, tiny_wrapped, words_of

from gaze_vlm_ros.vlm.wrap.errors import WrapCheckpointError, WrapError
from gaze_vlm_ros.vlm.wrap.storage import BLOCK, SETTINGS
from gaze_vlm_ros.vlm.wrap.wrapped import WrappedVLM


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def folder(tmp_path):
    saved(tmp_path, adapted=True)
    return tmp_path


def saved(folder, kind="internvl", adapted=False, **settings):
    """A model unlike a fresh one in every part, saved."""
    wrapped = tiny_wrapped(kind, **settings)
    if adapted:
        wrapped.add_lora(LoraConfig(r=2, target_modules=["q_proj", "down_proj"]))
    torch.manual_seed(5)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if not name.startswith("model.") or "lora_" in name:
                parameter.add_(0.1 * torch.randn_like(parameter))
    wrapped.save_pretrained(folder)
    return wrapped


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("adapted", [False, True])
def test_comes_back_with_identical_logits(kind, adapted, tmp_path):
    wrapped = saved(tmp_path, kind, adapted, mode="tokens" if adapted else "pool")
    loaded = WrappedVLM.from_pretrained(tmp_path)
    assert loaded.settings == wrapped.settings
    assert type(loaded.model) is type(wrapped.model)
    frames, ids = frames_for(wrapped), prompt()
    assert torch.equal(loaded(frames, ids, words_of(ids)).logits, wrapped(frames, ids, words_of(ids)).logits)
    learning = [{n for n, p in model.named_parameters() if p.requires_grad} for model in (loaded, wrapped)]
    assert learning[0] == learning[1]
    assert not list(tmp_path.rglob("*.bin")) + list(tmp_path.rglob("*.pt"))


def test_half_precision_stays_half_unless_asked_otherwise(tmp_path):
    tiny_wrapped("smolvlm").bfloat16().save_pretrained(tmp_path)
    for dtype, expected in (("auto", torch.bfloat16), (torch.float32, torch.float32)):
        loaded = WrappedVLM.from_pretrained(tmp_path, dtype=dtype)
        assert {p.dtype for p in loaded.parameters()} == {expected}


def test_an_adapter_that_was_there_before_is_not_taken_for_this_models(folder):
    saved(folder)
    assert not any("lora_" in name for name, _ in WrappedVLM.from_pretrained(folder).named_parameters())


@pytest.mark.parametrize(
    "name",
    [
        SETTINGS,
        BLOCK,
        "config.json",
        "model.safetensors",
        "adapter/adapter_config.json",
        "adapter/adapter_model.safetensors",
    ],
)
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_file_that_is_missing_or_cut_off_is_named(folder, name, damage):
    path = folder / name
    if damage == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.unlink()
    with pytest.raises(WrapCheckpointError, match=str(folder) + ".*save") as caught:
        WrappedVLM.from_pretrained(folder)
    assert "\n" not in str(caught.value)


def test_other_formats_than_safetensors_are_refused(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(WrapCheckpointError, match="only safetensors are read"):
        WrappedVLM.from_pretrained(folder)


def test_a_name_on_the_hub_is_not_fetched():
    with pytest.raises(WrapCheckpointError, match=r"is no folder.*nothing is fetched"):
        WrappedVLM.from_pretrained("HuggingFaceTB/SmolVLM2-2.2B-Instruct")


@pytest.mark.parametrize(("key", "value"), [("layers", 1), ("mode", "tokens"), ("ff_mult", 2)])
def test_a_block_of_another_shape_is_named(folder, key, value):
    (folder / SETTINGS).write_text(json.dumps(json.loads((folder / SETTINGS).read_text()) | {key: value}))
    with pytest.raises(WrapCheckpointError, match=f"{BLOCK} is of another shape"):
        WrappedVLM.from_pretrained(folder)


@pytest.mark.parametrize("change", [{"kind": "other"}, {"surprise": 1}, {"layers": 0}, {"mode": "all"}])
def test_settings_that_cannot_work_are_named(folder, change):
    (folder / SETTINGS).write_text(json.dumps(json.loads((folder / SETTINGS).read_text()) | change))
    with pytest.raises(WrapCheckpointError, match=SETTINGS):
        WrappedVLM.from_pretrained(folder)


def test_model_weights_of_another_shape_are_named(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors.pop(next(name for name in tensors if "q_proj" in name))
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(WrapCheckpointError, match=r"another shape than its config[.]json"):
        WrappedVLM.from_pretrained(folder)


def test_another_family_is_refused_by_name(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "llava"}))
    with pytest.raises(WrapError, match=r"'llava' cannot be wrapped.*internvl"):
        WrappedVLM.from_pretrained(folder)
