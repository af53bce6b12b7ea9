"""Checkpoints: a folder of ``config.json``, ``tokenizer.json`` and ``model.safetensors`` (half precision)."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.vlm.config import ConfigError, GazeVLMConfig
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import SentenceTokenizer

CONFIG, TOKENIZER, WEIGHTS = "config.json", "tokenizer.json", "model.safetensors"
SHIPPED = Path(__file__).parent / "checkpoints"


class CheckpointError(GazeVlmError):
    """A checkpoint that is missing, damaged or of another shape."""


def default_checkpoint() -> Path:
    """The checkpoint that ships with the package. Raises CheckpointError where there is none."""
    found = _shipped()
    if not found:
        raise CheckpointError(f"{SHIPPED} holds no checkpoint; {remedy_for(SHIPPED)}")
    return found[0]


def _shipped() -> list[Path]:
    return sorted(path.parent for path in SHIPPED.glob(f"*/{WEIGHTS}"))


def remedy_for(path: Path) -> str:
    """What to do about a file of a checkpoint that is missing or wrong."""
    if path.resolve().is_relative_to(SHIPPED.resolve()):
        return "restore the shipped model with `git checkout` or by installing the package again"
    return f"train a model with `gaze-vlm-ros train`, or name the shipped one, {next(iter(_shipped()), SHIPPED)}"


def write_atomically(path: Path, data: bytes) -> None:
    """Writes ``data`` so that a reader, or a power cut, finds the old file or the new one, never half of it."""
    temporary = path.with_name(path.name + ".partial")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def save_checkpoint(folder: Path, model: GazeVLM, tokenizer: SentenceTokenizer) -> None:
    """Writes ``model`` in half precision; its weights' digest goes into the configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = save_safetensors({name: tensor.half().contiguous() for name, tensor in model.state_dict().items()})
    config = model.config.to_dict() | {"weights_sha256": hashlib.sha256(weights).hexdigest()}
    write_atomically(folder / WEIGHTS, weights)
    write_atomically(folder / CONFIG, (json.dumps(config, indent=2) + "\n").encode())
    tokenizer.save(folder / TOKENIZER)


def load_checkpoint(folder: str | Path) -> tuple[GazeVLM, SentenceTokenizer]:
    """The model (float32, evaluation mode) and its tokenizer. Raises CheckpointError naming the file at fault."""
    folder = Path(folder)
    for name in (CONFIG, TOKENIZER, WEIGHTS):
        if not (folder / name).is_file():
            raise CheckpointError(f"checkpoint file {folder / name} is missing; {remedy_for(folder)}")
    config, digest = _read_config(folder / CONFIG)
    tensors, found = _read_weights(folder / WEIGHTS)
    _check_shapes(config, tensors, folder / WEIGHTS)
    if found != digest:
        raise CheckpointError(
            f"{folder / WEIGHTS} is not the file that {CONFIG} describes (sha256 differs); {remedy_for(folder)}"
        )
    model = GazeVLM(config)
    model.load_state_dict({name: tensor.to(torch.float32) for name, tensor in tensors.items()})
    try:
        tokenizer = SentenceTokenizer.load(folder / TOKENIZER)
    except Exception as error:  # the tokenizers library raises plain Exception
        raise CheckpointError(f"{folder / TOKENIZER} is no tokenizer ({error}); {remedy_for(folder)}") from None
    if len(tokenizer) != config.vocabulary_size:
        raise CheckpointError(
            f"{folder / TOKENIZER} has {len(tokenizer)} words, the model {config.vocabulary_size}; {remedy_for(folder)}"
        )
    return model.eval(), tokenizer


def _read_config(path: Path) -> tuple[GazeVLMConfig, str]:
    try:
        values = json.loads(path.read_text())
        digest = values.pop("weights_sha256", "")
        return GazeVLMConfig.from_dict(values), digest
    except (ConfigError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise CheckpointError(f"{path} is no configuration of this model ({error}); {remedy_for(path)}") from None


def _read_weights(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    """The tensors and the file's digest."""
    data = path.read_bytes()
    try:
        tensors = load_safetensors(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is damaged ({error}); {remedy_for(path)}") from None
    return tensors, hashlib.sha256(data).hexdigest()


def _check_shapes(config: GazeVLMConfig, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Compares with a model that takes no memory, so that a configuration alone cannot exhaust it."""
    try:
        with torch.device("meta"):
            wanted = GazeVLM(config).state_dict()
    except (ValueError, TypeError, ArithmeticError, RuntimeError) as error:
        raise CheckpointError(f"{path.with_name(CONFIG)} gives no model ({error}); {remedy_for(path)}") from None
    wrong = sorted(set(wanted) ^ set(tensors)) or [n for n in wanted if wanted[n].shape != tensors[n].shape]
    if wrong:
        raise CheckpointError(
            f"{path} does not fit its {CONFIG}: {len(wrong)} tensors differ, as {wrong[0]}; {remedy_for(path)}"
        )
