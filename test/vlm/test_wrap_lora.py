"""Adapters: they and the block learn, nothing else does."""

import pytest
import torch
from peft import IA3Config, LoraConfig
from tiny_wrap import KINDS, frames_for, prompt, tiny_wrapped, words_of

from gaze_vlm_ros.vlm.wrap.errors import WrapError

TARGETS = ["q_proj", "v_proj"]


@pytest.mark.parametrize("kind", KINDS)
def test_only_adapters_and_the_block_learn(kind):
    wrapped = tiny_wrapped(kind, mode="tokens").train()
    frames, ids = frames_for(wrapped), prompt()
    before_adapter = wrapped(frames, ids, words_of(ids)).logits
    wrapped.add_lora(LoraConfig(r=2, target_modules=TARGETS))
    torch.testing.assert_close(wrapped(frames, ids, words_of(ids)).logits, before_adapter)  # fresh ones do nothing
    start = {name: parameter.detach().clone() for name, parameter in wrapped.named_parameters()}
    optimiser = torch.optim.Adam(wrapped.parameters(), 1e-2)
    for _ in range(2):  # the first step moves lora_B away from 0, the second lora_A too
        optimiser.zero_grad()
        wrapped(frames, ids, words_of(ids)).loss.backward()
        optimiser.step()
    changed = {name for name, parameter in wrapped.named_parameters() if not torch.equal(parameter, start[name])}
    adapters = {name for name in start if "lora_" in name}
    assert len(adapters) == 2 * 2 * len(TARGETS)  # A and B in each of two layers
    assert all(f".{wrapped.family.language}." in name for name in adapters)
    added = {name for name in start if not name.startswith("model.")}
    # The key's norm has a bias that the softmax forgets and gaze_scale waits for gaze as input.
    idle = {name for name in added if name.endswith("gaze_scale")}
    assert changed == adapters | added - idle


def test_a_second_adapter_is_refused():
    wrapped = tiny_wrapped("internvl")
    wrapped.add_lora(LoraConfig(target_modules=TARGETS))
    with pytest.raises(WrapError, match=r"has an adapter.*fresh"):
        wrapped.add_lora(LoraConfig(target_modules=TARGETS))


@pytest.mark.parametrize(
    ("config", "remedy"),
    [
        (IA3Config(target_modules=TARGETS, feedforward_modules=[]), "takes a peft.LoraConfig"),
        (LoraConfig(target_modules=TARGETS, modules_to_save=["norm"]), "without modules_to_save"),
        (LoraConfig(target_modules=["no_such_layer"]), "name target_modules"),
        (LoraConfig(), "name target_modules"),
    ],
)
def test_other_adapters_are_refused(config, remedy):
    with pytest.raises(WrapError, match=remedy) as caught:
        tiny_wrapped("qwen3_vl").add_lora(config)
    assert "\n" not in str(caught.value)
