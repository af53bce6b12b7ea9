"""The training loss: words, and the true KL of human gaze against the model's attention (Gaze-VLM, section 3).

``L = CE + lambda * KL(H_t || A_t)``. The released code's regulariser is no KL and does not depend on gaze
(its defects 2 and 3); this one does, and tests hold it to that.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = -100
"""Label of a token that is not scored: prompt, padding, a window without such a sentence."""


def gaze_kl(heatmap: Tensor, attention: Tensor, counted: Tensor) -> Tensor:
    """Mean of ``KL(heatmap || attention)`` [nats] over the (frame, heatmap) pairs that count.

    ``heatmap`` and ``attention`` (..., P) each sum to 1 over the patches; ``counted`` (...) is True where the frame
    has a heatmap and the model has not been given it. A frame without gaze has no target: it is left out, not pulled
    towards the uniform distribution. 0 (with a gradient of 0) where no pair counts.
    """
    attention = attention.clamp_min(torch.finfo(attention.dtype).tiny)
    per_frame = (torch.xlogy(heatmap, heatmap) - heatmap * attention.log()).sum(-1)
    return torch.where(counted, per_frame, 0.0).sum() / counted.sum().clamp_min(1)


def word_loss(logits: Tensor, ids: Tensor, scored: Tensor) -> Tensor:
    """Mean cross-entropy of the next word, logits (N, L, V), ids (N, L), over the tokens ``scored`` (N, L)."""
    labels = torch.where(scored, ids, IGNORED)[:, 1:]
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
