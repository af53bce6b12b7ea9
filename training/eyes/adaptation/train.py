"""Four networks of one shape: on the source alone, taught in the target (the bound), extended, and adapted.

Weights of the losses, batch and steps are ours (see the package); they were chosen on target people that the figures
do not show. ``source`` and ``oracle`` get the same number of labelled looks and of steps.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gaze_vlm_ros.training.eyes.adaptation.domains import DomainSet
from gaze_vlm_ros.training.eyes.adaptation.network import DisentanglingAutoEncoder, Features, wanted
from gaze_vlm_ros.training.eyes.adaptation.style import PictureStyle, restyled
from gaze_vlm_ros.training.eyes.adaptation.switching import switched
from gaze_vlm_ros.training.loop import LoopSettings, train

_REBUILD, _CROSS, _AGREE, _POSE = 0.1, 0.1, 0.2, 0.3
_CONSISTENT, _KEEP = 0.5, 0.99
LEAST_PICTURES = 30
"""Of the target, from which its style is read."""
_RESTYLED, _ADAPT_RATE = 0.5, 0.25
_EVALUATIONS = 1


@dataclass(frozen=True)
class AdaptationRun:
    """``steps`` of each network (``adapt_steps`` of the last) on batches of ``batch`` looks.

    ``self_training`` weighs the mean teacher, which AdaptiveGaze has; off, since ours drew all answers together.
    """

    steps: int = 400
    adapt_steps: int = 200
    batch: int = 64
    image_px: int = 64
    learning_rate: float = 2e-3
    self_training: float = 0.0
    seed: int = 0


Losses = Callable[[int, float], dict[str, Tensor]]


def train_labelled(folder: Path, run: AdaptationRun, looks: DomainSet, held: DomainSet) -> DisentanglingAutoEncoder:
    """Gaze alone from labelled looks: what ``source`` and ``oracle`` are."""
    network = _fresh(run)

    def losses(step: int, progress: float) -> dict[str, Tensor]:
        chosen = _draw(run, step, looks)
        return {"loss": _angle_loss(network(pixels(looks.pictures[chosen])), looks, chosen)}

    return _trained(network, losses, held, run, run.steps, folder)


def train_extended(
    folder: Path, run: AdaptationRun, plain: DomainSet, extended: DomainSet, held: DomainSet, switching: bool = True
) -> DisentanglingAutoEncoder:
    """The auto-encoder on pairs of views of the same moments: ``plain[i]`` and ``extended[i]``.

    The first of each pair is rebuilt from the second's features, turned, and the other way round.
    """
    network = _fresh(run)

    def losses(step: int, progress: float) -> dict[str, Tensor]:
        rng = np.random.default_rng([run.seed, step, 2])
        chosen = _draw(run, step, plain)[: run.batch // 2]
        parts, seen = {}, []
        for looks in (plain, extended):
            shown = looks.pictures[chosen]
            given = switched(shown, looks.parts[chosen], rng) if switching else shown
            seen.append((network.encode(pixels(given)), wanted(pixels(shown)), looks))
        parts["gaze"] = sum(_angle_loss(network.gaze_of(f), looks, chosen) for f, _, looks in seen) / 2
        parts["pose"] = sum(_pose_loss(network, f, looks, chosen) for f, _, looks in seen) / 2
        parts["rebuild"] = sum((network.decode(f) - target).abs().mean() for f, target, _ in seen) / 2
        turned = _exchanged(seen, chosen)
        parts["cross"] = sum((network.decode(f) - seen[i][1]).abs().mean() for i, f in enumerate(turned)) / 2
        parts["agree"] = sum((f.gaze - seen[i][0].gaze).abs().mean() for i, f in enumerate(turned)) / 2
        total = parts["gaze"] + _POSE * parts["pose"] + _REBUILD * parts["rebuild"]
        return {"loss": total + _CROSS * parts["cross"] + _AGREE * parts["agree"], **parts}

    return _trained(network, losses, held, run, run.steps, folder)


def adapt(
    folder: Path,
    run: AdaptationRun,
    start: DisentanglingAutoEncoder,
    labelled: DomainSet,
    unlabelled: DomainSet,
    held: DomainSet,
) -> DisentanglingAutoEncoder:
    """``start`` goes on with labelled looks of the source, half of them in the style of the target's pictures, where
    there are LEAST_PICTURES or more: what fewer have in common is what they show, not how they were taken.

    With ``run.self_training`` a mean teacher (EMA) looks at the target's plain pictures, too, the student at two
    switched versions of each. In a run that goes on after a stop the mean begins anew.
    """
    network, teachers = copy.deepcopy(start), []
    own = PictureStyle.of(labelled.pictures)
    other = PictureStyle.of(unlabelled.pictures) if len(unlabelled) >= LEAST_PICTURES else own

    def losses(step: int, progress: float) -> dict[str, Tensor]:
        rng = np.random.default_rng([run.seed, step, 3])
        known = _draw(run, step, labelled)[: run.batch // 2 if run.self_training else run.batch]
        pictures = switched(labelled.pictures[known], labelled.parts[known], rng)
        source = network(pixels(restyled(pictures, own, other, rng, _RESTYLED)))
        gaze = _angle_loss(source, labelled, known)
        if not run.self_training:
            return {"loss": gaze}
        teacher = _teacher(teachers, network)
        shown = rng.integers(len(unlabelled), size=run.batch // 2)
        pictures, parts = unlabelled.pictures[shown], unlabelled.parts[shown]
        with torch.no_grad():
            taught = teacher(pixels(pictures))
        first, second = (network(pixels(switched(pictures, parts, rng))) for _ in range(2))
        parts = {
            "gaze": gaze,
            "consistent": (first - second).abs().mean(),
            "taught": 0.5 * ((first - taught).abs().mean() + (second - taught).abs().mean()),
        }
        return {"loss": gaze + run.self_training * (_CONSISTENT * parts["consistent"] + parts["taught"]), **parts}

    about = {"self_training": run.self_training, "restyled": _RESTYLED if other is not own else 0.0}
    return _trained(network, losses, held, run, run.adapt_steps, folder, _ADAPT_RATE * run.learning_rate, about)


def error_deg(network: DisentanglingAutoEncoder, looks: DomainSet) -> float:
    """Mean angle [deg] between estimated and true visual axes."""
    found = directions(network, looks.pictures)
    return float(np.degrees(2.0 * np.arcsin(np.clip(0.5 * np.linalg.norm(found - looks.gaze, axis=1), 0, 1))).mean())


@torch.inference_mode()
def directions(network: DisentanglingAutoEncoder, pictures: np.ndarray, batch: int = 256) -> np.ndarray:
    """Visual axes (N, 3) in the camera's frame of pictures (N, S, S) uint8."""
    network.eval()
    parts = [network(pixels(pictures[start : start + batch])) for start in range(0, len(pictures), batch)]
    return torch.cat(parts).double().numpy()


