"""The eye: a decoder over the image of now and its own memory, with an actor and a critic (EyeRobot)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gaze_vlm_ros.policies.foveated.blocks import Block, rotary
from gaze_vlm_ros.policies.foveated.config import FoveatedConfig
from gaze_vlm_ros.policies.foveated.hand import TARGET_NUMBERS
from gaze_vlm_ros.policies.foveated.tokens import CENTRE

EYE_ACTIONS = 25
BELIEF_NUMBERS = 14
REMEMBERED = 5
"""Actor, critic, eye direction, target and belief of earlier steps can be attended to, proprioception and images not.
"""
OWN = 6
_HIDDEN = 256


@dataclass
class EyeMemory:
    """Keys and values (B, K, heads, size) of each layer of the last steps, and how many steps there have been."""

    keys: list[Tensor]
    values: list[Tensor]
    step: int = 0


class EyePolicy(nn.Module):
    """Which of the 25 actions to take, and how good the situation is."""

    def __init__(self, config: FoveatedConfig) -> None:
        super().__init__()
        dim = config.dim
        self.window = config.memory_steps
        self.learnt = nn.Parameter(0.02 * torch.randn(2, dim))
        self.target = nn.Linear(config.text_dim + TARGET_NUMBERS, dim)
        self.belief = nn.Sequential(nn.Linear(BELIEF_NUMBERS, dim), nn.GELU(), nn.Linear(dim, dim))
        self.blocks = nn.ModuleList(Block(dim, config.heads, config.mlp_ratio) for _ in range(config.eye_blocks))
        self.actor = _head(dim, EYE_ACTIONS)
        self.critic = _head(dim, 1)
        self._size = dim // config.heads

    def own_tokens(self, proprio: Tensor, direction: Tensor, target: Tensor, belief: Tensor) -> Tensor:
        """(..., 6, dim): actor, critic, eye direction, target, belief, proprioception. The hand's embeddings get no
        gradient from here."""
        learnt = self.learnt.expand(*proprio.shape[:-1], 2, -1)
        told = torch.stack([direction.detach(), self.target(target), self.belief(belief), proprio.detach()], dim=-2)
        return torch.cat([learnt, told], dim=-2)

    def forward(self, images: Tensor, rows_columns: Tensor, own: Tensor, first: int = 0) -> tuple[Tensor, Tensor]:
        """Logits (B, T, 25) and values (B, T) of whole sequences: ``images`` (B, T, N, dim), ``own`` (B, T, 6, dim).

        Each step sees its own tokens and image, and the remembered tokens of the ``window`` - 1 steps before it.
        """
        batch, steps = own.shape[:2]
        time = torch.arange(first, first + steps, dtype=torch.float32)
        turns = rotary(_positions(time, None, OWN), self._size)
        turns_image = rotary(_positions(time, rows_columns, 0), self._size)
        mask = self._mask(steps, images.shape[2]).expand(batch, -1, -1, -1)
        for block in self.blocks:
            normed, normed_images = block.norm(own), block.norm(images)
            keys, values = block.keys_values(normed, turns)
            image_keys, image_values = block.keys_values(normed_images, turns_image)
            past = [self._windows(part[:, :, :REMEMBERED]) for part in (keys, values)]
            keys = torch.cat([past[0], keys, image_keys], dim=2)
            values = torch.cat([past[1], values, image_values], dim=2)
            own = own + block.attend(block.queries(normed, turns), keys, values, mask) + block.mlp(normed)
            if block is not self.blocks[-1]:
                images = block.pass_images(images, normed_images)
        return self.actor(own[:, :, 0]), self.critic(own[:, :, 1])[..., 0]

    def forget_values(self) -> None:
        """The critic begins anew, for another reward."""
        nn.init.zeros_(self.critic[-1].weight)
        nn.init.zeros_(self.critic[-1].bias)

    def empty_memory(self, batch: int) -> EyeMemory:
        block = self.blocks[0]
        nothing = torch.zeros(batch, 0, block.heads, block.size)
        return EyeMemory([nothing] * len(self.blocks), [nothing] * len(self.blocks))

    def step(self, images: Tensor, rows_columns: Tensor, own: Tensor, memory: EyeMemory) -> tuple[Tensor, Tensor]:
        """The next step of sequences: logits (B, 25) and values (B,), as ``forward`` gives them for the whole.

        ``images`` (B, N, dim), ``own`` (B, 6, dim). ``memory`` is brought up to date; it keeps what was computed when
        the step was there, so that a rollout and the training on it agree.
        """
        time = torch.tensor([float(memory.step)])
        turns = [part[0] for part in rotary(_positions(time, None, OWN), self._size)]
        turns_image = [part[0] for part in rotary(_positions(time, rows_columns, 0), self._size)]
        keep = (self.window - 1) * REMEMBERED
        for layer, block in enumerate(self.blocks):
            normed, normed_images = block.norm(own), block.norm(images)
            keys, values = block.keys_values(normed, turns)
            image_keys, image_values = block.keys_values(normed_images, turns_image)
            all_keys = torch.cat([memory.keys[layer], keys, image_keys], dim=1)
            all_values = torch.cat([memory.values[layer], values, image_values], dim=1)
            own = own + block.attend(block.queries(normed, turns), all_keys, all_values) + block.mlp(normed)
            if block is not self.blocks[-1]:
                images = block.pass_images(images, normed_images)
            memory.keys[layer] = _latest(memory.keys[layer], keys[:, :REMEMBERED], keep)
            memory.values[layer] = _latest(memory.values[layer], values[:, :REMEMBERED], keep)
        memory.step += 1
        return self.actor(own[:, 0]), self.critic(own[:, 1])[..., 0]

    def _windows(self, remembered: Tensor) -> Tensor:
        """(B, T, 5, ...) -> for each step those of the ``window`` - 1 steps before it, (B, T, 5 (window - 1), ...)."""
        batch, steps = remembered.shape[:2]
        before = self.window - 1
        padded = torch.cat([remembered.new_zeros(batch, before, *remembered.shape[2:]), remembered], dim=1)
        index = torch.arange(steps)[:, None] + torch.arange(before)
        return padded[:, index].flatten(2, 3)

    def _mask(self, steps: int, images: int) -> Tensor:
        """(T, 6, K): what the tokens of each step may attend to, in the order of ``forward``."""
        before = self.window - 1
        known = torch.arange(steps)[:, None] + torch.arange(before) >= before
        past = known.repeat_interleave(REMEMBERED, dim=1)
        own = torch.ones(steps, OWN + images, dtype=torch.bool)
        return torch.cat([past, own], dim=1)[:, None, :].expand(-1, OWN, -1)


def _latest(before: Tensor, new: Tensor, keep: int) -> Tensor:
    """The last ``keep`` of both (B, K, ...)."""
    joined = torch.cat([before, new], dim=1)
    return joined[:, max(joined.shape[1] - keep, 0) :]


def _positions(time: Tensor, rows_columns: Tensor | None, count: int) -> Tensor:
    """(T, N, 3): those of an image, or ``count`` times the middle."""
    places = torch.full((count, 2), CENTRE) if rows_columns is None else rows_columns
    return torch.cat([time[:, None, None].expand(-1, len(places), 1), places.expand(len(time), -1, -1)], dim=-1)


def _head(dim: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(dim), nn.Linear(dim, _HIDDEN), nn.GELU(), nn.Linear(_HIDDEN, _HIDDEN), nn.GELU(),
        nn.Linear(_HIDDEN, outputs),
    )  # fmt: skip
