"""The model to be trained: a folder on this disk, or a named configuration with random weights. Nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModelForImageTextToText, PreTrainedTokenizerBase

from gaze_vlm_ros.training.pixels.questions import read_tokenizer, word_tokenizer
from gaze_vlm_ros.training.pixels.sizes import SIZES, configuration
from gaze_vlm_ros.vlm.checkpoint import write_atomically
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.wrap import lora, storage
from gaze_vlm_ros.vlm.wrap.errors import WrapCheckpointError, WrapError
from gaze_vlm_ros.vlm.wrap.families import FAMILIES
from gaze_vlm_ros.vlm.wrap.settings import Mode
from gaze_vlm_ros.vlm.wrap.wrapped import WrappedVLM

PICTURES = "preprocessor_config.json"
HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Opened:
    """``normal`` are the mean and the deviation, per channel, of pictures whose values lie in 0..1."""

    wrapped: WrappedVLM
    tokenizer: PreTrainedTokenizerBase
    normal: tuple[Sequence[float], Sequence[float]]

    def pixels(self, frames: Tensor) -> Tensor:
        """uint8 (..., 3, H, W) -> normalised float32, on the device of ``frames``."""
        mean, deviation = (torch.tensor(v, device=frames.device)[:, None, None] for v in self.normal)
        return (frames.float() / 255 - mean) / deviation

    def save(self, folder: Path) -> None:
        """The wrapped model, its tokenizer and how pictures are prepared, for ``open_model``."""
        self.wrapped.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        mean, deviation = self.normal
        pictures = {"image_mean": list(mean), "image_std": list(deviation)}
        write_atomically(folder / PICTURES, (json.dumps(pictures, indent=2) + "\n").encode())


def open_model(name: str, mode: Mode = "pool", lora_rank: int = 0, seed: int = 0) -> Opened:
    """``name`` is a folder that transformers or ``WrappedVLM.save_pretrained`` wrote, or ``SIZE:FAMILY``.

    A model that is not wrapped yet gets the block in ``mode``; ``lora_rank`` > 0 puts fresh adapters into its language
    model. Weights are float32. Raises WrapError, naming what exists, for an unknown name, WrapCheckpointError for a
    folder that cannot be read.
    """
    torch.manual_seed(seed)
    size, _, kind = name.partition(":")
    opened = _random(size, kind, mode) if kind and not Path(name).exists() else _of_folder(Path(name), mode)
    if lora_rank:
        opened.wrapped.add_lora(lora.plain_config(lora_rank))
    return opened


def _random(size: str, kind: str, mode: Mode) -> Opened:
    if size not in SIZES or kind not in FAMILIES:
        raise WrapError(
            f"no model {size}:{kind}; give a folder, or one of {', '.join(SIZES)} with a colon and one of "
            f"{', '.join(FAMILIES)}"
        )
    tokenizer, shape = word_tokenizer(), SIZES[size]
    model = AutoModelForImageTextToText.from_config(configuration(kind, shape, len(tokenizer)), dtype=torch.float32)
    frame = {"frame_size": (shape.side, shape.side)} if kind.startswith("qwen") else {}
    return Opened(GazeVLM.wrap(model, mode=mode, **frame), tokenizer, (HALF, HALF))


def _of_folder(folder: Path, mode: Mode) -> Opened:
    if (folder / storage.SETTINGS).is_file():
        wrapped = WrappedVLM.from_pretrained(folder, torch.float32)
    else:
        wrapped = GazeVLM.wrap(storage.read_plain(folder, torch.float32), mode=mode)
    return Opened(wrapped, read_tokenizer(folder), _normal(folder / PICTURES))


def _normal(path: Path) -> tuple[Sequence[float], Sequence[float]]:
    try:
        known = json.loads(path.read_text())
        mean, deviation = (tuple(map(float, known[name])) for name in ("image_mean", "image_std"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrapCheckpointError(
            f"{path} does not say image_mean and image_std ({error}); copy the model's own there"
        ) from None
    return mean, deviation


def layers_of(wrapped: WrappedVLM) -> list[str]:
    """The classes of the layers that repeat in the model: what FSDP gathers one after the other."""
    stacks = (module for module in wrapped.model.modules() if isinstance(module, nn.ModuleList) and len(module) > 1)
    return sorted({type(stack[0]).__name__ for stack in stacks})
