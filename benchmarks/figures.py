"""One function per figure of ``make bench-sim``: each measures now, and returns keys of the JSON line.

A figure that cannot be measured here raises ``Unavailable`` with the reason, and is left out of the line.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.lane import ROOT, Burst, Lane, LaneError
from benchmarks.own import LOOKS_OF_A_FRAME
from gaze_vlm_ros.environment import rendering_backend
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.experts import EXPERTS, evaluate
from gaze_vlm_ros.sim.intentions import entropy
from gaze_vlm_ros.sim.wearer.moments import measure_task
from gaze_vlm_ros.training.generate_episodes import Request, generate
from gaze_vlm_ros.training.people import data_folder, halve, load_osie
from gaze_vlm_ros.training.shards.schema import RecordOptions

RIVALS_READY = ROOT / ".venv-rivals" / "installed"
_OWN = (Path(sys.executable), "benchmarks.own")
_RIVAL = (RIVALS_READY.parent / "bin" / "python", "benchmarks.rivals")
_SEEDS = 10_000
"""Episodes of one SEED: those of two never meet."""
Report = Callable[[float], None]
"""Is told the share 0..1 of the work that is done."""


class Unavailable(Exception):
    """Why a figure cannot be measured here."""


@dataclass(frozen=True)
class Counts:
    """How much is measured: bursts of each lane and how long they are, episodes, people, halvings."""

    rounds: int = 7
    burst: float = 1.0
    episodes: int = 16
    episode_s: float = 30.0
    expert_episodes: int = 40
    people: int = 12
    people_s: float = 90.0
    halvings: int = 20
    plans: int = 100


QUICK = Counts(1, 0.02, 2, 1.0, 1, 1, 20.0, 1, 4)
"""Shows that everything runs; the figures mean nothing."""


@dataclass(frozen=True)
class LaneSpec:
    """``frames`` of a burst of full length; each counts ``worth`` in the figure."""

    python: Path
    module: str
    name: str
    size: str
    frames: int
    worth: int = 1


LANES = {
    "rgb_fps": LaneSpec(*_OWN, "rgb", "224x224", 240),
    "fetch_fps": LaneSpec(*_RIVAL, "fetch", "224x224", 240),
    "all_labels_fps": LaneSpec(*_OWN, "labels", "224x224", 120),
    "rgb_640_fps": LaneSpec(*_OWN, "rgb", "640x480", 90),
    "aloha_fps": LaneSpec(*_RIVAL, "aloha", "640x480", 90),
    "foveal_obs_per_s": LaneSpec(*_OWN, "fovea", "64x64", 200, LOOKS_OF_A_FRAME),
}
RATIOS = {"rgb_to_fetch": ("rgb_fps", "fetch_fps"), "rgb_640_to_aloha": ("rgb_640_fps", "aloha_fps")}


def speeds(seed: int, counts: Counts, report: Report) -> dict:
    """Frames per second of every lane, each on the same one core: medians over rounds in which all take turns.

    ``cpu`` holds the same per second of processor time, which other programs on the machine disturb less; ratios are
    medians of those within a round.
    """
    bursts: dict[str, list[Burst]] = {}
    done = 0
    with _lanes(seed) as lanes:
        for _ in range(counts.rounds):
            for key, lane in lanes.items():
                frames = max(2, round(LANES[key].frames * counts.burst))
                bursts.setdefault(key, []).append(lane.burst(frames))
                done += 1
                report(done / counts.rounds / len(lanes))
    return _speed_keys(bursts)


def _speed_keys(bursts: dict[str, list[Burst]]) -> dict:
    worth = {key: LANES[key].worth for key in bursts}
    wall = {key: round(worth[key] * median(burst.per_s for burst in some), 1) for key, some in bursts.items()}
    cpu = {key: round(worth[key] * median(burst.per_cpu_s for burst in some), 1) for key, some in bursts.items()}
    ratios = {}
    for key, (ours, rival) in RATIOS.items():
        if ours in bursts and rival in bursts:
            pairs = list(zip(bursts[ours], bursts[rival], strict=True))
            ratios[key] = round(median(a.per_s / b.per_s for a, b in pairs), 3)
            cpu[key] = round(median(a.per_cpu_s / b.per_cpu_s for a, b in pairs), 3)
    return {**wall, **ratios, "cpu": cpu}


@contextmanager
def _lanes(seed: int) -> Iterator[dict[str, Lane]]:
    """All lanes that can run here, idle."""
    backend = os.environ.get("MUJOCO_GL") or rendering_backend()
    if backend is None:
        raise Unavailable("no OpenGL for rendering: apt install libegl1 libgl1 libosmesa6")
    environment = {**os.environ, "MUJOCO_GL": backend, "OMP_NUM_THREADS": "1"}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lanes = {}
        for key, spec in LANES.items():
            if spec.module == _RIVAL[1] and not RIVALS_READY.exists():
                continue
            command = [str(spec.python), "-m", spec.module, spec.name, str(seed), spec.size]
            try:
                lanes[key] = Lane(command, environment, folder / f"{key}.log")
            except LaneError as error:
                raise Unavailable(str(error)) from error
            stack.callback(lanes[key].close)
        yield lanes


def episodes(seed: int, counts: Counts, report: Report) -> dict:
    """Episodes with all labels that two workers write in a minute, their start included."""
    request = Request(counts.episodes, seed * _SEEDS, options=RecordOptions(counts.episode_s))
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        generate(Path(folder), request, workers=2, on_progress=lambda done, wanted: report(done / wanted))
        return {"episodes_per_min": round(60.0 * counts.episodes / (time.perf_counter() - began), 2)}


def experts(seed: int, counts: Counts, report: Report) -> dict:
    """Share of episodes that the scripted experts solve, per task, and its 95 % interval."""
    episodes_each, played = counts.expert_episodes, 0

    def count(more: int) -> None:
        nonlocal played
        played += more
        report(played / len(EXPERTS) / episodes_each)

    found = {}
    for task in EXPERTS:
        processes = min(2, episodes_each)
        result = evaluate(task, episodes_each, seed=seed * _SEEDS, processes=processes, progress=count)
        found[task] = result["success"]
    return {
        "expert_success": {task: success["value"] for task, success in found.items()},
        "expert_success_ci95": {task: success["ci95"] for task, success in found.items()},
    }


def gaze_lead(seed: int, counts: Counts, report: Report) -> dict:
    """By how much gaze comes to a thing before the hand sets out for it, over several people doing things."""
    leads: list[float] = []
    for number in range(counts.people):
        leads += measure_task([seed * _SEEDS + number], counts.people_s).lead_s
        report((number + 1) / counts.people)
    return {"gaze_lead_s_median": round(float(np.median(leads)), 3)}


def free_viewing(seed: int, counts: Counts, report: Report) -> dict:
    """Kolmogorov-Smirnov distance of fixation durations, fitted on half of the people and tested on the other half.

    The mean over random halvings; beside it that of the two halves of people.
    """
    try:
        people = load_osie(data_folder() / "osie" / "fixations.csv")
    except GazeVlmError as error:
        raise Unavailable(str(error)) from error
    rng, found = np.random.default_rng(seed), []
    for number in range(counts.halvings):
        found.append(halve(people, rng.permutation(15)[:8]))
        report((number + 1) / counts.halvings)
    return {
        "fixation_duration_ks": round(float(np.mean([half.durations for half in found])), 4),
        "fixation_duration_ks_of_people": round(float(np.mean([half.durations_of_people for half in found])), 4),
    }


def ambiguity(seed: int, counts: Counts, report: Report) -> dict:
    """Share of the decision points at which the history leaves three or more next things plausible."""
    share = entropy.ambiguity(counts.plans, seed * _SEEDS)["ambiguous_share"]
    report(1.0)
    return {"ambiguous_share": round(share["value"], 4), "ambiguous_share_ci95": share["ci95"]}


FIGURES: dict[str, Callable[[int, Counts, Report], dict]] = {
    "speeds": speeds,
    "episodes": episodes,
    "experts": experts,
    "gaze_lead": gaze_lead,
    "free_viewing": free_viewing,
    "ambiguity": ambiguity,
}
