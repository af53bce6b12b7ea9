"""Wrapped models on disk: what transformers writes, and beside it the gaze block and the adapters in their own files.

``gaze_block.json`` holds the settings, ``gaze_block.safetensors`` the block, ``adapter/`` what peft writes. Reading
never asks the network, and takes weights as safetensors only, since other formats can run code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedModel

from gaze_vlm_ros.vlm.wrap import lora
from gaze_vlm_ros.vlm.wrap.errors import WrapCheckpointError, WrapError
from gaze_vlm_ros.vlm.wrap.families import family_of
from gaze_vlm_ros.vlm.wrap.settings import WrapSettings

if TYPE_CHECKING:
    from gaze_vlm_ros.vlm.wrap.wrapped import WrappedVLM

SETTINGS, BLOCK, ADAPTER = "gaze_block.json", "gaze_block.safetensors", "adapter"
MODEL_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")


def save(wrapped: WrappedVLM, folder: Path) -> None:
    """Writes everything that ``read_model`` and ``fill`` need."""
    wrapped.model.save_pretrained(folder, state_dict=lora.plain_state(wrapped.model))
    adapted = lora.has_adapter(wrapped.language_model)
    if adapted:
        lora.save(wrapped.language_model, folder / ADAPTER)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in wrapped.added_state().items()}
    save_file(tensors, folder / BLOCK)
    settings = wrapped.settings.to_dict() | {"adapter": adapted}
    (folder / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n")


def read_model(folder: Path, dtype: torch.dtype | str) -> tuple[PreTrainedModel, WrapSettings, bool]:
    """The model without the block, how it was wrapped, and whether it has adapters.

    Raises WrapCheckpointError naming the file at fault, WrapError for a family that cannot be wrapped.
    """
    _require(folder, (SETTINGS,), (BLOCK,))
    settings, adapted = _read_settings(folder / SETTINGS)
    model = read_plain(folder, dtype)
    return model, settings, adapted


def read_plain(folder: Path, dtype: torch.dtype | str) -> PreTrainedModel:
    """A model as transformers saves it, of a family that can be wrapped; nothing is fetched.

    Raises WrapCheckpointError naming the file at fault, WrapError for a family that cannot be wrapped.
    """
    _require(folder, ("config.json",), MODEL_WEIGHTS)
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        family_of(AutoConfig.from_pretrained(folder, **local))
        model, report = AutoModelForImageTextToText.from_pretrained(
            folder, use_safetensors=True, dtype=dtype, output_loading_info=True, **local
        )
    except WrapError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WrapCheckpointError(f"{folder} holds no model that can be read ({reason}); save it again") from None
    wrong = sorted(map(str, {*report["missing_keys"], *report["unexpected_keys"], *report["mismatched_keys"]}))
    if wrong:
        raise WrapCheckpointError(
            f"the weights in {folder} are of another shape than its config.json: {len(wrong)} tensors differ, as "
            f"{wrong[0]}; save the wrapped model again"
        )
    return model


def fill(wrapped: WrappedVLM, folder: Path, adapted: bool) -> None:
    """Loads the block, and the adapters where there are any, into a freshly wrapped model."""
    tensors = _read_tensors(folder / BLOCK)
    lora.check_shapes(wrapped.added_state(), tensors, folder / BLOCK)
    for name, tensor in wrapped.added_state().items():
        tensor.copy_(tensors[name])
    if adapted:
        wrapped.add_lora(lora.read_config(folder / ADAPTER))
        path = folder / ADAPTER / lora.WEIGHTS
        lora.fill(wrapped.language_model, _read_tensors(path), path)


def _require(folder: Path, *files: tuple[str, ...]) -> None:
    """Raises WrapCheckpointError where ``folder`` lacks one of ``files``, of which each may have several names."""
    if not folder.is_dir():
        raise WrapCheckpointError(f"{folder} is no folder; give the one that save_pretrained wrote, nothing is fetched")
    for names in files:
        if not any((folder / name).is_file() for name in names):
            raise WrapCheckpointError(
                f"{folder / names[0]} is missing; only safetensors are read, save the wrapped model again"
            )


def _read_settings(path: Path) -> tuple[WrapSettings, bool]:
    try:
        values = json.loads(path.read_text())
        adapted = values.pop("adapter", False)
        return WrapSettings.from_dict(values), bool(adapted)
    except (WrapError, ValueError, TypeError, AttributeError) as error:
        raise WrapCheckpointError(f"{path} holds no settings of a gaze block ({error}); save it again") from None


def _read_tensors(path: Path) -> dict:
    if not path.is_file():
        raise WrapCheckpointError(f"{path} is missing; save the wrapped model again")
    try:
        return load_safetensors(path.read_bytes())
    except (SafetensorError, ValueError) as error:
        raise WrapCheckpointError(f"{path} is damaged ({error}); save the wrapped model again") from None
