"""The block of both networks: attention and MLP side by side, from a few asking tokens to all others (EyeRobot).

Image tokens attend to nothing. They pass through each layer's MLP alone, and are what the others attend to.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_THETA = 1000.0


def rotary(positions: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines (..., size / 2) of a three-axis rotary embedding for ``positions`` (..., 3): time, row, column.

    A quarter of the pairs turns with time, the rest is shared by row and column; angles fall geometrically within
    each axis. A product of two tokens so turned depends on the difference of their positions alone.
    """
    half = size // 2
    time = max(half // 4, 1)
    row = (half - time) // 2
    angles = []
    for axis, count in enumerate((time, row, half - time - row)):
        rates = _THETA ** (-torch.arange(count, dtype=positions.dtype) / max(count, 1))
        angles.append(positions[..., axis : axis + 1] * rates)
    angle = torch.cat(angles, dim=-1)
    return torch.cos(angle), torch.sin(angle)


def turn(vectors: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turns ``vectors`` (..., heads, size) by ``rotary`` of their positions (..., size / 2)."""
    first, second = vectors.chunk(2, dim=-1)
    cosine, sine = cosine[..., None, :], sine[..., None, :]
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)


class Block(nn.Module):
    """Parallel attention and MLP with root-mean-square-normed queries and keys and a plain layer norm."""

    def __init__(self, dim: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.heads, self.size = heads, dim // heads
        self.norm = nn.LayerNorm(dim, elementwise_affine=False)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(
            nn.Linear(dim, mlp_ratio * dim), nn.GELU(approximate="tanh"), nn.Linear(mlp_ratio * dim, dim)
        )
        self.scale = nn.Parameter(torch.full((heads, 1), math.sqrt(self.size)))

    def keys_values(self, normed: Tensor, turns: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Keys and values (..., N, heads, size) of normed tokens (..., N, dim)."""
        keys, values = self.key_value(normed).unflatten(-1, (2 * self.heads, self.size)).chunk(2, dim=-2)
        return turn(functional.rms_norm(keys, (self.size,)), *turns), values

    def queries(self, normed: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
        """(..., N, heads, size)."""
        queries = self.query(normed).unflatten(-1, (self.heads, self.size))
        return turn(functional.rms_norm(queries, (self.size,)) * self.scale, *turns)

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """(..., N, dim); ``mask`` (..., N, K) bool: what may be attended to."""
        queries, keys, values = (part.transpose(-3, -2) for part in (queries, keys, values))
        mask = None if mask is None else mask[..., None, :, :]
        found = functional.scaled_dot_product_attention(queries, keys, values, mask, scale=1.0 / self.size)
        return self.out(found.transpose(-3, -2).flatten(-2))

    def pass_images(self, images: Tensor, normed: Tensor) -> Tensor:
        """Image tokens (..., N, dim) after this layer."""
        return images + self.mlp(normed)
