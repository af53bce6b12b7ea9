"""Output mode ``tokens``: a few patch tokens per frame, weighted by the attention, so that places stay apart."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gaze_vlm_ros.vlm.block import BlockOutput

MOST_SIDE = 7
"""Most rows and columns of cells that a frame keeps."""


def cell_shape(grid: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of cells for a grid of (rows, cols) tokens."""
    return min(grid[0], MOST_SIDE), min(grid[1], MOST_SIDE)


class AttentionModulation(nn.Module):
    """Pools the token grid to at most 7 x 7 cells and pulls each cell towards what the attention picked out.

    With tokens x_i, attention A_i over the P tokens of a frame (sum 1), the block's feature f, and <.>_c the adaptive
    average over the tokens of cell c::

        m_c = P <A>_c                      share of attention over share of area; 1 where attention is uniform
        g_c = 2 m_c / (1 + m_c)            in [0, 2), 1 where attention is uniform
        s   = sum_i A_i x_i                what the attention picked out of the frame
        y_c = s + g_c (<x>_c - s) + r f    r: one learned number, 0 at first

    A cell without attention says only what the attended patches say; uniform attention leaves <x>_c + r f. Scaling
    x_c alone would not do, since the language model normalises the length of a token at its first layer. Through g and
    s the language loss reaches the attention from the first step on. Own design; the paper has the pooled token only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.feature_gain = nn.Parameter(torch.zeros(()))

    def forward(self, tokens: Tensor, attended: BlockOutput, grid: tuple[int, int]) -> Tensor:
        """``tokens`` (B, T, P, D) on ``grid`` (rows, cols), the block's output for them -> (B, T, C, D), rows first."""
        attention = attended.attention.to(tokens.dtype)
        summary = torch.einsum("btp,btpd->btd", attention, tokens)[:, :, None]
        cells = _average(tokens, grid)
        mass = _average(attended.attention[..., None], grid) * tokens.shape[2]
        gain = (2 * mass / (1 + mass)).to(tokens.dtype)
        return summary + gain * (cells - summary) + self.feature_gain * attended.features[:, :, None]


def _average(values: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, T, P, D) -> (B, T, C, D)."""
    batch, frames, _, width = values.shape
    maps = values.flatten(0, 1).transpose(1, 2).unflatten(2, grid)
    pooled = F.adaptive_avg_pool2d(maps, cell_shape(grid)).flatten(2).transpose(1, 2)
    return pooled.reshape(batch, frames, -1, width)
