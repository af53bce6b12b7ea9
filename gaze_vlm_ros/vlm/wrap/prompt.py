"""Prompts: as many image placeholders per frame as the wrapped model hands to the language model."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from gaze_vlm_ros.vlm.wrap.errors import WrapError


class Prompt(NamedTuple):
    """Rewritten prompts: ``ids`` (B, L) int64, ``mask`` (B, L) int64, 0 at padding, ``source`` (B, L) int64.

    ``source`` says which place of the original prompt each token comes from; it carries anything else along.
    """

    ids: Tensor
    mask: Tensor
    source: Tensor


def rewrite_placeholders(
    ids: Tensor, mask: Tensor, image_token: int, frames: int, own_count: int, wanted: int, single_crop: str
) -> Prompt:
    """Gives each frame ``wanted`` placeholders in its place.

    ``ids`` and ``mask`` (B, L). Each row holds either one placeholder per frame, or ``own_count`` for each, as the
    family's processor writes them. Raises WrapError for any other number, which mostly comes of a picture cut into
    tiles, and for a frame whose placeholders do not stand together.
    """
    image = ids == image_token
    counts = sorted(set(image.sum(1).tolist()))
    if len(counts) > 1 or counts[0] not in {frames, frames * own_count}:
        raise WrapError(
            f"a prompt for {frames} frames needs {frames} placeholders (token {image_token}), or {own_count} per frame,"
            f" but there are {' and '.join(map(str, counts))}; prepare pictures with {single_crop}"
        )
    each = counts[0] // frames
    rank = torch.where(image, image.cumsum(1) - 1, -1)
    first = image & (rank % each == 0)
    later = image & ~first
    if bool((later[:, 1:] & ~image[:, :-1]).any() or later[:, 0].any()):
        raise WrapError(f"the placeholders of one frame must stand together; prepare pictures with {single_crop}")
    times = torch.where(image, torch.where(first, wanted, 0), 1)
    places = torch.arange(ids.shape[1], device=ids.device)
    source = torch.stack([places.repeat_interleave(row) for row in times])
    return Prompt(ids.gather(1, source), mask.gather(1, source), source)
