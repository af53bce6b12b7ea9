"""The network as it runs: the same answers from fewer operations, for a graph in which small ones take long.

What does not depend on the picture is worked out before: batch norms and biases are folded into the neighbouring linear
layers, and what the stem makes of the pixels' places is a constant.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

from gaze_vlm_ros.gaze.eyes.heads import EyeHeads, summary
from gaze_vlm_ros.gaze.eyes.last_stage import folded, folded_adapter
from gaze_vlm_ros.gaze.eyes.network import Block, EyeNet, normalised


class RunningNet(nn.Module):
    """Network and heads as one graph, in which the last stage's adapters and the head are inputs, one per picture."""

    def __init__(self, net: EyeNet, heads: EyeHeads) -> None:
        super().__init__()
        net = copy.deepcopy(net).eval().requires_grad_(False)
        self.stem, self.joints, self.norm, self.heads = RunningStem(net), net.joints, net.norm, heads
        self.stages = nn.ModuleList(nn.ModuleList(RunningBlock(block) for block in stage) for stage in net.stages)
        self.adapters = nn.ModuleList(
            nn.ModuleList(FoldedAdapter(block) for block in stage) for stage in net.stages[:-1]
        )
        self.names = list(folded(net))

    def forward(self, pictures: Tensor, *personal: Tensor) -> tuple[Tensor, ...]:
        """Gaze (B, 2) [rad], logarithms of its sigmas, states, pupils and summaries of pictures (B, 1, S, S), 0..1;
        ``personal``: tensors (B, ...) in the order of ``names``.
        """
        x = self.stem(pictures)
        for number, (blocks, adapters) in enumerate(zip(self.stages, self.adapters, strict=False)):
            x = self.joints[number - 1](x) if number else x
            for block, adapter in zip(blocks, adapters, strict=True):
                x = x + adapter(block(x)).permute(0, 3, 1, 2)
        told = summary(x)
        values = self.heads(told)
        gaze = self._gaze(self.joints[-1](x), dict(zip(self.names, personal, strict=True)))
        return gaze, values.log_sigma, values.state, values.pupil_mm, told

    def _gaze(self, x: Tensor, personal: Mapping[str, Tensor]) -> Tensor:
        """The last stage (B, C, H, W) and the head with each picture's own adapters."""
        for number, block in enumerate(self.stages[-1]):
            inner = block(x) + block.bias
            down, up = (
                (personal[f"adapter{number}_{way}_weight"], personal[f"adapter{number}_{way}_bias"])
                for way in ("down", "up")
            )
            adapted = inner + _each(functional.leaky_relu(_each(inner, *down)), *up)
            x = x + adapted.permute(0, 3, 1, 2)
        pooled = self.norm(x.mean((2, 3)))
        return (personal["head_weight"] @ pooled[..., None])[..., 0] + personal["head_bias"]


class RunningStem(nn.Module):
    """The stem on pictures alone: what it makes of places is added, (1, C, H, W)."""

    def __init__(self, net: EyeNet) -> None:
        super().__init__()
        conv, self.norm = net.stem
        self.stride = conv.stride
        self.register_buffer("weight", conv.weight[:, :1].clone())
        self.register_buffer("places", functional.conv2d(net.places, conv.weight[:, 1:], conv.bias, conv.stride))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.norm(functional.conv2d(normalised(pictures), self.weight, stride=self.stride) + self.places)


class RunningBlock(nn.Module):
    """``Block.inner`` less a constant, its ``bias`` (C,): (B, C, H, W) to (B, H, W, C)."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        self.depthwise, self.norm, self.widen, self.response = block.depthwise, block.norm, block.widen, block.response
        self.register_buffer("narrow", block.narrow.weight.T.clone())
        self.register_buffer("bias", block.narrow(block.response.bias))

    def forward(self, x: Tensor) -> Tensor:
        wide = functional.gelu(self.widen(self.norm(self.depthwise(x).permute(0, 2, 3, 1))))
        return (wide * self.response.scale(wide)) @ self.narrow


class FoldedAdapter(nn.Module):
    """What the adapter of ``block`` makes of what its RunningBlock says and lacks."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        tensors, bias = folded_adapter(block.adapter), block.narrow(block.response.bias)
        self.register_buffer("down", tensors["down_weight"].T.clone())
        self.register_buffer("up", tensors["up_weight"].T.clone())
        self.register_buffer("down_bias", tensors["down_bias"] + tensors["down_weight"] @ bias)
        self.register_buffer("up_bias", tensors["up_bias"] + bias)

    def forward(self, inner: Tensor) -> Tensor:
        return inner + (functional.leaky_relu(inner @ self.down + self.down_bias) @ self.up + self.up_bias)


def _each(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The linear layer of each picture, (B, D, C) and (B, D), on its own (B, H, W, C)."""
    return x @ weight.transpose(1, 2)[:, None] + bias[:, None, None]
