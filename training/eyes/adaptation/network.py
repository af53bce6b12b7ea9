"""A disentangling auto-encoder of eye pictures: appearance, pose of the camera, gaze (in the style of DisAE)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from gaze_vlm_ros.gaze.eyes.network import EyeNet, EyeNetConfig, normalised

APPEARANCE, VECTORS = 24, 8
REBUILT_PX = 32
_TOWARDS_CAMERA = (0.0, 0.0, -1.0)
_DECODER = (64, 48, 32, 16)


@dataclass(frozen=True, eq=False)
class Features:
    """What a picture is taken apart into: ``appearance`` (B, 24), ``pose`` and ``gaze`` (B, 8, 3), 3-D vectors in the
    camera's frame."""

    appearance: Tensor
    pose: Tensor
    gaze: Tensor

    def turned(self, rotation: Tensor) -> Features:
        """As another camera would see them, ``rotation`` (B, 3, 3) leading from this camera's frame into its."""
        return Features(self.appearance, _turned(self.pose, rotation), _turned(self.gaze, rotation))


class DisentanglingAutoEncoder(nn.Module):
    """E1's student as encoder, three linear parts, a small convolutional decoder."""

    def __init__(self, image_px: int) -> None:
        super().__init__()
        self.encoder = EyeNet(EyeNetConfig.student(image_px=image_px))
        width = self.encoder.config.widths[-1]
        self.encoder.head = nn.Identity()
        self.appearance = nn.Linear(width, APPEARANCE)
        self.pose, self.gaze = nn.Linear(width, 3 * VECTORS), nn.Linear(width, 3 * VECTORS)
        self.gaze.bias.data.copy_(torch.tensor(_TOWARDS_CAMERA).repeat(VECTORS))
        self.pose_axis = nn.Parameter(torch.full((2, VECTORS), 1.0 / VECTORS))
        self.gaze_axis = nn.Parameter(torch.full((VECTORS,), 1.0 / VECTORS))
        self.seed = nn.Linear(APPEARANCE + 6 * VECTORS, _DECODER[0] * 16)
        self.growth = nn.Sequential(
            *(_grow(inner, outer) for inner, outer in zip(_DECODER, _DECODER[1:], strict=False)),
            nn.Conv2d(_DECODER[-1], 1, 3, padding=1),
        )

    def encode(self, pictures: Tensor) -> Features:
        """Of pictures (B, 1, S, S), 0..1."""
        pooled = self.encoder(pictures)
        pose, gaze = (part(pooled).view(-1, VECTORS, 3) for part in (self.pose, self.gaze))
        return Features(self.appearance(pooled), pose, gaze)

    def decode(self, features: Features) -> Tensor:
        """The picture (B, 1, 32, 32), normalised, that ``features`` describe."""
        flat = torch.cat([features.appearance, features.pose.flatten(1), features.gaze.flatten(1)], dim=1)
        return self.growth(self.seed(flat).view(-1, _DECODER[0], 4, 4))

    def gaze_of(self, features: Features) -> Tensor:
        """Unit visual axis (B, 3) in the camera's frame: a turned sum of vectors is the sum of turned ones."""
        return functional.normalize(torch.einsum("v,bvc->bc", self.gaze_axis, features.gaze), dim=1)

    def pose_of(self, features: Features) -> Tensor:
        """The rig's z and x axes (B, 2, 3) in the camera's frame."""
        return functional.normalize(torch.einsum("av,bvc->bac", self.pose_axis, features.pose), dim=2)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.gaze_of(self.encode(pictures))


def wanted(pictures: Tensor) -> Tensor:
    """What the decoder is to give (B, 1, 32, 32) for pictures (B, 1, S, S)."""
    return functional.interpolate(normalised(pictures), size=(REBUILT_PX, REBUILT_PX), mode="area")


def _grow(inner: int, outer: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(inner, outer, 3, padding=1), nn.GELU())


def _turned(vectors: Tensor, rotation: Tensor) -> Tensor:
    return torch.einsum("bij,bvj->bvi", rotation, vectors)
