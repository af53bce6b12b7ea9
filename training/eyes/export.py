"""Writes what an estimator runs from: the graph for ONNX Runtime, the weights, and what was fitted about them."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save as save_safetensors

from gaze_vlm_ros.gaze.eyes.checkpoint import (
    CONFIG,
    DOMAIN,
    GENERIC,
    GRAPH,
    HEADS,
    NET,
    PERSONAL,
    REPLAY,
    START,
    STEP,
    WEIGHTS,
    EyeSettings,
)
from gaze_vlm_ros.gaze.eyes.estimator import OUTPUTS, PICTURES
from gaze_vlm_ros.gaze.eyes.heads import EyeHeads
from gaze_vlm_ros.gaze.eyes.last_stage import folded, for_eyes
from gaze_vlm_ros.gaze.eyes.network import EyeNet
from gaze_vlm_ros.gaze.eyes.personal import affine_only
from gaze_vlm_ros.training.eyes.running import RunningNet
from gaze_vlm_ros.vlm.checkpoint import write_atomically

OPSET = 20


def export(
    folder: Path,
    net: EyeNet,
    heads: EyeHeads,
    settings: EyeSettings,
    domain: dict[str, np.ndarray],
    personal: dict[str, np.ndarray],
    replay: dict[str, np.ndarray],
    lesson: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] | None = None,
) -> None:
    """Writes a checkpoint that ``EyeEstimator.load`` runs and ``personalise`` adapts.

    ``domain``: ``mean`` (4 C,) and ``whitening`` (4 C, 4 C) of summaries; ``personal``: as ``fit_personal`` gives it;
    ``replay``: ``third`` (N, C, H, W) float16
    and ``gaze`` (N, 2) float32 [rad] of the looks that are replayed; ``lesson``: start and step sizes of the personal
    phase, without one those of ``affine_only``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"{NET}{name}": tensor.detach().numpy() for name, tensor in net.state_dict().items()}
    tensors |= {f"{HEADS}{name}": tensor.detach().numpy() for name, tensor in heads.state_dict().items()}
    start, step = lesson or affine_only(folded(net))
    parts = {GENERIC: folded(net), DOMAIN: domain, PERSONAL: personal, REPLAY: replay, START: start, STEP: step}
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
    personal = list(for_eyes(folded(net), 2).values())
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
