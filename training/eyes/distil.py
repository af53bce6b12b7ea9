"""Masked distillation of the teacher into the student, on renders whose labels nobody looks at (DFT Gaze, Section 3).

The student sees a picture of which parts are hidden; decoders of one block each reconstruct the whole picture and the
teacher's features of stages 3 and 4 from it, where it was hidden. Not in the paper, which gives neither mask ratio nor
schedule: patches of a sixteenth of the picture, 60 % of them hidden (FCMAE's ratio) in half of the pictures; the other
half is whole, and there the features count everywhere, since such pictures are what the student will live on. Features
and patches are normalised as FCMAE's targets are. ImageNet, on which the paper distils, is not to be had here.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from gaze_vlm_ros.gaze.eyes.network import Block, EyeNet
from gaze_vlm_ros.training.eyes.batches import Batches
from gaze_vlm_ros.training.eyes.renders import EyeRenders, digest
from gaze_vlm_ros.training.loop import LoopSettings, train
from gaze_vlm_ros.training.run_state import Position

FEATURE_WEIGHT = 0.5
"""The paper's gamma."""
HIDDEN_SHARE, MASKED_SHARE = 0.6, 0.5
_GRID = 4
_IMAGE_WIDTH = 96
PATCH_PX = 32
"""The last stage has one place for so many pixels squared."""


class Decoder(nn.Module):
    """``Psi``: one ConvNeXt V2 block and a linear layer, (B, C, H, W) to (B, ``out``, H, W)."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.block, self.out = Block(width), nn.Conv2d(width, out, 1)
        self.block.adapter = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.block(x))


class Distillation(nn.Module):
    """The student with its decoders."""

    def __init__(self, student: EyeNet, teacher: EyeNet) -> None:
        super().__init__()
        own, wanted = student.config.widths, teacher.config.widths
        self.student = student
        self.features = nn.ModuleList(Decoder(own[stage], wanted[stage]) for stage in (2, 3))
        self.widen = nn.Conv2d(own[3], _IMAGE_WIDTH, 1)
        self.image = Decoder(_IMAGE_WIDTH, PATCH_PX**2)

    def forward(self, pictures: Tensor) -> tuple[list[Tensor], Tensor]:
        """The teacher's features as the student guesses them, and the picture's patches (B, 1024, H, W)."""
        stages = self.student.stage_features(pictures)
        guessed = [decoder(stages[stage]) for decoder, stage in zip(self.features, (2, 3), strict=True)]
        return guessed, self.image(self.widen(stages[3]))


def inherit_first_stage(student: EyeNet, teacher: EyeNet) -> None:
    """Gives the student the teacher's stem and first stage, where both are equally wide."""
    if student.config.widths[0] == teacher.config.widths[0]:
        student.stem.load_state_dict(teacher.stem.state_dict())
        student.stages[0].load_state_dict(teacher.stages[0].state_dict())


def train_distilled(
    student: EyeNet, teacher: EyeNet, renders: EyeRenders, batch: int, loop: LoopSettings, folder: Path
) -> Position:
    """Trains ``student`` to give the features of ``teacher``; neither gaze nor state of ``renders`` is read."""
    model = Distillation(student, teacher).to(memory_format=torch.channels_last)
    for parameter in student.adapters():
        parameter.requires_grad_(False)  # they belong to the phases after this one
    batches = Batches(renders, batch, loop.seed)

    def losses(step: int, _progress: float) -> dict[str, Tensor]:
        pictures = batches.draw(step).pictures
        return distillation_loss(model, teacher, pictures, loop.seed + step)

    about = {"data": digest(renders), "batch": batch, "widths": student.config.widths}
    position = train(model, losses, dict, loop, folder, about)
    student.eval()
    return position


def distillation_loss(model: Distillation, teacher: EyeNet, pictures: Tensor, seed: int) -> dict[str, Tensor]:
    """The paper's loss for pictures (B, 1, S, S): of the picture, and of the features, where it was hidden."""
    hidden = draw_hidden(len(pictures), torch.Generator().manual_seed(seed))
    covered = functional.interpolate(hidden, size=pictures.shape[-2:], mode="nearest")
    shown = torch.where(covered > 0, pictures.mean((2, 3), keepdim=True), pictures)
    with torch.autocast("cpu", torch.bfloat16):
        with torch.no_grad():
            wanted = teacher.stage_features(pictures)[2:]
        guessed, image = model(shown)
    whole = (hidden.amax((2, 3), keepdim=True) == 0).float()
    parts = {}
    for name, target, guess in zip(("stage3", "stage4"), wanted, guessed, strict=True):
        parts[name] = _at(hidden + whole, (guess.float() - _normalised(target.float())).square())
    patches = functional.pixel_unshuffle(pictures, PATCH_PX)
    parts["image"] = _at(hidden, (image.float() - _normalised(patches)).square())
    return {"loss": parts["image"] + FEATURE_WEIGHT * (parts["stage3"] + parts["stage4"]), **parts}


def draw_hidden(count: int, generator: torch.Generator) -> Tensor:
    """Masks (count, 1, 4, 4), 1 where a picture is hidden; none of a picture that stays whole."""
    order = torch.rand((count, _GRID**2), generator=generator).argsort(1).argsort(1)
    hidden = (order < round(HIDDEN_SHARE * _GRID**2)).float().reshape(count, 1, _GRID, _GRID)
    return hidden * (torch.rand((count, 1, 1, 1), generator=generator) < MASKED_SHARE)


def _normalised(targets: Tensor) -> Tensor:
    """``targets`` (B, C, H, W) with mean 0 and deviation 1 at each place."""
    return functional.layer_norm(targets.permute(0, 2, 3, 1), targets.shape[1:2], eps=1e-4).permute(0, 3, 1, 2)


def _at(places: Tensor, error: Tensor) -> Tensor:
    """Mean of ``error`` (B, C, H, W) over the ``places`` (B, 1, 4, 4) that count, by their share of each cell."""
    weight = functional.interpolate(places, size=error.shape[-2:], mode="area")
    return (weight * error).sum() / (weight.sum() * error.shape[1]).clamp_min(1.0)
