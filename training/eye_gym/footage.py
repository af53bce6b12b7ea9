"""Footage: demonstrations kept in memory for the eye to look around in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from gaze_vlm_ros.policies.foveated import FoveatedConfig
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.robot_eye import Panorama
from gaze_vlm_ros.training.demonstrations.chunks import chunks_of
from gaze_vlm_ros.training.demonstrations.motion_set import proprioception, text_of
from gaze_vlm_ros.training.demonstrations.schema import REMEDY, Demonstration, DemonstrationError


@dataclass(frozen=True)
class Footage:
    """One demonstration with what is asked of a policy at each of its steps."""

    demonstration: Demonstration
    chunks: np.ndarray
    proprio: np.ndarray
    text: np.ndarray

    @classmethod
    def of(cls, demonstration: Demonstration, config: FoveatedConfig) -> Footage:
        """Raises DemonstrationError where it was recorded without panoramas."""
        if not len(demonstration.panorama_step):
            raise DemonstrationError(
                f"demonstration {demonstration.seed} of {demonstration.task} has no panoramas; {REMEDY}"
            )
        chunks = chunks_of(demonstration, config.chunk_steps, config.chunk_hz)
        return cls(demonstration, chunks, proprioception(demonstration), text_of(demonstration))

    @property
    def steps(self) -> int:
        return self.demonstration.steps

    @cached_property
    def eye_m(self) -> np.ndarray:
        return np.array(self.demonstration.eye_m)

    def panorama_at(self, step: int) -> int:
        """The index of the newest panorama at a step."""
        return int(np.searchsorted(self.demonstration.panorama_step, step, side="right")) - 1

    def moment_of(self, step: int) -> int:
        """The step at which the newest panorama at ``step`` was taken."""
        return int(self.demonstration.panorama_step[self.panorama_at(step)])


def load_footage(paths: list[Path], config: FoveatedConfig) -> list[Footage]:
    footage = []
    with Progress() as bar:
        line = bar.add_task("footage", total=len(paths))
        for path in paths:
            footage.append(Footage.of(Demonstration.load(path), config))
            bar.advance(line)
    return footage


def relit(panorama: Panorama, factors: np.ndarray) -> Panorama:
    """The same place under other light: ``factors`` (3,) of red, green and blue."""
    scale = (*factors.tolist(), 0.0)
    return Panorama(*(cv2.multiply(picture, scale) for picture in (panorama.fine, panorama.rest)), panorama.arc)
