"""What survives a kill: a training run's weights, running means, optimiser, step and time, and its curve."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.vlm.checkpoint import write_atomically

WEIGHT = "weight."
_MOMENTS = ("exp_avg", "exp_avg_sq")


class RunError(GazeVlmError):
    """The state of a training run cannot be continued."""


@dataclass(frozen=True)
class Position:
    """Where a run stands: optimiser steps done, seconds spent, the settings that it was started with, and where it is
    in data that stream by."""

    step: int = 0
    elapsed_s: float = 0.0
    settings: str = ""
    data: str = ""


def save_state(path: Path, model: nn.Module, optimizer: torch.optim.AdamW, position: Position) -> None:
    """Writes the trained weights, the running means and the moments of the optimiser as safetensors (no pickle)."""
    write_state(path, collect_state(model, optimizer), position)


def collect_state(model: nn.Module, optimizer: torch.optim.AdamW) -> dict[str, Tensor]:
    """What ``save_state`` writes. Where tensors are divided among processes, all of them have to call this."""
    tensors = {f"buffer.{name}": buffer.contiguous() for name, buffer in _running(model)}
    tensors |= collect_weights(model)
    for name, parameter in trained(model):
        for moment in _MOMENTS if parameter in optimizer.state else ():  # a part that no loss reaches has none
            tensors[f"{moment}.{name}"] = whole(optimizer.state[parameter][moment])
    return tensors


def collect_weights(model: nn.Module) -> dict[str, Tensor]:
    """The trained weights, under WEIGHT and their names, in the order of ``trained``; called as ``collect_state``."""
    return {WEIGHT + name: whole(parameter) for name, parameter in trained(model)}


def write_state(path: Path, tensors: dict[str, Tensor], position: Position) -> None:
    """Writes ``tensors`` of ``collect_state``; one process is enough."""
    metadata = {
        "step": str(position.step),
        "elapsed_s": repr(position.elapsed_s),
        "settings": position.settings,
        "data": position.data,
    }
    write_atomically(path, save_safetensors(tensors, metadata))


def whole(tensor: Tensor) -> Tensor:
    """``tensor`` without its gradient; put together from all processes where they hold parts of it."""
    tensor = tensor.detach()
    return (tensor.full_tensor() if _is_divided(tensor) else tensor).contiguous()


def _is_divided(tensor: Tensor) -> bool:
    """Whether this is torch's DTensor, of which each process holds a part."""
    return hasattr(tensor, "full_tensor")


def _shaped_as(tensor: Tensor, like: Tensor) -> Tensor:
    """The whole ``tensor`` on the device of ``like``, divided among the processes as it is."""
    if not _is_divided(like):
        return tensor.to(like.device)
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)


def load_state(path: Path, model: nn.Module, optimizer: torch.optim.AdamW, settings: str) -> Position:
    """Fills ``model`` and ``optimizer`` from ``path``; the start of a run where there is no such file.

    Raises RunError where the file is damaged or belongs to a run with other ``settings``.
    """
    if not path.exists():
        return Position(settings=settings)
    remedy = "use another --out, or delete it to start afresh"
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            if metadata["settings"] != settings:
                changed = _difference(metadata["settings"], settings)
                raise RunError(f"{path} was started with other settings ({changed}); {remedy}")
            step = int(metadata["step"])
            known = set(file.keys())
            for name, parameter in trained(model):
                parameter.data.copy_(_shaped_as(file.get_tensor(WEIGHT + name), parameter))
                if f"{_MOMENTS[0]}.{name}" in known:
                    moments = {m: _shaped_as(file.get_tensor(f"{m}.{name}"), parameter) for m in _MOMENTS}
                    optimizer.state[parameter] = {"step": torch.tensor(float(step)), **moments}
            for name, buffer in _running(model):
                buffer.copy_(file.get_tensor(f"buffer.{name}"))
    except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"{path} does not hold the state of this run ({error}); {remedy}") from None
    return Position(step, float(metadata["elapsed_s"]), settings, metadata.get("data", ""))


def weights_digest(model: nn.Module) -> str:
    """sha256 of all weights and buffers: what a stage of training begins from, which a resumed one has to share."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The parameters that a run changes, by name."""
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def _running(model: nn.Module) -> list[tuple[str, Tensor]]:
    """What batch norms keep of earlier batches."""
    norms = [(name, module) for name, module in model.named_modules() if isinstance(module, _BatchNorm)]
    return [(f"{name}.{key}", buffer) for name, module in norms for key, buffer in module.named_buffers()]


def _difference(before: str, now: str) -> str:
    old, new = json.loads(before), json.loads(now)
    changed = [key for key in sorted(old | new) if old.get(key) != new.get(key)]
    return ", ".join(f"{key}: {old.get(key)} -> {new.get(key)}" for key in changed)


class Curve:
    """A run's curve: ``curve.csv``, one row per ``step``; a resumed run forgets the rows after its last saved step."""

    def __init__(self, path: Path, last_step: int) -> None:
        self._path = path
        self.rows: list[dict[str, float]] = []
        if path.exists():
            with open(path, newline="") as file:
                rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
            self.rows = [row for row in rows if row["step"] <= last_step]

    def add(self, row: dict[str, float]) -> None:
        self.rows.append(row)

    def save(self) -> None:
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: f"{v:.6g}" for k, v in row.items()} for row in self.rows)
        write_atomically(self._path, text.getvalue().encode())

    def series(self, key: str) -> tuple[list[float], list[float]]:
        """Steps and values of one column, without its gaps."""
        rows = [row for row in self.rows if key in row]
        return [row["step"] for row in rows], [row[key] for row in rows]
