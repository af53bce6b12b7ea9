"""A simulated person before eye cameras: five looks to calibrate with, looks afterwards, and looks after a slip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.gaze.eyes.frames import SIDES
from gaze_vlm_ros.gaze.eyes.personal import Look
from gaze_vlm_ros.sim.eye_images.anatomy import EyePerson
from gaze_vlm_ros.sim.eye_images.render import render_eye
from gaze_vlm_ros.sim.eye_images.rig import EyeRig
from gaze_vlm_ros.sim.eye_images.scene import EyeScene
from gaze_vlm_ros.training.eyes.looks import Wearing, draw_rig, draw_scene, scene_at

TARGETS_DEG = ((0.0, 0.0), (-16.0, 12.0), (16.0, 12.0), (-16.0, -12.0), (16.0, -12.0))
"""Yaw and pitch of the five targets of a calibration [head frame]."""
SLIP_MM = 2.0
_NUMBERS = 2**31


@dataclass(frozen=True, eq=False)
class Shot:
    """Both eyes' ``pictures`` (H, W) uint8 at one moment, and the true visual axes ``directions`` (3,) [rig frame]."""

    pictures: dict[str, np.ndarray]
    directions: dict[str, np.ndarray]

    def look(self, side: str) -> Look:
        """What a calibration gets of one eye. A target nearby lies in another direction for each eye."""
        return Look(
            **{one: self.pictures[one] if one == side else None for one in SIDES}, direction=self.directions[side]
        )


@dataclass(frozen=True, eq=False)
class Session:
    """One person: five looks to ``calibrate`` with, looks as ``worn``, and looks after the glasses ``slipped``."""

    identity: str
    calibrate: list[Shot]
    worn: list[Shot]
    slipped: list[Shot]


def unseen_people(people: int, seed: int) -> list[int]:
    """Numbers of ``people`` of the split "test", of whom no training has ever seen one."""
    return np.random.default_rng([seed, 1]).integers(_NUMBERS, size=people).tolist()


def draw_session(number: int, seed: int, looks: int = 12, rig: str = "neon") -> Session:
    """The session of test person ``number``; ``looks`` each as worn and after a slip of up to 2 mm along each axis."""
    rng = np.random.default_rng([seed, number])
    person, glasses = EyePerson.create(number, "test"), draw_rig(rng, rig, full_size=True)
    worn, slipped = Wearing.fresh(), Wearing.slipped(rng, SLIP_MM, 0.0)

    def shoot(scene: EyeScene) -> Shot:
        return _shoot(person, glasses, scene, rng)

    return Session(
        person.identity,
        [shoot(scene_at(rng, worn, *target, openness=rng.uniform(0.8, 1.0))) for target in TARGETS_DEG],
        [shoot(draw_scene(rng, worn, attentive=True)) for _ in range(looks)],
        [shoot(draw_scene(rng, slipped, attentive=True)) for _ in range(looks)],
    )


def _shoot(person: EyePerson, rig: EyeRig, scene: EyeScene, rng: np.random.Generator) -> Shot:
    shots = {side: render_eye(person, rig, side, scene, rng) for side in SIDES}
    return Shot(
        {side: shot.image for side, shot in shots.items()},
        {side: shot.labels.in_rig.visual_axis for side, shot in shots.items()},
    )
