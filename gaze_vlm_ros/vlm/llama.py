"""The Llama of a small model without the overhead of its transformers class, for inference on a stream.

At this size most of a forward pass is the time between the multiplications. Here projections are joined, norms are
folded into them, rotations are looked up, and the cache is one tensor per layer. ``test_llama.py`` holds it to the
numbers of ``transformers.LlamaModel``.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import LlamaModel
from transformers.models.llama.modeling_llama import LlamaDecoderLayer


class _Layer(NamedTuple):
    """Weights (in, out) with the norm before them folded in: query, key and value; output; gate and up; down."""

    qkv: Tensor
    out: Tensor
    gate_up: Tensor
    down: Tensor


class FusedLlama:
    """Copies of the weights of ``model`` as they are now: make it anew after they have changed.

    Only for what ``GazeVLMConfig`` builds: SiLU, no biases, as many key as query heads, plain rotary positions.
    """

    def __init__(self, model: LlamaModel, longest: int) -> None:
        """``longest``: positions that may be asked for, from 0."""
        config = model.config
        if config.num_key_value_heads != config.num_attention_heads or config.attention_bias or config.mlp_bias:
            raise ValueError("only a Llama without biases and with a key head for every query head can be fused")
        self._heads, self._eps = config.num_attention_heads, config.rms_norm_eps
        self._layers = [_fused(layer) for layer in model.layers]
        self._norm = model.norm.weight.detach()
        places = torch.arange(longest, device=self._norm.device)
        cos, sin = model.rotary_emb(self._norm, places[None])
        half = sin.shape[-1] // 2
        self._cos, self._sin = cos[0], torch.cat([-sin[0, :, :half], sin[0, :, half:]], -1)

    def start(self, batch: int) -> list[Tensor]:
        """An empty cache: per layer keys and values (B, 2, H, S, E), S = 0."""
        width = self._norm.shape[0] // self._heads
        return [self._norm.new_zeros(batch, 2, self._heads, 0, width) for _ in self._layers]

    def __call__(self, embedded: Tensor, positions: Tensor, mask: Tensor, cache: list[Tensor]) -> Tensor:
        """M more tokens behind the S in ``cache``, which grows by them: (B, M, D) -> normalised states (B, M, D).

        ``positions`` (B, M) int64 or (M,). ``mask`` (B, M, S + M) or (M, S + M) bool: True where token m attends to
        slot s; each token needs at least one.
        """
        batch, count, width = embedded.shape
        cos, sin = self._cos[positions], self._sin[positions]
        if positions.ndim == 2:
            cos, sin = cos[:, None, None], sin[:, None, None]
        mask = mask[:, None] if mask.ndim == 3 else mask
        hidden = embedded
        for number, layer in enumerate(self._layers):
            qkv = (self._unit(hidden) @ layer.qkv).view(batch, count, 3, self._heads, -1).permute(0, 2, 3, 1, 4)
            turned = qkv[:, :2]
            turned = turned * cos + turned.roll(turned.shape[-1] // 2, -1) * sin
            new = torch.stack([turned[:, 1], qkv[:, 2]], 1)
            cache[number] = seen = torch.cat([cache[number], new], 3)
            mixed = F.scaled_dot_product_attention(turned[:, 0], seen[:, 0], seen[:, 1], attn_mask=mask)
            hidden = hidden + mixed.transpose(1, 2).reshape(batch, count, width) @ layer.out
            gate, up = (self._unit(hidden) @ layer.gate_up).chunk(2, -1)
            hidden = hidden + (F.silu(gate) * up) @ layer.down
        return self._unit(hidden) * self._norm

    def _unit(self, hidden: Tensor) -> Tensor:
        return F.rms_norm(hidden, hidden.shape[-1:], eps=self._eps)


def _fused(layer: LlamaDecoderLayer) -> _Layer:
    attention, mlp = layer.self_attn, layer.mlp
    qkv = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
    gate_up = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
    normed = qkv * layer.input_layernorm.weight, gate_up * layer.post_attention_layernorm.weight
    weights = normed[0], attention.o_proj.weight, normed[1], mlp.down_proj.weight
    return _Layer(*(weight.detach().T.contiguous() for weight in weights))
