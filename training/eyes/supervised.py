"""Training with known gaze: the teacher, all of it, and the generic phase of the student (DFT Gaze, Section 3)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from gaze_vlm_ros.gaze.eyes.network import EyeNet, EyeNetConfig
from gaze_vlm_ros.training.eyes.batches import Batches
from gaze_vlm_ros.training.eyes.renders import EyeRenders, digest
from gaze_vlm_ros.training.eyes.scores import angles_deg, estimate_all
from gaze_vlm_ros.training.loop import LoopSettings, train
from gaze_vlm_ros.training.run_state import Position

VALIDATION_PICTURES = 1500


@dataclass(frozen=True)
class Supervision:
    """Of ``net`` what ``tunes`` names is trained: all, or as in the paper adapters, last normalisation and head.

    The paper's backbone has seen ImageNet and stays frozen; ours has seen renders alone, and adapters on it learn less.
    """

    tunes: Literal["all", "adapters"]
    batch: int = 64
    balanced: bool = True


def train_supervised(
    net: EyeNet,
    renders: EyeRenders,
    validation: EyeRenders,
    supervision: Supervision,
    loop: LoopSettings,
    folder: Path,
) -> Position:
    """Trains ``net`` by L1 on yaw and pitch of the open eyes in ``renders``; ends with the best validated weights."""
    seen = renders.subset(renders.open)
    judged = spread(validation.subset(validation.open), VALIDATION_PICTURES)
    batches = Batches(seen, supervision.batch, loop.seed, supervision.balanced)
    tuned = {id(parameter) for parameter in (net.parameters() if supervision.tunes == "all" else net.tunable())}
    for parameter in net.parameters():
        parameter.requires_grad_(id(parameter) in tuned)

    def losses(step: int, _progress: float) -> dict[str, Tensor]:
        batch = batches.draw(step)
        with torch.autocast("cpu", torch.bfloat16):
            estimated = net(batch.pictures)
        return {"loss": 10.0 * (estimated.float() - batch.gaze).abs().mean()}

    def evaluate() -> dict[str, float]:
        return {"deg": float(angles_deg(estimate_all(net, judged.pictures), judged.gaze).mean())}

    about = {"data": digest(seen), "widths": net.config.widths, **asdict(supervision)}
    position = train(net, losses, evaluate, loop, folder, about, keep="deg")
    net.eval()
    return position


def new_net(config: EyeNetConfig, seed: int) -> EyeNet:
    """A network whose first weights depend on ``seed`` alone, in the memory layout that trains fastest."""
    torch.manual_seed(seed)
    return EyeNet(config).to(memory_format=torch.channels_last)


def spread(renders: EyeRenders, most: int) -> EyeRenders:
    """At most ``most`` pictures, evenly from all people."""
    return renders.subset(np.unique(np.linspace(0, len(renders) - 1, most).astype(int)))
