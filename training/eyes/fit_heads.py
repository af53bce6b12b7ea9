"""What comes after the gaze: 1-sigma, open, closed or absent, pupil, and which pictures are foreign.

The network is frozen; a small head learns on what its third stage says of training people. Its sigmas are then
stretched (a temperature for each axis) and the threshold for foreign pictures set on validation people.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gaze_vlm_ros.gaze.eyes.estimate import STATES
from gaze_vlm_ros.gaze.eyes.heads import EyeHeads, summary
from gaze_vlm_ros.gaze.eyes.network import EyeNet
from gaze_vlm_ros.training.eyes.batches import disturbed, to_pixels
from gaze_vlm_ros.training.eyes.corruptions import corrupted
from gaze_vlm_ros.training.eyes.renders import EyeRenders
from gaze_vlm_ros.training.loop import LoopSettings, train
from gaze_vlm_ros.training.run_state import Position

NOMINAL = 0.683
"""Share of errors within one sigma."""
DOMAIN_QUANTILE = 0.999
_CORRUPTED_SHARE = 0.25
_SHRINKAGE = 0.01
_BATCH = 256


@dataclass(frozen=True, eq=False)
class Summaries:
    """What a frozen network says of N pictures: ``values`` (N, 4 C), ``error`` (N, 2) of its gaze [rad], NaN where the
    eye is not open; ``state`` (N,) and ``pupil_mm`` (N,) as in EyeRenders.
    """

    values: Tensor
    error: Tensor
    state: Tensor
    pupil_mm: Tensor

    def __len__(self) -> int:
        return len(self.values)

    @property
    def open(self) -> Tensor:
        return self.state == STATES.index("open")


@torch.no_grad()
def summarise(net: EyeNet, renders: EyeRenders, seed: int, disturbs: bool) -> Summaries:
    """Runs ``net`` (evaluation mode) over ``renders`` and over corrupted ones of them, where wanted disturbed as in
    training; without that they are as cameras give them, which is what sigmas have to fit.
    """
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    pictures, state = renders.pictures, renders.state.astype(np.int64)
    chosen = rng.choice(np.flatnonzero(renders.open), round(_CORRUPTED_SHARE * len(renders)))
    pictures = np.concatenate([pictures, [corrupted(pictures[index], rng) for index in chosen]])
    state = np.concatenate([state, np.full(len(chosen), STATES.index("unusable"))])
    gaze = np.concatenate([renders.gaze, np.full((len(chosen), 2), np.nan, np.float32)])
    pupil = np.concatenate([renders.pupil_mm, np.full(len(chosen), np.nan, np.float32)])
    gaze[state != STATES.index("open")] = np.nan
    parts = []
    for start in range(0, len(pictures), _BATCH):
        batch = to_pixels(torch.from_numpy(pictures[start : start + _BATCH]))
        batch = disturbed(batch, generator) if disturbs else batch
        third = net.stage_features(batch, stages=3)[-1]
        parts.append((summary(third), net.head(net.pooled(net.last_stage(third)))))
    values, estimated = (torch.cat(part) for part in zip(*parts, strict=True))
    return Summaries(values, estimated - torch.from_numpy(gaze), torch.from_numpy(state), torch.from_numpy(pupil))


def train_heads(
    train_set: Summaries, validation: Summaries, width: int, batch: int, loop: LoopSettings, folder: Path, about: dict
) -> tuple[EyeHeads, Position]:
    """Trains heads on ``train_set``, whose errors are taken as normal; ends with the best validated ones, and how long
    it took."""
    torch.manual_seed(loop.seed)
    heads = EyeHeads(width)

    def losses(step: int, _progress: float) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(loop.seed * 1_000_003 + step)
        return head_loss(heads, train_set, torch.randint(len(train_set), (batch,), generator=generator))

    def evaluate() -> dict[str, float]:
        loss = head_loss(heads, validation, torch.arange(len(validation)))["loss"]
        right = (heads(validation.values).state.argmax(1) == validation.state).float().mean()
        return {"loss": loss.item(), "state_right": right.item()}

    position = train(heads, losses, evaluate, loop, folder, {**about, "batch": batch}, keep="loss")
    return heads.eval(), position


def head_loss(heads: EyeHeads, summaries: Summaries, chosen: Tensor) -> dict[str, Tensor]:
    """Negative log likelihood of the errors, cross-entropy of the states, and the pupil's error."""
    told, error = heads(summaries.values[chosen]), summaries.error[chosen]
    known = summaries.open[chosen]
    scaled = error[known] * torch.exp(-told.log_sigma[known])
    parts = {
        "sigma": (0.5 * scaled.square() + told.log_sigma[known]).mean(),
        "state": functional.cross_entropy(told.state, summaries.state[chosen]),
        "pupil": (told.pupil_mm[known] - summaries.pupil_mm[chosen][known]).abs().mean(),
    }
    return {"loss": sum(parts.values()), **parts}


@torch.no_grad()
def calibrate(heads: EyeHeads, validation: Summaries) -> np.ndarray:
    """Stretches the sigmas of ``heads`` so that NOMINAL of the validation errors lie within, for each axis; returns the
    two factors.
    """
    known = validation.open
    ratio = (validation.error[known] * torch.exp(-heads(validation.values[known]).log_sigma)).abs()
    factors = torch.quantile(ratio, NOMINAL, dim=0)
    heads.sigma.bias += factors.log()
    return factors.numpy()


def fit_domain(train_set: Summaries, validation: Summaries) -> tuple[dict[str, np.ndarray], float]:
    """Mean and whitening of the summaries of open eyes, and the distance within which nearly all others lie."""
    values = train_set.values[train_set.open].double()
    covariance = torch.cov(values.T)
    size = covariance.diagonal().mean()
    shrunk = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * size * torch.eye(len(covariance), dtype=torch.float64)
    domain = {
        "mean": values.mean(0).float().numpy(),
        "whitening": torch.linalg.inv(torch.linalg.cholesky(shrunk)).float().contiguous().numpy(),
    }
    judged = validation.values[validation.open].numpy()
    distances = np.linalg.norm((judged - domain["mean"]) @ domain["whitening"].T, axis=1)
    return domain, float(np.quantile(distances, DOMAIN_QUANTILE))
