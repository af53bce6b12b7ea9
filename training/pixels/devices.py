"""Where training runs: one process, several by torchrun, or weights divided by FSDP; and in which number format."""

from __future__ import annotations

import os

import torch
from accelerate import Accelerator, FullyShardedDataParallelPlugin

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.vlm.fused import bfloat16_pays

DTYPES = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}
"""Number formats of the multiplications, and what accelerate calls them."""


def fsdp_is_asked() -> bool:
    """Whether accelerate's own configuration asks for FSDP; what else it says of it holds too."""
    return os.environ.get("ACCELERATE_USE_FSDP", "").lower() in ("1", "true")


class DeviceError(GazeVlmError):
    """Something that the device lacks."""


def dtypes_of(device: torch.device) -> list[str]:
    """The formats that ``device`` computes in hardware, the best for training first."""
    if device.type == "cuda":
        fits = torch.cuda.is_bf16_supported(including_emulation=False)
        return ["bfloat16", "float16", "float32"] if fits else ["float16", "float32"]
    if device.type == "cpu" and bfloat16_pays():
        return ["bfloat16", "float32"]
    return ["float32"]


def chosen_dtype(wanted: str, device: torch.device) -> str:
    """``wanted``, or for "auto" bfloat16 where the device has it and float32 elsewhere. Raises DeviceError."""
    known = dtypes_of(device)
    if wanted == "auto":
        return "bfloat16" if "bfloat16" in known else "float32"
    if wanted not in known:
        raise DeviceError(f"this device ({device.type}) has no {wanted}; use --dtype {' or '.join(known)}, or auto")
    return wanted


def accelerator_for(dtype: str, fsdp_layers: list[str], cpu: bool = False) -> Accelerator:
    """What accelerate makes of torchrun's, or accelerate's own, environment.

    ``fsdp_layers``: if any, divide weights, gradients and moments among the processes (FSDP2), layer by layer of these
    classes. ``cpu``: leave a GPU alone. Raises DeviceError for a ``dtype`` that the device lacks and for FSDP in a
    single process.
    """
    device = torch.device("cpu" if cpu or not torch.cuda.is_available() else "cuda")
    mixed, plugin = DTYPES[chosen_dtype(dtype, device)], None
    if fsdp_layers and int(os.environ.get("WORLD_SIZE", "1")) < 2:
        raise DeviceError("FSDP divides a model among processes, but there is one; use torchrun, or leave --fsdp out")
    if fsdp_layers:
        plugin = FullyShardedDataParallelPlugin(
            fsdp_version=2,
            auto_wrap_policy="transformer_based_wrap",
            transformer_cls_names_to_wrap=fsdp_layers,
            cpu_ram_efficient_loading=False,
        )
    return Accelerator(cpu=device.type == "cpu", mixed_precision=mixed, fsdp_plugin=plugin)
