"""Personal after five looks: the last stage's adapters learn one person's eyes (DFT Gaze, Section 3, personal phase).

Each eye has adapters of its own. A small clustered part of the generic data, shipped as features of the third stage, is
replayed, so that nothing is forgotten. The paper gives neither learning rate nor steps nor replay ratio. Here training
has learnt from many people where the personal phase begins and how far each parameter goes in a step (Meta-SGD, Li et
al., arXiv 1707.09835), so that a few steps on five looks help most with other looks. What an affine correction of yaw
and pitch can mend is mended before these steps, in closed form, and becomes part of the head. Each picture is learnt
from in nine copies, shifted by a pixel every way, whose errors are partly their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.gaze.eyes.checkpoint import (
    GENERIC,
    HEADS,
    NET,
    REPLAY,
    START,
    STEP,
    EyeCheckpoint,
    load_eye_checkpoint,
)
from gaze_vlm_ros.gaze.eyes.estimate import STATES
from gaze_vlm_ros.gaze.eyes.frames import SIDES, mirrored, network_picture, yaw_pitch_of
from gaze_vlm_ros.gaze.eyes.heads import EyeHeads, summary
from gaze_vlm_ros.gaze.eyes.last_stage import LastStage
from gaze_vlm_ros.gaze.eyes.network import EyeNet, EyeNetError
from gaze_vlm_ros.gaze.eyes.quality import check_form, fault_of
from gaze_vlm_ros.gaze.eyes.ridge import solution

STEPS = 4
REPLAY_WEIGHT = 0.2
_FURTHEST_DEG = 60.0
_SHIFT_PX = 1
COPIES = (2 * _SHIFT_PX + 1) ** 2
SPREAD_RAD = 0.03
"""Errors are counted in this, so that step sizes do not depend on the unit."""


class PersonalError(GazeVlmError):
    """Looks from which nothing can be learnt."""


@dataclass(frozen=True, eq=False)
class Look:
    """Pictures (H, W) uint8 of the ``left`` and ``right`` eye, None where there is none, while the person looked along
    ``direction`` (3,) [unit, rig frame].

    A target that is nearer than some metres lies in another direction for each eye: then each eye needs a look of its
    own.
    """

    left: np.ndarray | None
    right: np.ndarray | None
    direction: np.ndarray


@dataclass(frozen=True, eq=False)
class Adapters:
    """A person's adapters of the last stage and head, for each eye, as the graph takes them (``folded``)."""

    left: Mapping[str, np.ndarray]
    right: Mapping[str, np.ndarray]

    def of(self, side: str) -> Mapping[str, np.ndarray]:
        return {"left": self.left, "right": self.right}[side]

    def save(self, path: Path) -> None:
        """Writes them as safetensors."""
        save_file({f"{s}.{name}": np.ascontiguousarray(t) for s in SIDES for name, t in self.of(s).items()}, path)

    @classmethod
    def load(cls, path: Path) -> Adapters:
        """Raises PersonalError where ``path`` does not hold adapters."""
        try:
            tensors = load_file(path)
        except (OSError, SafetensorError) as error:
            raise PersonalError(f"{path} holds no adapters ({error}); calibrate again") from None
        parts = {s: {n.removeprefix(f"{s}."): t for n, t in tensors.items() if n.startswith(f"{s}.")} for s in SIDES}
        return cls(**parts)


@dataclass(frozen=True, eq=False)
class Lesson:
    """How a personal phase goes: its ``start`` and ``step`` sizes, tensors by name without the axis of eyes, and the
    replayed looks' third-stage features (R, C, H, W) and yaw and pitch (R, 2) [rad].
    """

    start: Mapping[str, Tensor]
    step: Mapping[str, Tensor]
    replay_third: Tensor
    replay_gaze: Tensor

    @classmethod
    def of(cls, checkpoint: EyeCheckpoint) -> Lesson:
        parts = (checkpoint.part(prefix) for prefix in (START, STEP, REPLAY))
        start, step, replay = ({name: torch.from_numpy(t).float() for name, t in part.items()} for part in parts)
        return cls(start, step, replay["third"], replay["gaze"])


def load_net(checkpoint: EyeCheckpoint) -> EyeNet:
    """The network of ``checkpoint`` in torch, in evaluation mode."""
    net = EyeNet(checkpoint.config)
    try:
        net.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in checkpoint.part(NET).items()})
    except RuntimeError as error:
        raise EyeNetError(f"{checkpoint.folder} does not hold its own network ({error})") from None
    return net.eval()


def load_heads(checkpoint: EyeCheckpoint) -> EyeHeads:
    """The heads of ``checkpoint`` in torch, in evaluation mode."""
    heads = EyeHeads(checkpoint.config.widths[2])
    heads.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in checkpoint.part(HEADS).items()})
    return heads.eval()


def personalise(model: EyeCheckpoint | Path | None, looks: Sequence[Look]) -> Adapters:
    """Adapters for the person of ``looks``, with open eyes; the same on every call.

    ``model``: a checkpoint or its folder, None for the shipped one. An eye without a picture keeps the generic ones.
    Stated 1-sigmas are those after five looks; with fewer the errors are larger. Raises PersonalError, naming the look,
    where a picture is no use, a direction is no unit vector or lies far aside, or there is no picture at all.
    """
    checkpoint = model if isinstance(model, EyeCheckpoint) else load_eye_checkpoint(model)
    net, lesson = load_net(checkpoint), Lesson.of(checkpoint)
    if not any(picture is not None for look in looks for picture in (look.left, look.right)):
        raise PersonalError("no look has a picture; show the targets again with open eyes")
    stage, found = LastStage(net), dict.fromkeys(SIDES, checkpoint.part(GENERIC))
    for side in SIDES:
        third, gaze = _features(checkpoint, net, looks, side)
        if len(gaze):
            learnt = learn(stage, lesson, third[None], gaze[None], copies=COPIES)
            found[side] = {name: tensor[0].detach().numpy() for name, tensor in learnt.items()}
    return Adapters(**found)


