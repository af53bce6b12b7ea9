"""The eye cameras of a wearer who lives: one person's eyes, drawn as the wearer's look at a moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.sim.eye_images.anatomy import SIDES, EyePerson
from gaze_vlm_ros.sim.eye_images.render import EyeImage, render_eye
from gaze_vlm_ros.sim.eye_images.rig import EyeRig
from gaze_vlm_ros.sim.eye_images.scene import EyeScene

_PUPIL_MM = (2.8, 5.0)
_PUPIL_PERIOD_S = 4.0
_LEAST_FORWARD = 0.6
_SPLIT = "test"


@dataclass(frozen=True, eq=False)
class EyeMoment:
    """Where the wearer looks at ``time_s``: ``target_m`` (3,) in the head, and how far the lids are open (0..1)."""

    time_s: float
    target_m: np.ndarray
    openness: float


class LiveEyes:
    """Draws both eyes of person ``seed``, one that no network was trained on, as the cameras of a rig see them.

    Pupils widen and narrow slowly. One pair takes 12 ms of a processor at the Neon's 192x192 px. Not for two threads.
    """

    def __init__(self, seed: int, rig: str = "neon") -> None:
        rng = np.random.default_rng([seed, 7])
        self.person, self.rig = EyePerson.create(seed, _SPLIT), EyeRig.preset(rig)
        self._phase, self._noise = rng.uniform(0.0, 2.0 * np.pi), rng

    @property
    def head_T_rig(self) -> np.ndarray:
        """Where the glasses sit on this face (4, 4) [m]."""
        pose = np.eye(4)
        pose[:3, 3] = 1e-3 * np.array(self.person.fit_mm)
        return pose

    def draw(self, moment: EyeMoment) -> dict[str, EyeImage]:
        """Pictures with labels, by "left" and "right".

        A target behind the eyes, as a saccade may pass in a fast turn of the head, is drawn as the nearest before them.
        """
        wave = 0.5 + 0.5 * np.sin(2.0 * np.pi * moment.time_s / _PUPIL_PERIOD_S + self._phase)
        narrow, wide = _PUPIL_MM
        target = _before_the_eyes(moment.target_m)
        scene = EyeScene(target, narrow + wave * (wide - narrow), float(np.clip(moment.openness, 0.0, 1.0)))
        return {side: render_eye(self.person, self.rig, side, scene, self._noise) for side in SIDES}


def _before_the_eyes(target_m: np.ndarray) -> np.ndarray:
    x, y, z = target_m
    return np.array([x, y, max(z, _LEAST_FORWARD * float(np.hypot(x, y)), 0.05)])
