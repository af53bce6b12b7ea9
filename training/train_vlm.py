"""Stage 4: gaze block and language model learn from cached tokens, ``CE + lambda * KL(gaze || attention)``.

Every training window is given its gaze as input or not, by a coin (gaze drop-out), so that one checkpoint serves both.
The KL counts only where gaze was NOT given. There it is the paper's regulariser: attention has to find from RGB where
the wearer looks. Where gaze is an input, a KL would merely reward copying it, pull the learned scale up, and dilute the
mean that lambda weighs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.training.answers import Input, answer
from gaze_vlm_ros.training.cache_tokens import open_tokens
from gaze_vlm_ros.training.command import add_loop_arguments, loop_settings, run_command, say
from gaze_vlm_ros.training.loop import LoopSettings, train
from gaze_vlm_ros.training.provenance import NAMING, Stage, load_stages, save_stages
from gaze_vlm_ros.training.token_set import Batch, Sentences, TokenSet
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint, save_checkpoint
from gaze_vlm_ros.vlm.config import GazeVLMConfig, OutputMode
from gaze_vlm_ros.vlm.fused import bfloat16_pays
from gaze_vlm_ros.vlm.loss import gaze_kl, word_loss
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import KINDS

VALIDATION_WINDOWS = 320
VLM_LOOP = LoopSettings(minutes=20.0, learning_rate=8e-4)


class SettingsError(GazeVlmError):
    """A training setting out of its range."""


@dataclass(frozen=True)
class VLMSettings:
    """``regulariser`` is lambda; ``gaze_dropout`` the share of windows trained without gaze as input; ``bfloat16``:
    multiply in half precision, by default where the processor can."""

    batch: int = 64
    regulariser: float = 1.0
    gaze_dropout: float = 0.5
    bfloat16: bool = field(default_factory=bfloat16_pays)

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise SettingsError(f"batch must be at least 1, got {self.batch}")
        if self.regulariser < 0:
            raise SettingsError(f"lambda must not be negative, got {self.regulariser}")
        if not 0 <= self.gaze_dropout <= 1:
            raise SettingsError(f"gaze_dropout must lie in 0..1, got {self.gaze_dropout}")


Divergence = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Target (B, T, P), attention (B, T, P) and which frames count (B, T) -> a scalar, as ``gaze_kl``."""


def window_losses(
    model: GazeVLM,
    batch: Batch,
    ids: Tensor,
    scored: Tensor,
    given_windows: Tensor,
    regulariser: float,
    divergence: Divergence = gaze_kl,
) -> dict[str, Tensor]:
    """The loss of a batch of windows; ``given_windows`` (B,) bool: which of them get their gaze as input."""
    given = (batch.gaze.sum(-1) > 0) & given_windows[:, None]
    features, attention = model.attend(batch.tokens, batch.gaze, given)
    logits = model.logits(features.repeat_interleave(len(KINDS), 0), ids).float()
    words = word_loss(logits, ids, scored)
    kl = divergence(batch.target, attention.float(), (batch.target.sum(-1) > 0) & ~given)
    return {"loss": words + regulariser * kl, "words": words, "gaze_kl": kl}


