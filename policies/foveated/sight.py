"""The hand's sight: every patch of the picture says where the places that the hand needs may be, and how sure it is.

A patch knows in which direction it lies. So it has to tell no more than a small shift from there and how far along
that ray, and what is learnt of one patch holds for all. How a thing is turned shows only in its whole form, which is
read from the middle of the finest view.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from gaze_vlm_ros.policies.foveated.blocks import Block, rotary
from gaze_vlm_ros.policies.foveated.config import FoveatedConfig
from gaze_vlm_ros.policies.foveated.geometry import LOOKED_AT_M, SIGHT_M, from_frame
from gaze_vlm_ros.policies.foveated.hand import PLACES, TARGET_NUMBERS
from gaze_vlm_ros.policies.foveated.tokens import CENTRE, FOCAL_PX, POSITION_UNIT_PX

_OFFSET_M = 0.2
_DEPTH = 0.4
_NEIGHBOURS_M = 0.02
_NUMBERS = 5
"""What a vote consists of: its weight's logit, three numbers for the point, its spread's logarithm."""
_MIDDLE = 2.0
"""Patches of the form: those of the finest ones that lie within so many widths of the middle."""


@dataclass(frozen=True)
class Votes:
    """V votes for each of two places: ``weight`` (B, 2, V) logarithms that sum to one, ``points`` (B, 2, V, 3) and
    ``spread`` (B, 2, V), logarithms of the mean absolute error per axis [m]; ``yaw`` (B, 2, 4) as in ``geometry``."""

    weight: Tensor
    points: Tensor
    spread: Tensor
    yaw: Tensor

    def moved(self, origin: Tensor, base_R_frame: Tensor) -> Votes:
        """The same in the base frame, from one at ``origin`` (B, 3) with axes ``base_R_frame`` (B, 3, 3)."""
        count = self.points.shape[2]
        yaw = self.yaw[:, :, None].expand(-1, -1, count, -1)
        places = from_frame(torch.cat([self.points, yaw], dim=-1).flatten(1, 2), origin, base_R_frame)
        places = places.unflatten(1, (-1, count))
        return replace(self, points=places[..., :3], yaw=places[:, :, 0, 3:])

    def joined(self) -> tuple[Tensor, Tensor]:
        """One place each (B, 2, 7), at the mean of the strongest vote's neighbours, and the logarithm of the spread
        (B, 2) of all votes about it."""
        share = self.weight.exp()
        best = (self.weight - 3.0 * self.spread).argmax(-1)[..., None, None].expand(-1, -1, -1, 3)
        away = (self.points - self.points.gather(2, best)).abs().mean(-1)
        near = share * torch.exp(-away / _NEIGHBOURS_M)
        near = near / near.sum(-1, keepdim=True)
        point = (near[..., None] * self.points).sum(-2)
        off = (self.points - point[..., None, :]).abs().mean(-1)
        return torch.cat([point, self.yaw], dim=-1), (share * (self.spread.exp() + off)).sum(-1).log()

    def of_patches(self) -> Votes:
        """Without the last vote, which needs no picture."""
        weight = self.weight[..., :-1].log_softmax(-1)
        return replace(self, weight=weight, points=self.points[:, :, :-1], spread=self.spread[..., :-1])

    def log_likelihood(self, points: Tensor) -> Tensor:
        """(B, 2) of true points (B, 2, 3): every vote is a Laplace distribution that counts by its share."""
        error = (self.points - points[..., None, :]).abs().sum(-1)
        return (self.weight - error / self.spread.exp() - 3.0 * (self.spread + math.log(2.0))).logsumexp(-1)


class HandSight(nn.Module):
    """One frame -> votes for both places. Tokens: proprioception, eye direction, target, places, image."""

    def __init__(self, config: FoveatedConfig, patches: tuple[Tensor, Tensor]) -> None:
        """``patches``: rows and columns (N, 2) of a picture's patches and their widths (N,), as ``Tokens`` has them."""
        super().__init__()
        dim = config.dim
        rows_columns, pitch = patches
        off = (rows_columns - CENTRE).abs().amax(-1)
        self._middle = torch.nonzero((pitch == pitch.min()) & (off < _MIDDLE * pitch))[:, 0].tolist()
        self.place = nn.Parameter(0.02 * torch.randn(PLACES, dim))
        self.target = nn.Linear(config.text_dim + TARGET_NUMBERS, dim)
        self.blocks = nn.ModuleList(Block(dim, config.heads, config.mlp_ratio) for _ in range(config.hand_blocks))
        self.form = nn.Sequential(nn.GELU(), nn.Linear(len(self._middle) * dim, 2 * dim), nn.GELU())
        self.own = nn.Sequential(
            nn.LayerNorm(3 * dim), nn.Linear(3 * dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, _NUMBERS + 4)
        )
        self.asking = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim))
        self.answering = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim))
        self.vote = nn.Sequential(nn.GELU(), nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, _NUMBERS))
        self._size = dim // config.heads
        self._height_m = config.eye_m[2] - LOOKED_AT_M

    def forward(
        self,
        images: Tensor,
        patches: tuple[Tensor, Tensor],
        proprio: Tensor,
        direction: Tensor,
        target: Tensor,
        sees_from: tuple[Tensor, Tensor],
    ) -> Votes:
        """Votes in the gaze's frame: one of every patch, and at the end one of what is told beside the picture.

        ``images`` (B, N, dim) and ``patches``, their rows and columns (N, 2) and widths (N,); ``proprio`` and
        ``direction`` (B, dim) embedded, ``target`` (B, text + 11) as ``target_numbers``; ``sees_from``: the eye (B, 3)
        in the gaze's frame and the sine (B,) of its elevation.
        """
        rows_columns, pitch = patches
        batch = len(images)
        form = self.form(images[:, self._middle].flatten(1))
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
            images = block.pass_images(images, normed_images)
        asked = tokens[:, -PLACES:]
        seen = self.vote(self.asking(asked)[:, :, None] + self.answering(images)[:, None])
        points = seen_points(seen[..., 1:4], rows_columns, pitch, *sees_from, self._height_m)
        own = self.own(torch.cat([asked, form[:, None].expand(-1, PLACES, -1)], dim=-1))
        points = torch.cat([points, own[:, :, None, 1:4] * _OFFSET_M], dim=2)
        numbers = torch.cat([seen, own[:, :, None, :_NUMBERS]], dim=2)
        spread = numbers[..., 4].clamp(-4.6, 1.0) - 1.6
        return Votes(numbers[..., 0].log_softmax(-1), points, spread, own[..., _NUMBERS:])


