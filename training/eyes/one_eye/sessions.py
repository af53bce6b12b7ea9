"""What people do before a device: sessions of looks at dots, rendered, kept person by person as ``.npz``."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.eye_images.anatomy import SIDES, EyePerson
from gaze_vlm_ros.training.crew import run_jobs
from gaze_vlm_ros.training.eyes.one_eye.device import DEVICES, Device, hold_device, moved, take

GRIPS, DOTS_OF_A_GRIP = 3, 8
TEST_DOTS, FRAMES_OF_A_DOT = 24, 3
_BETWEEN_DOTS, _WITHIN_A_DOT = (12.0, 2.5), (0.7, 0.2)
"""How far [mm, degrees] device and head move against each other from dot to dot, and while a dot is looked at."""
_MARGIN = 0.07
_THIRTEEN = np.array([(x, y) for x in (0, 2, 4) for y in (0, 2, 4)] + [(1, 1), (1, 3), (3, 1), (3, 3)]) / 4.0
CALIBRATION = len(_THIRTEEN)


@dataclass(frozen=True, eq=False)
class Session:
    """N frames: ``pictures`` (N, 2, S, S) uint8 of the left and the right eye, ``landmarks`` (N, 2, 4), ``dots_cm``
    (N, 2), ``dot`` (N,): the number of the dot that is looked at. In a test session the first 13 calibrate."""

    pictures: np.ndarray
    landmarks: np.ndarray
    dots_cm: np.ndarray
    dot: np.ndarray

    def __len__(self) -> int:
        return len(self.dot)

    def eye(self, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Pictures (N, 1, S, S) and landmarks (N, 4) of one eye, as one-eye networks take them."""
        index = SIDES.index(side)
        return self.pictures[:, index : index + 1], self.landmarks[:, index]

    def both(self) -> tuple[np.ndarray, np.ndarray]:
        """Pictures (N, 2, S, S) and landmarks (N, 8), as two-eye networks take them."""
        return self.pictures, self.landmarks.reshape(len(self), -1)


def train_session(number: int, split: str, image_size: int) -> Session:
    """Three grips of one device and eight random dots in each, every dot once."""
    rng, person, device = _begin(number, split)
    frames = []
    for _ in range(GRIPS):
        grip = hold_device(rng, device)
        for dot in _random_dots(rng, device, DOTS_OF_A_GRIP):
            frames.append(take(person, moved(grip, rng, *_BETWEEN_DOTS), dot, image_size, rng, rng.uniform(2.2, 5.0)))
    return _session(frames, range(len(frames)))


def test_session(number: int, split: str, image_size: int) -> Session:
    """One grip; 13 spread dots, then random ones, each looked at for three frames that hardly differ."""
    rng, person, device = _begin(number, split)
    grip = hold_device(rng, device)
    frames, numbers = [], []
    for index, dot in enumerate([*_thirteen(device), *_random_dots(rng, device, TEST_DOTS)]):
        there, pupil = moved(grip, rng, *_BETWEEN_DOTS), rng.uniform(2.2, 5.0)
        for _ in range(FRAMES_OF_A_DOT):
            frames.append(take(person, moved(there, rng, *_WITHIN_A_DOT), dot, image_size, rng, pupil))
            numbers.append(index)
    return _session(frames, numbers)


KINDS = {"train": train_session, "test": test_session}


def record(folder: Path, kind: str, split: str, numbers: Sequence[int], image_size: int, workers: int) -> list[Session]:
    """Sessions of ``kind`` (of KINDS) of the people ``numbers`` of a split; those that ``folder`` holds are read."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {n: folder / f"{kind}-{split}-{n}-{image_size}.npz" for n in numbers}
    missing = [number for number, path in paths.items() if not path.exists()]
    job = functools.partial(_record_one, folder, kind, split, image_size)
    with Progress() as bar:
        task = bar.add_task(f"{split} people at devices", total=len(numbers), completed=len(numbers) - len(missing))
        for _ in run_jobs(job, missing, min(workers, max(1, len(missing))), "person"):
            bar.advance(task)
    return [load(path) for path in paths.values()]


def load(path: Path) -> Session:
    """A session that ``record`` has written."""
    with np.load(path) as file:
        return Session(**{field.name: file[field.name] for field in fields(Session)})


def joined(sessions: Sequence[Session]) -> Session:
    """The frames of several sessions as one; dots of different people get different numbers."""
    firsts = np.cumsum([0, *(session.dot.max() + 1 for session in sessions)])
    parts = {f.name: np.concatenate([getattr(s, f.name) for s in sessions]) for f in fields(Session)}
    parts["dot"] = np.concatenate([session.dot + first for session, first in zip(sessions, firsts, strict=False)])
    return Session(**parts)


def _record_one(folder: Path, kind: str, split: str, image_size: int, number: int) -> None:
    session = KINDS[kind](number, split, image_size)
    path = folder / f"{kind}-{split}-{number}-{image_size}.npz"
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, **{field.name: getattr(session, field.name) for field in fields(Session)})
    unfinished.replace(path)


def _begin(number: int, split: str) -> tuple[np.random.Generator, EyePerson, Device]:
    return (
        np.random.default_rng([number, 7]),
        EyePerson.create(number, split),
        DEVICES[number % len(DEVICES)],
    )


def _random_dots(rng: np.random.Generator, device: Device, count: int) -> np.ndarray:
    return _on_screen(device, rng.uniform(0.0, 1.0, (count, 2)))


def _thirteen(device: Device) -> np.ndarray:
    return _on_screen(device, _MARGIN + (1.0 - 2.0 * _MARGIN) * _THIRTEEN)


def _on_screen(device: Device, shares: np.ndarray) -> np.ndarray:
    left, right, bottom, top = device.screen_cm
    return np.array([left, bottom]) + shares * np.array([right - left, top - bottom])


def _session(frames: Sequence, numbers: Sequence[int]) -> Session:
    return Session(
        np.stack([frame.pictures for frame in frames]),
        np.stack([frame.landmarks for frame in frames]).astype(np.float32),
        np.stack([frame.dot_cm for frame in frames]).astype(np.float32),
        np.array(list(numbers), dtype=np.int64),
    )
