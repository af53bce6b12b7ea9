"""LoRA adapters in the language model of a wrapped model, by peft. Importing peft takes seconds, so it waits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from gaze_vlm_ros.vlm.wrap.errors import WrapCheckpointError, WrapError

if TYPE_CHECKING:
    from peft import LoraConfig

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def plain_config(rank: int) -> LoraConfig:
    """Adapters of ``rank`` at every matrix of a language model's layers, in all families."""
    from peft import LoraConfig

    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=list(TARGETS))


def inject(language_model: nn.Module, config: LoraConfig) -> None:
    """Puts fresh adapters into ``language_model``, in place; nothing else in it stays trainable.

    Raises WrapError for a configuration that is no plain LoRA, or that fits no layer.
    """
    from peft import LoraConfig, inject_adapter_in_model

    if not isinstance(config, LoraConfig) or config.modules_to_save:
        raise WrapError("add_lora takes a peft.LoraConfig without modules_to_save; the gaze block is trained anyway")
    if has_adapter(language_model):
        raise WrapError("this model has an adapter; wrap a fresh one to add another")
    try:
        inject_adapter_in_model(config, language_model)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise WrapError(f"the adapter fits no layer ({reason}); name target_modules such as ['q_proj']") from None


def has_adapter(language_model: nn.Module) -> bool:
    return bool(getattr(language_model, "peft_config", None))


def plain_state(model: nn.Module) -> dict:
    """The tensors of ``model`` under the names that they had before adapters were put in, without those."""
    return {
        name.replace(".base_layer.", "."): tensor for name, tensor in model.state_dict().items() if "lora_" not in name
    }


def save(language_model: nn.Module, folder: Path) -> None:
    """Writes the adapter as peft does: its configuration and its weights as safetensors."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    language_model.peft_config["default"].save_pretrained(folder)
    weights = get_peft_model_state_dict(language_model, save_embedding_layers=False)
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, folder / WEIGHTS)


def read_config(folder: Path) -> LoraConfig:
    """Raises WrapCheckpointError for a file that is missing or no configuration of LoRA."""
    from peft import LoraConfig

    if not (folder / CONFIG).is_file():
        raise WrapCheckpointError(f"{folder / CONFIG} is missing; save the wrapped model again")
    try:
        return LoraConfig.from_pretrained(str(folder))
    except (ValueError, TypeError) as error:
        raise WrapCheckpointError(f"{folder / CONFIG} is no LoRA configuration ({error}); save it again") from None


def fill(language_model: nn.Module, tensors: dict, path: Path) -> None:
    """Puts saved weights into adapters. Raises WrapCheckpointError, naming ``path``, for those of another shape."""
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    wanted = get_peft_model_state_dict(language_model, save_embedding_layers=False)
    check_shapes(wanted, tensors, path)
    set_peft_model_state_dict(language_model, tensors)


def check_shapes(wanted: dict, tensors: dict, path: Path) -> None:
    """Raises WrapCheckpointError where ``tensors`` of the file ``path`` are not named and shaped as ``wanted``."""
    wrong = sorted(set(wanted) ^ set(tensors)) or [n for n in wanted if wanted[n].shape != tensors[n].shape]
    if wrong:
        raise WrapCheckpointError(
            f"{path} is of another shape: {len(wrong)} tensors differ, as {wrong[0]}; load it with its own model"
        )
