"""Stage 1: the frame encoder learns what every patch shows, from the simulator's segmentation.

A language model can only speak of what the tokens hold; dense labels give a small encoder that names things, hand and
arm patch by patch. Its convolutions name half patches too, which teaches them sooner. So that a token also goes on
saying *where* its patch is, which naming things does not ask for, a linear probe reads the position off it in training.
Encoder, projector and classifier are trained together, then frozen.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gaze_vlm_ros.language import OBJECT_KINDS, vocabulary
from gaze_vlm_ros.training.augment import augment
from gaze_vlm_ros.training.collage import collage
from gaze_vlm_ros.training.command import add_loop_arguments, loop_settings, run_command, say
from gaze_vlm_ros.training.data import Episode, of_split, read_episodes
from gaze_vlm_ros.training.loop import LoopSettings, train
from gaze_vlm_ros.training.provenance import Stage, save_stages
from gaze_vlm_ros.training.shards.reader import data_digest
from gaze_vlm_ros.vlm.checkpoint import save_checkpoint
from gaze_vlm_ros.vlm.config import GazeVLMConfig
from gaze_vlm_ros.vlm.frames import to_pixels
from gaze_vlm_ros.vlm.fused import bfloat16_pays
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import SentenceTokenizer

VALIDATION_FRAMES = 256
POSITION_WEIGHT = 0.3
HALVES_WEIGHT = 0.5
ENCODER_LOOP = LoopSettings(minutes=45.0, learning_rate=5e-3)


@dataclass(frozen=True)
class EncoderSettings:
    """``collages``: the share of the time, from the beginning, in which pictures are put together from parts that show
    things. ``bfloat16``: multiply in half precision; by default where the processor can.
    """

    batch: int = 32
    collages: float = 0.7
    bfloat16: bool = field(default_factory=bfloat16_pays)


class EncoderTask(nn.Module):
    """What is trained: the model's encoder, and two helpers that are thrown away afterwards: the probe for positions
    and the classifier of half patches.
    """

    def __init__(self, model: GazeVLM) -> None:
        super().__init__()
        self.model = model
        self.position = nn.Linear(model.config.hidden, 2)
        self.halves = nn.Conv2d(model.stem.half_width, len(model.config.labels), 1)
        axes = [(torch.arange(side) + 0.5) * 2 / side - 1 for side in model.config.grid]
        self.register_buffer("centres", torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).flatten(0, 1))

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pixels (F, 3, S, S) -> class logits (F, P, labels) of patches and (F, labels, 2 rows, 2 columns) of half
        patches, mean squared error of the positions (picture = -1..1).
        """
        between: list[Tensor] = []
        hook = self.model.stem.halves.register_forward_hook(lambda _module, _inputs, output: between.append(output))
        tokens = self.model.encode(pixels)
        hook.remove()
        misplaced = (self.position(tokens) - self.centres).square().mean()
        return self.model.classify(tokens), self.halves(between[0]), misplaced


