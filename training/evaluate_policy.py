"""Lets a policy play and measures it: python -m gaze_vlm_ros.training.evaluate_policy --policy runs/policy/policy.

Closed loop in ``sim.tasks``, in and out of distribution, with the trained eye and with its rivals; and visual search
over 210 degrees. Episodes are of the test split's seeds: no training has seen their scenes.
"""

from __future__ import annotations

import argparse
import json
import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.experts import EXPERTS
from gaze_vlm_ros.policies.foveated import FoveatedPolicy, Runner
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.tasks.modes import MODES
from gaze_vlm_ros.statistics import Estimate, paired_bootstrap, wilson_of
from gaze_vlm_ros.training.closed_loop.cameras import search_fixed_camera
from gaze_vlm_ros.training.closed_loop.episode import TOLD, EpisodeOptions, Played, Stage
from gaze_vlm_ros.training.closed_loop.gazes import GAZES, gaze_named
from gaze_vlm_ros.training.closed_loop.measures import measures_of
from gaze_vlm_ros.training.closed_loop.search import search_score
from gaze_vlm_ros.training.command import run_command
from gaze_vlm_ros.training.demonstrations.schema import SPLITS

MOVED_AT_S = 1.5
_EPISODES_OF_A_JOB = 4


def play(policy: FoveatedPolicy, task: str, gaze: str, options: EpisodeOptions, seeds: list[int]) -> list[Played]:
    """The episodes of ``seeds``, one after the other."""
    stage = Stage(task, Runner(policy), gaze_named(gaze), options)
    played = [stage.play(seed) for seed in seeds]
    stage.close()
    return played


def judge(played: list[Played]) -> dict:
    """Success with Wilson's interval, which episodes succeeded (``outcomes``, in the order of seeds), in how many the
    thing was moved, and each of ``measures_of`` as the mean ``value`` of the ``n`` episodes that can give it."""
    measured = [measures_of(episode) for episode in played]
    names = sorted({name for measures in measured for name in measures})
    given = {name: [measures[name] for measures in measured if name in measures] for name in names}
    outcomes = [int(episode.success) for episode in played]
    return {
        "success": wilson_of(outcomes).as_dict(),
        "outcomes": outcomes,
        "moved": sum(episode.moved for episode in played),
        "duration_s": round(float(np.mean([episode.duration_s for episode in played])), 2),
        **{name: {"value": round(float(np.mean(values)), 3), "n": len(values)} for name, values in given.items()},
    }


def evaluate(
    folder: Path,
    tasks: list[str],
    gazes: list[str],
    modes: list[str],
    episodes: int,
    seed: int,
    told: str,
    workers: int = 1,
    disturbed: int | None = None,
) -> dict:
    """The whole table of the policy in ``folder``: each task, way to look and mode; in so many episodes as
    ``disturbed`` (``episodes`` by default) the target is moved after 1.5 s. Episodes are those from test seed ``seed``
    on, and do not depend on the number of ``workers``."""
    options = {mode: EpisodeOptions(mode, told) for mode in modes}
    counts = dict.fromkeys(modes, episodes) | {"disturbed": episodes if disturbed is None else disturbed}
    if counts["disturbed"]:
        options["disturbed"] = EpisodeOptions("id", told, moved_at_s=MOVED_AT_S)
    cells = [(task, gaze, mode) for task in tasks for gaze in gazes for mode in options]
    cells = [cell for cell in cells if cell[1] == "trained" or cell[2] == "id"]
    if not cells:
        raise GazeVlmError(f"{', '.join(gazes)}: none but the trained eye is played in other modes than id")
    first = SPLITS["test"] + seed
    parts = {mode: _split(range(first, first + counts[mode])) for mode in options}
    table: dict[str, dict] = {}
    crew = ProcessPoolExecutor(workers, get_context("spawn"))
    with Progress() as bar, crew:
        line = bar.add_task("episodes", total=sum(counts[mode] for *_, mode in cells))
        fixed = [cell for cell in cells if cell[1] == "best_fixed"]
        searches = {cell: crew.submit(_search_job, folder, cell[0], seed, options[cell[2]]) for cell in fixed}
        jobs = {}
        for cell in sorted(cells, key=lambda cell: cell in searches):
            name = searches[cell].result() if cell in searches else cell[1]
            task, _, mode = cell
            jobs[cell] = name, [crew.submit(_play_job, folder, task, name, options[mode], p) for p in parts[mode]]
        for task, gaze, mode in cells:
            name, futures = jobs[task, gaze, mode]
            played = []
            for part, future in zip(parts[mode], futures, strict=True):
                played += future.result()
                bar.update(line, advance=len(part))
            table.setdefault(task, {}).setdefault(gaze, {})[mode] = judge(played) | {"gaze": name}
    return table


