"""Eyes as two kinds of glasses see them: views of a source, the same from anywhere, and those of a target."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from gaze_vlm_ros.geometry.transforms import make_transform, rotation_from_vector
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.eye_images.anatomy import EyePerson
from gaze_vlm_ros.sim.eye_images.render import render_eye
from gaze_vlm_ros.sim.eye_images.rig import EyeRig
from gaze_vlm_ros.sim.eye_images.scene import EyeScene
from gaze_vlm_ros.training.crew import run_jobs
from gaze_vlm_ros.training.eyes.looks import Wearing, draw_scene

SIDE = "left"
LOOKS = 8


@dataclass(frozen=True)
class Domain:
    """Glasses. The camera stands ``turn_deg`` (about the head's x and y axes, through the eye) off the preset's place,
    in each look by up to ``spread_deg`` more or less; ``lights_mm`` [rig], None: the preset's, which turn with the
    camera; factors on the preset's sensor. ``rig`` names the preset.
    """

    turn_deg: tuple[float, float] = (0.0, 0.0)
    spread_deg: float = 1.5
    lights_mm: tuple[tuple[float, float, float], ...] | None = None
    level: float = 1.0
    defocus: float = 1.0
    noise: float = 1.0
    rig: str = "neon"


DOMAINS = {
    "source": Domain(),
    "extended": Domain((2.0, -8.0), 14.0),
    "target": Domain(
        (6.0, -14.0), 3.0, ((-12.0, -14.0, 30.0), (-46.0, -10.0, 28.0), (-50.0, 14.0, 24.0)), 0.75, 1.5, 3.0
    ),
    "aria": Domain(rig="aria"),
}
"""``extended`` shows the people and moments of ``source`` again, under its lights, from all around."""


@dataclass(frozen=True, eq=False)
class DomainSet:
    """N looks of left eyes: ``pictures`` and ``parts`` (N, S, S) uint8 (of sim's ``Part``); ``gaze`` (N, 3) visual axes
    in the camera's frame; ``rig_R_camera`` (N, 3, 3); ``person`` (N,)."""

    pictures: np.ndarray
    parts: np.ndarray
    gaze: np.ndarray
    rig_R_camera: np.ndarray
    person: np.ndarray

    def __len__(self) -> int:
        return len(self.person)


def render_domain(
    folder: Path, domain: str, split: str, numbers: Sequence[int], image_px: int, workers: int
) -> DomainSet:
    """The looks of the people ``numbers`` of a split in one of DOMAINS; what ``folder`` holds is read."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {number: _path(folder, domain, split, image_px, number) for number in numbers}
    missing = [number for number, path in paths.items() if not path.exists()]
    job = functools.partial(_render_one, folder, domain, split, image_px)
    with Progress() as bar:
        task = bar.add_task(f"{domain} {split}", total=len(numbers), completed=len(numbers) - len(missing))
        for _ in run_jobs(job, missing, min(workers, max(1, len(missing))), "person"):
            bar.advance(task)
    parts = [np.load(path) for path in paths.values()]
    return DomainSet(**{f.name: np.concatenate([part[f.name] for part in parts]) for f in fields(DomainSet)})


def look_at(person: EyePerson, rig: EyeRig, scene: EyeScene, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Picture, parts, gaze in the camera's frame, and the camera's rotation in the rig, of the left eye."""
    seen = render_eye(person, rig, SIDE, scene, rng)
    labels = seen.labels
    return seen.image, labels.parts, labels.in_camera.visual_axis, rig.cameras[SIDE].rig_T_camera[:3, :3]


def glasses(domain: Domain, person: EyePerson, image_px: int, rng: np.random.Generator) -> EyeRig:
    """The glasses of one look in ``domain``."""
    rig = EyeRig.preset(domain.rig, (image_px, image_px))
    turn = np.radians([*domain.turn_deg, 0.0]) + np.radians(domain.spread_deg) * rng.uniform(-1.0, 1.0, 3) * (1, 1, 0.3)
    eye = person.eyeball_centre_mm(SIDE) - person.fit_mm
    rotation = rotation_from_vector(turn)
    rig = rig.moved(SIDE, make_transform(rotation, eye - rotation @ eye))
    camera = rig.cameras[SIDE]
    camera = replace(
        camera,
        lights_mm=camera.lights_mm if domain.lights_mm is None else np.array(domain.lights_mm),
        level=camera.level * domain.level,
        defocus_px=camera.defocus_px * domain.defocus,
        read_noise=camera.read_noise * domain.noise,
        shot_noise=camera.shot_noise * domain.noise,
    )
    return EyeRig(rig.name, {**rig.cameras, SIDE: camera})


def _render_one(folder: Path, domain: str, split: str, image_px: int, number: int) -> None:
    person = EyePerson.create(number, split)
    moments, views = np.random.default_rng([number, 3]), np.random.default_rng([number, list(DOMAINS).index(domain), 4])
    rows = []
    for _ in range(LOOKS):
        scene = draw_scene(moments, Wearing.fresh(), attentive=True)
        rows.append(look_at(person, glasses(DOMAINS[domain], person, image_px, views), scene, views))
    pictures, parts, gaze, turns = (np.stack(column) for column in zip(*rows, strict=True))
    path = _path(folder, domain, split, image_px, number)
    unfinished = path.with_suffix(".part.npz")
    whole = DomainSet(pictures, parts, gaze, turns, np.full(LOOKS, number))
    np.savez(unfinished, **{field.name: getattr(whole, field.name) for field in fields(DomainSet)})
    unfinished.replace(path)


def _path(folder: Path, domain: str, split: str, image_px: int, number: int) -> Path:
    return folder / f"{domain}-{split}-{number}-{image_px}.npz"
