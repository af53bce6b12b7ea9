"""The training loop over streamed windows: accumulation, several processes, curve, evaluation, resumption."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import rich.progress
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.training.chart import draw_chart
from gaze_vlm_ros.training.command import say
from gaze_vlm_ros.training.loop import LoopError, LoopSettings, parameter_groups
from gaze_vlm_ros.training.pixels.stream import Batch, Place
from gaze_vlm_ros.training.run_state import Curve, Position, collect_state, load_state, write_state

STATE, CURVE = "state.safetensors", "curve.csv"
_SEED_OF_PROCESS = 1_000_000_007


@dataclass(frozen=True)
class Every:
    """How many steps lie between two rows of the curve, two evaluations, and two saved states."""

    row: int = 20
    evaluation: int = 200
    state: int = 200

    def __post_init__(self) -> None:
        if min(self.row, self.evaluation, self.state) < 1:
            raise LoopError("rows, evaluations and states need at least 1 step between them")


@dataclass
class Streams:
    """How far the streams of this process have come, and how many batches it took of them in all."""

    done: int = 0
    places: dict[int, Place] = field(default_factory=dict)

    def take(self, batch: Batch) -> Batch:
        self.done, self.places[batch.number] = self.done + 1, batch.place
        return batch

    @property
    def skipped(self) -> int:
        return sum(place.skipped for place in self.places.values())

    def to_dict(self) -> dict:
        return {"done": self.done, "places": {str(number): asdict(place) for number, place in self.places.items()}}

    @classmethod
    def from_dict(cls, values: dict) -> Streams:
        return cls(values["done"], {int(number): Place(**place) for number, place in values["places"].items()})


class Run:
    """A training run in ``folder``: made, or found again, when it is constructed; ``train`` finishes it.

    ``model`` is made ready by ``accelerator``. Step k of process r draws its noise from (seed, k, r) alone, and the
    streams tell where they stand, so a run that was killed ends in the weights of one that was not. ``about`` names
    what else the run depends on. Raises RunError where ``folder`` cannot be continued.
    """

    def __init__(
        self, accelerator: Accelerator, model: nn.Module, loop: LoopSettings, every: Every, folder: Path, about: dict
    ) -> None:
        self._accelerator, self._loop, self._every, self._folder = accelerator, loop, every, folder
        optimizer = torch.optim.AdamW(
            parameter_groups(model, loop.weight_decay), lr=loop.learning_rate, betas=(0.9, 0.98)
        )
        self.model, self._optimizer = accelerator.prepare(model, optimizer)
        folder.mkdir(parents=True, exist_ok=True)
        signature = json.dumps({**asdict(loop), **about}, sort_keys=True, default=str)
        bare = accelerator.unwrap_model(self.model)
        self._bare, self._inner = bare, getattr(self._optimizer, "optimizer", self._optimizer)
        self.position = load_state(folder / STATE, bare, self._inner, signature)
        known = json.loads(self.position.data or "[]")
        self.streams = Streams.from_dict(known[accelerator.process_index]) if known else Streams()
        self.curve = Curve(folder / CURVE, self.position.step)

    def train(
        self,
        batches: Iterator[Batch],
        losses: Callable[[Batch], dict[str, Tensor]],
        evaluate: Callable[[], dict[str, float]],
        accumulation: int,
        watch: Callable[[dict[str, float]], None],
    ) -> None:
        """Goes on from ``position`` to the last step.

        ``losses`` gives named scalars of which ``loss`` is minimised, as a mean over ``accumulation`` batches of every
        process. ``watch`` gets each row of the curve. Raises LoopError where the loss is not finite.
        """
        began, before, sums = time.monotonic(), self.position.elapsed_s, {}
        with self._progress() as (bar, task):
            while self.position.step < self._loop.steps:
                self._step(batches, losses, accumulation, sums)
                step, elapsed_s = self.position.step + 1, before + time.monotonic() - began
                self.position = Position(step, elapsed_s, self.position.settings)
                ends = step == self._loop.steps
                evaluates, saves = (ends or step % n == 0 for n in (self._every.evaluation, self._every.state))
                if not (evaluates or saves or step % self._every.row == 0):
                    continue
                row = self._row(sums)
                if evaluates:
                    row |= {f"validation_{name}": value for name, value in self._evaluated(evaluate).items()}
                self.curve.add(row)
                watch(row)
                bar.update(task, completed=step, description=f"step {step} loss {row['loss']:.3f}")
                if saves:
                    self._save()
        if self._accelerator.is_main_process:
            draw_chart(self.curve, self._folder / "curve.png")

    def _step(self, batches: Iterator[Batch], losses: Callable, accumulation: int, sums: dict) -> None:
        step, accelerator = self.position.step, self._accelerator
        torch.manual_seed(self._loop.seed * 1_000_003 + step + accelerator.process_index * _SEED_OF_PROCESS)
        for group in self._optimizer.param_groups:
            group["lr"] = self._loop.rate(self._loop.progress(self.position))
        self.model.train()
        for turn in range(accumulation):
            batch = self._taken(batches)
            last = turn == accumulation - 1
            with contextlib.nullcontext() if last else accelerator.no_sync(self.model):
                parts = losses(batch)
                if not torch.isfinite(parts["loss"]):
                    raise LoopError(
                        f"the loss is {parts['loss'].item()} at step {step}; lower the learning rate and start afresh"
                    )
                accelerator.backward(parts["loss"] / accumulation)
            for name, value in parts.items():
                sums.setdefault(name, []).append(value.detach().float())
        accelerator.clip_grad_norm_(self.model.parameters(), self._loop.clip)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def _taken(self, batches: Iterator[Batch]) -> Batch:
        before = self.streams.skipped
        batch = self.streams.take(next(batches))
        if self.streams.skipped > before:
            say(
                f"skipped {self.streams.skipped} so far, process {self._accelerator.process_index}: {batch.place.fault}"
            )
        return batch

    def _row(self, sums: dict[str, list[Tensor]]) -> dict[str, float]:
        """The means since the last row, over all processes."""
        means = torch.stack([torch.stack(values).mean() for values in sums.values()])
        means = self._accelerator.reduce(means, "mean").tolist()
        row = {"step": self.position.step, "elapsed_s": self.position.elapsed_s}
        row |= {"rate": self._optimizer.param_groups[0]["lr"], **dict(zip(sums, means, strict=True))}
        sums.clear()
        return row | {"skipped": sum(gather_object([self.streams.skipped]))}

    def _evaluated(self, evaluate: Callable[[], dict[str, float]]) -> dict[str, float]:
        self.model.eval()
        return evaluate()

    def _save(self) -> None:
        """Written by the main process alone, of what all have gathered."""
        tensors = collect_state(self._bare, self._inner)
        data = json.dumps(gather_object([self.streams.to_dict()]))
        if self._accelerator.is_main_process:
            self.curve.save()
            position = Position(self.position.step, self.position.elapsed_s, self.position.settings, data)
            write_state(self._folder / STATE, tensors, position)
        self._accelerator.wait_for_everyone()

    @contextlib.contextmanager
    def _progress(self) -> Iterator[tuple[rich.progress.Progress, TaskID]]:
        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
        shown = Progress(*columns) if self._accelerator.is_main_process else rich.progress.Progress(disable=True)
        with shown as bar:
            yield bar, bar.add_task(self._folder.name, total=self._loop.steps, completed=self.position.step)
