"""What survives a kill: a training run's weights, running means, optimiser, step and time, and its curve."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_safetensors
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.vlm.checkpoint import write_atomically

_MOMENTS = ("exp_avg", "exp_avg_sq")


class RunError(GazeVlmError):
    """The state of a training run cannot be continued."""


@dataclass(frozen=True)
class Position:
    """Where a run stands: optimiser steps done, seconds spent, and the settings that it was started with."""

    step: int = 0
    elapsed_s: float = 0.0
    settings: str = ""


def save_state(path: Path, model: nn.Module, optimizer: torch.optim.AdamW, position: Position) -> None:
    """Writes the trained weights, the running means and the moments of the optimiser as safetensors (no pickle)."""
    tensors = {f"buffer.{name}": buffer.contiguous() for name, buffer in _running(model)}
    for name, parameter in _trained(model):
        tensors[f"weight.{name}"] = parameter.detach().contiguous()
        for moment in _MOMENTS if parameter in optimizer.state else ():  # a part that no loss reaches has none
            tensors[f"{moment}.{name}"] = optimizer.state[parameter][moment].contiguous()
    metadata = {"step": str(position.step), "elapsed_s": repr(position.elapsed_s), "settings": position.settings}
    write_atomically(path, save_safetensors(tensors, metadata))


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
            for name, parameter in _trained(model):
                parameter.data.copy_(file.get_tensor(f"weight.{name}"))
                if f"{_MOMENTS[0]}.{name}" in known:
                    moments = {moment: file.get_tensor(f"{moment}.{name}") for moment in _MOMENTS}
                    optimizer.state[parameter] = {"step": torch.tensor(float(step)), **moments}
            for name, buffer in _running(model):
                buffer.copy_(file.get_tensor(f"buffer.{name}"))
    except (SafetensorError, KeyError, TypeError, RuntimeError) as error:
        raise RunError(f"{path} does not hold the state of this run ({error}); {remedy}") from None
    return Position(step, float(metadata["elapsed_s"]), settings)


def _trained(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def _running(model: nn.Module) -> list[tuple[str, torch.Tensor]]:
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