def pixels(pictures: np.ndarray) -> Tensor:
    """Pictures (N, S, S) uint8 as (N, 1, S, S) float 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pictures))[:, None].float() / 255.0


def _fresh(run: AdaptationRun) -> DisentanglingAutoEncoder:
    torch.manual_seed(run.seed)
    return DisentanglingAutoEncoder(run.image_px)


def _trained(
    network: DisentanglingAutoEncoder,
    losses: Losses,
    held: DomainSet,
    run: AdaptationRun,
    steps: int,
    folder: Path,
    rate: float | None = None,
    about: dict | None = None,
) -> DisentanglingAutoEncoder:
    # The other networks are the same whatever the last one does.
    told = {name: value for name, value in asdict(run).items() if name != "self_training"} | (about or {})
    settings = LoopSettings(
        minutes=None, steps=steps, learning_rate=rate or run.learning_rate, seed=run.seed, evaluations=_EVALUATIONS
    )
    train(network, losses, lambda: {"error_deg": error_deg(network, held)}, settings, folder, told)
    return network.eval()


def _draw(run: AdaptationRun, step: int, looks: DomainSet) -> np.ndarray:
    return np.random.default_rng([run.seed, step]).integers(len(looks), size=run.batch)


def _angle_loss(found: Tensor, looks: DomainSet, chosen: np.ndarray) -> Tensor:
    return (found - torch.from_numpy(looks.gaze[chosen]).float()).abs().mean()


def _pose_loss(network: DisentanglingAutoEncoder, features: Features, looks: DomainSet, chosen: np.ndarray) -> Tensor:
    axes = torch.from_numpy(looks.rig_R_camera[chosen][:, (2, 0)]).float()
    return (network.pose_of(features) - axes).abs().mean()


def _exchanged(seen: list, chosen: np.ndarray) -> list[Features]:
    """What the first view's features are by those of the second, turned, and the other way round."""
    turns = [torch.from_numpy(looks.rig_R_camera[chosen]).float() for _, _, looks in seen]
    back = turns[0].transpose(1, 2) @ turns[1]
    return [seen[1][0].turned(back), seen[0][0].turned(back.transpose(1, 2))]


@torch.no_grad()
def _teacher(kept: list, student: DisentanglingAutoEncoder) -> DisentanglingAutoEncoder:
    """The running mean of ``student``, which the list ``kept`` holds from step to step."""
    if not kept:
        kept.append(copy.deepcopy(student).requires_grad_(False).eval())
    for old, new in zip(kept[0].parameters(), student.parameters(), strict=True):
        old.lerp_(new, 1.0 - _KEEP)
    for old, new in zip(kept[0].buffers(), student.buffers(), strict=True):
        old.copy_(new)
    return kept[0]
