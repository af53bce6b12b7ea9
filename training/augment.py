"""What pictures may look like on another day: light, contrast, tint, noise, blur, mirrored."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def augment(pixels: Tensor, *labels: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Each picture of (F, 3, S, S) in [-1, 1] gets its own change; ``labels``, each (F, rows, columns), are mirrored
    with it.
    """
    count = len(pixels)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    pixels = pixels * uniform(0.7, 1.3, 1, 1, 1) + uniform(-0.25, 0.25, 1, 1, 1) + uniform(-0.08, 0.08, 3, 1, 1)
    pixels = pixels + uniform(0.0, 0.06, 1, 1, 1) * torch.randn(pixels.shape, generator=generator)
    blurred = F.avg_pool2d(pixels, 3, stride=1, padding=1, count_include_pad=False)
    share = uniform(-1.0, 1.0, 1, 1, 1).clamp_min(0.0)
    pixels = (pixels + share * (blurred - pixels)).clamp(-1.0, 1.0)
    mirrored = torch.rand(count, generator=generator) < 0.5
    pixels = torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)
    return pixels, *(torch.where(mirrored[:, None, None], item.flip(-1), item) for item in labels)
