"""Learns how to learn a person: where the personal phase begins and how far each parameter goes (Meta-SGD).

Training people play calibrations: five looks near the five targets are learnt from, other looks of the same eye, as
worn and after a slip, judge. Gradients go back through the personal phase to its start and its step sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gaze_vlm_ros.gaze.eyes.last_stage import LastStage, folded
from gaze_vlm_ros.gaze.eyes.network import EyeNet
from gaze_vlm_ros.gaze.eyes.personal import Lesson, affine_only, learn
from gaze_vlm_ros.training.eyes.batches import to_pixels
from gaze_vlm_ros.training.eyes.renders import EyeRenders, digest
from gaze_vlm_ros.training.eyes.scores import angles_deg
from gaze_vlm_ros.training.eyes.sessions import TARGETS_DEG
from gaze_vlm_ros.training.loop import LoopSettings, train
from gaze_vlm_ros.training.run_state import Position

LOOKS, JUDGED_WORN, JUDGED_SLIPPED = len(TARGETS_DEG), 4, 3
EYES_OF_A_BATCH = 12
REPLAYED_IN_TRAINING = 20
_JITTER_RAD = 0.1
_STEP_SPEED = 30.0
_BATCH = 256


@dataclass(frozen=True, eq=False)
class EyeLooks:
    """One eye's usable looks, as indices: as ``worn`` and ``slipped``."""

    worn: np.ndarray
    slipped: np.ndarray


@dataclass(frozen=True, eq=False)
class Looks:
    """Third-stage features (N, C, H, W) and gaze (N, 2) [rad] of a split, and its eyes that have enough looks."""

    third: Tensor
    gaze: Tensor
    eyes: list[EyeLooks]


class Teaching(nn.Module):
    """What is trained: start and logarithm of the step sizes, by name."""

    def __init__(self, net: EyeNet) -> None:
        super().__init__()
        start, step = affine_only(folded(net))
        self.start = nn.ParameterDict({name: nn.Parameter(torch.from_numpy(t)) for name, t in start.items()})
        self.drift = nn.ParameterDict({name: nn.Parameter(torch.zeros(t.shape)) for name, t in step.items()})
        self._step = {name: torch.from_numpy(tensor) for name, tensor in step.items()}

    def lesson(self, replay_third: Tensor, replay_gaze: Tensor) -> Lesson:
        steps = {name: self._step[name] * torch.exp(_STEP_SPEED * drift) for name, drift in self.drift.items()}
        return Lesson(dict(self.start.items()), steps, replay_third, replay_gaze)


@torch.no_grad()
def gather(net: EyeNet, renders: EyeRenders) -> Looks:
    """Runs ``net`` over the open eyes of ``renders``."""
    seen = renders.subset(renders.open)
    parts = [
        net.stage_features(to_pixels(torch.from_numpy(seen.pictures[start : start + _BATCH])), stages=3)[-1]
        for start in range(0, len(seen), _BATCH)
    ]
    return Looks(torch.cat(parts), torch.from_numpy(seen.gaze), eyes_of(seen))


def eyes_of(renders: EyeRenders) -> list[EyeLooks]:
    """The eyes in ``renders``, all open, that have enough looks to be calibrated and judged."""
    key, eyes = 2 * renders.person + renders.right, []
    for one in np.unique(key):
        own = np.flatnonzero(key == one)
        looks = EyeLooks(own[~renders.slipped[own]], own[renders.slipped[own]])
        if len(looks.worn) >= LOOKS + JUDGED_WORN and len(looks.slipped) >= JUDGED_SLIPPED:
            eyes.append(looks)
    return eyes


def calibration_looks(gaze: np.ndarray, worn: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """Five of ``worn`` that lie near the five targets, or, with ``rng``, near places not far from these."""
    targets = np.radians(TARGETS_DEG) + (0 if rng is None else rng.normal(0.0, _JITTER_RAD, (LOOKS, 2)))
    left = list(worn)
    return np.array([left.pop(int(np.argmin(np.linalg.norm(gaze[left] - target, axis=1)))) for target in targets])


def train_lesson(
    net: EyeNet,
    renders: EyeRenders,
    validation: EyeRenders,
    replay: dict[str, np.ndarray],
    loop: LoopSettings,
    out: Path,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], Position]:
    """Start and step sizes of the personal phase of ``net``, and how long it took; resumes what ``out`` holds."""
    teaching, stage = Teaching(net), LastStage(net)
    seen, judged = gather(net, renders), gather(net, validation)
    third, gaze = torch.from_numpy(replay["third"]).float(), torch.from_numpy(replay["gaze"])
    numbers = seen.gaze.numpy()

    def losses(step: int, _progress: float) -> dict[str, Tensor]:
        rng = np.random.default_rng([loop.seed, step])
        own, others = zip(
            *(draw_looks(numbers, seen.eyes[rng.integers(len(seen.eyes))], rng) for _ in range(EYES_OF_A_BATCH)),
            strict=True,
        )
        replayed = rng.choice(len(gaze), min(REPLAYED_IN_TRAINING, len(gaze)), replace=False)
        lesson = teaching.lesson(third[replayed], gaze[replayed])
        own, others = np.array(own), np.array(others)
        learnt = learn(stage, lesson, seen.third[own], seen.gaze[own], differentiable=True)
        missed = (stage(seen.third[others], learnt) - seen.gaze[others]).abs()
        return {"loss": 10.0 * missed.mean()}

    def evaluate() -> dict[str, float]:
        with torch.enable_grad():
            worn, slipped = judge(stage, teaching.lesson(third, gaze), judged)
        return {"deg": worn, "slipped_deg": slipped, "mean_deg": 0.5 * (worn + slipped)}

    about = {"data": digest(renders), "net": float(sum(t.abs().sum() for t in net.state_dict().values()))}
    position = train(teaching, losses, evaluate, loop, out, about, keep="mean_deg")
    final = teaching.lesson(third, gaze)
    return *({n: t.detach().numpy().copy() for n, t in part.items()} for part in (final.start, final.step)), position


def draw_looks(gaze: np.ndarray, eye: EyeLooks, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The looks (5,) that one eye's calibration learns from, and those (7,) that judge it."""
    own = calibration_looks(gaze, eye.worn, rng)
    rest = np.setdiff1d(eye.worn, own)
    worn = rng.choice(rest, JUDGED_WORN, replace=False)
    return own, np.concatenate([worn, rng.choice(eye.slipped, JUDGED_SLIPPED, replace=False)])


def judge(stage: LastStage, lesson: Lesson, looks: Looks) -> tuple[float, float]:
    """Mean error [deg] over eyes of their other looks after five, as worn and slipped."""
    errors = []
    for eye in looks.eyes:
        own = calibration_looks(looks.gaze.numpy(), eye.worn, None)
        learnt = learn(stage, lesson, looks.third[own][None], looks.gaze[own][None])
        with torch.no_grad():
            errors.append(
                [
                    angles_deg(stage(looks.third[part][None], learnt)[0].numpy(), looks.gaze[part].numpy()).mean()
                    for part in (np.setdiff1d(eye.worn, own), eye.slipped)
                ]
            )
    worn, slipped = np.mean(errors, axis=0)
    return float(worn), float(slipped)
