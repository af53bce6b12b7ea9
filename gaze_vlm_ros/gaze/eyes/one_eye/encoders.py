"""The single-eye encoders of One Eye (arXiv 2211.11936): baseline CNN, ResNet, Inception, Inception-ResNet.

Each turns a picture (N, 3, S, S) into 512 features (N, 512): 128 channels of 2 x 2. Layers and parameter counts are
the release's. It knows pictures of 128 px and no padding. Pictures of 64 px, which cost a quarter, are padded so that
the 2 x 2 at the end and with it every count stay; that is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gaze_vlm_ros.errors import GazeVlmError

IMAGE_SIZES = (64, 128)
FEATURES = 512
NORM_MOMENTUM = 0.1
"""Of the running means, new for old. The release writes 0.9, which in its library keeps hardly more than one batch."""
_DROPOUT = 0.02


class OneEyeError(GazeVlmError):
    """A network, a checkpoint or a picture of One Eye that cannot be used."""


def make_encoder(name: str, image_size: int, *, broadcast_add: bool = False) -> nn.Module:
    """The encoder ``name`` of ENCODERS for pictures of ``image_size`` px; ``broadcast_add``: see :class:`TinyResNet`.

    Raises OneEyeError for an unknown name or size.
    """
    if image_size not in IMAGE_SIZES:
        raise OneEyeError(f"One Eye takes pictures of {' or '.join(map(str, IMAGE_SIZES))} px, not {image_size}")
    if name not in ENCODERS:
        raise OneEyeError(f"no encoder named {name!r}; there are {', '.join(ENCODERS)}")
    padded = image_size == IMAGE_SIZES[0]
    return TinyResNet(padded, broadcast_add) if name == "resnet" else ENCODERS[name](padded)


def _conv(inner: int, outer: int, kernel: int, stride: int = 1, *, padded: bool, pool: bool = False) -> nn.Sequential:
    """Convolution and batch norm, and the mean of 2 x 2 where ``pool``."""
    padding = kernel // 2 if padded else 0
    layers = [nn.Conv2d(inner, outer, kernel, stride, padding), nn.BatchNorm2d(outer, momentum=NORM_MOMENTUM)]
    return nn.Sequential(*layers, *([nn.AvgPool2d(2)] if pool else []))


def _stage(inner: int, outer: int, kernel: int, stride: int, padded: bool) -> nn.Sequential:
    """Convolution, batch norm, activation, mean of 2 x 2, drop-out."""
    return nn.Sequential(
        _conv(inner, outer, kernel, stride, padded=padded), nn.LeakyReLU(), nn.AvgPool2d(2), nn.Dropout(_DROPOUT)
    )


class BaselineCnn(nn.Module):
    """Three convolutions, the fourth member of the release's ensemble: 130,304 parameters."""

    def __init__(self, padded: bool) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            _stage(3, 32, 7, 2, padded), _stage(32, 64, 5, 2, padded), _stage(64, 128, 3, 1, padded)
        )

    def forward(self, pictures: Tensor) -> Tensor:
        return self.stages(pictures).flatten(1)


class TinyResNet(nn.Module):
    """Three blocks of two convolutions, two of them with a shortcut: 298,368 parameters.

    The last block's main path of the release ends in 1 x 1 and is added to every cell of the shortcut's 2 x 2
    (``broadcast_add``). Here the mean before the sum is left out, so that 2 x 2 meets 2 x 2.
    """

    def __init__(self, padded: bool, broadcast_add: bool = False) -> None:
        super().__init__()
        self.first = nn.Sequential(
            _conv(3, 32, 4, padded=padded), nn.LeakyReLU(), _conv(32, 32, 4, 2, padded=padded), nn.LeakyReLU(),
            nn.AvgPool2d(2), nn.Dropout(_DROPOUT),
        )  # fmt: skip
        self.second = nn.Sequential(
            _conv(32, 64, 3, padded=padded), nn.LeakyReLU(), _conv(64, 64, 3, 2, padded=padded, pool=True),
            nn.Dropout(_DROPOUT),
        )  # fmt: skip
        self.second_shortcut = _conv(32, 64, 5, 2, padded=padded, pool=True)
        self.third = nn.Sequential(
            _conv(64, 128, 2, padded=padded), nn.LeakyReLU(), _conv(128, 128, 2, 2, padded=False, pool=broadcast_add),
            nn.Dropout(_DROPOUT),
        )  # fmt: skip
        self.third_shortcut = _conv(64, 128, 3, padded=padded, pool=True)
        self.activation = nn.LeakyReLU()

    def forward(self, pictures: Tensor) -> Tensor:
        first = self.first(pictures)
        second = self.activation(self.second(first) + self.second_shortcut(first))
        return self.activation(self.third(second) + self.third_shortcut(second)).flatten(1)


class Inception(nn.Module):
    """Four branches side by side, 1x1, 1x1-3x3, 1x1-5x5, pool-1x1, of ``widths`` channels; no activation between."""

    def __init__(self, inner: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        one, three, five, pooled = widths
        branches = [
            (nn.Conv2d(inner, one, 1),),
            (nn.Conv2d(inner, three, 1), nn.Conv2d(three, three, 3, padding=1)),
            (nn.Conv2d(inner, five, 1), nn.Conv2d(five, five, 5, padding=2)),
            (nn.MaxPool2d(3, 1, 1), nn.Conv2d(inner, pooled, 1)),
        ]
        self.branches = nn.ModuleList(
            nn.Sequential(*branch, nn.BatchNorm2d(width, momentum=NORM_MOMENTUM))
            for branch, width in zip(branches, widths, strict=True)
        )

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([branch(features) for branch in self.branches], dim=1)


class TinyInception(nn.Module):
    """Two inceptions between three convolutions: 320,248 parameters; with shortcuts 445,752 (:data:`ENCODERS`)."""

    def __init__(self, padded: bool, shortcuts: bool = False) -> None:
        super().__init__()
        self.first = _stage(3, 32, 7, 2, padded)
        self.second = nn.Sequential(
            Inception(32, (16, 32, 8, 8)), _conv(64, 64, 5, 2, padded=padded, pool=True), nn.Dropout(_DROPOUT)
        )
        self.third = nn.Sequential(
            Inception(64, (32, 64, 16, 16)), _conv(128, 128, 3, padded=padded, pool=True), nn.Dropout(_DROPOUT)
        )
        self.second_shortcut = _conv(32, 64, 5, 2, padded=padded, pool=True) if shortcuts else None
        self.third_shortcut = _conv(64, 128, 3, padded=padded, pool=True) if shortcuts else None
        self.activation = nn.LeakyReLU()

    def forward(self, pictures: Tensor) -> Tensor:
        features = self.first(pictures)
        for main, shortcut in ((self.second, self.second_shortcut), (self.third, self.third_shortcut)):
            sums = main(features) + (shortcut(features) if shortcut else 0.0)
            features = self.activation(sums)
        return features.flatten(1)


ENCODERS = {
    "cnn": BaselineCnn,
    "resnet": TinyResNet,
    "inception": TinyInception,
    "inception_resnet": lambda padded: TinyInception(padded, shortcuts=True),
}