def drawn(windows: np.ndarray, step: int, size: int, seed: int) -> np.ndarray:
    """The windows of step ``step``: every epoch is its own permutation, known from the seed."""
    size = min(size, len(windows))
    epoch, part = divmod(step, len(windows) // size)
    order = np.random.default_rng([seed, epoch]).permutation(len(windows))
    return np.sort(windows[order[part * size : (part + 1) * size]])


def train_vlm(
    tokens: Path,
    encoder: Path,
    out: Path,
    loop: LoopSettings,
    settings: VLMSettings | None = None,
    name: str = "",
    output: OutputMode = "pool",
) -> GazeVLM:
    """Trains block and language model on the cache ``tokens`` of the checkpoint ``encoder``.

    ``output``: what the language model sees of a frame (``GazeVLMConfig``).
    ``out`` gets state, curve and ``checkpoint/``, the weights that spoke best of the validation windows; what it holds
    of the same run is resumed.
    """
    settings = settings or VLMSettings()
    model, tokenizer = load_checkpoint(encoder)
    data = open_tokens(tokens, encoder, model)
    torch.manual_seed(loop.seed)
    version = f"{data.data_sha256[:8]}-{loop.seed}"
    about_model = {"horizon_s": _horizon_s(data), "name": name or model.config.name, "version": version}
    config = replace(model.config, output=output, **about_model)
    stages = load_stages(encoder)
    model = starting_model(model, config, stages)
    model.freeze_encoder()
    sentences = Sentences(data.columns, tokenizer, model.config.image_tokens)
    windows, checked = data.of_split("train"), data.of_split("validation")
    checked = checked[np.linspace(0, len(checked) - 1, min(VALIDATION_WINDOWS, len(checked))).astype(int)]

    def losses(step: int, _progress: float) -> dict[str, Tensor]:
        picked = drawn(windows, step, settings.batch, loop.seed)
        given = torch.rand(len(picked)) >= settings.gaze_dropout
        ids, scored = sentences.batch(data.last(picked))
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
            return window_losses(model, data.batch(picked), ids, scored, given, settings.regulariser)

    def evaluate() -> dict[str, float]:
        return validation_scores(model, tokenizer, data, sentences, checked)

    about = {
        "windows": len(windows),
        "batch": settings.batch,
        "lambda": settings.regulariser,
        "gaze_dropout": settings.gaze_dropout,
        "encoder": data.encoder_sha256,
        "config": model.config.to_dict(),
    }
    position = train(model, losses, evaluate, loop, out, about, keep="words")
    model.eval()
    final = torch.no_grad()(evaluate)()
    stages.append(
        Stage(
            "gaze block and language model",
            position.step,
            position.elapsed_s,
            loop.seed,
            data.data_sha256,
            data.episodes,
            final,
            {key: about[key] for key in ("batch", "lambda", "gaze_dropout")},
        )
    )
    save_checkpoint(out / "checkpoint", model, tokenizer)
    save_stages(out / "checkpoint", stages)
    rate = position.step * settings.batch / position.elapsed_s
    say(f"vlm: {position.step} steps, {rate:.0f} windows/s, validation {final}, {out / 'checkpoint'}")
    return model


def validation_scores(model, tokenizer, data: TokenSet, sentences: Sentences, windows: np.ndarray) -> dict[str, float]:
    """Loss without gaze as input, and exact free-running sentences with and without it."""
    none = torch.zeros(len(windows), dtype=torch.bool)
    parts = window_losses(model, data.batch(windows), *sentences.batch(data.last(windows)), none, 0.0)
    scores = {"words": float(parts["words"]), "gaze_kl": float(parts["gaze_kl"])}
    rows = data.last(windows)
    for source in (Input.RGB, Input.GAZE):
        answers = answer(model, tokenizer, data, windows, source)
        for kind in KINDS:
            right = np.array(answers.texts(kind)) == data.columns[kind.value][rows]
            scores[f"{kind.value}_{source.value}"] = float(right.mean())
    return scores


def _horizon_s(data: TokenSet) -> float:
    """How far ahead 90 % of the training events lie [s]."""
    rows = data.last(data.of_split("train"))
    ahead = (data.columns["event_time_s"] - data.columns["stamp_s"])[rows][data.columns["event"][rows] != ""]
    return round(float(np.nanpercentile(ahead, 90)), 2)


def starting_model(pretrained: GazeVLM, config: GazeVLMConfig, stages: Sequence[Stage]) -> GazeVLM:
    """What training begins with: the encoder of ``pretrained``, and its block and language model too where NAMING was
    the last of its ``stages``; else new ones. Raises SettingsError where they are of another depth than ``config``.
    """
    model = with_fresh_language(pretrained, config)
    if stages and stages[-1].name == NAMING:
        if pretrained.config.text_layers != config.text_layers:
            raise SettingsError(
                f"the checkpoint learnt names with {pretrained.config.text_layers} text layers, not "
                f"{config.text_layers}; run pretrain_language with --text-layers {config.text_layers}"
            )
        for part in ("block", "base.model.language_model", "base.lm_head"):
            model.get_submodule(part).load_state_dict(pretrained.get_submodule(part).state_dict())
    return model


def with_fresh_language(pretrained: GazeVLM, config: GazeVLMConfig) -> GazeVLM:
    """A model with the encoder of ``pretrained``; block and language model begin as this run's seed has it."""
    model = GazeVLM(config)
    for part in ("base.model.vision_tower", "base.model.multi_modal_projector", "patch_head"):
        model.get_submodule(part).load_state_dict(pretrained.get_submodule(part).state_dict())
    return model


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=Path, default=Path("runs/tokens"))
    parser.add_argument("--encoder", type=Path, default=Path("runs/encoder/checkpoint"))
    parser.add_argument("--out", type=Path, default=Path("runs/vlm"))
    parser.add_argument("--name", default="", help="name of the model in its configuration")
    parser.add_argument("--lambda", dest="regulariser", type=float, default=VLMSettings.regulariser)
    parser.add_argument("--output", choices=get_args(OutputMode), default="pool", help="what stands for a frame")
    parser.add_argument("--gaze-dropout", type=float, default=VLMSettings.gaze_dropout)
    add_loop_arguments(parser, VLM_LOOP)
    options = parser.parse_args(arguments)

    def action() -> None:
        settings = VLMSettings(regulariser=options.regulariser, gaze_dropout=options.gaze_dropout)
        folders = options.tokens, options.encoder, options.out
        train_vlm(*folders, loop_settings(options), settings, options.name, options.output)

    return run_command(action, options.threads)


if __name__ == "__main__":
    raise SystemExit(main())
