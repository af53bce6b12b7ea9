"""The weights of the best evaluation of a training run, where more training makes a model worse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_safetensors
from torch import nn

from gaze_vlm_ros.training.run_state import WEIGHT, RunError, collect_weights, trained
from gaze_vlm_ros.vlm.checkpoint import write_atomically

FILE = "best.safetensors"


class BestWeights:
    """Keeps the trained weights of ``model`` at the evaluation whose score ``key`` was least, in ``folder``."""

    def __init__(self, folder: Path, model: nn.Module, key: str, resumes: bool) -> None:
        """``resumes``: the run goes on, and so does what it kept. Raises RunError where that is damaged."""
        self._path, self._model, self._key, self._least = folder / FILE, model, key, math.inf
        if not resumes:
            self._path.unlink(missing_ok=True)
        elif self._path.exists():
            try:
                with safe_open(self._path, "pt") as file:
                    self._least = float(file.metadata()["score"])
            except (SafetensorError, KeyError, TypeError, ValueError) as error:
                raise RunError(f"{self._path} cannot be read ({error}); delete the folder to start afresh") from None

    def offer(self, scores: Mapping[str, float]) -> None:
        """Keeps the weights as they are now where they are the best so far."""
        if scores[self._key] < self._least:
            self._least = scores[self._key]
            weights = save_safetensors(collect_weights(self._model), {"score": repr(self._least)})
            write_atomically(self._path, weights)

    def restore(self) -> None:
        """Gives the model the best weights."""
        with safe_open(self._path, "pt") as file:
            for name, parameter in trained(self._model):
                parameter.data.copy_(file.get_tensor(WEIGHT + name))
