"""The rendered data set: blocks of people as safetensors, made by several processes, gone on with where it was left."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.gaze.eyes.estimate import STATES
from gaze_vlm_ros.gaze.eyes.frames import SIDES, mirrored, network_picture, yaw_pitch_of
from gaze_vlm_ros.sim.eye_images.anatomy import SPLITS, EyePerson
from gaze_vlm_ros.sim.eye_images.labels import EyeLabels
from gaze_vlm_ros.sim.eye_images.render import render_absent, render_eye
from gaze_vlm_ros.training.crew import run_jobs
from gaze_vlm_ros.training.eyes.looks import Wearing, draw_rig, draw_scene
from gaze_vlm_ros.vlm.checkpoint import write_atomically

SETTINGS = "settings.json"
PEOPLE_OF_A_BLOCK = 10


class EyeDataError(GazeVlmError):
    """A data set of eye pictures that is missing, of another kind, or cannot be read."""


@dataclass(frozen=True)
class RenderSettings:
    """``train`` and ``validation`` people, each with looks as worn and looks after a slip, of both eyes; the pictures
    are stored as a network sees them: the middle share ``view`` of them, ``image_px`` wide and high.
    """

    train: int = 2600
    validation: int = 520
    worn_looks: int = 12
    slipped_looks: int = 8
    absent_share: float = 0.04
    image_px: int = 64
    view: float = 1.0

    def __post_init__(self) -> None:
        for name in ("train", "validation", "worn_looks", "image_px"):
            if getattr(self, name) < 1:
                raise EyeDataError(f"{name} must be at least 1, got {getattr(self, name)}")

    @property
    def kind(self) -> str:
        """What has to agree for a folder to be gone on with; the number of people need not."""
        return json.dumps({k: v for k, v in asdict(self).items() if k not in SPLITS}, sort_keys=True)

    def jobs(self) -> list[tuple[str, int]]:
        """(split, block) of all blocks."""
        blocks = {"validation": self.validation, "train": self.train}
        return [(split, block) for split, people in blocks.items() for block in range(-(-people // PEOPLE_OF_A_BLOCK))]


@dataclass(frozen=True, eq=False)
class EyeRenders:
    """N pictures with labels, all as of left eyes.

    ``pictures`` (N, S, S) uint8; ``gaze`` (N, 2) yaw and pitch of the visual axis in the rig frame [rad], NaN where
    there is no eye; ``state`` (N,) indices into STATES; ``pupil_mm`` and ``openness`` (N,), NaN likewise;
    ``person`` (N,) numbers in the split; ``right`` and ``slipped`` (N,) bool; ``look`` (N,) counts a person's looks.
    """

    pictures: np.ndarray
    gaze: np.ndarray
    state: np.ndarray
    pupil_mm: np.ndarray
    openness: np.ndarray
    person: np.ndarray
    right: np.ndarray
    slipped: np.ndarray
    look: np.ndarray

    def __len__(self) -> int:
        return len(self.pictures)

    def subset(self, chosen: np.ndarray) -> EyeRenders:
        """Those of indices or a mask ``chosen``."""
        return EyeRenders(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    @property
    def open(self) -> np.ndarray:
        """Mask (N,) of the pictures that say where the eye looks."""
        return self.state == STATES.index("open")


def render_set(
    folder: Path, settings: RenderSettings, workers: int, on_progress: Callable[[int, int], None] = lambda a, b: None
) -> None:
    """Renders the blocks of ``settings`` that ``folder`` lacks; ``on_progress`` gets how many are there, of how many.

    Raises EyeDataError where ``folder`` holds pictures of another kind.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SETTINGS
    if path.exists() and path.read_text() != settings.kind:
        raise EyeDataError(
            f"{folder} holds pictures of other settings ({path.name}); name another folder, or delete it"
        )
    write_atomically(path, settings.kind.encode())
    jobs = settings.jobs()
    missing = [job for job in jobs if not block_path(folder, *job).exists()]
    on_progress(len(jobs) - len(missing), len(jobs))
    make = functools.partial(_render_block, str(folder), settings)
    for made, _ in enumerate(run_jobs(make, missing, min(workers, max(len(missing), 1)), "block"), 1):
        on_progress(len(jobs) - len(missing) + made, len(jobs))


def load_renders(folder: Path, split: str, people: int | None = None) -> EyeRenders:
    """The pictures of a split, of the first ``people`` at most. Raises EyeDataError where there are none."""
    paths = sorted(Path(folder).glob(f"{split}-*.safetensors"))
    if people is not None:
        paths = paths[: -(-people // PEOPLE_OF_A_BLOCK)]
    if not paths:
        remedy = "render them with `python -m gaze_vlm_ros.training.eyes.train --stages render`"
        raise EyeDataError(f"{folder} has no {split} pictures; {remedy}")
    try:
        parts = [load_file(path) for path in paths]
    except (SafetensorError, OSError) as error:
        raise EyeDataError(f"{folder} holds a damaged block ({error}); delete it and render again") from None
    whole = EyeRenders(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    return whole if people is None else whole.subset(whole.person < people)


def digest(renders: EyeRenders) -> str:
    """SHA-256 of pictures and labels."""
    told = hashlib.sha256()
    for field in fields(renders):
        told.update(np.ascontiguousarray(getattr(renders, field.name)).tobytes())
    return told.hexdigest()


def block_path(folder: Path, split: str, block: int) -> Path:
    return Path(folder) / f"{split}-{block:04d}.safetensors"


def _render_block(folder: str, settings: RenderSettings, job: tuple[str, int]) -> None:
    """In a worker: ten people."""
    cv2.setNumThreads(1)
    split, block = job
    numbers = range(block * PEOPLE_OF_A_BLOCK, (block + 1) * PEOPLE_OF_A_BLOCK)
    people = [render_person(split, number, settings) for number in numbers]
    columns = {field.name: np.concatenate([getattr(one, field.name) for one in people]) for field in fields(EyeRenders)}
    write_atomically(block_path(Path(folder), split, block), save(columns))


def render_person(split: str, number: int, settings: RenderSettings) -> EyeRenders:
    """All pictures of person ``number`` of ``split``, who wears one pair of glasses."""
    rng = np.random.default_rng([SPLITS.index(split), number, 7])
    person, rig = EyePerson.create(number, split), draw_rig(rng)
    wearings = {False: Wearing.fresh(), True: Wearing.slipped(rng)}
    looks = [False] * settings.worn_looks + [True] * settings.slipped_looks
    rows = []
    for look, slipped in enumerate(looks):
        scene, absent = draw_scene(rng, wearings[slipped]), rng.random() < settings.absent_share
        for side in SIDES:
            shot = render_absent(rig, side, rng) if absent else render_eye(person, rig, side, scene, rng)
            picture = network_picture(shot.image, side, settings.image_px, settings.view)
            rows.append((picture, *_labels(shot.labels, side), number, side == "right", slipped, look))
    columns = zip(*rows, strict=True)
    kinds = (np.uint8, np.float32, np.uint8, np.float32, np.float32, np.int32, np.bool_, np.bool_, np.int16)
    return EyeRenders(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))


def _labels(labels: EyeLabels, side: str) -> tuple[np.ndarray, int, float, float]:
    """Yaw and pitch as of a left eye, state, pupil [mm], openness."""
    state = "absent" if not labels.present else "open" if labels.valid else "closed"
    gaze = mirrored(yaw_pitch_of(labels.in_rig.visual_axis), side)
    return gaze, STATES.index(state), labels.pupil_diameter_mm, labels.openness
