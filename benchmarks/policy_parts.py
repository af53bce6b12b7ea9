"""The parts of ``make bench-policy``: tasks, search, speed, rates of the node, and assistance."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from gaze_vlm_ros.cli.demo import DEMO_FIRST_SEED
from gaze_vlm_ros.cli.recorded_run import run_graph
from gaze_vlm_ros.environment import require_messages
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.experts import EXPERTS
from gaze_vlm_ros.policies.foveated import FoveatedConfig, FoveatedPolicy, Runner, TargetToken
from gaze_vlm_ros.policies.skills import skill_names
from gaze_vlm_ros.policies.skills.load import SHIPPED
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.recording.reader import iter_messages
from gaze_vlm_ros.training.assist_study.__main__ import fitted_weights, run_study
from gaze_vlm_ros.training.assist_study.settings import (
    GAZE,
    NO_ROBOT,
    ON_REQUEST,
    RGB,
    TEST_SEED,
    TRUTH,
    StudySettings,
)
from gaze_vlm_ros.training.assist_study.store import Store
from gaze_vlm_ros.training.closed_loop.search import search_score
from gaze_vlm_ros.training.evaluate_policy import evaluate, lead, mean_success

SEEDS_PER_BENCH = 1000
"""So far apart are the wearers and episodes of two SEEDs."""
REQUEST_S = 2.0
FIVE_TASKS = "five-tasks"
"""The policy whose tasks are played, and whose eye searches."""
_SPEED_ROUNDS, _SPEED_STEPS = 7, 12
VIT_SMALL = {"dim": 384, "heads": 6, "encoder_blocks": 12}


@dataclass(frozen=True)
class Counts:
    """Episodes of ours, and of a rival or with the target moved; searches, wearers of the study, seconds that the graph
    runs."""

    ours: int = 32
    rivals: int = 16
    searches: int = 100
    wearers: int = 16
    graph_s: float = 60.0


QUICK = Counts(1, 1, 4, 2, 10.0)
"""Shows that everything runs; the figures mean nothing."""


def shipped_policy(name: str = FIVE_TASKS) -> Path:
    """Folder of the shipped policy ``name``. Raises GazeVlmError that lists what is shipped."""
    names = skill_names()
    if name not in names:
        raise GazeVlmError(
            f"no trained policy {name!r} is shipped ({', '.join(names) or 'none at all'}); train one with "
            "`python -m gaze_vlm_ros.training.train_policy` and name its folder with --policy"
        )
    return SHIPPED / name


def tasks(folder: Path, seed: int, counts: Counts, workers: int, report: Callable[[str], None]) -> dict:
    """Success in the five tasks, of ours, the best fixed camera and the oracle eye; and with the target moved.

    ``report`` gets the differences over the episodes that both played, which are fewer than ours.
    """
    first = seed * SEEDS_PER_BENCH
    names = list(EXPERTS)
    ours = evaluate(folder, names, ["trained"], ["id"], counts.ours, first, "both", workers, counts.rivals)
    rivals = evaluate(folder, names, ["best_fixed", "oracle"], ["id"], counts.rivals, first, "both", workers)
    trained = {name: ours[name]["trained"] for name in names}
    for said, other, mode in (
        ("best fixed camera", {name: rivals[name]["best_fixed"] for name in names}, "id"),
        ("oracle eye", {name: rivals[name]["oracle"] for name in names}, "id"),
        ("trained eye with the thing moved", trained, "disturbed"),
    ):
        found = lead(trained, other, mode)
        span = f" [{100 * found.low:.0f}, {100 * found.high:.0f}]" if found.low is not None else ""
        report(f"trained eye over {said}, {found.n} episodes of both: {100 * found.value:+.0f} points{span}")
    moved = sum(trained[name]["disturbed"]["moved"] for name in names)
    report(f"the thing asked for could be moved in {moved} of {len(names) * counts.rivals} episodes")
    told = {name: trained[name]["id"]["success"] for name in names}
    names_of = {"success": "value", "n": "n", "wilson95": "ci95"}
    return {
        "tasks": {name: {key: one[its] for key, its in names_of.items()} for name, one in told.items()},
        "mean_success": mean_success(ours, "trained"),
        "best_fixed_camera": mean_success(rivals, "best_fixed"),
        "oracle_eye": mean_success(rivals, "oracle"),
        "perturbed": mean_success(ours, "trained", "disturbed"),
    }


def search(policy: FoveatedPolicy, seed: int, counts: Counts) -> dict:
    """The eye alone: share of searches over 210 degrees that end within 2 s, and their median time."""
    found = search_score(policy, list(EXPERTS), counts.searches, seed * SEEDS_PER_BENCH)
    return {"search": {"rate": found["rate"]["value"], "median_s": found["median_s"]}}


def speed(config: FoveatedConfig, report: Callable[[str], None]) -> dict:
    """The ``speedup`` of ``config``; ``report`` gets that with an encoder of ViT-S's size, which no policy here has."""
    large = speedup(replace(config, **VIT_SMALL))
    report(f"foveated_speedup with an encoder as large as ViT-S (not trained): {large:.1f}")
    return {"foveated_speedup": speedup(config)}


