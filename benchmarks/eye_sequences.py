"""What pye3d is shown: the very looks of ``training.eyes.sessions``, between free looks by which its model settles.

First free looks; the five looks of the calibration; the looks by which all are judged; then, after the glasses have
slipped, free looks again and the looks that are judged. Pictures have the sensor's full size, 192 x 192.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from gaze_vlm_ros.gaze.eyes.frames import SIDES
from gaze_vlm_ros.sim.eye_images.anatomy import EyePerson
from gaze_vlm_ros.sim.eye_images.render import render_eye
from gaze_vlm_ros.sim.eye_images.rig import EyeRig
from gaze_vlm_ros.training.crew import run_jobs
from gaze_vlm_ros.training.eyes.looks import Wearing, draw_rig, draw_scene
from gaze_vlm_ros.training.eyes.sessions import SLIP_MM, Shot, draw_session

SETTLE, SETTLE_AGAIN = 50, 30
"""Free looks before the calibration, and after the slip: 15 s and 9 s."""
_RIG, _LOOK_S = "neon", 0.3
FREE, CALIBRATE, WORN, SLIPPED = "free", "calibrate", "worn", "slipped"


@dataclass(frozen=True, eq=False)
class LookSequence:
    """``images`` (2, N, H, W) uint8, left and right; ``axes`` (2, N, 3): true visual axes in the rig frame, NaN for
    free looks; ``stages`` (N,); ``times_s`` (N,); rotations ``rig_R_camera`` (2, 3, 3); ``focal_px``."""

    images: np.ndarray
    axes: np.ndarray
    stages: np.ndarray
    times_s: np.ndarray
    rig_R_camera: np.ndarray
    focal_px: np.ndarray


def render_sequences(
    folder: Path, people: Sequence[int], seed: int, workers: int, report: Callable[[float], None]
) -> None:
    """One ``.npz`` for each of the test split's ``people``; ``report(share)`` is told how far it is."""
    job = functools.partial(_render_one, folder, seed)
    for done, _ in enumerate(run_jobs(job, list(people), min(workers, len(people)), "person"), start=1):
        report(done / len(people))


def load(path: Path) -> LookSequence:
    with np.load(path) as file:
        return LookSequence(**{field.name: file[field.name] for field in fields(LookSequence)})


def outfit(number: int, seed: int) -> tuple[EyePerson, EyeRig, Wearing]:
    """The person, the glasses and their slip of ``draw_session(number, seed)``, which draws them in this order."""
    rng = np.random.default_rng([seed, number])
    person, glasses = EyePerson.create(number, "test"), draw_rig(rng, _RIG, full_size=True)
    return person, glasses, Wearing.slipped(rng, SLIP_MM, 0.0)


def _render_one(folder: Path, seed: int, number: int) -> None:
    sequence = sequence_of(number, seed)
    np.savez(folder / f"{number}.npz", **{field.name: getattr(sequence, field.name) for field in fields(LookSequence)})


def sequence_of(number: int, seed: int, settle: int = SETTLE, settle_again: int = SETTLE_AGAIN) -> LookSequence:
    """All looks of one person, in order."""
    person, glasses, slip = outfit(number, seed)
    session, rng = draw_session(number, seed, rig=_RIG), np.random.default_rng([seed, number, 1])
    nowhere = dict.fromkeys(SIDES, np.full(3, np.nan))

    def free(wearing: Wearing, count: int) -> list[Shot]:
        scenes = [draw_scene(rng, wearing, attentive=True) for _ in range(count)]
        return [Shot({s: render_eye(person, glasses, s, one, rng).image for s in SIDES}, nowhere) for one in scenes]

    parts = [
        (FREE, free(Wearing.fresh(), settle)),
        (CALIBRATE, session.calibrate),
        (WORN, session.worn),
        (FREE, free(slip, settle_again)),
        (SLIPPED, session.slipped),
    ]
    shots = [shot for _, part in parts for shot in part]
    cameras = [glasses.cameras[side] for side in SIDES]
    return LookSequence(
        np.array([[shot.pictures[side] for shot in shots] for side in SIDES]),
        np.array([[shot.directions[side] for shot in shots] for side in SIDES]),
        np.array([stage for stage, part in parts for _ in part]),
        _LOOK_S * np.arange(len(shots)),
        np.array([camera.rig_T_camera[:3, :3] for camera in cameras]),
        np.array(cameras[0].camera.matrix[0, 0]),
    )
