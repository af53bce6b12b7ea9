"""Records demonstrations of the tasks: python -m gaze_vlm_ros.training.record_demonstrations --out data/demos."""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from gaze_vlm_ros.policies.experts import EXPERTS
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.demonstrations.bring import BRING, BringPlayer
from gaze_vlm_ros.training.demonstrations.play import Player, PlayOptions
from gaze_vlm_ros.training.demonstrations.schema import DemonstrationError, seeds_of

OPTIONS = "options.json"
_BATCH = 5


def episode_path(folder: Path, task: str, seed: int) -> Path:
    return folder / task / f"{seed:07d}.npz"


def record(folder: Path, task: str, seeds: list[int], options: PlayOptions) -> int:
    """Plays those of ``seeds`` of which nothing is stored yet; returns how many experts failed, of which a mark is
    kept, so that the run can be repeated and goes on where it was."""
    player, failed = BringPlayer(options) if task == BRING else Player(task, options), 0
    for seed in seeds:
        demonstration = player.play(seed)
        path = episode_path(folder, task, seed)
        if demonstration is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".failed").touch()
            failed += 1
        else:
            demonstration.save(path)
    player.close()
    return failed


def record_all(
    folder: Path, tasks: list[str], counts: dict[str, int], options: PlayOptions, processes: int = 1, first: int = 0
) -> None:
    """``counts``: how many episodes of each split, the ``first`` seeds of it left out. Raises DemonstrationError where
    ``folder`` has other options."""
    _check_options(folder, options)
    missing = [
        (task, [seed for split, count in counts.items() if count for seed in seeds_of(split, count, first)])
        for task in tasks
    ]
    missing = [(task, [seed for seed in seeds if not _is_stored(folder, task, seed)]) for task, seeds in missing]
    batches = [(task, seeds[i : i + _BATCH]) for task, seeds in missing for i in range(0, len(seeds), _BATCH)]
    began, failed, episodes = time.monotonic(), 0, sum(len(seeds) for _, seeds in batches)
    with Progress() as bar:
        line = bar.add_task("demonstrations", total=episodes)
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            futures = [(pool.submit(record, folder, task, seeds, options), len(seeds)) for task, seeds in batches]
            for future, played in futures:
                failed += future.result()
                bar.advance(line, played)
    rate = episodes / max(time.monotonic() - began, 1e-9)
    say(f"{folder}: {episodes} episodes played, {failed} of them without success, {rate:.2f} episodes/s")


def _is_stored(folder: Path, task: str, seed: int) -> bool:
    path = episode_path(folder, task, seed)
    return path.exists() or path.with_suffix(".failed").exists()


def _check_options(folder: Path, options: PlayOptions) -> None:
    path = folder / OPTIONS
    ours = asdict(options)
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(ours, indent=2) + "\n")
    elif asdict(PlayOptions()) | json.loads(path.read_text()) != ours:
        raise DemonstrationError(f"{folder} was recorded with other options (see {path}); use another --out")


def main(arguments: list[str] | None = None) -> int:
    default = PlayOptions()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for the demonstrations; a second run goes on there"
    )
    parser.add_argument(
        "--task", default="all",
        help=f"some of {', '.join(EXPERTS)} and {BRING}, with commas between (default %(default)s: without {BRING})",
    )  # fmt: skip
    parser.add_argument("--episodes", type=int, default=300, help="for training, of each task (default %(default)s)")
    parser.add_argument("--validation", type=int, default=30, help="for validation, of each task (default %(default)s)")
    parser.add_argument("--test", type=int, default=0, help="for tests, of each task (default %(default)s)")
    parser.add_argument(
        "--first", type=int, default=0,
        help="leave out so many seeds of each split, for scenes that no other folder has (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--mode", default=default.mode, help="of sim.tasks (default %(default)s)")
    parser.add_argument(
        "--panorama-every", type=int, default=4, help="steps; 0: none, joints and truth only (default %(default)s)"
    )
    parser.add_argument("--still", action="store_true", help="scenes alone: the first step of each episode")
    parser.add_argument(
        "--noise", type=float, default=default.noise, help="of the actions done; 1 is full speed (default %(default)s)"
    )
    parser.add_argument(
        "--push", type=float, default=default.push, help="chance per step of a push (default %(default)s)"
    )
    parser.add_argument(
        "--afterwards", type=int, default=default.afterwards, help="steps more after the success (default %(default)s)"
    )
    parser.add_argument("--processes", type=int, default=1, help="that record (default %(default)s)")
    options = parser.parse_args(arguments)
    tasks = list(EXPERTS) if options.task == "all" else options.task.split(",")
    if unknown := sorted(set(tasks) - {*EXPERTS, BRING}):
        parser.error(f"no task {', '.join(unknown)}; there are {', '.join((*EXPERTS, BRING))}")
    counts = {"train": options.episodes, "validation": options.validation, "test": options.test}
    play = PlayOptions(
        mode=options.mode, noise=options.noise, push=options.push, panorama_every=options.panorama_every,
        still=options.still, afterwards=options.afterwards,
    )  # fmt: skip
    return run_command(lambda: record_all(options.out, tasks, counts, play, options.processes, options.first), 1)


if __name__ == "__main__":
    raise SystemExit(main())
