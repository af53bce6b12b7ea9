"""From the eye's three views to image tokens with their positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gaze_vlm_ros.policies.foveated.blocks import Block, rotary
from gaze_vlm_ros.policies.foveated.config import PATTERN_PX, FoveatedConfig

VIRTUAL_PX, FOCAL_PX = 1920, 1059.15
CROPS_PX = (320, 1120, 1920)
"""As ``sim.robot_eye.pyramid``, which this room may not import; a test compares them."""
POSITION_UNIT_PX = 16.0
_CHANNELS = (32, 64)
_FOVEA_CHANNELS = (24, 32, 64, 96)
RINGS = ((1, 2), (2, 3), (6, 3))
"""Stride and tokens to a side of each ring, from the middle outwards."""
PATTERN_TOKEN_PX = 16


class PatchEncoder(nn.Module):
    """Convolutions of stride 4, 2 and 2: a picture becomes one token per 16 x 16 pixels; one more shows each token its
    neighbours."""

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
        self.around = nn.Sequential(nn.GELU(approximate="tanh"), nn.Conv2d(dim, dim, 3, padding=1))

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) float, about -1..1 -> (N, H W / 256, dim)."""
        tokens = self.layers(pictures)
        return (tokens + self.around(tokens)).flatten(2).transpose(1, 2)


class FoveaEncoder(nn.Module):
    """Deeper, for the finest view alone, which has to tell how things are turned and how high they stand: four
    convolutions of stride 2, all but the first with a residual pair, so that each token knows the whole view."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        widths = (3, *_FOVEA_CHANNELS)
        layers: list[nn.Module] = []
        for number, (inner, outer) in enumerate(zip(widths, widths[1:], strict=False)):
            # At full width a pair would cost as much as all others together.
            pair = [_Pair(outer)] if number else []
            layers += [nn.Conv2d(inner, outer, 3, stride=2, padding=1), *pair, nn.GELU(approximate="tanh")]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], dim, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """(N, 3, H, W) float, about -1..1 -> (N, H W / 256, dim)."""
        return self.layers(pictures).flatten(2).transpose(1, 2)


class _Pair(nn.Module):
    """Two convolutions beside the way through."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, pictures: Tensor) -> Tensor:
        inner = self.first(functional.gelu(pictures, approximate="tanh"))
        return pictures + self.second(functional.gelu(inner, approximate="tanh"))


class Tokens(nn.Module):
    """What the tokenizers share: the patch encoder, and ``encoder_blocks`` in which all tokens attend to all, as in a
    ViT; EyeRobot and Look, Focus, Act put a large one there, ours is none unless asked for."""

    def __init__(self, config: FoveatedConfig, positions: Tensor, pitch: Tensor) -> None:
        """``positions`` (N, 2) of the tokens and their ``pitch`` (N,), both in units of POSITION_UNIT_PX."""
        super().__init__()
        self.encoder = PatchEncoder(config.dim)
        self.mixing = nn.ModuleList(
            Block(config.dim, config.heads, config.mlp_ratio) for _ in range(config.encoder_blocks)
        )
        self._size = config.dim // config.heads
        self.register_buffer("positions", positions.float(), persistent=False)
        self.register_buffer("pitch", pitch.float(), persistent=False)

    def mixed(self, tokens: Tensor) -> Tensor:
        """Tokens (B, N, dim) after the blocks."""
        if not len(self.mixing):
            return tokens
        still = torch.zeros_like(self.positions[:, :1])
        turns = rotary(torch.cat([still, self.positions], dim=-1), self._size)
        for block in self.mixing:
            normed = block.norm(tokens)
            keys, values = block.keys_values(normed, turns)
            tokens = tokens + block.attend(block.queries(normed, turns), keys, values) + block.mlp(normed)
        return tokens


