"""Networks between the stages of training: a folder with a configuration and weights in half precision."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save as save_arrays
from safetensors.torch import load_file
from safetensors.torch import save as save_safetensors

from gaze_vlm_ros.gaze.eyes.checkpoint import START, STEP
from gaze_vlm_ros.gaze.eyes.heads import EyeHeads
from gaze_vlm_ros.gaze.eyes.network import EyeNet, EyeNetConfig, EyeNetError
from gaze_vlm_ros.vlm.checkpoint import write_atomically

_CONFIG, _WEIGHTS, _HEADS, _LESSON = "network.json", "network.safetensors", "heads.safetensors", "lesson.safetensors"
NET_FILES = (_CONFIG, _WEIGHTS)


def save_net(folder: Path, net: EyeNet) -> None:
    """Writes ``net`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    halves = {name: t.half().contiguous() if t.is_floating_point() else t for name, t in net.state_dict().items()}
    write_atomically(folder / _WEIGHTS, save_safetensors(halves))
    write_atomically(folder / _CONFIG, (json.dumps(asdict(net.config)) + "\n").encode())


def load_net(folder: Path) -> EyeNet:
    """The network that ``save_net`` wrote, in evaluation mode. Raises EyeNetError where there is none."""
    try:
        config = EyeNetConfig(**json.loads((folder / _CONFIG).read_text()))
        net = EyeNet(config)
        net.load_state_dict(load_file(folder / _WEIGHTS))
    except (OSError, ValueError, TypeError, SafetensorError, RuntimeError) as error:
        remedy = "train it with `python -m gaze_vlm_ros.training.eyes.train`"
        raise EyeNetError(f"{folder} holds no network of an eye estimator ({error}); {remedy}") from None
    return net.eval()


def save_heads(folder: Path, heads: EyeHeads) -> None:
    """Writes ``heads`` into ``folder``."""
    write_atomically(folder / _HEADS, save_safetensors(heads.state_dict()))


def load_heads(folder: Path, net: EyeNet) -> EyeHeads:
    """The heads that ``save_heads`` wrote for ``net``. Raises EyeNetError where there are none."""
    heads = EyeHeads(net.config.widths[2])
    try:
        heads.load_state_dict(load_file(folder / _HEADS))
    except (OSError, SafetensorError, RuntimeError) as error:
        remedy = "train them with `python -m gaze_vlm_ros.training.eyes.train --stages sigma`"
        raise EyeNetError(f"{folder} holds no heads of this network ({error}); {remedy}") from None
    return heads.eval()


def save_lesson(folder: Path, start: dict[str, np.ndarray], step: dict[str, np.ndarray]) -> None:
    """Writes start and step sizes of a personal phase into ``folder``."""
    tensors = {f"{START}{name}": t for name, t in start.items()} | {f"{STEP}{name}": t for name, t in step.items()}
    write_atomically(folder / _LESSON, save_arrays(tensors))


def load_lesson(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Start and step sizes that ``save_lesson`` wrote. Raises EyeNetError where there are none."""
    try:
        tensors = load_arrays(folder / _LESSON)
    except (OSError, SafetensorError) as error:
        remedy = "train it with `python -m gaze_vlm_ros.training.eyes.train --stages personal`"
        raise EyeNetError(f"{folder} holds no personal phase ({error}); {remedy}") from None
    return tuple(
        {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        for prefix in (START, STEP)
    )
