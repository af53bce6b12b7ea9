"""What a study is made of."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from gaze_vlm_ros import sim as sim_room
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.wants import WantWeights
from gaze_vlm_ros.sim.assistance import Scenario
from gaze_vlm_ros.training.assist_study.porter import PorterSettings

CHECKPOINT = Path(sim_room.__file__).resolve().parents[1] / "gaze_vlm_ros" / "vlm" / "checkpoints" / "kitchen"
VALIDATION_SEED, TEST_SEED = 3_000_000, 4_000_000
"""First seeds of the wearers on which the decision is tuned, and of those on which it is judged."""
NO_ROBOT, ON_REQUEST, RGB, GAZE, TRUTH, SHUFFLED = "no_robot", "on_request", "rgb", "gaze", "truth", "shuffled"
CONDITIONS = (NO_ROBOT, ON_REQUEST, RGB, GAZE, TRUTH, SHUFFLED)
PREDICTED = (RGB, GAZE, SHUFFLED)
_CODE = (
    *(f"sim/{room}" for room in ("assistance", "devices", "eyes", "intentions", "kitchen", "things", "wearer", "*.py")),
    "policies/wants", "policies/wants/fitted/habits.safetensors", "policies/fresh.py", "policies/experts/reach.py",
    "gaze_vlm_ros/language", "gaze_vlm_ros/geometry", "gaze_vlm_ros/types.py", "gaze_vlm_ros/robots",
    "gaze_vlm_ros/robots/data/*/robot.yaml", "gaze_vlm_ros/vlm/*.py", "gaze_vlm_ros/vlm/wrap",
    *(f"training/assist_study/{name}.py" for name in ("episode", "log", "path", "porter", "senses")),
)  # fmt: skip
"""What the outcome of a run depends on."""
_MODEL = ("model.safetensors", "config.json", "tokenizer.json", "calibration.json", "domain.safetensors")


class StudyError(GazeVlmError):
    """A study that cannot be run, or results of another one."""


@dataclass(frozen=True)
class StudySettings:
    """``steps``: how many steps the wearer's goals have until they count as finished. ``alone_s``: what it costs the
    wearer to get a thing without a robot: to stand up, walk round the table and back with it, and sit down again.
    ``patience_s``: for how long a wearer whose robot helps by itself waits for it before asking. ``idle_s``: how long
    a wearer looks about without wanting anything. ``prediction_age_s``: from the frame to the policy."""

    steps: int = 8
    alone_s: float = 10.0
    patience_s: float = 1.0
    idle_s: float = 30.0
    longest_s: float = 400.0
    prediction_age_s: float = 0.15
    scenario: Scenario = field(default_factory=Scenario)
    porter: PorterSettings = field(default_factory=PorterSettings)


@dataclass(frozen=True)
class Run:
    """One wearer under one condition. ``request_s`` is the cost of asking; ``idle`` is the wearer who wants nothing."""

    seed: int
    condition: str
    request_s: float = 2.0
    idle: bool = False

    @property
    def name(self) -> str:
        return f"{self.seed}-{self.condition}-" + ("idle" if self.idle else f"{self.request_s:g}s")


def digest_of(settings: StudySettings, weights: dict[str, WantWeights]) -> str:
    """Of everything that results depend on: settings, weights, checkpoint and code."""
    told = {"settings": asdict(settings), "weights": {name: asdict(one) for name, one in sorted(weights.items())}}
    return hashlib.sha256((json.dumps(told, sort_keys=True) + _files_digest()).encode()).hexdigest()[:16]


@cache
def _files_digest() -> str:
    root, found = CHECKPOINT.parents[3], hashlib.sha256()
    named = [path for pattern in _CODE for path in root.glob(pattern)]
    files = [file for path in named for file in (path.rglob("*.py") if path.is_dir() else [path])]
    for path in sorted(files) + [CHECKPOINT / name for name in _MODEL]:
        found.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return found.hexdigest()
