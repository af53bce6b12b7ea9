"""What people want next by habit: from what they have taken so far and what there is.

A small network, learnt from many sequences of everyday steps (``training.habits``), in plain numpy.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.policies.wants.files import FITTED, WantError

HABITS = FITTED / "habits.safetensors"
LAGS = 4
"""So many things taken last count in their order, all before them only as such."""
_AGAIN = 0.5
_REMEDY = "make it anew with `python -m gaze_vlm_ros.training.habits`"
_INDEX = {kind: number for number, kind in enumerate(OBJECT_KINDS)}
INPUTS = (LAGS + 3) * len(OBJECT_KINDS)


@dataclass(frozen=True, eq=False)
class Habits:
    """``hidden`` (H, INPUTS + 1) and ``out`` (K + 1, H + 1): weights, the last column biases; K kinds and "nothing"."""

    hidden: np.ndarray
    out: np.ndarray

    def probabilities(self, taken: Sequence[str], present: Sequence[str], far: Sequence[str]) -> dict[str, float]:
        """How probable it is that each thing of ``far`` is what is needed next of them, and "" that none is.

        ``taken``: what was taken so far, the newest last; ``present``: all things that are known, ``far`` among them.
        """
        known = [thing for thing in far if thing in _INDEX]
        inner = np.maximum(self.hidden[:, :-1] @ inputs(taken, present, far) + self.hidden[:, -1], 0.0)
        scores = self.out[:, :-1] @ inner + self.out[:, -1]
        scores = scores[[*(_INDEX[thing] for thing in known), len(OBJECT_KINDS)]]
        shares = np.exp(scores - scores.max())
        return dict(zip((*known, ""), (shares / shares.sum()).tolist(), strict=True))

    @classmethod
    def load(cls, path: Path = HABITS) -> Habits:
        """Raises WantError where ``path`` holds none, or for other kinds of things."""
        try:
            with safe_open(path, "np") as file:
                hidden, out = (file.get_tensor(name).astype(np.float64) for name in ("hidden", "out"))
                kinds = (file.metadata() or {}).get("kinds")
        except (OSError, SafetensorError) as error:
            raise WantError(f"{path} holds no habits ({error}); {_REMEDY}") from None
        shapes = (len(hidden), INPUTS + 1), (len(OBJECT_KINDS) + 1, len(hidden) + 1)
        if kinds != json.dumps(OBJECT_KINDS) or (hidden.shape, out.shape) != shapes:
            raise WantError(f"{path} holds habits with other kinds of things; {_REMEDY}")
        return cls(hidden, out)


@cache
def shipped_habits() -> Habits:
    return Habits.load()


def inputs(taken: Sequence[str], present: Sequence[str], far: Sequence[str]) -> np.ndarray:
    """What the network is told, (INPUTS,): the last LAGS things taken, what there is, what is far, how often each was
    taken.
    """
    told = np.zeros((LAGS + 3, len(OBJECT_KINDS)))
    for lag, thing in enumerate([one for one in taken if one in _INDEX][: -LAGS - 1 : -1]):
        told[lag, _INDEX[thing]] = 1.0
    for row, things, step in ((LAGS, present, 1.0), (LAGS + 1, far, 1.0), (LAGS + 2, taken, _AGAIN)):
        for thing in things:
            if thing in _INDEX:
                told[row, _INDEX[thing]] += step
    return told.ravel()
