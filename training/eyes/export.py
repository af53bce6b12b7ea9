"""Writes what an estimator runs from: the graph for ONNX Runtime, the weights, and what was fitted about them."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save as save_safetensors
from torch import Tensor, nn
from torch.nn import functional

from gaze_vlm_ros.gaze.eyes.checkpoint import (
    CONFIG,
    DOMAIN,
    GENERIC,
    GRAPH,
    HEADS,
    NET,
    PERSONAL,
    REPLAY,
    WEIGHTS,
    EyeSettings,
)
from gaze_vlm_ros.gaze.eyes.estimator import OUTPUTS, PICTURES
from gaze_vlm_ros.gaze.eyes.heads import EyeHeads, summary
from gaze_vlm_ros.gaze.eyes.network import EyeNet
from gaze_vlm_ros.gaze.eyes.personal import folded
from gaze_vlm_ros.vlm.checkpoint import write_atomically

OPSET = 20


class RunningNet(nn.Module):
    """Network and heads as one graph, in which the last stage's adapters and the head are inputs, one per picture."""

    def __init__(self, net: EyeNet, heads: EyeHeads) -> None:
        super().__init__()
        self.net, self.heads = copy.deepcopy(net).eval(), heads
        for block in self.net.stages[-1]:
            block.adapter = nn.Identity()
        self.names = list(folded(net))

    def forward(self, pictures: Tensor, *personal: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(self.names, personal, strict=True))
        third = self.net.stage_features(pictures, stages=3)[-1]
        last = self.net.joints[-1](third)
        for number, block in enumerate(self.net.stages[-1]):
            inner = block.inner(last)
            flat = inner.flatten(1, 2)
            down = flat @ given[f"adapter{number}_down_weight"].transpose(1, 2)
            narrow = functional.leaky_relu(down + given[f"adapter{number}_down_bias"][:, None])
            up = narrow @ given[f"adapter{number}_up_weight"].transpose(1, 2)
            adapted = inner + (up + given[f"adapter{number}_up_bias"][:, None]).reshape(inner.shape)
            last = last + adapted.permute(0, 3, 1, 2)
        pooled = self.net.pooled(last)
        gaze = (given["head_weight"] @ pooled[:, :, None])[:, :, 0] + given["head_bias"]
        told = summary(third)
        values = self.heads(told)
        return gaze, values.log_sigma, values.state, values.pupil_mm, told


def export(
    folder: Path,
    net: EyeNet,
    heads: EyeHeads,
    settings: EyeSettings,
    domain: dict[str, np.ndarray],
    replay: dict[str, np.ndarray],
    personal: dict[str, np.ndarray] | None = None,
) -> None:
    """Writes a checkpoint that ``EyeEstimator.load`` runs and ``personalise`` adapts.

    ``domain``: ``mean`` (4 C,) and ``whitening`` (4 C, 4 C) of summaries; ``replay``: ``third`` (N, C, H, W) float16
    and ``gaze`` (N, 2) float32 [rad] of the looks that are replayed; ``personal``: what the personal phase has learnt.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"{NET}{name}": tensor.detach().numpy() for name, tensor in net.state_dict().items()}
    tensors |= {f"{HEADS}{name}": tensor.detach().numpy() for name, tensor in heads.state_dict().items()}
    parts = {GENERIC: folded(net), DOMAIN: domain, REPLAY: replay, PERSONAL: personal or {}}
    tensors |= {f"{prefix}{name}": tensor for prefix, part in parts.items() for name, tensor in part.items()}
    files = {
        GRAPH: graph_of(net, heads),
        WEIGHTS: save_safetensors({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}),
    }
    for name, data in files.items():
        write_atomically(folder / name, data)
    config = {
        "network": asdict(net.config),
        "settings": asdict(settings),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    write_atomically(folder / CONFIG, (json.dumps(config, indent=2) + "\n").encode())


def graph_of(net: EyeNet, heads: EyeHeads) -> bytes:
    """The ONNX graph, with any number of pictures at once."""
    running = RunningNet(net, heads.eval()).eval()
    personal = [torch.tensor(np.stack([tensor] * 2)) for tensor in folded(net).values()]
    pictures = torch.rand(2, 1, net.config.image_px, net.config.image_px)
    names = [PICTURES, *running.names]
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    data = io.BytesIO()
    torch.onnx.export(
        running,
        (pictures, *personal),
        data,
        input_names=names,
        output_names=list(OUTPUTS),
        dynamic_axes={name: {0: "eyes"} for name in (*names, *OUTPUTS)},
        opset_version=OPSET,
        dynamo=False,
    )
    return data.getvalue()
