"""What a trained policy has to offer to be used as a skill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError

VIEWS_SHAPE = (3, 64, 64, 3)
"""What the robot's eye gives: three levels, fine to coarse, uint8."""


class SkillError(GazeVlmError):
    """A skill that is not there, or is for another robot or camera."""


@dataclass(frozen=True)
class Look:
    """What the robot's eye saw at ``stamp_ns``: ``views`` VIEWS_SHAPE, towards the unit vector ``direction`` (3,) in
    the robot's base."""

    stamp_ns: int
    views: np.ndarray
    direction: np.ndarray


class Skill(Protocol):
    """One trained policy. ``eye_m`` (3,) is where it expects the robot's eye in the base; None where it has none.

    ``joints`` are positions [rad] in the robot's order, then the gripper's opening, 0 closed .. 1 open. A skill that
    ``brings`` is told where to; ``holding``: the gripper has the thing; ``done``: it stands where it was to go, and the
    hand has withdrawn.
    """

    name: str
    eye_m: np.ndarray | None
    brings: bool = False
    holding: bool = False
    done: bool = False
    moved_m: float = 0.03
    """A thing that is elsewhere by more starts the skill anew."""

    @property
    def under_way(self) -> bool:
        """The thing is in the gripper, or was let go of a moment ago."""
        return self.holding

    def reset(self, label: str, position_m: np.ndarray, goal_m: np.ndarray | None = None) -> None:
        """A new episode with the thing ``label`` at ``position_m`` (3,), to be brought to ``goal_m`` (2,) on the
        table where the skill ``brings``."""

    def told(self, position_m: np.ndarray) -> None:
        """The thing is now known to be at (3,) ``position_m``; for most skills the place of the beginning counts."""

    def step(self, look: Look | None, joints: np.ndarray, time_s: float) -> int | None:
        """One step of the eye at ``time_s``, which rises; what the eye should do next (0..24), None for nothing."""

    def joints_at(self, time_s: float) -> np.ndarray:
        """What to command (J,) for ``time_s``, at or soon after the last step."""
