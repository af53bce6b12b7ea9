"""The last stage of a network with adapters and head from outside: one set for each eye, several eyes at once."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gaze_vlm_ros.gaze.eyes.network import Adapter, EyeNet


class LastStage(nn.Module):
    """The frozen part of the last stage of ``net``; what a person changes, as ``folded`` names it, is an input."""

    def __init__(self, net: EyeNet) -> None:
        super().__init__()
        net = copy.deepcopy(net).eval().requires_grad_(False)
        self.joint, self.blocks, self.norm = net.joints[-1], net.stages[-1], net.norm
        for block in self.blocks:
            block.adapter = nn.Identity()

    def forward(self, third: Tensor, personal: Mapping[str, Tensor]) -> Tensor:
        """Yaw and pitch (E, N, 2) [rad] of N pictures of each of E eyes, from the third stage's output
        (E, N, C, H, W); ``personal`` has one tensor more than ``folded`` in front, (E, ...).
        """
        eyes, count = third.shape[:2]
        x = self.joint(third.flatten(0, 1))
        for number, block in enumerate(self.blocks):
            inner = block.inner(x)
            flat = inner.reshape(eyes, -1, inner.shape[-1])
            down = flat @ personal[f"adapter{number}_down_weight"].transpose(1, 2)
            narrow = functional.leaky_relu(down + personal[f"adapter{number}_down_bias"][:, None])
            up = narrow @ personal[f"adapter{number}_up_weight"].transpose(1, 2)
            adapted = inner + (up + personal[f"adapter{number}_up_bias"][:, None]).reshape(inner.shape)
            x = x + adapted.permute(0, 3, 1, 2)
        pooled = self.norm(x.mean((2, 3))).reshape(eyes, count, -1)
        return pooled @ personal["head_weight"].transpose(1, 2) + personal["head_bias"][:, None]


def folded(net: EyeNet) -> dict[str, np.ndarray]:
    """What a person changes in ``net``: adapters of the last stage, their batch norms folded in, and the head."""
    tensors = {"head_weight": net.head.weight, "head_bias": net.head.bias}
    for number, block in enumerate(net.stages[-1]):
        tensors |= {f"adapter{number}_{name}": tensor for name, tensor in folded_adapter(block.adapter).items()}
    return {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}


def folded_adapter(adapter: Adapter) -> dict[str, Tensor]:
    """Weights and biases of the two linear layers of ``adapter``, its batch norm folded into the first."""
    norm = adapter.norm
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return {
        "down_weight": scale[:, None] * adapter.down.weight,
        "down_bias": scale * (adapter.down.bias - norm.running_mean) + norm.bias,
        "up_weight": adapter.up.weight,
        "up_bias": adapter.up.bias,
    }


def for_eyes(tensors: Mapping[str, np.ndarray], eyes: int) -> dict[str, Tensor]:
    """``tensors`` once for each of ``eyes``."""
    return {name: torch.from_numpy(np.stack([tensor] * eyes)) for name, tensor in tensors.items()}
