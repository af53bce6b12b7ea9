"""TargetToken: what is asked for, as words and as a place; either may be missing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gaze_vlm_ros.policies.foveated.config import PolicyError

TEXT_DIM = 32
INSTRUCTIONS = {
    "PressButton": "press the stop button",
    "PickPlace": "put the block into the holder",
    "Towel": "put the towel on the tray",
    "Wipe": "wipe the stains with the brush",
    "HandOver": "hand over the {thing}",
    "Bring": "bring the {thing}",
}
"""What each task of ``sim.tasks``, and bringing in the kitchen, is called when a policy is asked for it; {thing} is the
kind that is asked for."""


@dataclass(frozen=True)
class TargetToken:
    """``text_embedding`` (32,) as ``embed_text`` makes it; ``position_m`` (3,) of the gaze target [m, base frame].

    Raises PolicyError where one of them has another shape or is not finite.
    """

    text_embedding: np.ndarray | None = None
    position_m: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, size in (("text_embedding", TEXT_DIM), ("position_m", 3)):
            value = getattr(self, name)
            if value is None:
                continue
            value = np.asarray(value, dtype=np.float32)
            if value.shape != (size,) or not np.isfinite(value).all():
                raise PolicyError(f"{name} of a target must be {size} finite numbers, got {value.tolist()}")
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, text: str, position_m: np.ndarray | None = None) -> TargetToken:
        """A target in words, as ``instruction`` gives them, and where it was looked at."""
        return cls(embed_text(text), position_m)


def instruction(task: str, thing: str = "") -> str:
    """The words for a task of ``sim.tasks`` and the kind of thing asked for. Raises PolicyError for another task."""
    if task not in INSTRUCTIONS:
        raise PolicyError(f"no instruction for task {task!r}; there are {', '.join(INSTRUCTIONS)}")
    return INSTRUCTIONS[task].format(thing=thing)


@lru_cache(maxsize=1024)
def embed_text(text: str) -> np.ndarray:
    """Unit vector (32,) float32 of a sentence: the sum of one fixed random vector per word, drawn from its hash.

    No learnt table: words that no training ever saw have a place too, and nothing has to be stored.
    """
    words = [word for word in text.lower().split() if word not in ("the", "a", "an")]
    if not words:
        raise PolicyError("a target's text is empty; leave the text out instead")
    total = np.sum([_word_vector(word) for word in words], axis=0)
    vector = (total / max(float(np.linalg.norm(total)), 1e-9)).astype(np.float32)
    vector.setflags(write=False)
    return vector


def _word_vector(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).standard_normal(TEXT_DIM)
