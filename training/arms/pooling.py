"""How a frame's patches become one token: the gaze block, and what it is compared with."""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor, nn

from gaze_vlm_ros.vlm.block import BlockOutput, GazeAttention, GazeBlock
from gaze_vlm_ros.vlm.config import GazeVLMConfig


class Pooling(StrEnum):
    """What stands between the projector and the language model."""

    GAZE_BLOCK = "gaze_block"
    """The paper's: one query for the window."""
    FRAME_QUERY = "frame_query"
    """The block with a query of its own for each frame."""
    UNIFORM = "uniform"
    """The block, whose attention is the same everywhere."""
    NO_BLOCK = "no_block"
    """The mean over the patches, through one linear layer."""


class FrameQueryBlock(GazeBlock):
    """The gaze block whose query is the mean over the patches of each frame, not of the window."""

    def query(self, patches: Tensor) -> Tensor:
        return self.make_query(patches.mean(dim=2))


class UniformAttention(GazeAttention):
    """All patches alike. One head's weights stand for all."""

    def weigh(self, query: Tensor, normal: Tensor, log_gaze: Tensor | None) -> Tensor:
        patches = normal.shape[2]
        return normal.new_full((*query.shape[:2], 1, patches), 1 / patches, dtype=torch.float32)


class NoBlock(nn.Module):
    """``Linear(LN(mean over the patches))`` of each frame; heatmaps are not looked at."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim))

    def forward(
        self, patches: Tensor, heatmap: Tensor | None = None, given: Tensor | None = None, replaces: bool = False
    ) -> BlockOutput:
        """As ``GazeBlock.forward``; the attention is the same everywhere."""
        count = patches.shape[2]
        attention = patches.new_full(patches.shape[:3], 1 / count, dtype=torch.float32)
        return BlockOutput(self.layers(patches.mean(dim=2)), attention)


def make_block(pooling: Pooling, block: GazeBlock, config: GazeVLMConfig) -> nn.Module:
    """The block of one kind, to stand as ``GazeVLM.block``; it begins with the weights of ``block`` that it has."""
    if pooling is Pooling.NO_BLOCK:
        return NoBlock(config.hidden)
    kind = FrameQueryBlock if pooling is Pooling.FRAME_QUERY else GazeBlock
    made = kind(config.hidden, config.block_layers, config.block_heads, config.block_ff_mult)
    if pooling is Pooling.UNIFORM:
        made.attentions = nn.ModuleList(
            UniformAttention(config.hidden, config.block_heads) for _ in range(config.block_layers)
        )
    made.load_state_dict(block.state_dict())
    return made
