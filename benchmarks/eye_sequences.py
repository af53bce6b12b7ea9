"""Looks of people never seen in training, as the rig ``neon`` sees them, in the order that a tracker meets them.

First free looks, by which a model of the eye can settle; five looks at known targets, to calibrate; looks to be judged
by; then the glasses slip, by up to 2 mm along each axis, and after free looks to settle again there are more to be judged
by. People, glasses and looks are drawn as in training, eyes well open.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from gaze_vlm_ros.gaze.eyes.frames import SIDES
from gaze_vlm_ros.sim.eye_images.anatomy import EyePerson
from gaze_vlm_ros.sim.eye_images.render import render_eye
from gaze_vlm_ros.sim.eye_images.rig import EyeRig
from gaze_vlm_ros.training.crew import run_jobs
from gaze_vlm_ros.training.eyes.looks import Wearing, draw_rig, draw_scene, scene_at

SLIP_MM = 2.0
_RIG, _SIDE_PX = "neon", 192
_LOOK_S = 0.3
_TARGETS_DEG = ((0.0, 0.0), (-14.0, 10.0), (14.0, 10.0), (-14.0, -10.0), (14.0, -10.0))
LEARNT, JUDGED, SLIPPED = "calibrate", "judge", "slipped"


@dataclass(frozen=True)
class Plan:
    """How many looks of each kind one person has."""

    settle: int = 50
    judge: int = 40
    settle_again: int = 30
    judge_slipped: int = 40

    @property
    def stages(self) -> list[str]:
        """What each look is for, in order."""
        return [
            *["settle"] * self.settle, *[LEARNT] * len(_TARGETS_DEG), *[JUDGED] * self.judge,
            *["settle again"] * self.settle_again, *[SLIPPED] * self.judge_slipped,
        ]  # fmt: skip


@dataclass(frozen=True, eq=False)
class LookSequence:
    """``images`` (2, N, H, W) uint8, left and right; ``axes`` (2, N, 3): true visual axes in the rig frame, as it sits
    then; ``valid`` (2, N); ``stages`` (N,); ``times_s`` (N,); rotations ``rig_R_camera`` (2, 3, 3); ``focal_px``."""

    images: np.ndarray
    axes: np.ndarray
    valid: np.ndarray
    stages: np.ndarray
    times_s: np.ndarray
    rig_R_camera: np.ndarray
    focal_px: np.ndarray


def render_sequences(folder: Path, people: Sequence[int], plan: Plan, workers: int, report) -> list[Path]:
    """One ``.npz`` for each of the test split's ``people``; ``report(share)`` is told how far it is."""
    job = functools.partial(_render_one, folder, plan)
    for done, _ in enumerate(run_jobs(job, list(people), workers, "person"), start=1):
        report(done / len(people))
    return sorted(folder.glob("*.npz"))


def load(path: Path) -> LookSequence:
    with np.load(path) as file:
        return LookSequence(**{field.name: file[field.name] for field in fields(LookSequence)})


def _render_one(folder: Path, plan: Plan, number: int) -> None:
    sequence = sequence_of(EyePerson.create(number, "test"), plan, np.random.default_rng([number, 5]))
    np.savez(folder / f"{number}.npz", **{field.name: getattr(sequence, field.name) for field in fields(LookSequence)})


def sequence_of(person: EyePerson, plan: Plan, rng: np.random.Generator) -> LookSequence:
    """All looks of one person."""
    rig = _whole_rig(rng)
    fresh, slipped = Wearing.fresh(), Wearing.slipped(rng, SLIP_MM)
    targets = iter(_TARGETS_DEG)
    images, labels = [], []
    for number, stage in enumerate(plan.stages):
        later = number >= len(plan.stages) - plan.settle_again - plan.judge_slipped
        wearing = slipped if later else fresh
        if stage == LEARNT:
            scene = scene_at(rng, wearing, *next(targets), openness=rng.uniform(0.7, 1.0))
        else:
            scene = draw_scene(rng, wearing, attentive=True)
        looks = [render_eye(person, rig, side, scene, rng) for side in SIDES]
        images.append([look.image for look in looks])
        labels.append([look.labels for look in looks])
    cameras = [rig.cameras[side] for side in SIDES]
    return LookSequence(
        np.array(images).swapaxes(0, 1),
        np.array([[one.in_rig.visual_axis for one in both] for both in labels]).swapaxes(0, 1),
        np.array([[one.valid for one in both] for both in labels]).swapaxes(0, 1),
        np.array(plan.stages),
        _LOOK_S * np.arange(len(plan.stages)),
        np.array([camera.rig_T_camera[:3, :3] for camera in cameras]),
        np.array(cameras[0].camera.matrix[0, 0]),
    )


def _whole_rig(rng: np.random.Generator) -> EyeRig:
    """Glasses whose pictures have the sensor's full size, at which the rivals find pupils best."""
    while True:
        rig = draw_rig(rng, _RIG)
        if rig.cameras["left"].camera.width == _SIDE_PX:
            return rig
