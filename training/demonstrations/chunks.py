"""Chunks: what the hand should command in the second after each step of a demonstration."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.sim.tasks.terms import CONTROL_HZ
from gaze_vlm_ros.training.demonstrations.schema import Demonstration


def chunks_of(demonstration: Demonstration, steps: int, rate_hz: float) -> np.ndarray:
    """Absolute joints [rad] and opening (T, A, J) at 1/rate, 2/rate .. after each step, NaN past the demonstration.

    They are what the expert intended, not what its disturbed arm did. Row j of step t is due (j + 1) / ``rate_hz``
    after t: the first row leads into the future, none repeats the present.
    """
    length = demonstration.steps
    # The command of step t is due at t + 1; before the first one the target of the beginning holds.
    due = np.concatenate([demonstration.target_rad[:1], demonstration.intended_rad]).astype(np.float64)
    opening = np.concatenate([demonstration.open_wanted[:1], demonstration.open_wanted])
    at = np.arange(length)[:, None] + np.arange(1, steps + 1) * (CONTROL_HZ / rate_hz)
    low = np.floor(at).astype(int)
    share = (at - low)[..., None]
    inside = np.clip(low, 0, length), np.clip(low + 1, 0, length)
    here = demonstration.target_rad[:, None, :].astype(np.float64)
    first = np.where((low == np.arange(length)[:, None])[..., None], here, due[inside[0]])
    joints = (1.0 - share) * first + share * due[inside[1]]
    chunk = np.concatenate([joints, opening[np.clip(np.ceil(at - 1e-9).astype(int), 0, length)][..., None]], axis=-1)
    chunk[at > length + 1e-9] = np.nan
    return chunk.astype(np.float32)
