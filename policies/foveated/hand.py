"""The hand: what it sees of the places it needs, and where it goes in the next second."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gaze_vlm_ros.policies.foveated.blocks import Block, rotary
from gaze_vlm_ros.policies.foveated.config import FoveatedConfig
from gaze_vlm_ros.policies.foveated.geometry import (
    HAND_NUMBERS,
    hand_numbers,
    magnified,
)
from gaze_vlm_ros.policies.foveated.tokens import CENTRE

PLACES = 2
TARGET_NUMBERS = 11
_OFFSET_M = 0.2
_LEAST_SPREAD_M, _MOST_SPREAD_M = 0.002, 0.5


def target_numbers(text: Tensor, position_m: Tensor, gaze: tuple[Tensor, Tensor]) -> Tensor:
    """A target for the networks (..., text + 11): words, whether they are known, the place seen from the gaze, whether
    it is known. ``text`` (..., D) and ``position_m`` (..., 3) are NaN where they are not known."""
    with_text, with_place = torch.isfinite(text[..., :1]), torch.isfinite(position_m[..., :1])
    point, turned = gaze
    offset = torch.nan_to_num(((position_m - point)[..., None, :] @ turned)[..., 0, :])
    seen = magnified(offset) * with_place
    return torch.cat([torch.nan_to_num(text), with_text, seen, with_place], dim=-1)


class HandSight(nn.Module):
    """One frame -> both places and how sure they are. Tokens: proprioception, eye direction, target, places, image."""

    def __init__(self, config: FoveatedConfig) -> None:
        super().__init__()
        dim = config.dim
        self.place = nn.Parameter(0.02 * torch.randn(PLACES, dim))
        self.target = nn.Linear(config.text_dim + TARGET_NUMBERS, dim)
        self.blocks = nn.ModuleList(Block(dim, config.heads, config.mlp_ratio) for _ in range(config.hand_blocks))
        self.out = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, 8))
        self._size = dim // config.heads

    def forward(
        self, images: Tensor, rows_columns: Tensor, proprio: Tensor, direction: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Raw places (B, 2, 7) in the gaze's frame and the logarithm of their spread (B, 2) [m].

        ``images`` (B, N, dim), ``rows_columns`` (N, 2); ``proprio`` and ``direction`` (B, dim) embedded, ``target``
        (B, text + 11) as ``target_numbers``.
        """
        batch = len(images)
        tokens = torch.stack([proprio, direction, self.target(target)], dim=1)
        tokens = torch.cat([tokens, self.place.expand(batch, -1, -1)], dim=1)
        turns_image = rotary(_at_time_0(rows_columns), self._size)
        turns = rotary(torch.tensor([0.0, CENTRE, CENTRE]).expand(tokens.shape[1], 3), self._size)
        for block in self.blocks:
            normed, normed_images = block.norm(tokens), block.norm(images)
            keys, values = block.keys_values(normed, turns)
            image_keys, image_values = block.keys_values(normed_images, turns_image)
            keys, values = torch.cat([keys, image_keys], dim=1), torch.cat([values, image_values], dim=1)
            found = block.attend(block.queries(normed, turns), keys, values)
            tokens = tokens + found + block.mlp(normed)
            if block is not self.blocks[-1]:
                images = block.pass_images(images, normed_images)
        raw = self.out(tokens[:, -PLACES:])
        spread = raw[..., 7].clamp(-4.6, 1.0) - 1.6
        return torch.cat([raw[..., :3] * _OFFSET_M, raw[..., 3:7]], dim=-1), spread


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


def _at_time_0(rows_columns: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(rows_columns[:, :1]), rows_columns], dim=-1)
