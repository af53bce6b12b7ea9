"""How often the experts succeed, and how long an episode takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import gymnasium
import numpy as np

from gaze_vlm_ros.policies.experts.registry import expert_for, task_named
from gaze_vlm_ros.policies.experts.skills import CONTROL_HZ
from gaze_vlm_ros.statistics import wilson_of

ENVIRONMENTS = "gaze_vlm_ros.sim.tasks:gaze_vlm_ros/{}-v0"
"""By name only: Gymnasium imports the room of the simulator, which this one does not know."""


@dataclass(frozen=True)
class Outcome:
    """One episode: did it succeed, how long it lasted in simulated time, how long it took to compute, of which how
    much on a core."""

    seed: int
    success: bool
    duration_s: float
    wall_s: float
    cpu_s: float


def run_episodes(task: str, seeds: list[int], mode: str = "id", robot: str = "jaco") -> list[Outcome]:
    """Plays one episode per seed, one after the other."""
    environment = gymnasium.make(ENVIRONMENTS.format(task), mode=mode, robot=robot)
    expert = expert_for(task, environment.unwrapped.robot)
    outcomes = []
    for seed in seeds:
        began, cpu_began = time.perf_counter(), time.process_time()
        _, info = environment.reset(seed=seed)
        expert.reset()
        steps, done = 0, False
        while not done:
            _, _, terminated, truncated, info = environment.step(expert.act(info["state"]))
            steps, done = steps + 1, terminated or truncated
        wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu_began
        outcomes.append(Outcome(seed, bool(info["success"]), steps / CONTROL_HZ, wall_s, cpu_s))
    environment.close()
    return outcomes


def evaluate(
    task: str,
    episodes: int,
    mode: str = "id",
    seed: int = 0,
    processes: int = 1,
    robot: str = "jaco",
    progress: Callable[[int], None] = lambda done: None,
) -> dict:
    """Success with Wilson's interval, an episode's mean duration and its mean cost in wall and core time, as for JSON.

    Seeds ``seed`` .. ``seed + episodes - 1``; the result does not depend on ``processes``. ``progress`` hears how many
    episodes have been played since it was last called.
    """
    task = task_named(task)
    seeds = list(range(seed, seed + episodes))
    batches = [seeds[i : i + 10] for i in range(0, episodes, 10)]
    play = partial(run_episodes, task, mode=mode, robot=robot)
    outcomes: list[Outcome] = []
    if processes == 1:
        results = map(play, batches)
        for result in results:
            outcomes += result
            progress(len(result))
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            for result in pool.map(play, batches):
                outcomes += result
                progress(len(result))
    return {
        "success": wilson_of([outcome.success for outcome in outcomes]).as_dict(),
        "duration_s_mean": round(float(np.mean([outcome.duration_s for outcome in outcomes])), 2),
        "wall_s_per_episode": round(float(np.mean([outcome.wall_s for outcome in outcomes])), 3),
        "cpu_s_per_episode": round(float(np.mean([outcome.cpu_s for outcome in outcomes])), 3),
        "failed_seeds": [outcome.seed for outcome in outcomes if not outcome.success],
        "mode": mode,
        "seed": seed,
    }
