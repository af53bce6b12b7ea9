"""Checks of what is given to a wrapped model: one error that names the thing and what to do."""

from __future__ import annotations

import torch
from torch import Tensor

from gaze_vlm_ros.vlm.wrap.errors import WrapError
from gaze_vlm_ros.vlm.wrap.grid import TokenGrid

SUM_TOLERANCE = 1e-2
"""How far from 1 a heatmap may sum, so that half precision passes."""


def check_frames(frames: Tensor, grid: TokenGrid, hidden: int) -> None:
    """Frames (B, T, 3, *grid.frame_size) or tokens (B, T, grid.tokens, hidden), at least one of them."""
    wanted = (3, *grid.frame_size) if frames.ndim == 5 else (grid.tokens, hidden)
    if frames.ndim not in {4, 5} or tuple(frames.shape[2:]) != wanted:
        raise WrapError(
            f"frames must be (B, T, 3, {grid.frame_size[0]}, {grid.frame_size[1]}), or tokens (B, T, {grid.tokens}, "
            f"{hidden}), got {tuple(frames.shape)}; resize the frames or wrap with another frame_size"
        )
    if not frames.shape[0] * frames.shape[1]:
        raise WrapError(f"the window is empty, got {tuple(frames.shape)}; give at least one frame")
    if not frames.is_floating_point():
        raise WrapError(f"frames must be normalised numbers, got {frames.dtype}; use the model's image processor")


def check_heatmap(name: str, heatmap: Tensor, like: Tensor) -> None:
    """A heatmap of the shape of ``like`` (B, T, P): finite, not negative, each frame's sum 1 or 0."""
    if heatmap.shape != like.shape:
        raise WrapError(f"{name} must be heatmaps {tuple(like.shape)}, got {tuple(heatmap.shape)}; use grid.heatmap")
    if not heatmap.isfinite().all():
        raise WrapError(f"{name} holds NaN or infinity; set a frame without gaze to all zeros")
    total = heatmap.float().sum(-1)
    if (heatmap < 0).any() or not (((total - 1).abs() < SUM_TOLERANCE) | (total == 0)).all():
        raise WrapError(f"{name} must sum to 1 over the tokens of each frame, or be all 0; use grid.heatmap")


def check_ids(ids: Tensor, mask: Tensor, batch: int) -> None:
    """Prompts (B, L) of whole numbers, and a mask of their shape."""
    if ids.ndim != 2 or ids.dtype != torch.long or len(ids) != batch:
        raise WrapError(f"ids must be int64 of shape ({batch}, L), one prompt per window, got {tuple(ids.shape)}")
    if mask.shape != ids.shape:
        raise WrapError(f"mask must have the shape {tuple(ids.shape)} of ids, got {tuple(mask.shape)}")


def check_scored(scored: Tensor, ids: Tensor) -> None:
    """Which ids (B, L) are to be learned."""
    if scored.dtype != torch.bool or scored.shape != ids.shape:
        raise WrapError(f"scored must be bool {tuple(ids.shape)} as ids, got {scored.dtype} {tuple(scored.shape)}")
