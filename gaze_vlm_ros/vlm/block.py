"""The paper's gaze block: global-query cross-attention over the patches of each frame (Gaze-VLM, section 3).

It stands between the projector and the language model and is the visual bottleneck: one token per frame comes out.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEATMAP_FLOOR = 1e-3
"""Added to a heatmap before its logarithm, so that a patch never looked at is unlikely, not impossible."""


class BlockOutput(NamedTuple):
    """``features`` (B, T, D), one token per frame; ``attention`` (B, T, P), the defined attention A_t, summing to 1."""

    features: Tensor
    attention: Tensor


class GazeAttention(nn.Module):
    """One query per frame looks at that frame's patches, eight heads at a time.

    Per head, ``scores = (W_q q) . (W_k x)`` with ``x = LN(patch) = gain * n + bias``. With a single query per frame it
    is some twenty times cheaper to carry the query into the space of the normalised patches n,
    ``(W_k^T W_q q) * gain``, and to apply gain, bias and ``W_v`` after the weighted sum. The bias shifts all scores of
    a frame alike, which the softmax forgets. The numbers are the same, no patch is ever projected, and with a frozen
    encoder none has a gradient.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.norm_patches, self.norm_query = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.to_query = nn.Linear(dim, dim, bias=False)
        self.to_key = nn.Linear(dim, dim, bias=False)
        self.to_value = nn.Linear(dim, dim, bias=False)
        self.to_out = nn.Linear(dim, dim, bias=False)
        self.gaze_scale = nn.Parameter(torch.full((heads,), 0.5))

    def forward(
        self, query: Tensor, normal: Tensor, log_gaze: Tensor | None, fixed: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """``query`` (B, T, D), patches of mean 0 and variance 1 ``normal`` (B, T, P, D), ``log_gaze`` (B, T, P) -> the
        update of the query (B, T, D), weights (B, T, H, P), which are float32 in a block of half precision too.
        ``fixed``: weights (B, T, P) that stand instead of all heads' own in some frames (B, T)."""
        norm, weights = self.norm_patches, self.weigh(query, normal, log_gaze)
        if fixed is not None:
            weights = torch.where(fixed[1][..., None, None], fixed[0][:, :, None].float(), weights)
        value = self.to_value.weight.view(self.heads, -1, query.shape[-1])
        seen = (weights.to(normal.dtype) @ normal) * norm.weight + norm.bias
        mixed = torch.einsum("bthd,hed->bthe", seen, value).flatten(-2)
        return self.to_out(mixed), weights

    def weigh(self, query: Tensor, normal: Tensor, log_gaze: Tensor | None) -> Tensor:
        """The weights (B, T, H, P) of ``forward``."""
        q = self.to_query(self.norm_query(query)).unflatten(-1, (self.heads, -1))
        key = self.to_key.weight.view(self.heads, -1, query.shape[-1])
        carried = torch.einsum("bthe,hed->bthd", q * self.scale, key) * self.norm_patches.weight
        scores = carried @ normal.transpose(-1, -2)
        if log_gaze is not None:
            scores = scores + self.gaze_scale[:, None] * log_gaze[:, :, None]
        return scores.float().softmax(dim=-1)


class GazeBlock(nn.Module):
    """A stack of ``layers`` of cross-attention and feed-forward on a global query; residual on the query.

    The query is ``Linear(LN(mean over all frames' and patches' tokens))``, repeated over the frames. The attention that
    the gaze regulariser sees is the mean over the heads of the last layer (the paper leaves the heads open).
    """

    def __init__(self, dim: int, layers: int = 2, heads: int = 8, ff_mult: int = 4) -> None:
        super().__init__()
        self.make_query = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim))
        self.attentions = nn.ModuleList(GazeAttention(dim, heads) for _ in range(layers))
        self.feed_forwards = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(dim),
                nn.Linear(dim, ff_mult * dim),
                nn.GELU(),
                nn.Linear(ff_mult * dim, dim),
            )
            for _ in range(layers)
        )
        self.norm_out = nn.LayerNorm(dim)

    def forward(
        self, patches: Tensor, heatmap: Tensor | None = None, given: Tensor | None = None, replaces: bool = False
    ) -> BlockOutput:
        """Pools each frame into one token.

        ``patches`` (B, T, P, D). Optional gaze input: ``heatmap`` (B, T, P), summing to 1 where ``given`` (B, T) is
        True; every other frame is attended without it. ``replaces``: the heatmap is the attention of those frames
        instead of a bias on it.
        """
        query = self.query(patches)
        normal = _normal(patches)
        log_gaze, fixed = None, None
        if heatmap is not None and given is not None and replaces:
            fixed = heatmap, given
        elif heatmap is not None and given is not None:
            log_gaze = torch.where(given[..., None], (heatmap + HEATMAP_FLOOR).log(), 0.0)
        for attention, feed_forward in zip(self.attentions, self.feed_forwards, strict=True):
            update, weights = attention(query, normal, log_gaze, fixed)
            query = query + update
            query = query + feed_forward(query)
        return BlockOutput(self.norm_out(query), weights.mean(dim=2))

    def query(self, patches: Tensor) -> Tensor:
        """The first query (B, T, D): one for the whole window."""
        return self.make_query(patches.mean(dim=(1, 2)))[:, None].expand(-1, patches.shape[1], -1)


def _normal(patches: Tensor) -> Tensor:
    """``patches`` with mean 0 and variance 1; under autocast cast here once, instead of in every multiplication."""
    normal, kind = F.layer_norm(patches, patches.shape[-1:]), patches.device.type
    return normal.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else normal
