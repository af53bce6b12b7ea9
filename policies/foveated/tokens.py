"""From the eye's three views to image tokens with their positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gaze_vlm_ros.policies.foveated.config import PATTERN_PX, FoveatedConfig

VIRTUAL_PX, FOCAL_PX = 1920, 1059.15
CROPS_PX = (320, 1120, 1920)
"""As ``sim.robot_eye.pyramid``, which this room may not import; a test compares them."""
POSITION_UNIT_PX = 16.0
_CHANNELS = (32, 64)
RINGS = ((1, 2), (2, 3), (6, 3))
"""Stride and tokens to a side of each ring, from the middle outwards."""
PATTERN_TOKEN_PX = 16


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
    """Tokens of all three views; those of two levels that see the same direction have the same position (EyeRobot)."""

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


class FoveatedTokens(nn.Module):
    """Twenty tokens in three rings about the gaze (Look, Focus, Act, arXiv 2507.15833; Segment This Thing).

    The pattern covers what 288 pixels of the widest view would: 2 x 2 tokens of 16 pixels in the middle, around them
    8 of twice and 8 of six times their width. Each ring is cut from the coarsest view that is fine enough for it.
    """

    def __init__(self, config: FoveatedConfig) -> None:
        super().__init__()
        self.encoder = PatchEncoder(config.dim)
        self.level = nn.Parameter(torch.zeros(len(RINGS), 1, config.dim))
        positions, self._kept = [], []
        for stride, cells in RINGS:
            cell_px = stride * PATTERN_TOKEN_PX * VIRTUAL_PX / PATTERN_PX
            middles = (torch.arange(cells) - (cells - 1) / 2) * cell_px
            row, column = torch.meshgrid(middles, middles, indexing="ij")
            kept = [index for index in range(cells * cells) if stride == 1 or index != cells * cells // 2]
            positions.append(torch.stack([row, column], dim=-1).flatten(0, 1)[kept])
            self._kept.append(kept)
        places = (torch.cat(positions) + VIRTUAL_PX / 2) / POSITION_UNIT_PX
        self.register_buffer("positions", places.float(), persistent=False)

    def forward(self, views: Tensor) -> Tensor:
        """Views (..., 3, S, S, 3), 0..255 -> tokens (..., 20, dim)."""
        lead, size = views.shape[:-4], views.shape[-2]
        pictures = views.reshape(-1, *views.shape[-4:]).permute(0, 1, 4, 2, 3).float() / 127.5 - 1.0
        tokens = []
        for number, (stride, cells) in enumerate(RINGS):
            span = stride * cells * PATTERN_TOKEN_PX / PATTERN_PX * VIRTUAL_PX / CROPS_PX[number]
            edge = round(size * (1.0 - span) / 2)
            ring = pictures[:, number, :, edge : size - edge, edge : size - edge]
            width = cells * PATTERN_TOKEN_PX
            ring = functional.interpolate(ring, (width, width), mode="bilinear", antialias=True)
            tokens.append(self.encoder(ring)[:, self._kept[number]] + self.level[number])
        return torch.cat(tokens, dim=1).unflatten(0, lead)


class UniformTokens(nn.Module):
    """The rival of ``FoveatedTokens``: the whole pattern as finely as its middle, 18 x 18 tokens."""

    def __init__(self, config: FoveatedConfig) -> None:
        super().__init__()
        self.encoder = PatchEncoder(config.dim)
        cells = PATTERN_PX // PATTERN_TOKEN_PX
        middles = (torch.arange(cells) + 0.5) / cells * VIRTUAL_PX / POSITION_UNIT_PX
        row, column = torch.meshgrid(middles, middles, indexing="ij")
        self.register_buffer("positions", torch.stack([row, column], dim=-1).flatten(0, 1), persistent=False)

    def forward(self, views: Tensor) -> Tensor:
        """Views (..., 1, 288, 288, 3), 0..255 -> tokens (..., 324, dim)."""
        lead = views.shape[:-4]
        pictures = views.reshape(-1, *views.shape[-3:]).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        return self.encoder(pictures).unflatten(0, lead)


TOKENIZERS: dict[str, type[nn.Module]] = {
    "pyramid": PyramidTokens,
    "foveated": FoveatedTokens,
    "uniform": UniformTokens,
}