class FrameSet:
    """All frames of some episodes with their labels; pictures stay compressed until they are drawn."""

    def __init__(self, episodes: list[Episode]) -> None:
        self._episodes = episodes
        self._where = [(e, i) for e, episode in enumerate(episodes) for i in range(len(episode))]

    def __len__(self) -> int:
        return len(self._where)

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Pixels (F, 3, S, S) in [-1, 1], labels (F, rows, columns) and those of half patches."""
        where = [(self._episodes[e], i) for e, i in (self._where[index] for index in indices)]
        pixels = to_pixels([episode.frame(i) for episode, i in where])
        labels = np.stack([episode.patch_label[i] for episode, i in where]).astype(np.int64)
        halves = np.stack([episode.half_label[i] for episode, i in where]).astype(np.int64)
        return pixels, torch.from_numpy(labels), torch.from_numpy(halves)


def class_weights(episodes: list[Episode], classes: int) -> Tensor:
    """Weights (classes,) ~ frequency ** -0.5, mean 1 over the classes that occur: most patches are background."""
    counts = np.bincount(np.concatenate([e.patch_label.ravel() for e in episodes]), minlength=classes)
    weights = np.where(counts > 0, np.maximum(counts, 1) ** -0.5, 0.0)
    return torch.from_numpy(weights / weights[counts > 0].mean()).float()


def confusion_scores(logits: Tensor, labels: Tensor, things: Tensor) -> dict[str, float]:
    """Share of patches named right, of all and of those that show one of the classes ``things`` (K,), and the mean over
    the classes that occur of their intersection over union.
    """
    classes = logits.shape[-1]
    pairs = (labels.flatten() * classes + logits.argmax(-1).flatten()).bincount(minlength=classes**2)
    matrix = pairs.view(classes, classes).double()
    hits, truths = matrix.diag(), matrix.sum(1)
    overlap = hits / (truths + matrix.sum(0) - hits).clamp_min(1)
    return {
        "accuracy": float(hits.sum() / matrix.sum()),
        "things_accuracy": float(hits[things].sum() / truths[things].sum().clamp_min(1)),
        "mean_iou": float(overlap[truths > 0].mean()),
    }


def pretrain(
    data: Path,
    out: Path,
    loop: LoopSettings,
    settings: EncoderSettings | None = None,
    config: GazeVLMConfig | None = None,
    glances: Path | None = None,
) -> GazeVLM:
    """Trains the encoder on the episodes of ``data``; ``out`` gets state, curve and ``checkpoint/``. Resumes.

    ``glances`` is a folder of more of them, best short and many: the pictures of an episode resemble each other, so
    that ten kitchens seen for three seconds teach more than one seen for thirty.
    """
    settings = settings or EncoderSettings()
    episodes, faults = read_episodes(data)
    more, more_faults = read_episodes(glances) if glances else ([], [])
    for fault in (*faults, *more_faults):
        say(f"left out: {fault}")
    shown = of_split([*episodes, *more], "train")
    tokenizer = SentenceTokenizer.of_words(vocabulary())
    names = episodes[0].label_names
    config = replace(config or GazeVLMConfig(), labels=names, vocabulary_size=len(tokenizer))
    torch.manual_seed(loop.seed)
    model = GazeVLM(config)
    for part in (model.block, model.base.model.language_model, model.base.lm_head):
        part.requires_grad_(False)
    task = EncoderTask(model)
    frames, held_out = FrameSet(shown), FrameSet(of_split(episodes, "validation"))
    weights = class_weights(shown, len(names))
    things = torch.tensor([index for index, name in enumerate(names) if name in OBJECT_KINDS])
    checked = np.linspace(0, len(held_out) - 1, min(VALIDATION_FRAMES, len(held_out))).astype(int)

    def cost(pixels: Tensor, labels: Tensor, halves: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
            logits, half_logits, misplaced = task(pixels.contiguous(memory_format=torch.channels_last))
        named = F.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), weights)
        halves_named = F.cross_entropy(half_logits.float(), halves, weights)
        return named + HALVES_WEIGHT * halves_named + POSITION_WEIGHT * misplaced.float(), logits.float()

    def losses(step: int, progress: float) -> dict[str, Tensor]:
        rng = np.random.default_rng([loop.seed, step])
        drawn = frames.batch(rng.integers(len(frames), size=settings.batch))
        if progress < settings.collages:
            drawn = collage(*drawn, things.numpy(), rng)
        return {"loss": cost(*augment(*drawn, generator=torch.default_generator))[0]}

    def evaluate() -> dict[str, float]:
        parts = [held_out.batch(part) for part in np.array_split(checked, max(1, len(checked) // 32))]
        scored = [(*cost(*part), part[1]) for part in parts]
        logits, labels = torch.cat([s[1] for s in scored]), torch.cat([s[2] for s in scored])
        return {"loss": float(torch.stack([s[0] for s in scored]).mean()), **confusion_scores(logits, labels, things)}

    about = {"frames": len(frames), **asdict(settings), "config": config.to_dict()}
    position = train(task, losses, evaluate, loop, out, about)
    with torch.no_grad():
        final = evaluate()
    save_checkpoint(out / "checkpoint", model, tokenizer)
    done = position.step, position.elapsed_s, loop.seed, data_digest(data), len(episodes), final
    chosen = {"batch": settings.batch, "collages": settings.collages, "learning_rate": loop.learning_rate}
    if glances:
        chosen |= {"glances": len(more), "glances_sha256": data_digest(glances)[:12]}
    save_stages(out / "checkpoint", [Stage("frame encoder", *done, chosen)])
    rate = position.step * settings.batch / position.elapsed_s
    say(f"encoder: {position.step} steps, {rate:.0f} frames/s, validation {final}, {out / 'checkpoint'}")
    return model


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of `gaze-vlm-ros generate`")
    parser.add_argument("--glances", type=Path, help="folder of short episodes in many more kitchens")
    parser.add_argument("--out", type=Path, default=Path("runs/encoder"))
    add_loop_arguments(parser, ENCODER_LOOP)
    options = parser.parse_args(arguments)
    return run_command(
        lambda: pretrain(options.data, options.out, loop_settings(options), glances=options.glances), options.threads
    )


if __name__ == "__main__":
    raise SystemExit(main())
