"""The regulariser of the paper's released code as it behaves, defects included: a control, never a choice.

Read from `anupampani/Gaze-VLM` at 52292e3, ``train/train_utils_attention.py``.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

RELEASED_LAMBDA = 100.0
"""The released code's weight of its regulariser."""
_CLIP_MEAN = np.array([0.48145466, 0.4578275, 0.40821073])
_CLIP_STD = np.array([0.26862954, 0.26130258, 0.27577711])
"""What CLIP subtracts from and divides pictures by, red, green, blue."""


def released_target(heatmap: np.ndarray) -> np.ndarray:
    """What the released code makes of heatmaps (N, rows, columns): float32 of the same shape, summing to 1.

    It cuts patches out of the first two axes of a picture whose first axis is the colour. So the first row of patches
    holds bands of whole picture rows, all others nothing: where gaze is across the picture is lost. And the picture
    has been through CLIP's normalisation, so that black counts too and all bands are nearly alike. A frame without
    gaze stays zero, so that it is left out as in all arms. The heatmap is taken as grey, its peak as white.
    """
    rows, columns = heatmap.shape[1:]
    peak = heatmap.max((1, 2), keepdims=True)
    grey = np.divide(heatmap, peak, out=np.zeros_like(heatmap), where=peak > 0)
    bands = ((grey.sum(2)[..., None] - columns * _CLIP_MEAN) / _CLIP_STD).sum(-1)
    target = np.zeros(heatmap.shape, np.float32)
    target[:, 0, :rows] = np.where(peak[:, 0] > 0, bands / bands.sum(1, keepdims=True), 0.0)
    return target


def released_divergence(target: Tensor, attention: Tensor, counted: Tensor) -> Tensor:
    """The released code's "KL" of target and attention (..., P), summed over the frames ``counted`` (...).

    Both are distributions already and are put through a softmax again, which leaves them all but uniform; the
    probabilities then stand where logarithms of probabilities belong; what is negative is made 0.
    """
    target, attention = target.softmax(-1), attention.softmax(-1)
    per_frame = F.kl_div(attention, target, reduction="none", log_target=True).sum(-1).clamp_min(0.0)
    return torch.where(counted, per_frame, 0.0).sum()
