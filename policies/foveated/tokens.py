"""From the eye's three views to image tokens with their positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gaze_vlm_ros.policies.foveated.config import FoveatedConfig

VIRTUAL_PX, FOCAL_PX = 1920, 1059.15
CROPS_PX = (320, 1120, 1920)
"""As ``sim.robot_eye.pyramid``, which this room may not import; a test compares them."""
POSITION_UNIT_PX = 16.0
_CHANNELS = (32, 64)


class PatchEncoder(nn.Module):
    """Convolutions of stride 4, 2 and 2: a picture becomes one token per 16 x 16 pixels, with some surroundings."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        first, second = _CHANNELS
        self.layers = nn.Sequential(
            nn.Conv2d(3, first, 4, stride=4),
            nn.GELU(approximate="tanh"),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
            nn.GELU(approximate="tanh"),
            nn.Conv2d(second, dim, 3, stride=2, padding=1),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) float, about -1..1 -> (N, H W / 256, dim)."""
        return self.layers(pictures).flatten(2).transpose(1, 2)


class PyramidTokens(nn.Module):
    """Tokens of all three views; those of two levels that see the same direction have the same position."""

    def __init__(self, config: FoveatedConfig) -> None:
        super().__init__()
        self.encoder = PatchEncoder(config.dim)
        self.level = nn.Parameter(torch.zeros(len(CROPS_PX), 1, config.dim))
        self.register_buffer("positions", nested_positions(config.window_px, config.patch_px), persistent=False)

    def forward(self, views: Tensor) -> Tensor:
        """Views (..., 3, S, S, 3), 0..255 -> tokens (..., N, dim)."""
        lead = views.shape[:-4]
        pictures = views.reshape(-1, *views.shape[-3:]).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        tokens = self.encoder(pictures).unflatten(0, (-1, len(CROPS_PX))) + self.level
        return tokens.flatten(1, 2).unflatten(0, lead)


def nested_positions(window_px: int, patch_px: int) -> Tensor:
    """Row and column (N, 2) of the patches' middles in the virtual picture, in units of POSITION_UNIT_PX."""
    middles = (torch.arange(0, window_px, patch_px) + patch_px / 2) / window_px - 0.5
    row, column = torch.meshgrid(middles, middles, indexing="ij")
    grid = torch.stack([row, column], dim=-1).flatten(0, 1)
    levels = torch.cat([VIRTUAL_PX / 2 + crop * grid for crop in CROPS_PX])
    return (levels / POSITION_UNIT_PX).float()


CENTRE = VIRTUAL_PX / 2 / POSITION_UNIT_PX
"""Row and column of every token that is no part of an image."""