def speedup(config: FoveatedConfig) -> float:
    """Steps per second of the whole policy with 20 foveated tokens over those with 324 uniform ones, at batch 1 and
    equal architecture; bursts in turns on one thread, median over rounds. Speed does not depend on the weights."""
    torch.set_num_threads(1)
    runners = [Runner(FoveatedPolicy(replace(config, tokenizer=name))) for name in ("foveated", "uniform")]
    rng = np.random.default_rng(0)
    views = [rng.integers(0, 255, runner.policy.config.views_shape, dtype=np.uint8) for runner in runners]
    joints, direction = np.append(runners[0].policy.robot.home_rad, 1.0), np.array([0.8, 0.0, -0.6])
    ratios, clocks = [], [0.0, 0.0]
    for runner in runners:
        runner.reset(TargetToken.of("hand over the mug", np.array([0.4, 0.0, 0.1])))
    for number in range(_SPEED_ROUNDS + 1):
        took = []
        for which, runner in enumerate(runners):
            began = time.perf_counter()
            for _ in range(_SPEED_STEPS):
                clocks[which] += 1.0 / config.eye_hz
                runner.step(views[which], direction, joints, clocks[which])
            took.append(time.perf_counter() - began)
        if number:  # the first round warms up
            ratios.append(took[1] / took[0])
    return statistics.median(ratios)


def rates(policy: Path, seed: int, counts: Counts) -> dict:
    """Rates of eye, while it helps, and hand of the policy's node beside all others of the running graph ``sim``."""
    require_messages()
    with tempfile.TemporaryDirectory() as folder, Progress() as progress:
        recording, log = Path(folder) / "run.mcap", Path(folder) / "log.txt"
        given = {"seed": str(DEMO_FIRST_SEED + seed), "record": str(recording), "policy": str(policy)}
        run_graph("sim", given, log, progress, counts.graph_s)
        told: dict[str, list[float]] = {"eye [Hz]": [], "hand [Hz]": []}
        for one in iter_messages(recording, None):
            if not one.topic.endswith("diagnostics"):
                continue
            for status in one.message.status:
                for value in status.values:
                    if status.name.endswith("assist_policy") and value.key in told:
                        told[value.key].append(float(value.value))
    eye, hand = (statistics.median(values) if values else None for values in told.values())
    return {"eye_hz": eye, "hand_hz": hand}


def assist(seed: int, counts: Counts, workers: int, out: Path) -> dict:
    """The closed-loop study at a request cost of 2 s, from the shipped model of events."""
    store = Store(out, StudySettings(), fitted_weights())
    conditions = (NO_ROBOT, ON_REQUEST, RGB, GAZE, TRUTH)
    first = TEST_SEED + (seed + 1) * SEEDS_PER_BENCH
    (told,) = run_study(store, first, counts.wearers, conditions, (REQUEST_S,), workers)
    found = told["conditions"]
    gaze = found[GAZE]
    return {
        "assist": {
            **{f"{name}_s": found[name]["time_s"] for name in conditions},
            "share_of_truth": gaze["share_of_truth"]["value"],
            "coverage": gaze["coverage"]["value"],
            "wrong_share": gaze["wrong_share"]["value"],
            "midas_per_min": gaze["midas_per_min"],
        }
    }
