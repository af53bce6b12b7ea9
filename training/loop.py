"""One training loop for every stage: a budget in minutes or steps, warm-up and cosine, progress, curve, resume."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import torch
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.training.best import BestWeights
from gaze_vlm_ros.training.chart import draw_chart
from gaze_vlm_ros.training.run_state import Curve, Position, load_state, save_state

LOG_EVERY = 20
"""Steps between two rows of the curve; the state is saved at such steps only, so that a resumed curve has no seam."""


class LoopError(GazeVlmError):
    """A setting that cannot work, or a loss that is no longer a number."""


@dataclass(frozen=True)
class LoopSettings:
    """``minutes`` of time by ``clock``, or exactly ``steps``; the learning rate follows the share of it that is spent.

    The clock "processor" counts what this process has computed, so that runs that are compared get the same on a
    machine that others use too.
    Step k draws its samples and its noise from (``seed``, k) alone, so a run in steps that was killed and resumed ends
    in the very same weights.
    """

    minutes: float | None = 20.0
    steps: int | None = None
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.05
    clip: float = 1.0
    seed: int = 0
    save_every_s: float = 30.0
    clock: Literal["wall", "processor"] = "wall"
    evaluations: int = 10

    def __post_init__(self) -> None:
        if (self.minutes is None) == (self.steps is None):
            raise LoopError("give either minutes or steps")
        for name in ("minutes", "steps", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise LoopError(f"{name} must be positive and finite, got {value}")

    def progress(self, position: Position) -> float:
        """Share of the budget that is spent, 0..1."""
        spent = position.step / self.steps if self.steps else position.elapsed_s / (60 * self.minutes)
        return min(spent, 1.0)

    def rate(self, progress: float) -> float:
        """Learning rate at ``progress``: linear warm-up, then half a cosine down to 0."""
        if progress < self.warmup:
            return self.learning_rate * max(progress / self.warmup, 0.01)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (progress - self.warmup) / (1 - self.warmup)))


def train(
    model: nn.Module,
    losses: Callable[[int, float], dict[str, Tensor]],
    evaluate: Callable[[], dict[str, float]],
    settings: LoopSettings,
    folder: Path,
    about: dict,
    keep: str | None = None,
) -> Position:
    """Trains the parameters of ``model`` that require a gradient; resumes what ``folder`` holds.

    ``losses(step, progress)`` returns named scalars, of which ``loss`` is minimised; ``progress`` is the share of the
    budget that is spent. ``evaluate()`` is called ``evaluations`` times and at the end. ``about`` names what else the
    run depends on; a run is resumed only where it is the same. ``keep`` names the score of ``evaluate`` whose least
    value tells which weights the model ends with: those of that evaluation instead of the last.
    Raises LoopError where the loss is not finite, RunError where ``folder`` cannot be continued.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups = parameter_groups(model, settings.weight_decay)
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98))
    signature = json.dumps({**asdict(settings), **about}, sort_keys=True, default=str)
    position = load_state(folder / "state.safetensors", model, optimizer, signature)
    best = BestWeights(folder, model, keep, position.step > 0) if keep else None
    curve, state = Curve(folder / "curve.csv", position.step), folder / "state.safetensors"
    clock = time.process_time if settings.clock == "processor" else time.monotonic
    began, before, saved = clock(), position.elapsed_s, time.monotonic()
    due, sums = _next_evaluation(settings, position), {}
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(folder.name, total=1.0)
        while (progress := settings.progress(position)) < 1.0:
            _step(model, optimizer, losses, position.step, settings, progress, sums)
            position = Position(position.step + 1, before + clock() - began, signature)
            progress = settings.progress(position)
            if position.step % LOG_EVERY and progress < 1.0:
                continue
            rate = settings.rate(progress)
            row = {"step": position.step, "elapsed_s": position.elapsed_s, "rate": rate, **_means(sums)}
            if progress >= due:
                scores = _evaluate(model, evaluate)
                row |= {f"validation_{name}": value for name, value in scores.items()}
                if best:
                    best.offer(scores)
                due = _next_evaluation(settings, position)
            curve.add(row)
            said = f"{folder.name} step {position.step} loss {row['loss']:.3f}"
            bar.update(task, completed=progress, description=said)
            if time.monotonic() - saved > settings.save_every_s or progress >= 1.0:
                curve.save()
                save_state(state, model, optimizer, position)
                saved = time.monotonic()
    if best:
        best.restore()
    draw_chart(curve, folder / "curve.png")
    return position


def _step(model, optimizer, losses, step, settings, progress, sums) -> None:
    torch.manual_seed(settings.seed * 1_000_003 + step)
    for group in optimizer.param_groups:
        group["lr"] = settings.rate(progress)
    model.train()
    parts = losses(step, progress)
    if not torch.isfinite(parts["loss"]):
        raise LoopError(f"the loss is {parts['loss'].item()} at step {step}; lower the learning rate and start afresh")
    optimizer.zero_grad(set_to_none=True)
    parts["loss"].backward()
    nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], settings.clip)
    optimizer.step()
    for name, value in parts.items():
        sums.setdefault(name, []).append(float(value.detach()))


def _means(sums: dict[str, list[float]]) -> dict[str, float]:
    means = {name: sum(values) / len(values) for name, values in sums.items()}
    sums.clear()
    return means


@torch.no_grad()
def _evaluate(model: nn.Module, evaluate: Callable[[], dict[str, float]]) -> dict[str, float]:
    model.eval()
    return evaluate()


def _next_evaluation(settings: LoopSettings, position: Position) -> float:
    """The share of the budget at which the next evaluation is due; the last one is at the very end."""
    return min(math.floor(settings.progress(position) * settings.evaluations + 1) / settings.evaluations, 1.0)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Matrices decay; biases, gains and embeddings of positions do not."""
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
