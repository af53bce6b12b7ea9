"""ConvNeXt V2 with adapters, from one eye's picture to yaw and pitch: teacher and student of DFT Gaze.

Backbone and blocks: ConvNeXt V2 (Woo et al., arXiv 2301.00808) with global response normalisation. The student's
widths, the adapters and where they sit: DFT Gaze (arXiv 2411.04335, Sections 3 and 4). Written anew: no code exists.
The three input channels, which an infrared picture does not need, hold the grey picture and where each pixel lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from gaze_vlm_ros.errors import GazeVlmError

DEPTHS = (2, 2, 6, 2)
TEACHER_WIDTHS = (40, 80, 160, 320)
_REDUCTION = 4
_EPSILON = 1e-6


class EyeNetError(GazeVlmError):
    """A network of a shape that cannot be, or whose files do not fit."""


@dataclass(frozen=True)
class EyeNetConfig:
    """``widths`` of the four stages, ``depths`` their blocks, ``image_px`` the side of the square picture, ``view`` the
    middle share of a camera's width and height that it shows.
    """

    widths: tuple[int, int, int, int] = (40, 20, 40, 80)
    depths: tuple[int, int, int, int] = DEPTHS
    image_px: int = 64
    view: float = 1.0

    def __post_init__(self) -> None:
        for name in ("widths", "depths"):
            value = tuple(getattr(self, name))
            if len(value) != len(DEPTHS) or any(not isinstance(n, int) or n < 1 for n in value):
                raise EyeNetError(f"{name} must be four positive integers, got {value}")
            object.__setattr__(self, name, value)
        if any(width % _REDUCTION for width in self.widths):
            raise EyeNetError(f"widths must be multiples of {_REDUCTION}, for the adapters, got {self.widths}")
        if self.image_px % 32 or not 32 <= self.image_px <= 256:
            raise EyeNetError(f"image_px must be a multiple of 32 from 32 to 256, got {self.image_px}")

        if not 0.3 <= self.view <= 1.0:
            raise EyeNetError(f"view must be the share of the picture that is looked at, 0.3 to 1, got {self.view}")

    @classmethod
    def teacher(cls, image_px: int = 64, view: float = 1.0) -> EyeNetConfig:
        """ConvNeXt V2-Atto."""
        return cls(TEACHER_WIDTHS, image_px=image_px, view=view)

    @classmethod
    def student(cls, first_width: int = 40, image_px: int = 64, view: float = 1.0) -> EyeNetConfig:
        """The teacher with a quarter of the channels in stages 2 to 4, and ``first_width`` (40 in the paper) in 1."""
        return cls((first_width, *(width // 4 for width in TEACHER_WIDTHS[1:])), image_px=image_px, view=view)


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ResponseNorm(nn.Module):
    """Global response normalisation of (B, H, W, C): channels compete by their norm over the picture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.zeros(width))

    def scale(self, x: Tensor) -> Tensor:
        """What each channel is multiplied by, (B, 1, 1, C)."""
        norm = (x * x).sum((1, 2), keepdim=True).add(1e-12).sqrt()
        return 1.0 + self.gain * (norm / (norm.mean(-1, keepdim=True) + _EPSILON))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias.to(x.dtype), x, self.scale(x).to(x.dtype))


class Adapter(nn.Module):
    """A bottleneck beside the identity, (B, H, W, C) to the same (paper, Section 3): starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = width // _REDUCTION
        self.down, self.norm, self.up = nn.Linear(width, narrow), nn.BatchNorm1d(narrow), nn.Linear(narrow, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        shape = x.shape
        narrow = self.norm(self.down(x.reshape(-1, shape[-1])))
        return x + self.up(functional.leaky_relu(narrow)).reshape(shape)


class Block(nn.Module):
    """ConvNeXt V2 block (B, C, H, W) with an adapter after its last 1x1 convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.widen, self.response = nn.Linear(width, 4 * width), ResponseNorm(4 * width)
        self.narrow, self.adapter = nn.Linear(4 * width, width), Adapter(width)

    def inner(self, x: Tensor) -> Tensor:
        """What the adapter gets, (B, H, W, C)."""
        normed = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return self.narrow(self.response(functional.gelu(self.widen(normed))))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.adapter(self.inner(x)).permute(0, 3, 1, 2)


class EyeNet(nn.Module):
    """Stem, four stages, pooled features and the linear head for (yaw, pitch) [rad]."""

    def __init__(self, config: EyeNetConfig) -> None:
        super().__init__()
        self.config, widths = config, config.widths
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, stride=4), ChannelNorm(widths[0], eps=_EPSILON))
        joints = [
            nn.Sequential(ChannelNorm(a, eps=_EPSILON), nn.Conv2d(a, b, 2, stride=2)) for a, b in pairwise(widths)
        ]
        self.joints = nn.ModuleList(joints)
        self.stages = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth)))
            for width, depth in zip(widths, config.depths, strict=True)
        )
        self.norm, self.head = nn.LayerNorm(widths[-1], eps=_EPSILON), nn.Linear(widths[-1], 2)
        self.register_buffer("places", _places(config.image_px), persistent=False)
        self.apply(_initialise)

    def stage_features(self, pictures: Tensor, stages: int = len(DEPTHS)) -> list[Tensor]:
        """Outputs (B, C_l, H_l, W_l) of the first ``stages`` stages for pictures (B, 1, S, S), 0..1."""
        places = self.places.expand(pictures.shape[0], -1, -1, -1)
        x = self.stem(torch.cat([normalised(pictures), places], dim=1))
        found = []
        for number, stage in enumerate(self.stages[:stages]):
            x = stage(self.joints[number - 1](x) if number else x)
            found.append(x)
        return found

    def last_stage(self, third: Tensor) -> Tensor:
        """Output of the last stage for that of the third: all that a person's adapters act upon."""
        return self.stages[-1](self.joints[-1](third))

    def pooled(self, last: Tensor) -> Tensor:
        """Features (B, C) of the last stage's output (B, C, H, W)."""
        return self.norm(last.mean((2, 3)))

    def forward(self, pictures: Tensor) -> Tensor:
        """(yaw, pitch) [rad] (B, 2) of pictures (B, 1, S, S), 0..1."""
        return self.head(self.pooled(self.stage_features(pictures)[-1]))

    def adapters(self, stages: slice = slice(None)) -> list[nn.Parameter]:
        """The parameters of the adapters of some stages."""
        blocks = [block for stage in self.stages[stages] for block in stage]
        return [parameter for block in blocks for parameter in block.adapter.parameters()]

    def tunable(self) -> list[nn.Parameter]:
        """What the generic phase trains: all adapters, last normalisation and head."""
        return [*self.adapters(), *self.norm.parameters(), *self.head.parameters()]


def normalised(pictures: Tensor) -> Tensor:
    """Pictures (B, 1, S, S) with mean 0 and deviation 1 each, so that the exposure does not matter."""
    centred = pictures - pictures.mean((2, 3), keepdim=True)
    return centred / (centred.square().mean((2, 3), keepdim=True).sqrt() + 0.02)


def count(parameters: list[nn.Parameter]) -> int:
    """How many numbers ``parameters`` hold."""
    return sum(parameter.numel() for parameter in parameters)


def _places(side: int) -> Tensor:
    """Where each pixel lies, (1, 2, side, side): x and y from -1 to 1."""
    axis = torch.linspace(-1.0, 1.0, side)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y])[None]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear) and not (module.weight == 0).all():  # adapters start at zero
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
