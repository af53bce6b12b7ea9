"""The convolutions of the stem without their normalisation and in half precision, for inference on a stream."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gaze_vlm_ros.vlm.stem import ResidualStem


def bfloat16_pays() -> bool:
    """True where the processor multiplies bfloat16 in hardware: convolutions then take half the time."""
    return torch.cpu._is_avx512_bf16_supported()


class FusedStem(nn.Module):
    """What ``stem`` is in evaluation, faster: a copy of its weights as they are now, which cannot be trained.

    Batch normalisation is folded into the convolutions, whose channels lie together in memory. They compute in
    ``dtype``, by default bfloat16 where that pays; embeddings are float32 as before and, in bfloat16, off by about one
    per cent.
    """

    def __init__(self, stem: ResidualStem, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self._dtype = dtype or (torch.bfloat16 if bfloat16_pays() else torch.float32)
        self.register_buffer("weight", stem.weight.detach()[:0], persistent=False)
        copied = copy.deepcopy(stem).eval().requires_grad_(False)
        fused = nn.Sequential(_folded(copied.halves), _folded(copied.patches))
        self.layers = fused.to(self._dtype, memory_format=torch.channels_last)

    def forward(self, pixels: Tensor) -> Tensor:
        """As ``ResidualStem.forward``."""
        return self.layers(pixels.to(self._dtype, memory_format=torch.channels_last)).to(pixels.dtype)


def _folded(module: nn.Module) -> nn.Module:
    """``module`` with each batch normalisation folded into the convolution before it."""
    if not isinstance(module, nn.Sequential):
        for name, child in module.named_children():
            setattr(module, name, _folded(child))
        return module
    layers: list[nn.Module] = []
    for child in module:
        if isinstance(child, nn.BatchNorm2d):
            layers[-1] = fuse_conv_bn_eval(layers[-1], child)
        else:
            layers.append(_folded(child))
    return nn.Sequential(*layers)
