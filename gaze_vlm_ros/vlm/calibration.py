"""How sure the model may sound, and when it had better say nothing.

Two temperatures for each task divide the logits of a sentence's first choice and of the others (temperature scaling,
Guo et al., arXiv 1706.04599, one for each level of the sentence). A threshold on the best sentence's probability makes
the model abstain below it (selective prediction; Geifman and El-Yaniv, arXiv 1705.08500). Both are fitted on validation
episodes by ``training/fit_calibration.py``, apart for windows with and without gaze as input, since gaze makes a model
surer and better at once.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.checkpoint import CONFIG, WEIGHTS, CheckpointError, write_atomically
from gaze_vlm_ros.vlm.domain import weights_digest
from gaze_vlm_ros.vlm.tokenizer import KINDS

CALIBRATION = "calibration.json"
INPUTS = ("rgb", "gaze")
"""Frames only; frames and gaze where it is valid."""
REMEDY = "make it anew with `python -m gaze_vlm_ros.training.fit_calibration`, or delete it to go without calibration"


@dataclass(frozen=True)
class TaskCalibration:
    """``temperatures`` of the first choice and of the others; sentences less probable than ``threshold`` are not said.

    ``validation`` holds what was measured on the episodes that both were fitted on.
    """

    temperatures: tuple[float, float]
    threshold: float
    validation: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "temperatures", tuple(map(float, self.temperatures)))
        if len(self.temperatures) != 2 or not all(0 < value < math.inf for value in self.temperatures):
            raise ValueError(f"temperatures must be two positive numbers, got {self.temperatures}")
        if not self.threshold >= 0:
            raise ValueError(f"threshold must not be negative, got {self.threshold}")


@dataclass(frozen=True)
class Calibration:
    """``tasks[input][kind]`` for each of INPUTS; ``weights_sha256`` names the weights that it was fitted to.

    ``risk`` is the share of wrong sentences among those said that the thresholds were chosen for.
    """

    tasks: dict[str, dict[PredictionKind, TaskCalibration]]
    weights_sha256: str
    risk: float

    def temperatures(self, used_gaze: bool) -> Tensor:
        """(kinds, 2) in the order of KINDS, as ``Decoder.ranked`` takes them."""
        tasks = self.tasks[INPUTS[used_gaze]]
        return torch.tensor([tasks[kind].temperatures for kind in KINDS])

    def speaks(self, kind: PredictionKind, probability: float, used_gaze: bool) -> bool:
        """Whether a best sentence of that ``probability`` is said; below the threshold the model abstains."""
        return probability >= self.tasks[INPUTS[used_gaze]][kind].threshold

    def save(self, folder: Path) -> None:
        tasks = {name: {kind.value: asdict(task) for kind, task in kinds.items()} for name, kinds in self.tasks.items()}
        values = {"weights_sha256": self.weights_sha256, "risk": self.risk, "inputs": tasks}
        write_atomically(folder / CALIBRATION, (json.dumps(values, indent=2) + "\n").encode())


def load_calibration(folder: str | Path) -> Calibration | None:
    """The calibration of a checkpoint; None where it has none.

    Raises CheckpointError for a file that is damaged or was fitted to other weights.
    """
    path = Path(folder) / CALIBRATION
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text())
        tasks = {
            name: {kind: TaskCalibration(**values["inputs"][name][kind.value]) for kind in KINDS} for name in INPUTS
        }
        calibration = Calibration(tasks, values["weights_sha256"], float(values["risk"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is no calibration ({error!r}); {REMEDY}") from None
    if calibration.weights_sha256 != weights_digest(Path(folder)):
        raise CheckpointError(f"{path} was fitted to other weights than {WEIGHTS}, says {CONFIG}; {REMEDY}")
    return calibration
