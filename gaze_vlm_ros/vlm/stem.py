"""From pixels to patch embeddings by small residual convolutions."""

from __future__ import annotations

from torch import Tensor, nn

_DEPTHS = (2, 3, 1)
"""Residual blocks after the last halving, the one before it, and so on; none after earlier ones."""


class _Residual(nn.Module):
    """``x + f(x)`` with two 3x3 convolutions (He et al., Deep Residual Learning, 2016); the identity to begin with."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = nn.Sequential(*_convolution(width, width), nn.ReLU(), *_convolution(width, width))
        nn.init.zeros_(self.change[-1].weight)

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.change(x)).relu()


def _convolution(before: int, after: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(after)


class ResidualStem(nn.Module):
    """Pixels (F, 3, S, S) -> embeddings (F, width, S / patch, S / patch) of square patches, by 3x3 convolutions.

    It takes the place of a vision transformer's one large convolution: with little data and little time to train, a
    transformer behind small ones sees better (Xiao et al., Early Convolutions Help Transformers See Better, 2021), and
    with residuals and batch normalisation these learn fastest. ``patch`` is a power of two, at least 2. ``halves``
    alone gives the embeddings of half patches, ``half_width`` wide.
    """

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        halvings = patch.bit_length() - 1
        widths = [3, *(max(width >> (halvings - step), 16) for step in range(1, halvings)), width]
        depths = [*[0] * halvings, *reversed(_DEPTHS)][-halvings:]
        stages = [
            nn.Sequential(*_convolution(before, after, stride=2), nn.ReLU(), *(_Residual(after) for _ in range(depth)))
            for before, after, depth in zip(widths, widths[1:], depths, strict=False)
        ]
        self.halves = nn.Sequential(*stages[:-1])
        self.half_width = widths[-2]
        self.patches = nn.Sequential(stages[-1], nn.Conv2d(width, width, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        return self.patches(self.halves(pixels))

    @property
    def weight(self) -> Tensor:
        """A weight whose dtype is that of all; transformers looks at it before it embeds."""
        return self.patches[-1].weight