def _split(seeds: range) -> list[list[int]]:
    """What one worker plays after the other, since making a stage takes time."""
    return [list(seeds[i : i + _EPISODES_OF_A_JOB]) for i in range(0, len(seeds), _EPISODES_OF_A_JOB)]


@cache
def _loaded(folder: Path) -> FoveatedPolicy:
    """One for each worker."""
    torch.set_num_threads(1)
    return FoveatedPolicy.load(folder)


def _play_job(folder: Path, task: str, gaze: str, options: EpisodeOptions, seeds: list[int]) -> list[Played]:
    return play(_loaded(folder), task, gaze, options, seeds)


def _search_job(folder: Path, task: str, seed: int, options: EpisodeOptions) -> str:
    return search_fixed_camera(_loaded(folder), task, seed, options)


def mean_success(table: dict, gaze: str, mode: str = "id") -> float | None:
    """Over the tasks that have such a cell."""
    found = [cells[gaze][mode]["success"]["value"] for cells in table.values() if mode in cells.get(gaze, {})]
    return float(np.mean(found)) if found else None


def lead(table: dict, other: dict, mode: str = "id") -> Estimate:
    """By how much more often one way to look succeeds than another in the episodes that both played, of all tasks.

    ``table`` and ``other`` hold one cell per task and mode, as ``evaluate`` gives for one way to look."""
    first, second = [], []
    for task in table:
        played = table[task]["id"]["outcomes"], other[task][mode]["outcomes"]
        both = min(map(len, played))
        first += played[0][:both]
        second += played[1][:both]
    return paired_bootstrap(first, second)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", type=Path, required=True, help="folder of a trained policy")
    parser.add_argument(
        "--task", default="all", help=f"some of {', '.join(EXPERTS)}, with commas between (default %(default)s)"
    )
    parser.add_argument(
        "--gaze", default="trained,oracle,best_fixed",
        help=f"with commas between: {', '.join(GAZES)}, best_fixed, fixed:AZIMUTH,ELEVATION (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--mode", default="id", help=f"all, or some of {', '.join(MODES)} (default %(default)s)")
    parser.add_argument(
        "--told", choices=TOLD, default="both", help="what the target token holds (default %(default)s)"
    )
    parser.add_argument("--episodes", type=int, default=96, help="of each cell (default %(default)s)")
    parser.add_argument("--searches", type=int, default=200, help="visual searches; 0: none (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first test episode (default %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (default %(default)s)")
    parser.add_argument("--out", type=Path, help="a JSON file; else it is printed only")
    options = parser.parse_args(arguments)

    def action() -> None:
        for name in ("episodes", "workers"):
            if getattr(options, name) < 1:
                raise GazeVlmError(f"--{name} must be at least 1, got {getattr(options, name)}")
        policy = FoveatedPolicy.load(options.policy)
        tasks = list(EXPERTS) if options.task == "all" else options.task.split(",")
        modes = list(MODES) if options.mode == "all" else options.mode.split(",")
        gazes = options.gaze.split(",")
        table = evaluate(
            options.policy, tasks, gazes, modes, options.episodes, options.seed, options.told, options.workers
        )
        result = {"policy": policy.config.name, "seed": options.seed, "told": options.told, "tasks": table}
        result["mean_success"] = {
            name: mean_success(table, name) for name in sorted({g for cells in table.values() for g in cells})
        }
        if options.searches:
            result["search"] = search_score(policy, tasks, options.searches, options.seed)
        text = json.dumps(result, indent=2) + "\n"
        if options.out:
            options.out.write_text(text)
        print(json.dumps(result))

    return run_command(action, 1)


if __name__ == "__main__":
    raise SystemExit(main())
