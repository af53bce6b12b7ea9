"""Personal after five looks: the last stage's adapters learn one person's eyes (DFT Gaze, Section 3, personal phase).

Each eye has adapters of its own; both begin from the generic ones. A small clustered part of the generic data, shipped
as features of the third stage, is replayed, so that nothing is forgotten. Learning rate, steps and replay are not in
the paper: ours were chosen on validation people.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.gaze.eyes.checkpoint import NET, REPLAY, EyeCheckpoint, load_eye_checkpoint
from gaze_vlm_ros.gaze.eyes.frames import SIDES, mirrored, network_picture, yaw_pitch_of
from gaze_vlm_ros.gaze.eyes.network import Adapter, EyeNet, EyeNetError
from gaze_vlm_ros.gaze.eyes.quality import check_form


class PersonalError(GazeVlmError):
    """Looks from which nothing can be learnt."""


@dataclass(frozen=True, eq=False)
class Look:
    """Pictures (H, W) uint8 of the ``left`` and ``right`` eye, None where there is none, while the person looked along
    ``direction`` (3,) [unit, rig frame].
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
        save_file(
            {f"{side}.{name}": np.ascontiguousarray(t) for side in SIDES for name, t in self.of(side).items()}, path
        )

    @classmethod
    def load(cls, path: Path) -> Adapters:
        """Raises PersonalError where ``path`` does not hold adapters."""
        try:
            tensors = load_file(path)
        except Exception as error:  # safetensors' and the file system's
            raise PersonalError(f"{path} holds no adapters ({error}); calibrate again") from None
        parts = {s: {n.removeprefix(f"{s}."): t for n, t in tensors.items() if n.startswith(f"{s}.")} for s in SIDES}
        return cls(**parts)


@dataclass(frozen=True)
class PersonalSettings:
    """``steps`` of Adam; the replayed looks count ``replay`` times as much as the person's, and ``anchor`` holds the
    adapters near the generic ones.
    """

    steps: int = 60
    learning_rate: float = 1e-3
    replay: float = 0.3
    anchor: float = 0.0


def folded(net: EyeNet) -> dict[str, np.ndarray]:
    """What a person changes in ``net``, its batch norms folded in: inputs of the graph, without the axis of eyes."""
    tensors = {"head_weight": net.head.weight, "head_bias": net.head.bias}
    for number, block in enumerate(net.stages[-1]):
        adapter: Adapter = block.adapter
        scale = adapter.norm.weight / (adapter.norm.running_var + adapter.norm.eps).sqrt()
        tensors[f"adapter{number}_down_weight"] = scale[:, None] * adapter.down.weight
        tensors[f"adapter{number}_down_bias"] = (
            scale * (adapter.down.bias - adapter.norm.running_mean) + adapter.norm.bias
        )
        tensors[f"adapter{number}_up_weight"], tensors[f"adapter{number}_up_bias"] = adapter.up.weight, adapter.up.bias
    return {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}


def load_net(checkpoint: EyeCheckpoint) -> EyeNet:
    """The network of ``checkpoint`` in torch, in evaluation mode."""
    net = EyeNet(checkpoint.config)
    try:
        net.load_state_dict({name: torch.tensor(t, dtype=_dtype(t)) for name, t in checkpoint.part(NET).items()})
    except RuntimeError as error:
        raise EyeNetError(f"{checkpoint.folder} does not hold its own network ({error})") from None
    return net.eval()


def personalise(
    model: EyeCheckpoint | Path | None, looks: Sequence[Look], settings: PersonalSettings | None = None
) -> Adapters:
    """Adapters for the person of ``looks``, usually five, with open eyes; the same on every call.

    ``model``: a checkpoint or its folder, None for the shipped one. An eye without a picture keeps the generic ones.
    Raises PersonalError where there are no pictures or a direction is no unit vector.
    """
    checkpoint = model if isinstance(model, EyeCheckpoint) else load_eye_checkpoint(model)
    settings = settings or PersonalSettings()
    net = load_net(checkpoint)
    replay = checkpoint.part(REPLAY)
    replayed = torch.tensor(replay["third"]).float(), torch.tensor(replay["gaze"]).float()
    own = {side: _features(net, looks, side) for side in SIDES}
    if not any(len(gaze) for _, gaze in own.values()):
        raise PersonalError("no look has a picture; show the targets again with open eyes")
    return Adapters(
        **{side: folded(adapted(net, *own[side], *replayed, settings) if len(own[side][1]) else net) for side in SIDES}
    )


def adapted(
    net: EyeNet, third: Tensor, gaze: Tensor, replay_third: Tensor, replay_gaze: Tensor, settings: PersonalSettings
) -> EyeNet:
    """A copy of ``net`` (evaluation mode) whose last stage's adapters and head fit one eye's looks.

    ``third`` (N, C, H, W) are the third stage's features, ``gaze`` (N, 2) yaw and pitch [rad] as of a left eye.
    """
    copied = copy.deepcopy(net)
    tuned = [*copied.adapters(slice(3, 4)), *copied.head.parameters()]
    begun = [parameter.detach().clone() for parameter in tuned]
    optimizer = torch.optim.Adam(tuned, lr=settings.learning_rate)
    for _ in range(settings.steps):
        optimizer.zero_grad()
        loss = (copied.head(copied.pooled(copied.last_stage(third))) - gaze).abs().mean()
        if settings.replay:
            replayed = copied.head(copied.pooled(copied.last_stage(replay_third)))
            loss = loss + settings.replay * (replayed - replay_gaze).abs().mean()
        if settings.anchor:
            loss = loss + settings.anchor * sum((p - q).square().sum() for p, q in zip(tuned, begun, strict=True))
        loss.backward()
        optimizer.step()
    return copied


@torch.no_grad()
def _features(net: EyeNet, looks: Sequence[Look], side: str) -> tuple[Tensor, Tensor]:
    """Third-stage features and yaw, pitch, as of a left eye, of those looks that have a picture of ``side``."""
    pictures, gaze = [], []
    for look in looks:
        direction = np.asarray(look.direction, dtype=np.float64)
        if direction.shape != (3,) or not abs(np.linalg.norm(direction) - 1.0) < 1e-3:
            raise PersonalError(f"a look's direction is a unit vector (3,) in the rig frame, got {direction.tolist()}")
        picture = look.left if side == "left" else look.right
        if picture is not None:
            check_form(picture)
            pictures.append(network_picture(picture, side, net.config.image_px))
            gaze.append(mirrored(yaw_pitch_of(direction), side))
    if not pictures:
        return torch.zeros(0), torch.zeros(0)
    batch = torch.tensor(np.stack(pictures))[:, None].float() / 255
    return net.stage_features(batch, stages=3)[-1], torch.tensor(np.array(gaze)).float()


def _dtype(tensor: np.ndarray) -> torch.dtype:
    return torch.float32 if tensor.dtype.kind == "f" else torch.int64
