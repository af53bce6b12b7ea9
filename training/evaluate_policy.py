"""Lets a policy play and measures it: python -m gaze_vlm_ros.training.evaluate_policy --policy runs/policy/policy.

Closed loop in ``sim.tasks``, in and out of distribution, with the trained eye and with its rivals; and visual search
over 210 degrees. Episodes are of the test split's seeds: no training has seen their scenes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.experts import EXPERTS
from gaze_vlm_ros.policies.foveated import FoveatedPolicy, Runner
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.tasks.modes import MODES
from gaze_vlm_ros.statistics import wilson_of
from gaze_vlm_ros.training.closed_loop.cameras import search_fixed_camera
from gaze_vlm_ros.training.closed_loop.episode import TOLD, EpisodeOptions, Stage
from gaze_vlm_ros.training.closed_loop.gazes import GAZES, gaze_named
from gaze_vlm_ros.training.closed_loop.measures import measures_of
from gaze_vlm_ros.training.closed_loop.search import search_score
from gaze_vlm_ros.training.command import run_command
from gaze_vlm_ros.training.demonstrations.schema import SPLITS

MOVED_AT_S = 1.5
AS_TRAINED = EpisodeOptions()


def evaluate_task(
    policy: FoveatedPolicy,
    task: str,
    gaze: str,
    episodes: int,
    seed: int,
    options: EpisodeOptions = AS_TRAINED,
    line: tuple[Progress, int] | None = None,
) -> dict:
    """Success with Wilson's interval, and the means of ``measures_of``, of ``episodes`` episodes from test seed
    ``seed`` on."""
    stage = Stage(task, Runner(policy), gaze_named(gaze), options)
    played = []
    for number in range(episodes):
        played.append(stage.play(SPLITS["test"] + seed + number))
        if line:
            line[0].advance(line[1])
    stage.close()
    measured = [measures_of(episode) for episode in played]
    names = sorted({name for measures in measured for name in measures})
    means = {name: round(float(np.mean([m[name] for m in measured if name in m])), 3) for name in names}
    duration_s = round(float(np.mean([episode.duration_s for episode in played])), 2)
    return {"success": wilson_of([e.success for e in played]).as_dict(), "duration_s": duration_s, **means}


def evaluate(
    policy: FoveatedPolicy, tasks: list[str], gazes: list[str], modes: list[str], episodes: int, seed: int, told: str
) -> dict:
    """The whole table: each task, way to look and mode; ``disturbed`` has the target moved after 1.5 s."""
    cells = [(task, gaze, mode) for task in tasks for gaze in gazes for mode in [*modes, "disturbed"]]
    cells = [cell for cell in cells if cell[1] == "trained" or cell[2] == "id"]
    table: dict[str, dict] = {}
    with Progress() as bar:
        line = bar.add_task("episodes", total=len(cells) * episodes)
        for task, gaze, mode in cells:
            moved = mode == "disturbed"
            options = EpisodeOptions("id" if moved else mode, told, moved_at_s=MOVED_AT_S if moved else None)
            name = search_fixed_camera(policy, task, seed, options) if gaze == "best_fixed" else gaze
            found = evaluate_task(policy, task, name, episodes, seed, options, (bar, line))
            table.setdefault(task, {}).setdefault(gaze, {})[mode] = found | {"gaze": name}
    return table


def mean_success(table: dict, gaze: str, mode: str = "id") -> float | None:
    """Over the tasks that have such a cell."""
    found = [cells[gaze][mode]["success"]["value"] for cells in table.values() if mode in cells.get(gaze, {})]
    return float(np.mean(found)) if found else None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--task", default="all", help=f"all, or some of {', '.join(EXPERTS)}, with commas between")
    parser.add_argument(
        "--gaze", default="trained,oracle,best_fixed", help=f"with commas between: {', '.join(GAZES)}, best_fixed, ..."
    )
    parser.add_argument("--mode", default="id", help=f"all, or some of {', '.join(MODES)}")
    parser.add_argument("--told", choices=TOLD, default="both", help="what the target token holds")
    parser.add_argument("--episodes", type=int, default=96)
    parser.add_argument("--searches", type=int, default=200, help="of visual search; 0: none")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a JSON file; else it is printed only")
    options = parser.parse_args(arguments)

    def action() -> None:
        if options.episodes < 1:
            raise GazeVlmError(f"--episodes must be at least 1, got {options.episodes}")
        policy = FoveatedPolicy.load(options.policy)
        tasks = list(EXPERTS) if options.task == "all" else options.task.split(",")
        modes = list(MODES) if options.mode == "all" else options.mode.split(",")
        gazes = options.gaze.split(",")
        table = evaluate(policy, tasks, gazes, modes, options.episodes, options.seed, options.told)
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

    return run_command(action, options.threads)


if __name__ == "__main__":
    raise SystemExit(main())
