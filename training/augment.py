"""What pictures may look like on another day: light, contrast, tint, noise, blur, mirrored."""

from __future__ import annotations

import cv2
import torch
from torch import Tensor


def augment(pixels: Tensor, *labels: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Each picture of (F, 3, S, S) in [-1, 1] gets its own change, and its own share of one grain of noise; ``labels``,
    each (F, rows, columns), are mirrored with it.
    """
    count = len(pixels)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator)

    gain, offset = uniform(0.7, 1.3, 1, 1, 1), uniform(-0.25, 0.25, 1, 1, 1) + uniform(-0.08, 0.08, 3, 1, 1)
    grain = torch.randn(pixels.shape[1:], generator=generator)
    pixels = torch.addcmul(offset, pixels.contiguous(), gain).addcmul_(uniform(0.0, 0.06, 1, 1, 1), grain)
    for picture, share in zip(pixels, uniform(-1.0, 1.0).tolist(), strict=True):
        if share > 0.0:
            _blur(picture, share)
    mirrored = torch.rand(count, generator=generator) < 0.5
    pixels[mirrored] = pixels[mirrored].flip(-1)
    pixels.clamp_(-1.0, 1.0)
    return pixels, *(torch.where(mirrored[:, None, None], item.flip(-1), item) for item in labels)


def _blur(picture: Tensor, share: float) -> None:
    """Mixes ``share`` of the mean of 3x3 pixels into (3, S, S), in place."""
    for plane in picture.numpy():
        mean = cv2.blur(plane, (3, 3), borderType=cv2.BORDER_REPLICATE)
        cv2.addWeighted(plane, 1.0 - share, mean, share, 0.0, dst=plane)
