"""Stage 1: the hand's motion by imitation, from joints and places alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gaze_vlm_ros.policies.foveated import FoveatedPolicy
from gaze_vlm_ros.training.demonstrations.motion_set import MotionSet
from gaze_vlm_ros.training.loop import LoopSettings, train
from gaze_vlm_ros.training.run_state import Position, weights_digest

MOTION_LOOP = LoopSettings(minutes=4.0, learning_rate=1.5e-3, weight_decay=0.01)
_CHECKED = 4000


@dataclass(frozen=True)
class MotionSettings:
    """``place_noise_m``: the errors of places that training goes through, one drawn for each sample; the hand is told
    how large it is. ``text_dropout``: share of samples whose words are withheld. ``opening_weight``: of the gripper's
    cross-entropy beside the joints' L1.
    """

    batch: int = 256
    place_noise_m: tuple[float, ...] = (0.002, 0.004, 0.008, 0.02, 0.08)
    yaw_noise: float = 0.1
    text_dropout: float = 0.02
    opening_weight: float = 0.1


def normalise(policy: FoveatedPolicy, motions: MotionSet) -> None:
    """Sets the policy's means and scales from the training demonstrations."""
    policy.posture_mean.copy_(motions.proprio.mean(0))
    policy.posture_scale.copy_(motions.proprio.std(0).clamp(min=0.1))
    way = motions.chunk[..., :-1] - motions.proprio[:, None, :-1]
    spread = torch.from_numpy(np.nanstd(way.numpy(), axis=0))
    policy.chunk_scale.copy_(spread.mean(-1, keepdim=True).clamp(min=0.005).expand_as(policy.chunk_scale))


def imitation(
    policy: FoveatedPolicy, chunk: Tensor, wanted: Tensor, proprio: Tensor, opening_weight: float
) -> dict[str, Tensor]:
    """L1 of the normalised relative joints, and cross-entropy of the opening, both without what lies past the end.

    ``chunk`` (B, A, J) as ``move`` gives it, ``wanted`` (B, A, J) absolute.
    """
    known = torch.isfinite(wanted[..., 0])
    joints = policy.relative(torch.nan_to_num(wanted[..., :-1]), proprio)
    distance = (chunk[..., :-1] - joints).abs().mean(-1)
    opening = functional.binary_cross_entropy_with_logits(
        chunk[..., -1], torch.nan_to_num(wanted[..., -1]), reduction="none"
    )
    count = known.sum().clamp(min=1)
    parts = {"joints": (distance * known).sum() / count, "opening": (opening * known).sum() / count}
    return {"loss": parts["joints"] + opening_weight * parts["opening"], **parts}


def disturbed(
    places: Tensor, settings: MotionSettings, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Places (B, 2, 7) with errors, and the logarithm of their spread (B, 2)."""
    levels = torch.tensor(settings.place_noise_m)
    spread = levels[torch.randint(len(levels), places.shape[:2], generator=generator)]
    noise = torch.randn(*places.shape[:2], 3, generator=generator) * spread[..., None] * 0.7
    yaw = torch.randn(*places.shape[:2], 4, generator=generator) * settings.yaw_noise
    yaw = yaw * (spread / spread.min()).clamp(max=5.0)[..., None]
    return places + torch.cat([noise, yaw], dim=-1), spread.log()


def train_motion(
    policy: FoveatedPolicy,
    training: MotionSet,
    validation: MotionSet,
    loop: LoopSettings,
    folder: Path,
    settings: MotionSettings = MotionSettings(),
    keeps_scales: bool = False,
) -> Position:
    """Trains ``policy.motion``; resumes what ``folder`` holds. Every other weight stays as it is, and with
    ``keeps_scales`` those by which joints are scaled, too, which the sight has learnt by."""
    if not keeps_scales:
        normalise(policy, training)
    for name, parameter in policy.named_parameters():
        parameter.requires_grad = name.startswith("motion.")
    checked = torch.linspace(0, len(validation) - 1, min(_CHECKED, len(validation))).long()

    def losses(_step: int, _progress: float) -> dict[str, Tensor]:
        picked = torch.randint(len(training), (settings.batch,))
        proprio, text = training.proprio[picked], training.text[picked]
        proprio = proprio + torch.randn_like(proprio) * torch.tensor([0.003] * (proprio.shape[1] - 1) + [0.01])
        withheld = torch.rand(len(picked), 1) < settings.text_dropout
        places, spread = disturbed(training.places[picked], settings)
        chunk = policy.move(proprio, places, spread, text.masked_fill(withheld, torch.nan))
        return imitation(policy, chunk, training.chunk[picked], proprio, settings.opening_weight)

    def evaluate() -> dict[str, float]:
        proprio = validation.proprio[checked]
        spread = torch.full((len(checked), 2), float(np.log(settings.place_noise_m[0])))
        chunk = policy.move(proprio, validation.places[checked], spread, validation.text[checked])
        parts = imitation(policy, chunk, validation.chunk[checked], proprio, settings.opening_weight)
        return {name: float(value) for name, value in parts.items()}

    about = {
        "stage": "hand motion",
        "begins_from": weights_digest(policy),
        "data": training.digest,
        "batch": settings.batch,
        "config": policy.config.to_dict(),
    }
    return train(policy, losses, evaluate, loop, folder, about)
