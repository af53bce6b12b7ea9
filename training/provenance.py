"""Where a checkpoint comes from: its stages, each with its data, seed, effort and scores, in ``training.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gaze_vlm_ros.training.data import DataError
from gaze_vlm_ros.vlm.checkpoint import write_atomically

FILE = "training.json"
NAMING = "naming"
"""The stage after which block and language model know the names of things (``pretrain_language``)."""


@dataclass(frozen=True)
class Stage:
    """One stage of training: what was done, on what, and what it reached on the validation episodes."""

    name: str
    steps: int
    elapsed_s: float
    seed: int
    data_sha256: str
    episodes: int
    validation: dict[str, float] = field(default_factory=dict)
    settings: dict = field(default_factory=dict)


def save_stages(checkpoint: Path, stages: list[Stage]) -> None:
    write_atomically(checkpoint / FILE, (json.dumps([asdict(stage) for stage in stages], indent=2) + "\n").encode())


def load_stages(checkpoint: Path) -> list[Stage]:
    """The stages behind a checkpoint, oldest first; none where it does not say. Raises DataError where garbled."""
    path = checkpoint / FILE
    if not path.exists():
        return []
    try:
        return [Stage(**stage) for stage in json.loads(path.read_text())]
    except (ValueError, TypeError) as error:
        raise DataError(f"{path} cannot be read ({error}); delete it, or train again") from None
