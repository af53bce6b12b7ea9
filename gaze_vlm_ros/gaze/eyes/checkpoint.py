"""An estimator's files: ``config.json``, ``model.onnx``, which runs, ``model.safetensors``, which a person adapts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors

from gaze_vlm_ros.gaze.eyes.network import EyeNetConfig, EyeNetError

CONFIG, GRAPH, WEIGHTS = "config.json", "model.onnx", "model.safetensors"
SHIPPED = Path(__file__).parent / "checkpoints" / "student"
NET, HEADS, GENERIC, DOMAIN, REPLAY, START, STEP, PERSONAL = (
    f"{part}." for part in ("net", "heads", "generic", "domain", "replay", "start", "step", "personal")
)
"""How the names of the tensors in WEIGHTS begin."""


@dataclass(frozen=True)
class EyeSettings:
    """What was fitted on validation people: a summary farther than ``domain_threshold`` from the training pictures is
    foreign.
    """

    domain_threshold: float


@dataclass(frozen=True, eq=False)
class EyeCheckpoint:
    """Everything in a folder but the graph's bytes, which ``graph`` names."""

    folder: Path
    config: EyeNetConfig
    settings: EyeSettings
    tensors: dict[str, np.ndarray]

    @property
    def graph(self) -> Path:
        return self.folder / GRAPH

    def part(self, prefix: str) -> dict[str, np.ndarray]:
        """The tensors whose names begin with ``prefix``, without it."""
        return {name.removeprefix(prefix): value for name, value in self.tensors.items() if name.startswith(prefix)}


def load_eye_checkpoint(folder: str | Path | None = None) -> EyeCheckpoint:
    """The checkpoint in ``folder``, or the shipped one. Raises EyeNetError naming the file at fault and the remedy."""
    folder = Path(folder) if folder is not None else SHIPPED
    for name in (CONFIG, GRAPH, WEIGHTS):
        if not (folder / name).is_file():
            raise EyeNetError(f"{folder / name} is missing; {_remedy(folder)}")
    try:
        values = json.loads((folder / CONFIG).read_text())
        config = EyeNetConfig(**{**values["network"], **{k: tuple(values["network"][k]) for k in ("widths", "depths")}})
        settings = EyeSettings(float(values["settings"]["domain_threshold"]))
        digests = values["sha256"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EyeNetError(
            f"{folder / CONFIG} is no configuration of an eye estimator ({error}); {_remedy(folder)}"
        ) from None
    for name in (GRAPH, WEIGHTS):
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digests.get(name):
            raise EyeNetError(f"{folder / name} is not the file that {CONFIG} describes; {_remedy(folder)}")
    try:
        tensors = load_safetensors((folder / WEIGHTS).read_bytes())
    except (SafetensorError, ValueError, KeyError) as error:
        raise EyeNetError(f"{folder / WEIGHTS} is damaged ({error}); {_remedy(folder)}") from None
    if not any(name.startswith(PERSONAL) for name in tensors):
        raise EyeNetError(f"{folder / WEIGHTS} does not say how sure a calibrated estimate is; {_remedy(folder)}")
    return EyeCheckpoint(folder, config, settings, tensors)


def _remedy(folder: Path) -> str:
    if folder.resolve() == SHIPPED.resolve():
        return "train one with `python -m gaze_vlm_ros.training.eyes.train`, which puts it there with --ship"
    return "train one with `python -m gaze_vlm_ros.training.eyes.train`, or name no folder to use the shipped one"