class PyramidTokens(Tokens):
    """Tokens of all three views; those of two levels that see the same direction have the same position (EyeRobot)."""

    def __init__(self, config: FoveatedConfig) -> None:
        patch_px = torch.tensor(CROPS_PX) * config.patch_px / config.window_px
        pitch = patch_px.repeat_interleave((config.window_px // config.patch_px) ** 2) / POSITION_UNIT_PX
        super().__init__(config, nested_positions(config.window_px, config.patch_px), pitch)
        self.fovea = FoveaEncoder(config.dim)
        self.level = nn.Parameter(torch.zeros(len(CROPS_PX), 1, config.dim))

    def forward(self, views: Tensor) -> Tensor:
        """Views (..., 3, S, S, 3), 0..255 -> tokens (..., N, dim)."""
        lead = views.shape[:-4]
        pictures = views.reshape(-1, *views.shape[-4:]).permute(0, 1, 4, 2, 3).float() / 127.5 - 1.0
        around = self.encoder(pictures[:, 1:].flatten(0, 1)).unflatten(0, (-1, len(CROPS_PX) - 1))
        tokens = torch.cat([self.fovea(pictures[:, 0])[:, None], around], dim=1) + self.level
        return self.mixed(tokens.flatten(1, 2)).unflatten(0, lead)


def nested_positions(window_px: int, patch_px: int) -> Tensor:
    """Row and column (N, 2) of the patches' middles in the virtual picture, in units of POSITION_UNIT_PX."""
    middles = (torch.arange(0, window_px, patch_px) + patch_px / 2) / window_px - 0.5
    row, column = torch.meshgrid(middles, middles, indexing="ij")
    grid = torch.stack([row, column], dim=-1).flatten(0, 1)
    levels = torch.cat([VIRTUAL_PX / 2 + crop * grid for crop in CROPS_PX])
    return (levels / POSITION_UNIT_PX).float()


CENTRE = VIRTUAL_PX / 2 / POSITION_UNIT_PX
"""Row and column of every token that is no part of an image."""


class FoveatedTokens(Tokens):
    """Twenty tokens in three rings about the gaze (Look, Focus, Act, arXiv 2507.15833; Segment This Thing).

    The pattern covers what 288 pixels of the widest view would: 2 x 2 tokens of 16 pixels in the middle, around them
    8 of twice and 8 of six times their width. Each ring is cut from the coarsest view that is fine enough for it.
    """

    def __init__(self, config: FoveatedConfig) -> None:
        positions, pitch, outside = [], [], []
        for stride, cells in RINGS:
            cell_px = stride * PATTERN_TOKEN_PX * VIRTUAL_PX / PATTERN_PX
            middles = (torch.arange(cells) - (cells - 1) / 2) * cell_px
            row, column = torch.meshgrid(middles, middles, indexing="ij")
            kept = [index for index in range(cells * cells) if stride == 1 or index != cells * cells // 2]
            positions.append(torch.stack([row, column], dim=-1).flatten(0, 1)[kept])
            pitch.append(torch.full((len(kept),), cell_px / POSITION_UNIT_PX))
            outside.append(kept)
        super().__init__(config, (torch.cat(positions) + VIRTUAL_PX / 2) / POSITION_UNIT_PX, torch.cat(pitch))
        self.level = nn.Parameter(torch.zeros(len(RINGS), 1, config.dim))
        self._kept = outside

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
            ring = functional.interpolate(ring, (width, width), mode="bilinear")
            tokens.append(self.encoder(ring)[:, self._kept[number]] + self.level[number])
        return self.mixed(torch.cat(tokens, dim=1)).unflatten(0, lead)


class UniformTokens(Tokens):
    """The rival of ``FoveatedTokens``: the whole pattern as finely as its middle, 18 x 18 tokens."""

    def __init__(self, config: FoveatedConfig) -> None:
        cells = PATTERN_PX // PATTERN_TOKEN_PX
        middles = (torch.arange(cells) + 0.5) / cells * VIRTUAL_PX / POSITION_UNIT_PX
        row, column = torch.meshgrid(middles, middles, indexing="ij")
        pitch = torch.full((cells * cells,), VIRTUAL_PX / cells / POSITION_UNIT_PX)
        super().__init__(config, torch.stack([row, column], dim=-1).flatten(0, 1), pitch)

    def forward(self, views: Tensor) -> Tensor:
        """Views (..., 1, 288, 288, 3), 0..255 -> tokens (..., 324, dim)."""
        lead = views.shape[:-4]
        pictures = views.reshape(-1, *views.shape[-3:]).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        return self.mixed(self.encoder(pictures)).unflatten(0, lead)


TOKENIZERS: dict[str, type[nn.Module]] = {
    "pyramid": PyramidTokens,
    "foveated": FoveatedTokens,
    "uniform": UniformTokens,
}
