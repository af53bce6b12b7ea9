"""SightSet: what the eye saw of demonstrations in many directions, and where the hand's places were."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.robot_eye import LEVELS, WINDOW_PX, views_from_panorama
from gaze_vlm_ros.sim.robot_eye.eye import AZIMUTH_LIMIT_RAD, ELEVATION_LIMITS_RAD
from gaze_vlm_ros.training.demonstrations.motion_set import demonstrations_digest, proprioception, text_of
from gaze_vlm_ros.training.demonstrations.schema import REMEDY, Demonstration, DemonstrationError

_NUMBERS = ("proprio", "direction", "places", "asked_m", "text")
_NEAR_RAD, _FAR_RAD = np.radians(2.5), np.radians(20.0)
LOOKS = 4
"""Directions per panorama: at either place, nearly; towards what is worked at, vaguely; anywhere on the arc."""
_LEAST_ROUNDS = 4
"""So often at least a demonstration is looked at, however few panoramas it has."""


@dataclass(frozen=True)
class SightSet:
    """M looks: ``views`` (M, 3, 64, 64, 3) uint8, stored beside the demonstrations; ``proprio`` (M, J), ``direction``
    (M, 3), ``places`` (M, 2, 7), ``asked_m`` (M, 3), ``text`` (M, D)."""

    views: np.ndarray
    proprio: Tensor
    direction: Tensor
    places: Tensor
    asked_m: Tensor
    text: Tensor

    def __len__(self) -> int:
        return len(self.proprio)

    def pictures(self, picked: Tensor) -> Tensor:
        """Views (B, 3, 64, 64, 3) uint8."""
        return torch.from_numpy(self.views[picked.numpy()])


def load_sights(paths: list[Path], folder: Path, name: str, seed: int = 0) -> SightSet:
    """The looks of the demonstrations ``paths``, kept in ``folder`` as ``name``; made again where these change.

    Raises DemonstrationError for one without panoramas."""
    drawn = [LOOKS, float(_NEAR_RAD), float(_FAR_RAD), _LEAST_ROUNDS]
    told = {"paths": [str(path) for path in paths], "data": demonstrations_digest(paths), "seed": seed, "looks": drawn}
    made_of = json.dumps(told)
    about = folder / f"{name}.json"
    if not (about.exists() and about.read_text() == made_of):
        folder.mkdir(parents=True, exist_ok=True)
        about.unlink(missing_ok=True)
        _make(paths, folder, name, seed)
        about.write_text(made_of)
    with np.load(folder / f"{name}.npz") as file:
        numbers = {key: torch.from_numpy(file[key]) for key in _NUMBERS}
    return SightSet(np.load(folder / f"{name}.npy", mmap_mode="r"), **numbers)


def _make(paths: list[Path], folder: Path, name: str, seed: int) -> None:
    total = sum(len(_rounds(_panoramas(path))) for path in paths) * LOOKS
    views = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.uint8, (total, LEVELS, WINDOW_PX, WINDOW_PX, 3))
    numbers: dict[str, list[np.ndarray]] = {key: [] for key in _NUMBERS}
    filled = 0
    with Progress() as bar:
        line = bar.add_task("looks", total=len(paths))
        for path in paths:
            demonstration = Demonstration.load(path)
            rng = np.random.default_rng([seed, demonstration.seed])
            rounds = _rounds(len(demonstration.panorama_step))
            steps = demonstration.panorama_step[rounds]
            looks = [draw_looks(demonstration, step, rng) for step in steps]
            for index, directions in zip(rounds, looks, strict=True):
                views[filled : filled + LOOKS] = views_from_panorama(demonstration.panorama(index), directions)
                filled += LOOKS
            _add(numbers, demonstration, np.repeat(steps, LOOKS), np.concatenate(looks))
            bar.advance(line)
    views.flush()
    np.savez(folder / f"{name}.npz", **{key: np.concatenate(parts) for key, parts in numbers.items()})


def _rounds(panoramas: int) -> np.ndarray:
    """Which of its panoramas a demonstration is looked around in, one after the other."""
    return np.repeat(np.arange(panoramas), -(-_LEAST_ROUNDS // max(panoramas, 1)))


def _add(numbers: dict, demonstration: Demonstration, steps: np.ndarray, looks: np.ndarray) -> None:
    numbers["proprio"].append(proprioception(demonstration)[steps])
    numbers["direction"].append(rays_of(looks).astype(np.float32))
    numbers["places"].append(demonstration.places[steps])
    numbers["asked_m"].append(demonstration.asked_m[steps])
    numbers["text"].append(np.tile(text_of(demonstration), (len(steps), 1)))


def draw_looks(demonstration: Demonstration, step: int, rng: np.random.Generator) -> np.ndarray:
    """LOOKS directions (LOOKS, 2) [rad] at a step."""
    eye = np.array(demonstration.eye_m)
    places = demonstration.places[step, :, :3]
    looks = [directions_to(point, eye) + rng.normal(0.0, _NEAR_RAD, 2) for point in places]
    looks.append(directions_to(demonstration.look_m[step], eye) + rng.normal(0.0, _FAR_RAD, 2) * [1.5, 0.7])
    looks.append(np.array([rng.uniform(-1.75, 1.75), rng.uniform(-1.2, -0.2)]))
    low = [-AZIMUTH_LIMIT_RAD, ELEVATION_LIMITS_RAD[0]]
    return np.clip(looks, low, [AZIMUTH_LIMIT_RAD, ELEVATION_LIMITS_RAD[1]])


def directions_to(points_m: np.ndarray, eye_m: np.ndarray) -> np.ndarray:
    """Azimuth and elevation (..., 2) [rad] of points (..., 3) from the eye, both in the base frame."""
    x, y, z = np.moveaxis(np.asarray(points_m, dtype=np.float64) - eye_m, -1, 0)
    return np.stack([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))], axis=-1)


def rays_of(directions_rad: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 3) of azimuths and elevations (..., 2)."""
    azimuth, elevation = np.moveaxis(directions_rad, -1, 0)
    flat = np.cos(elevation)
    return np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], axis=-1)


def _panoramas(path: Path) -> int:
    with np.load(path, allow_pickle=False) as file:
        count = len(file["panorama_step"])
    if not count:
        raise DemonstrationError(f"{path} has no panoramas, so nothing can be seen in it; {REMEDY}")
    return count