def learn(
    stage: LastStage, lesson: Lesson, third: Tensor, gaze: Tensor, differentiable: bool = False, copies: int = 1
) -> dict[str, Tensor]:
    """What E eyes learn from N looks each: ``third`` (E, N, C, H, W) and ``gaze`` (E, N, 2) [rad, as of left eyes].

    Each look is among them in so many ``copies``. ``differentiable``: gradients go back through the steps to
    ``lesson``, for those who train it.
    """
    eyes = len(third)
    personal = {name: tensor.expand(eyes, *tensor.shape) for name, tensor in lesson.start.items()}
    personal |= _corrected_head(stage, personal, third, gaze, copies)
    if not differentiable:
        personal = {name: tensor.detach().clone().requires_grad_() for name, tensor in personal.items()}
    replayed = lesson.replay_third.expand(eyes, *lesson.replay_third.shape)
    for _ in range(STEPS):
        loss = _error(stage(third, personal), gaze)
        if len(lesson.replay_gaze):
            loss = loss + REPLAY_WEIGHT * _error(stage(replayed, personal), lesson.replay_gaze)
        slopes = torch.autograd.grad(loss, list(personal.values()), create_graph=differentiable)
        personal = {
            name: tensor - lesson.step[name] * slope
            for (name, tensor), slope in zip(personal.items(), slopes, strict=True)
        }
        if not differentiable:
            personal = {name: tensor.detach().requires_grad_() for name, tensor in personal.items()}
    return personal


def _corrected_head(
    stage: LastStage, personal: Mapping[str, Tensor], third: Tensor, gaze: Tensor, copies: int
) -> dict[str, Tensor]:
    """The head of ``personal`` followed by the affine correction that the looks give."""
    estimated = stage(third, personal)
    shift, slope = (solution(estimated, copies) @ (gaze - estimated)).split([1, 2], dim=1)
    weight, bias = personal["head_weight"], personal["head_bias"]
    return {
        "head_weight": weight + slope.mT @ weight,
        "head_bias": bias + (bias[:, None] @ slope + shift)[:, 0],
    }


def _error(estimated: Tensor, true: Tensor) -> Tensor:
    """Half the mean squared error of each eye's looks, summed over eyes, which do not touch each other."""
    return 0.5 * ((estimated - true) / SPREAD_RAD).square().sum(-1).mean(-1).sum()


@torch.no_grad()
def _features(checkpoint: EyeCheckpoint, net: EyeNet, looks: Sequence[Look], side: str) -> tuple[Tensor, Tensor]:
    """Third-stage features and yaw, pitch, as of a left eye, of those looks that have a picture of ``side``; COPIES in
    a row of each."""
    pictures, gaze, numbers = [], [], []
    for number, look in enumerate(looks, 1):
        picture = look.left if side == "left" else look.right
        if picture is None:
            continue
        check_form(picture)
        pictures.append(network_picture(picture, side, net.config.image_px, net.config.view))
        gaze.append(mirrored(yaw_pitch_of(_checked(look.direction, number)), side))
        numbers.append(number)
        if fault := fault_of(pictures[-1]):
            raise PersonalError(f"look {number}: the {side} eye's picture is {fault}; leave it out")
    if not pictures:
        return torch.zeros(0), torch.zeros(0)
    batch = torch.tensor(np.concatenate([_shifted(picture) for picture in pictures]))[:, None].float() / 255
    third = net.stage_features(batch, stages=3)[-1]
    states = load_heads(checkpoint)(summary(third[COPIES // 2 :: COPIES])).state.argmax(1)
    for number, state in zip(numbers, states, strict=True):
        if STATES[state] != "open":
            raise PersonalError(f"look {number}: the {side} eye is {STATES[state]}; leave it out, or show it again")
    return third, torch.tensor(np.repeat(gaze, COPIES, axis=0)).float()


def _shifted(picture: np.ndarray) -> np.ndarray:
    """(COPIES, S, S) of a picture (S, S), the one in the middle as it is."""
    wide, side = np.pad(picture, _SHIFT_PX, mode="edge"), len(picture)
    way = range(2 * _SHIFT_PX + 1)
    return np.stack([wide[y : y + side, x : x + side] for y in way for x in way])


def _checked(direction: np.ndarray, number: int) -> np.ndarray:
    direction = np.asarray(direction, dtype=np.float64)
    if direction.shape != (3,) or not abs(np.linalg.norm(direction) - 1.0) < 1e-3:
        raise PersonalError(
            f"look {number}: its direction is a unit vector (3,) in the rig frame, got {direction.tolist()}"
        )
    if (aside_deg := np.degrees(np.arccos(np.clip(direction[2], -1.0, 1.0)))) > _FURTHEST_DEG:
        raise PersonalError(f"look {number}: its direction lies {aside_deg:.0f} deg aside; x is to the right, z ahead")
    return direction


def affine_only(generic: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Start and step sizes of a personal phase that has learnt nothing yet: nearly all it does is the correction."""
    return dict(generic), {name: np.full_like(tensor, 1e-3 * SPREAD_RAD**2) for name, tensor in generic.items()}
