"""Trains a transformers vision-language model with the gaze block from pixels: one process, torchrun, or FSDP.

Every window is given its gaze as input or not, by a coin (gaze drop-out); the KL counts only where it was not, as in
``train_vlm``. The vision encoder stays frozen. docs/training.md has the commands.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import get_args

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.distributed.fsdp import register_fsdp_forward_method

from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.loop import LoopSettings
from gaze_vlm_ros.training.pixels.board import watcher
from gaze_vlm_ros.training.pixels.card import write_card
from gaze_vlm_ros.training.pixels.devices import DTYPES, accelerator_for, fsdp_is_asked
from gaze_vlm_ros.training.pixels.evaluation import forward, scores
from gaze_vlm_ros.training.pixels.loop import Every, Run
from gaze_vlm_ros.training.pixels.models import Opened, layers_of, open_model
from gaze_vlm_ros.training.pixels.questions import Questions
from gaze_vlm_ros.training.pixels.sizes import SIZES
from gaze_vlm_ros.training.pixels.stream import Batch, Batches, Source, episodes_of, first_windows, loader_of
from gaze_vlm_ros.training.provenance import Stage, save_stages
from gaze_vlm_ros.training.run_state import WEIGHT, collect_weights, trained
from gaze_vlm_ros.training.shards.reader import data_digest
from gaze_vlm_ros.training.train_vlm import SettingsError
from gaze_vlm_ros.vlm.wrap.settings import Mode

FRAMES, SPACING_S = 5, 1.0
PIXELS_LOOP = LoopSettings(minutes=None, steps=2000, learning_rate=2e-4)


@dataclass(frozen=True)
class PixelSettings:
    """``model``, ``mode``, ``lora_rank`` as in ``open_model``; ``batch`` windows per process, ``accumulation`` of them
    in one step; ``regulariser`` is lambda; ``gaze_dropout`` the share of windows without gaze as input; ``workers``
    decode beside each process; ``validation`` windows are scored."""

    model: str
    mode: Mode = "pool"
    lora_rank: int = 0
    batch: int = 8
    accumulation: int = 1
    regulariser: float = 1.0
    gaze_dropout: float = 0.5
    checkpointing: bool = False
    dtype: str = "auto"
    fsdp: bool = False
    workers: int = 0
    buffer: int = 512
    validation: int = 32

    def __post_init__(self) -> None:
        for name in ("batch", "accumulation", "buffer", "validation"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("regulariser", "lora_rank", "workers"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} must not be negative, got {getattr(self, name)}")
        if not 0 <= self.gaze_dropout <= 1:
            raise SettingsError(f"gaze_dropout must lie in 0..1, got {self.gaze_dropout}")

    def open(self, seed: int) -> Opened:
        return open_model(self.model, self.mode, self.lora_rank, seed)


def train_pixels(
    data: Path,
    out: Path,
    loop: LoopSettings,
    settings: PixelSettings,
    every: Every | None = None,
    tensorboard: bool = False,
    cpu: bool = False,
) -> Opened:
    """Trains on the shards of ``data``; ``out`` gets state, curve and ``checkpoint/``; what it holds is resumed."""
    opened = settings.open(loop.seed)
    wrapped = opened.wrapped
    source = Source(data, "train", wrapped.grid, FRAMES, SPACING_S, settings.buffer, loop.seed)
    checked = first_windows(Source(data, "validation", wrapped.grid, FRAMES, SPACING_S), settings.validation)
    accelerator = accelerator_for(settings.dtype, layers_of(wrapped) if settings.fsdp else [], cpu)
    watch = watcher(out, tensorboard and accelerator.is_main_process)
    if settings.checkpointing:
        wrapped.enable_gradient_checkpointing()
    questions = Questions(opened.tokenizer, wrapped.model.config.image_token_id, FRAMES)
    about = {**asdict(settings), "dtype": accelerator.mixed_precision, "data": data_digest(data)}
    run = Run(accelerator, wrapped, loop, every or Every(), out, about | {"processes": accelerator.num_processes})
    opened = Opened(accelerator.unwrap_model(run.model), opened.tokenizer, opened.normal)
    _let_through(accelerator, opened)

    def losses(batch: Batch) -> dict[str, Tensor]:
        given = torch.rand(len(batch.activity)) >= settings.gaze_dropout
        with accelerator.autocast():
            output = forward(run.model, opened, questions, batch, given, settings.regulariser)
        return {"loss": output.loss, "words": output.words, "gaze_kl": output.gaze}

    def evaluate() -> dict[str, float]:
        with accelerator.autocast():
            return scores(run.model, opened, questions, checked, settings.batch)

    place = accelerator.process_index, accelerator.num_processes
    batches = Batches(source, settings.batch, *place, run.streams.done, run.streams.places)
    run.train(iter(loader_of(batches, settings.workers)), losses, evaluate, settings.accumulation, watch)
    _finish(run, opened, accelerator, data, out, loop, settings)
    return opened


def _let_through(accelerator: Accelerator, opened: Opened) -> None:
    """With FSDP these methods too gather the weights that they need."""
    if accelerator.is_fsdp2:
        for method in ("encode", "generate"):
            register_fsdp_forward_method(opened.wrapped, method)


def _finish(
    run: Run,
    opened: Opened,
    accelerator: Accelerator,
    data: Path,
    out: Path,
    loop: LoopSettings,
    settings: PixelSettings,
) -> None:
    """``checkpoint/``: the model, where it comes from and its card."""
    weights = collect_weights(opened.wrapped)
    if not accelerator.is_main_process:
        accelerator.wait_for_everyone()
        return
    if accelerator.is_fsdp2:  # the weights of this one are divided
        opened = settings.open(loop.seed)
        for name, parameter in trained(opened.wrapped):
            parameter.data.copy_(weights[WEIGHT + name])
    folder = out / "checkpoint"
    opened.save(folder)
    last = run.curve.rows[-1]
    reached = {name.removeprefix("validation_"): v for name, v in last.items() if name.startswith("validation_")}
    chosen = asdict(settings) | {"learning_rate": loop.learning_rate, "processes": accelerator.num_processes}
    done = run.position.step, run.position.elapsed_s, loop.seed, data_digest(data)
    stage = Stage("from pixels", *done, episodes_of(data, "train"), reached, chosen)
    save_stages(folder, [stage])
    write_card(folder, opened.wrapped, stage)
    say(f"pixels: {run.position.step} steps, {last['skipped']:.0f} skipped, validation {reached}, {folder}")
    accelerator.wait_for_everyone()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of `gaze-vlm-ros generate`")
    parser.add_argument("--out", type=Path, default=Path("runs/pixels"), help="what it holds of this run is resumed")
    parser.add_argument(
        "--model", required=True, help=f"folder of a transformers model, or {', '.join(SIZES)}, a colon and its family"
    )
    parser.add_argument("--mode", choices=get_args(Mode), default="pool", help="what stands for a frame")
    parser.add_argument("--lora", type=int, default=0, metavar="RANK", help="of adapters; 0 trains the language model")
    parser.add_argument("--steps", type=int, default=PIXELS_LOOP.steps)
    parser.add_argument("--batch", type=int, default=PixelSettings.batch, help="windows per process (%(default)s)")
    parser.add_argument("--accumulation", type=int, default=1, help="batches in one step (default %(default)s)")
    parser.add_argument("--learning-rate", type=float, default=PIXELS_LOOP.learning_rate)
    parser.add_argument("--warmup", type=float, default=PIXELS_LOOP.warmup, help="share of the steps (%(default)s)")
    parser.add_argument("--lambda", dest="regulariser", type=float, default=PixelSettings.regulariser)
    parser.add_argument("--gaze-dropout", type=float, default=PixelSettings.gaze_dropout)
    parser.add_argument("--gradient-checkpointing", action="store_true", help="less memory, more time")
    parser.add_argument("--dtype", choices=["auto", *DTYPES], default="auto", help="auto: bfloat16 where there is any")
    parser.add_argument(
        "--fsdp", action="store_true", default=fsdp_is_asked(), help="divide weights and optimiser among the processes"
    )
    parser.add_argument("--cpu", action="store_true", help="leave a GPU alone")
    parser.add_argument("--workers", type=int, default=0, help="processes that decode, per process (%(default)s)")
    parser.add_argument("--validation-windows", type=int, default=PixelSettings.validation)
    parser.add_argument("--log-every", type=int, default=Every.row, help="steps between rows of the curve")
    parser.add_argument("--evaluate-every", type=int, default=Every.evaluation)
    parser.add_argument("--save-every", type=int, default=Every.state)
    parser.add_argument("--tensorboard", action="store_true", help="write events beside the curve")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="torch threads (default %(default)s)")
    options = parser.parse_args(arguments)
    return run_command(lambda: _train(options), options.threads)


def _train(options: argparse.Namespace) -> None:
    loop = replace(
        PIXELS_LOOP,
        steps=options.steps,
        learning_rate=options.learning_rate,
        warmup=options.warmup,
        seed=options.seed,
    )
    settings = PixelSettings(
        model=options.model,
        mode=options.mode,
        lora_rank=options.lora,
        batch=options.batch,
        accumulation=options.accumulation,
        regulariser=options.regulariser,
        gaze_dropout=options.gaze_dropout,
        checkpointing=options.gradient_checkpointing,
        dtype=options.dtype,
        fsdp=options.fsdp,
        workers=options.workers,
        validation=options.validation_windows,
    )
    every = Every(options.log_every, options.evaluate_every, options.save_every)
    train_pixels(options.data, options.out, loop, settings, every, options.tensorboard, options.cpu)


if __name__ == "__main__":
    raise SystemExit(main())
