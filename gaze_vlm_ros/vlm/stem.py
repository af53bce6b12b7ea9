"""From pixels to patch embeddings by small convolutions."""

from __future__ import annotations

from torch import Tensor, nn


class ConvStem(nn.Sequential):
    """Pixels (F, 3, S, S) -> embeddings (F, width, S / patch, S / patch) of square patches, by 3x3 convolutions.

    It takes the place of a vision transformer's one large convolution: with little data and little time to train, a
    transformer behind small ones sees better (Xiao et al., Early Convolutions Help Transformers See Better, 2021).
    ``patch`` is a power of two, at least 2.
    """

    def __init__(self, width: int, patch: int) -> None:
        halvings = patch.bit_length() - 1
        widths = [3, *(max(width >> (halvings - step), 16) for step in range(1, halvings)), width]
        layers: list[nn.Module] = []
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(1, after), nn.GELU()]
        super().__init__(*layers, nn.Conv2d(width, width, 1))

    @property
    def weight(self) -> Tensor:
        """A weight whose dtype is that of all; transformers looks at it before it embeds."""
        return self[-1].weight
