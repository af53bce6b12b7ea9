"""Trains the four networks of a One Eye ensemble on rendered people before rendered devices.

As released: mean squared error in cm, random crops, batch norm and drop-out. Ours: AdamW with a cosine in place of Adam
with plateaus (rate 0.016, 50 epochs of GazeCapture), fewer and smaller pictures, so that all four take minutes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gaze_vlm_ros.gaze.eyes.one_eye.encoders import ENCODERS
from gaze_vlm_ros.gaze.eyes.one_eye.ensemble import OneEyeEnsemble
from gaze_vlm_ros.gaze.eyes.one_eye.network import OneEyeNetwork, OneEyeSettings, activations, points_cm
from gaze_vlm_ros.training.eyes.one_eye.sessions import Session, joined, record
from gaze_vlm_ros.training.loop import LoopSettings, train

STEPS = 700
BATCH = 128
_SHIFT = 2
"""Crops are off by at most so many pixels: the release cuts 128 of 138."""


@dataclass(frozen=True)
class OneEyeRun:
    """``people`` to train on, ``validation`` to watch; ``steps`` of each network; quirks as in OneEyeSettings."""

    eyes: int = 1
    people: int = 280
    validation: int = 24
    steps: int = STEPS
    image_size: int = 64
    learning_rate: float = 4e-3
    seed: int = 0
    std_02: bool = False
    broadcast_add: bool = False

    def settings(self, encoder: str) -> OneEyeSettings:
        return OneEyeSettings(encoder, self.eyes, self.image_size, self.std_02, self.broadcast_add)


def train_ensemble(out: Path, run: OneEyeRun, workers: int) -> tuple[OneEyeEnsemble, dict[str, float]]:
    """The ensemble, and each network's mean error [cm] on the validation people; resumes what ``out`` holds."""
    torch.manual_seed(run.seed)
    frames = joined(record(out / "people", "train", "train", range(run.people), run.image_size, workers))
    held = joined(record(out / "people", "train", "validation", range(run.validation), run.image_size, workers))
    networks, scores = {}, {}
    for encoder in ENCODERS:
        torch.manual_seed(run.seed)
        network = OneEyeNetwork(run.settings(encoder)).to(memory_format=torch.channels_last)
        scores[encoder] = train_network(network, frames, held, run, out / f"{encoder}-{run.eyes}")
        networks[encoder] = network.eval()
    return OneEyeEnsemble(networks), scores


def train_network(network: OneEyeNetwork, frames: Session, held: Session, run: OneEyeRun, folder: Path) -> float:
    """Trains one network; its mean error [cm] on ``held``."""
    pictures, landmarks, dots = samples(frames, run.eyes)
    seen = samples(held, run.eyes)
    network.last.bias.data.copy_(torch.from_numpy(dots.mean(axis=0)))

    def losses(step: int, progress: float) -> dict[str, Tensor]:
        rng = np.random.default_rng([run.seed, step])
        chosen = rng.integers(len(dots), size=BATCH)
        batch = torch.from_numpy(shifted(pictures[chosen], rng))
        found = network(batch, torch.from_numpy(landmarks[chosen]))
        return {"loss": functional.mse_loss(found, torch.from_numpy(dots[chosen]))}

    def evaluate() -> dict[str, float]:
        return {"error_cm": mean_error_cm(network, seen)}

    settings = LoopSettings(minutes=None, steps=run.steps, learning_rate=run.learning_rate, seed=run.seed)
    train(network, losses, evaluate, settings, folder, asdict(run))
    return mean_error_cm(network, seen)


def samples(session: Session, eyes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures (M, eyes, S, S), landmarks (M, 4 * eyes), dots (M, 2); for one eye the left and the right ones."""
    if eyes == 2:
        return (*session.both(), session.dots_cm)
    parts = [session.eye(side) for side in ("left", "right")]
    pictures, landmarks = (np.concatenate(both) for both in zip(*parts, strict=True))
    return pictures, landmarks, np.concatenate([session.dots_cm] * 2)


def mean_error_cm(network: OneEyeNetwork, seen: tuple[np.ndarray, np.ndarray, np.ndarray]) -> float:
    """Mean distance [cm] on ``samples``."""
    pictures, landmarks, dots = seen
    found = points_cm(network, activations(network, pictures, landmarks))
    return float(np.linalg.norm(found - dots, axis=1).mean())


def shifted(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pictures (N, eyes, S, S), each cut out anew up to two pixels aside."""
    side = pictures.shape[-1]
    wide = np.pad(pictures, ((0, 0), (0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT)), mode="edge")
    places = rng.integers(2 * _SHIFT + 1, size=(len(pictures), 2))
    return np.stack([one[:, y : y + side, x : x + side] for one, (y, x) in zip(wide, places, strict=True)])
