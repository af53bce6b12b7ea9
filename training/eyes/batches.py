"""Batches of rendered eyes: balanced over gaze directions, and disturbed as cameras disturb pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.cluster.vq import kmeans2
from torch import Tensor
from torch.nn import functional

from gaze_vlm_ros.training.eyes.renders import EyeRenders

CLUSTERS = 15
_GAMMA, _GAIN, _NOISE = 0.15, 0.3, 0.02
_BLUR_SHARE, _GLARE_SHARE = 0.2, 0.15


@dataclass(frozen=True, eq=False)
class Batch:
    """``pictures`` (B, 1, S, S) 0..1 and ``gaze`` (B, 2) yaw and pitch [rad], NaN where unknown."""

    pictures: Tensor
    gaze: Tensor


class Batches:
    """Draws batches of ``size`` from ``renders``; batch k depends on (``seed``, k) alone.

    ``balanced``: every one of the K-means clusters of gaze directions comes up as often as the others (DFT Gaze,
    Section 3, K = 15), which only pictures with a known gaze can be.
    """

    def __init__(self, renders: EyeRenders, size: int, seed: int, balanced: bool = False) -> None:
        self._pictures, self._gaze = torch.from_numpy(renders.pictures), torch.from_numpy(renders.gaze)
        self._size, self._seed = size, seed
        self._groups = [np.arange(len(renders))]
        if balanced:
            _, cluster = gaze_clusters(renders.gaze)
            self._groups = [np.flatnonzero(cluster == number) for number in range(CLUSTERS)]

    def draw(self, step: int) -> Batch:
        rng = np.random.default_rng([self._seed, step])
        groups = rng.integers(len(self._groups), size=self._size)
        chosen = torch.tensor([int(rng.choice(self._groups[group])) for group in groups])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        return Batch(disturbed(to_pixels(self._pictures[chosen]), generator), self._gaze[chosen])


def gaze_clusters(gaze: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """K-means of directions (N, 2): centres (15, 2) and each one's cluster (N,); the same on every call."""
    centres, cluster = kmeans2(gaze.astype(np.float64), CLUSTERS, minit="++", seed=0)
    return centres, cluster


def to_pixels(pictures: Tensor) -> Tensor:
    """(B, S, S) uint8 -> (B, 1, S, S) float32, 0..1."""
    return pictures[:, None].float() / 255.0


def disturbed(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures (B, 1, S, S) with another exposure, gamma, focus and noise each, some with a blot of glare."""
    count, side = len(pictures), pictures.shape[-1]

    def normal(deviation: float) -> Tensor:
        return deviation * torch.randn((count, 1, 1, 1), generator=generator)

    def some(share: float) -> Tensor:
        return torch.rand((count, 1, 1, 1), generator=generator) < share

    pictures = pictures.clamp_min(1e-4).pow(normal(_GAMMA).exp()) * normal(_GAIN).exp()
    blurred = functional.avg_pool2d(functional.pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    pictures = torch.where(some(_BLUR_SHARE), 0.5 * (pictures + blurred), pictures)
    axis = torch.linspace(-1.0, 1.0, side)
    x, y = (
        axis.view(shape) - 2.0 * torch.rand((count, 1, 1, 1), generator=generator) + 1.0 for shape in ((1, -1), (-1, 1))
    )
    width = 0.03 + 0.1 * torch.rand((count, 1, 1, 1), generator=generator)
    pictures = pictures + some(_GLARE_SHARE) * torch.exp(-(x * x + y * y) / (width * width))
    deviation = _NOISE * torch.rand((count, 1, 1, 1), generator=generator)
    return (pictures + deviation * torch.randn(pictures.shape, generator=generator)).clamp(0.0, 1.0)
