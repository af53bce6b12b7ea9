"""Where the visual tokens of a frame lie: the grid on which attention and gaze are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gaze_vlm_ros.gaze.heatmap import heatmap
from gaze_vlm_ros.vlm.wrap.errors import WrapError


@dataclass(frozen=True)
class TokenGrid:
    """Tokens of ``cell`` x ``cell`` pixels, rows first, from the top left corner of a frame of (height, width) pixels.

    A frame whose side is no multiple of the cell keeps a strip at the right and at the bottom that no token covers:
    an encoder of 14 px patches leaves 6 of its 384 px unseen.
    """

    frame_size: tuple[int, int]
    cell: int

    def __post_init__(self) -> None:
        if min(self.frame_size) < self.cell:
            raise WrapError(f"frames of {self.frame_size} px are smaller than a token of {self.cell} px; enlarge them")

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tokens."""
        height, width = self.frame_size
        return height // self.cell, width // self.cell

    @property
    def tokens(self) -> int:
        rows, cols = self.shape
        return rows * cols

    @property
    def boxes(self) -> Tensor:
        """Left, top, right and bottom of each token, (P, 4) float32, as shares of the frame's width and height."""
        rows, cols = self.shape
        top, left = torch.meshgrid(torch.arange(rows), torch.arange(cols), indexing="ij")
        edges = torch.stack([left, top, left + 1, top + 1], dim=-1).reshape(-1, 4) * self.cell
        height, width = self.frame_size
        return edges / torch.tensor([width, height, width, height], dtype=torch.float32)

    def heatmap(self, points_px: np.ndarray, image_size: tuple[int, int], sigma_px: float) -> np.ndarray:
        """Share of gaze in each token, (rows, cols) float32, sum 1; all zeros where no point counts.

        ``points_px`` (N, 2) and ``sigma_px`` refer to the picture of ``image_size`` (width, height) [px] that was
        stretched to the frame. Points on the strip without tokens count nothing, as do those outside the picture.
        Source: Gaze-VLM, section 3, by ``gaze.heatmap.heatmap``.
        """
        rows, cols = self.shape
        height, width = self.frame_size
        covered = image_size[0] * cols * self.cell / width, image_size[1] * rows * self.cell / height
        return heatmap(points_px, covered, self.shape, sigma_px)
