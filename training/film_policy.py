"""Films a policy: python -m gaze_vlm_ros.training.film_policy --policy runs/policy/policy --out docs/policy.

One animated picture (WebP) of each task: the bench from the wearer's side, and beside it what the eye sees, from the
fovea at the top to the whole field at the bottom. Test seeds, the first from ``--seed`` on; nothing is chosen.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from gaze_vlm_ros.policies.experts import EXPERTS
from gaze_vlm_ros.policies.foveated import FoveatedPolicy, Runner
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.tasks.terms import CONTROL_HZ
from gaze_vlm_ros.training.closed_loop.episode import Stage
from gaze_vlm_ros.training.closed_loop.gazes import gaze_named
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.demonstrations.schema import SPLITS

_WIDTH, _HEIGHT, _EVERY, _QUALITY = 384, 288, 2, 55
_LAST_MS = 1500


def film(policy: FoveatedPolicy, task: str, gaze: str, seed: int) -> tuple[list[np.ndarray], bool]:
    """Pictures (288, 480, 3) uint8 RGB of an episode at every other control step, and whether it succeeded."""
    stage, pictures, steps = Stage(task, Runner(policy), gaze_named(gaze)), [], 0
    stage.environment.render_mode = "rgb_array"

    def watch(views: np.ndarray) -> None:
        nonlocal steps
        if steps % _EVERY == 0:
            pictures.append(composed(stage.environment.render(), views))
        steps += 1

    success = stage.play(SPLITS["test"] + seed, watch).success
    stage.close()
    return pictures, success


def composed(bench: np.ndarray, views: np.ndarray) -> np.ndarray:
    """The bench (H, W, 3) with the eye's views (3, S, S, 3), fine to coarse, in a column on its right."""
    side = _HEIGHT // len(views)
    column = [cv2.resize(view, (side, side), interpolation=cv2.INTER_LINEAR) for view in views]
    return np.hstack([cv2.resize(bench, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA), np.vstack(column)])


def save(path: Path, pictures: list[np.ndarray]) -> None:
    """An animated WebP in real time, which rests at its end."""
    first, *rest = [Image.fromarray(picture) for picture in pictures]
    durations = [round(1000 * _EVERY / CONTROL_HZ)] * len(rest) + [_LAST_MS]
    path.parent.mkdir(parents=True, exist_ok=True)
    first.save(path, save_all=True, append_images=rest, duration=durations, loop=0, quality=_QUALITY, method=4)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder; gets TASK.webp")
    parser.add_argument("--task", default="all", help=f"all, or some of {', '.join(EXPERTS)}, with commas between")
    parser.add_argument("--gaze", default="trained", help="as of evaluate_policy (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    def action() -> None:
        policy = FoveatedPolicy.load(options.policy)
        tasks = list(EXPERTS) if options.task == "all" else options.task.split(",")
        with Progress() as bar:
            line = bar.add_task("films", total=len(tasks))
            for task in tasks:
                pictures, success = film(policy, task, options.gaze, options.seed)
                path = options.out / f"{task}.webp"
                save(path, pictures)
                bar.advance(line)
                say(f"{path}: {'success' if success else 'failure'}, {path.stat().st_size // 1024} KiB")

    return run_command(action, 1)


if __name__ == "__main__":
    raise SystemExit(main())