def seen_points(
    raw: Tensor, rows_columns: Tensor, pitch: Tensor, eye_m: Tensor, sine: Tensor, height_m: float
) -> Tensor:
    """Points (B, K, N, 3) in the gaze's frame from what patches say (B, K, N, 3): shift to the right and down, in
    their own widths, and how much further than the height of things they lie, as a logarithm.

    ``rows_columns`` (N, 2) and ``pitch`` (N,) in units of the tokens' positions; ``eye_m`` (B, 3) in the gaze's frame,
    ``sine`` (B,) of the eye's elevation, ``height_m`` of the eye above things. The picture is a fisheye's: angles grow
    as pixels do.
    """
    off = (rows_columns.flip(-1) - CENTRE + raw[..., :2] * pitch[:, None]) * (POSITION_UNIT_PX / FOCAL_PX)
    angle = (off.square().sum(-1) + 1e-8).sqrt()
    right, down = (off * torch.sinc(angle / torch.pi)[..., None]).unbind(-1)
    forward = torch.cos(angle)
    sine = sine[:, None, None]
    cosine = (1.0 - sine.square()).clamp(min=0.0).sqrt()
    up = sine * forward - cosine * down
    ray = torch.stack([cosine * forward + sine * down, -right, up], dim=-1)
    length = (height_m / torch.clamp(-up, min=1e-2)).clamp(*SIGHT_M) * torch.exp(_DEPTH * raw[..., 2].clamp(-4.0, 4.0))
    return eye_m[:, None, None] + ray * length[..., None]


def _at_time_0(rows_columns: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(rows_columns[:, :1]), rows_columns], dim=-1)
