"""What five looks cannot mend: the network learns on with each eye's own errors taken out (after the generic phase).

A picture does not show how an eye's visual axis lies to its optical one, nor quite how large the eye is, so what a
generic loss says of one picture is mostly about these, which five looks tell. Here the batches are several looks of the
same eye, each judged as if the others had been the calibration: by what is left of its error after the best affine
correction from them (ridge regression, whose error for a look left out is known in closed form). For half of the eyes
the glasses slip in between: no correction can know of that.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gaze_vlm_ros.gaze.eyes.network import EyeNet
from gaze_vlm_ros.gaze.eyes.ridge import known_of, solution
from gaze_vlm_ros.training.eyes.batches import Batch, disturbed, to_pixels
from gaze_vlm_ros.training.eyes.lessons import EyeLooks, calibration_looks, eyes_of
from gaze_vlm_ros.training.eyes.renders import EyeRenders, digest
from gaze_vlm_ros.training.eyes.scores import angles_deg, estimate_all
from gaze_vlm_ros.training.loop import LoopSettings, train
from gaze_vlm_ros.training.run_state import Position

_LEAST_FREE = 0.1


@dataclass(frozen=True)
class Steadiness:
    """``looks`` of each of ``eyes`` make a batch; ``generic`` weighs the error as it is beside what is left."""

    eyes: int = 10
    looks: int = 6
    generic: float = 0.3


def train_steady(
    net: EyeNet, renders: EyeRenders, validation: EyeRenders, settings: Steadiness, loop: LoopSettings, folder: Path
) -> Position:
    """Trains all of ``net`` on the open eyes in ``renders``; ends with the weights best after five validation looks."""
    seen, judged = renders.subset(renders.open), validation.subset(validation.open)
    groups = [part for eye in eyes_of(seen) for part in (eye.worn, np.concatenate([eye.worn, eye.slipped]))]
    pictures, gaze, net = torch.from_numpy(seen.pictures), torch.from_numpy(seen.gaze), net.requires_grad_(True)

    def losses(step: int, _progress: float) -> dict[str, Tensor]:
        batch = _draw(pictures, gaze, groups, settings, np.random.default_rng([loop.seed, step]))
        with torch.autocast("cpu", torch.bfloat16):
            estimated = net(batch.pictures).float()
        by_eye = (part.unflatten(0, (-1, settings.looks)) for part in (estimated, batch.gaze))
        generic, left = (10.0 * missed.abs().mean() for missed in (estimated - batch.gaze, left_out(*by_eye)))
        return {"loss": settings.generic * generic + left, "generic": generic, "left": left}

    def evaluate() -> dict[str, float]:
        return after_five_looks(estimate_all(net, judged.pictures), judged)

    about = {"data": digest(seen), "widths": net.config.widths, **asdict(settings)}
    position = train(net, losses, evaluate, loop, folder, about, keep="affine_deg")
    net.eval()
    return position


def _draw(
    pictures: Tensor, gaze: Tensor, groups: list[np.ndarray], settings: Steadiness, rng: np.random.Generator
) -> Batch:
    drawn = rng.integers(len(groups), size=settings.eyes)
    chosen = np.concatenate([rng.choice(groups[group], settings.looks, replace=False) for group in drawn])
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    return Batch(disturbed(to_pixels(pictures[chosen]), generator), gaze[chosen])


def left_out(estimated: Tensor, true: Tensor) -> Tensor:
    """Errors (E, K, 2) of each of K looks of E eyes after the affine correction that the eye's other looks give."""
    hat = known_of(estimated) @ solution(estimated)
    missed = true - estimated
    free = 1.0 - torch.diagonal(hat, dim1=1, dim2=2)[..., None]
    return (missed - hat @ missed) / free.clamp_min(_LEAST_FREE)


def after_five_looks(estimated: np.ndarray, renders: EyeRenders) -> dict[str, float]:
    """Mean errors [deg] of estimates (N, 2) [rad] of ``renders``: as they are, and over each eye's other looks after
    an offset or an affine correction from five.
    """
    scores = {"deg": [angles_deg(estimated, renders.gaze).mean()], "offset_deg": [], "affine_deg": []}
    for eye in eyes_of(renders):
        own, rest = _split(renders.gaze, eye)
        missed = renders.gaze[own] - estimated[own]
        offset = estimated[rest] + missed.mean(0)
        fitted = solution(torch.from_numpy(estimated[own])).numpy() @ missed
        affine = estimated[rest] + known_of(torch.from_numpy(estimated[rest])).numpy() @ fitted
        for name, said in (("offset_deg", offset), ("affine_deg", affine)):
            scores[name].append(angles_deg(said, renders.gaze[rest]).mean())
    return {name: float(np.mean(values)) for name, values in scores.items()}


def _split(gaze: np.ndarray, eye: EyeLooks) -> tuple[np.ndarray, np.ndarray]:
    own = calibration_looks(gaze, eye.worn, None)
    return own, np.setdiff1d(eye.worn, own)
