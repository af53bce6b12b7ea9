"""The hand: what it is told, and where it goes in the next second."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gaze_vlm_ros.policies.foveated.config import FoveatedConfig
from gaze_vlm_ros.policies.foveated.geometry import (
    HAND_NUMBERS,
    hand_numbers,
    magnified,
)

PLACES = 2
TARGET_NUMBERS = 11


def target_numbers(text: Tensor, position_m: Tensor, gaze: tuple[Tensor, Tensor]) -> Tensor:
    """A target for the networks (..., text + 11): words, whether they are known, the place seen from the gaze, whether
    it is known. ``text`` (..., D) and ``position_m`` (..., 3) are NaN where they are not known."""
    with_text, with_place = torch.isfinite(text[..., :1]), torch.isfinite(position_m[..., :1])
    point, turned = gaze
    offset = torch.nan_to_num(((position_m - point)[..., None, :] @ turned)[..., 0, :])
    seen = magnified(offset) * with_place
    return torch.cat([torch.nan_to_num(text), with_text, seen, with_place], dim=-1)


class HandMotion(nn.Module):
    """Posture and places -> the chunk. It sees no picture, so that it can be trained on joints alone."""

    def __init__(self, config: FoveatedConfig) -> None:
        super().__init__()
        self._shape = config.chunk_steps, config.outputs
        inputs = HAND_NUMBERS + (config.joints - 1) + 1 + PLACES + config.text_dim
        width = config.hand_width
        self.layers = nn.Sequential(
            nn.Linear(inputs, width),
            nn.GELU(),
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.GELU(),
            nn.LayerNorm(width),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, config.chunk_steps * config.outputs),
        )

    def forward(
        self, posture: Tensor, tool: tuple[Tensor, Tensor], places: Tensor, spread: Tensor, text: Tensor
    ) -> Tensor:
        """Normalised relative chunk (B, A, J): joints, then the logit that the gripper shall be open.

        ``posture`` (B, J) normalised, of which the first joint, the azimuth, is left out; ``tool`` from
        ``TorchKinematics``; ``places`` (B, 2, 7) [base frame]; ``spread`` (B, 2) logarithms; ``text`` (B, D), NaN
        where it is not known.
        """
        numbers = [hand_numbers(*tool, places), posture[:, 1:], (spread + 3.0) / 2.0, torch.nan_to_num(text) * 3.0]
        return self.layers(torch.cat(numbers, dim=-1)).unflatten(-1, self._shape)
