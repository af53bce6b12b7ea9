"""python -m gaze_vlm_ros.sim.tasks.show --task Towel-v0 --out towel.mp4: one episode as a film or a sheet."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import gymnasium
import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.sim.tasks.errors import TaskError
from gaze_vlm_ros.sim.tasks.registry import config_named, environment_id

EXPERT = "gaze_vlm_ros.policies.experts:expert_for"
_COLUMNS, _ROWS = 4, 3
_THUMB = (400, 300)


def film(task: str, mode: str, robot: str, seed: int, player: str) -> tuple[np.ndarray, bool]:
    """Pictures (T, 480, 640, 3) uint8 of one episode, and whether it succeeded.

    ``player`` is ``module:function``; the function gets the task and the robot and returns something with ``reset()``
    and ``act(state) -> action``. It is named, not imported: this room does not know the policies.
    """
    name = environment_id(config_named(task).name)
    environment = gymnasium.make(f"gaze_vlm_ros.sim.tasks:{name}", mode=mode, robot=robot, render_mode="rgb_array")
    actor = _load(player)(name, environment.unwrapped.robot)
    _, info = environment.reset(seed=seed)
    actor.reset()
    pictures, done = [environment.render()], False
    while not done:
        _, _, terminated, truncated, info = environment.step(actor.act(info["state"]))
        pictures.append(environment.render())
        done = terminated or truncated
    environment.close()
    return np.stack(pictures), bool(info["success"])


def sheet(pictures: np.ndarray, rate_hz: float) -> np.ndarray:
    """Twelve instants of (T, H, W, 3) ``pictures``, evenly spread, the last one included: (900, 1600, 3) uint8.

    Each has its time since the beginning written in.
    """
    chosen = np.linspace(0, len(pictures) - 1, _COLUMNS * _ROWS).round().astype(int)
    small = [cv2.resize(pictures[i], _THUMB, interpolation=cv2.INTER_AREA) for i in chosen]
    for number, picture in zip(chosen, small, strict=True):
        for colour, width in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            at = f"{number / rate_hz:.1f} s"
            cv2.putText(picture, at, (10, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, width, cv2.LINE_AA)
    return np.vstack([np.hstack(small[row * _COLUMNS : (row + 1) * _COLUMNS]) for row in range(_ROWS)])


def write(pictures: np.ndarray, path: Path, rate_hz: float) -> None:
    """A film for .mp4, a sheet for .png. Raises TaskError as ``check_out`` does."""
    check_out(path)
    if path.suffix == ".png":
        written = cv2.imwrite(str(path), sheet(pictures, rate_hz)[..., ::-1])
    else:
        size = pictures.shape[2], pictures.shape[1]
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate_hz, size)
        written = writer.isOpened()
        for picture in pictures:
            writer.write(picture[..., ::-1])
        writer.release()
    if not written:
        raise TaskError(f"cannot write {path}; name another file with --out")


def check_out(path: Path) -> None:
    """Raises TaskError where ``write`` cannot write ``path``: its name or its folder is wrong."""
    if path.suffix not in (".mp4", ".png"):
        raise TaskError(f"cannot write {path.name}; the name must end in .mp4 or .png")
    if not path.parent.is_dir():
        raise TaskError(f"cannot write {path}; its folder does not exist")


def _load(name: str) -> Callable:
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise TaskError(f"no player {name!r} ({error}); the form is module:function, for example {EXPERT}") from error


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gaze_vlm_ros.sim.tasks.show", description=__doc__)
    parser.add_argument("--task", required=True)
    parser.add_argument("--out", type=Path, required=True, help=".mp4 for a film, .png for a sheet of twelve instants")
    parser.add_argument("--mode", default="id")
    parser.add_argument("--robot", default="jaco")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--player", default=EXPERT)
    options = parser.parse_args()
    try:
        check_out(options.out)
        pictures, success = film(options.task, options.mode, options.robot, options.seed, options.player)
        write(pictures, options.out, 15.0)
    except GazeVlmError as error:
        sys.exit(str(error))
    print(f"{options.out}: {len(pictures)} pictures, {'solved' if success else 'not solved'}")


if __name__ == "__main__":
    main()
