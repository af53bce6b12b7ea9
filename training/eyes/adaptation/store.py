"""The four networks of the comparison as files, so that a benchmark can judge them on other people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.training.eyes.adaptation.network import DisentanglingAutoEncoder

FOLDER = Path(__file__).parent / "checkpoint"
CONFIG = "config.json"
COMMAND = "python -m gaze_vlm_ros.training.eyes.adaptation --ship"


class AdaptationError(GazeVlmError):
    """Networks of the comparison that are missing or damaged."""


def save_networks(networks: Mapping[str, DisentanglingAutoEncoder], about: dict, folder: Path = FOLDER) -> None:
    """Writes them in half precision; ``about`` (plain values) is kept beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, network in networks.items():
        tensors = {k: v.half().contiguous() if v.is_floating_point() else v for k, v in network.state_dict().items()}
        save_file(tensors, folder / f"{name}.safetensors")
    sizes = {name: network.encoder.config.image_px for name, network in networks.items()}
    (folder / CONFIG).write_text(json.dumps({**about, "networks": sizes}, indent=1) + "\n")


def load_networks(folder: Path = FOLDER) -> dict[str, DisentanglingAutoEncoder]:
    """Raises AdaptationError with the command that makes what is missing or damaged."""
    if not (folder / CONFIG).exists():
        raise AdaptationError(f"there are no adapted networks in {folder}; `{COMMAND}` trains them")
    networks = {}
    try:
        for name, image_px in json.loads((folder / CONFIG).read_text())["networks"].items():
            networks[name] = DisentanglingAutoEncoder(image_px).eval()
            tensors = load_file(folder / f"{name}.safetensors")
            networks[name].load_state_dict(
                {k: v.to(torch.float32) if v.is_floating_point() else v for k, v in tensors.items()}
            )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise AdaptationError(f"the networks in {folder} cannot be read ({error}); `{COMMAND}` makes them") from None
    return networks
