"""MotionSet: joints, places and chunks of many demonstrations, without a picture."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gaze_vlm_ros.policies.foveated import FoveatedConfig, embed_text, instruction
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.training.demonstrations.chunks import chunks_of
from gaze_vlm_ros.training.demonstrations.schema import SPLITS, Demonstration, DemonstrationError


def demonstration_paths(folder: Path, split: str, tasks: tuple[str, ...] = ()) -> list[Path]:
    """The stored demonstrations of a split, sorted; of ``tasks`` or of all. Raises DemonstrationError for none."""
    first = SPLITS[split]
    wanted = [
        path
        for path in sorted(folder.glob("*/*.npz"))
        if first <= int(path.stem) < first + 1_000_000 and (not tasks or path.parent.name in tasks)
    ]
    if not wanted:
        remedy = f"python -m gaze_vlm_ros.training.record_demonstrations --out {folder}"
        raise DemonstrationError(f"{folder} holds no {split} demonstrations; run {remedy}")
    return wanted


def demonstrations_digest(paths: list[Path]) -> str:
    """Of the names and sizes of stored demonstrations, which their seeds and options determine."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.parent.name}/{path.name} {path.stat().st_size}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class MotionSet:
    """M steps: ``proprio`` (M, J), ``places`` (M, 2, 7), ``text`` (M, D), ``chunk`` (M, A, J), NaN past the end."""

    proprio: Tensor
    places: Tensor
    text: Tensor
    chunk: Tensor
    task: np.ndarray
    digest: str

    def __len__(self) -> int:
        return len(self.proprio)


def load_motions(paths: list[Path], config: FoveatedConfig) -> MotionSet:
    parts: dict[str, list[np.ndarray]] = {name: [] for name in ("proprio", "places", "text", "chunk", "task")}
    digest = hashlib.sha256()
    with Progress() as bar:
        line = bar.add_task("demonstrations", total=len(paths))
        for path in paths:
            demonstration = Demonstration.load(path)
            digest.update(demonstration.intended_rad.tobytes())
            parts["proprio"].append(proprioception(demonstration))
            parts["places"].append(demonstration.places)
            parts["text"].append(np.tile(text_of(demonstration), (demonstration.steps, 1)))
            parts["chunk"].append(chunks_of(demonstration, config.chunk_steps, config.chunk_hz))
            parts["task"].append(np.full(demonstration.steps, demonstration.task))
            bar.advance(line)
    tensors = {name: torch.from_numpy(np.concatenate(parts[name])) for name in parts if name != "task"}
    return MotionSet(**tensors, task=np.concatenate(parts["task"]), digest=digest.hexdigest())


def proprioception(demonstration: Demonstration) -> np.ndarray:
    """(T, J) float32: joints and opening as measured."""
    return np.concatenate([demonstration.joint_rad, demonstration.opening[:, None]], axis=1)


def text_of(demonstration: Demonstration) -> np.ndarray:
    """The embedded instruction (D,) of a demonstration."""
    return embed_text(instruction(demonstration.task, demonstration.asked_for))
