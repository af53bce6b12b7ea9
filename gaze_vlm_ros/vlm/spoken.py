"""Gaze as words: behind the token of each frame the word for the ninth of the picture in which its gaze lies."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gaze_vlm_ros.vlm.gaze_inputs import COLUMNS, GAZE_WORDS, ROWS, UNKNOWN_GAZE


class SpokenGaze(nn.Module):
    """The ten GAZE_WORDS as tokens with embeddings of their own, for a language model whose vocabulary lacks them."""

    def __init__(self, dim: int, grid: tuple[int, int]) -> None:
        """``grid``: rows and columns of patches."""
        super().__init__()
        self._grid = grid
        self.words = nn.Embedding(len(GAZE_WORDS), dim)
        nn.init.normal_(self.words.weight, std=0.02)

    def forward(self, features: Tensor, heatmap: Tensor | None = None, given: Tensor | None = None) -> Tensor:
        """Tokens of the frames (B, T, D), their gaze as in ``GazeBlock.forward`` -> (B, 2 T, D), each frame's token
        and its word in turn."""
        word = torch.full(features.shape[:2], GAZE_WORDS.index(UNKNOWN_GAZE), device=features.device)
        if heatmap is not None and given is not None:
            word = torch.where(given, self.ninth(heatmap), word)
        return torch.stack([features, self.words(word).to(features.dtype)], dim=2).flatten(1, 2)

    def ninth(self, heatmap: Tensor) -> Tensor:
        """Index in GAZE_WORDS of where the heatmaps (..., P) are highest."""
        rows, columns = self._grid
        patch = heatmap.argmax(-1)
        row, column = patch // columns * len(ROWS) // rows, patch % columns * len(COLUMNS) // columns
        return row * len(COLUMNS) + column
