"""Guard against physics that have gone wrong: keeps the last states and writes them down for whoever looks into it."""

from __future__ import annotations

import logging
import tempfile
from collections import deque
from pathlib import Path

import mujoco
import numpy as np

log = logging.getLogger(__name__)
_KEPT = 30
_LARGEST_SPEED = 1e4  # of any joint [rad/s or m/s]: nothing that can be seen moves so fast


class NanGuard:
    """Remembers the last states (two seconds at 15 Hz) of one model."""

    def __init__(self, model: mujoco.MjModel, folder: Path | None) -> None:
        self._model = model
        self._folder = folder or Path(tempfile.gettempdir()) / "gaze_vlm_ros"
        self._states: deque[dict[str, np.ndarray]] = deque(maxlen=_KEPT)

    def sound(self, data: mujoco.MjData) -> bool:
        """Remembers the state and says whether it is finite and of this world."""
        state = {"time_s": np.array(data.time)}
        state |= {name: getattr(data, name).copy() for name in ("qpos", "qvel", "ctrl", "mocap_pos", "mocap_quat")}
        self._states.append(state)
        finite = all(np.isfinite(value).all() for value in state.values())
        return finite and float(np.abs(data.qvel).max(initial=0.0)) < _LARGEST_SPEED

    def dump(self, name: str) -> Path:
        """Writes the last states, stacked over time, and the model beside them; returns the .npz."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._folder)) / "states.npz"
        np.savez(path, **{key: np.stack([state[key] for state in self._states]) for key in self._states[0]})
        mujoco.mj_saveModel(self._model, str(path.with_name("model.mjb")))
        log.error("%s: the physics went wrong; the last %d states are in %s", name, len(self._states), path)
        return path
