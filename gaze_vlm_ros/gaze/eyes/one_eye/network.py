"""A One Eye network: encoder of one or of both eyes, landmarks of the eye's corners, and the point looked at in cm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from gaze_vlm_ros.gaze.eyes.one_eye.encoders import FEATURES, NORM_MOMENTUM, OneEyeError, make_encoder

_MEAN = (0.3741, 0.4076, 0.5425)
_STD, _STD_AS_RELEASED = 0.2, 0.02
PENULTIMATE = 4
"""Activations before the last layer; the ensemble's calibration reads them."""


@dataclass(frozen=True)
class OneEyeSettings:
    """Which network: ``encoder`` of ENCODERS, 1 or 2 ``eyes``, ``image_size`` 64 or 128 px.

    Two quirks of the release are mended; each comes back by its flag. ``std_02`` divides pictures by a standard
    deviation of .02, ten times too small; ``broadcast_add`` is told at :class:`.encoders.TinyResNet`.
    """

    encoder: str = "resnet"
    eyes: int = 1
    image_size: int = 64
    std_02: bool = False
    broadcast_add: bool = False

    def __post_init__(self) -> None:
        if self.eyes not in (1, 2):
            raise OneEyeError(f"a One Eye network sees 1 or 2 eyes, not {self.eyes}")


class OneEyeNetwork(nn.Module):
    """Pictures (N, eyes, S, S) uint8 grey and landmarks (N, 4 * eyes) -> the point looked at (N, 2) [cm].

    The point is relative to the device's camera: right and up, as the wearer sees the screen. Landmarks are the eye's
    corners, left corner in the picture first, x and y each as a share of the camera's picture. The order of two eyes
    is the wearer's left, right. They share the encoder, which sees the left one mirrored. A single eye is not
    mirrored, whichever it is, as in the release.
    """

    def __init__(self, settings: OneEyeSettings) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = make_encoder(settings.encoder, settings.image_size, broadcast_add=settings.broadcast_add)
        self.landmarks = nn.Sequential(*_layers(4 * settings.eyes, 128), *_layers(128, 16), *_layers(16, 16))
        self.head = nn.Sequential(
            nn.Linear(FEATURES * settings.eyes + 16, 8), nn.BatchNorm1d(8, momentum=NORM_MOMENTUM), nn.Dropout(0.12),
            nn.ReLU(), *_layers(8, PENULTIMATE),
        )  # fmt: skip
        self.last = nn.Linear(PENULTIMATE, 2)
        std = _STD_AS_RELEASED if settings.std_02 else _STD
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.full((1, 3, 1, 1), 1.0 / std), persistent=False)

    def forward(self, pictures: Tensor, landmarks: Tensor) -> Tensor:
        return self.last(self.penultimate(pictures, landmarks))

    def penultimate(self, pictures: Tensor, landmarks: Tensor) -> Tensor:
        """The activations (N, 4) that the last layer and the calibration see."""
        eyes = [self.encoder(self._prepared(picture)) for picture in self._seen(pictures)]
        return self.head(torch.cat([*eyes, self.landmarks(landmarks)], dim=1))

    def _seen(self, pictures: Tensor) -> list[Tensor]:
        if pictures.shape[1] != self.settings.eyes:
            raise OneEyeError(f"this network sees {self.settings.eyes} eye(s), got {pictures.shape[1]} pictures")
        if self.settings.eyes == 1:
            return [pictures]
        return [pictures[:, :1].flip(-1), pictures[:, 1:]]

    def _prepared(self, pictures: Tensor) -> Tensor:
        """Grey (N, 1, S, S) uint8 as three channels (N, 3, S, S), normalised."""
        return (pictures.float() / 255.0 - self.mean) * self.scale


def _layers(inner: int, outer: int) -> tuple[nn.Module, ...]:
    return nn.Linear(inner, outer), nn.BatchNorm1d(outer, momentum=NORM_MOMENTUM), nn.ReLU()


@torch.inference_mode()
def activations(network: OneEyeNetwork, pictures: np.ndarray, landmarks: np.ndarray, batch: int = 128) -> np.ndarray:
    """Penultimate activations (N, 4) float64 of pictures (N, eyes, S, S) uint8 and landmarks (N, 4 * eyes)."""
    network.eval()
    found = [
        network.penultimate(
            torch.from_numpy(pictures[start : start + batch]),
            torch.from_numpy(landmarks[start : start + batch]).float(),
        )
        for start in range(0, len(pictures), batch)
    ]
    return torch.cat(found).double().numpy()


@torch.inference_mode()
def points_cm(network: OneEyeNetwork, features: np.ndarray) -> np.ndarray:
    """Points (N, 2) [cm] of ``activations`` (N, 4)."""
    return network.last(torch.from_numpy(features).float()).double().numpy()
