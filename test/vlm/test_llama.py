"""The fused language model gives the numbers of transformers', in one go, token by token and along branches."""

import pytest
import torch
from tiny import tiny_model

from gaze_vlm_ros.vlm.llama import FusedLlama

LENGTH = 12
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(params=range(2))
def world(request):
    """A language model with norms that are not all ones, its fused self, input (2, LENGTH, D), what it makes of it."""
    llama = tiny_model(request.param)[0].base.model.language_model
    generator = torch.Generator().manual_seed(request.param)
    with torch.inference_mode():
        for name, parameter in llama.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5, generator=generator)
        embedded = torch.randn(2, LENGTH, 32, generator=generator)
        yield llama, FusedLlama(llama, LENGTH), embedded, llama(inputs_embeds=embedded).last_hidden_state


def causal(count, before=0):
    return torch.ones(count, before + count, dtype=torch.bool).tril(before)


def test_in_one_go(world):
    _, fused, embedded, expected = world
    hidden = fused(embedded, torch.arange(LENGTH), causal(LENGTH), fused.start(2))
    torch.testing.assert_close(hidden, expected, **CLOSE)


@pytest.mark.parametrize("cut", [1, 5, 11])
def test_the_cache_goes_on_where_it_stopped(world, cut):
    _, fused, embedded, expected = world
    cache = fused.start(2)
    first = fused(embedded[:, :cut], torch.arange(cut), causal(cut), cache)
    rest = torch.arange(cut, LENGTH)
    then = fused(embedded[:, cut:], rest[None].expand(2, -1), causal(LENGTH - cut, cut).expand(2, -1, -1), cache)
    torch.testing.assert_close(torch.cat([first, then], 1), expected, **CLOSE)


def test_branches_in_one_row_do_not_see_each_other(world):
    """Tokens 0-3 and then 4-7 or 8-11 are, each alone, two sequences of eight."""
    llama, fused, embedded, _ = world
    branch = torch.tensor([0] * 4 + [1] * 4 + [2] * 4)
    mask = causal(LENGTH) & ((branch[:, None] == branch) | (branch == 0))
    positions = torch.tensor([*range(8), *range(4, 8)])
    hidden = fused(embedded, positions, mask, fused.start(2))
    alone = torch.cat([embedded[:, :4], embedded[:, 8:]], 1)
    torch.testing.assert_close(hidden[:, 8:], llama(inputs_embeds=alone).last_hidden_state[:, 4:], **CLOSE)


def test_another_kind_of_llama_is_refused(world):
    llama = world[0]
    llama.config.attention_bias = True
    with pytest.raises(ValueError, match="biases"):
        FusedLlama(llama, LENGTH)
