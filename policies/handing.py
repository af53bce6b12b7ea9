"""Where a robot sets down what it brings: within the wearer's reach, away from hands and from what stands there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.robots.limits import Box
from gaze_vlm_ros.types import WearerState

_SHOULDERS_BELOW_M = 0.24
"""Below the scene camera, along the base's z axis."""
_STEP_M = 0.03
REACH_M = 0.6
"""From between the shoulders: what is nearer needs no robot."""
SURELY_M = 0.52
"""What is nearer is within reach though gaze may err; what lies between the two may be or not."""


@dataclass(frozen=True)
class HandingSettings:
    """``reach_m``: from between the wearer's shoulders. ``apart_m``: least distance from a hand, ``clear_m`` from other
    things, or ``tight_m`` where the table is full, ``inside_m`` from the sides of the robot's workspace. ``robot_m``:
    farthest from its base. ``way_m``: least way from where the thing is; a hand with a thing that all but stands at its
    goal looks as if it had arrived."""

    reach_m: float = 0.58
    apart_m: float = 0.23
    clear_m: float = 0.09
    tight_m: float = 0.06
    inside_m: float = 0.02
    robot_m: float = 0.64
    way_m: float = 0.22


def shoulders_m(wearer: WearerState) -> np.ndarray:
    """The point (3,) between the wearer's shoulders, in the robot's base."""
    return wearer.base_T_head[:3, 3] - [0.0, 0.0, _SHOULDERS_BELOW_M]


def is_in_reach(point_m: np.ndarray, wearer: WearerState, reach_m: float = REACH_M) -> bool:
    """Whether the wearer gets hold of what is at ``point_m`` (3,) without getting up."""
    return bool(np.linalg.norm(point_m - shoulders_m(wearer)) <= reach_m)


def handing_point(
    thing_m: np.ndarray,
    wearer: WearerState,
    others_m: Sequence[np.ndarray],
    workspace: Box,
    settings: HandingSettings = HandingSettings(),
) -> np.ndarray | None:
    """The point (2,) of the table, z = 0 in the robot's base, nearest to where the thing (3,) is; None where none fits.

    ``others_m`` are positions (3,) of other things that are known.
    """
    low, high = workspace.lower_m[:2] + settings.inside_m, workspace.upper_m[:2] - settings.inside_m
    axes = [np.arange(low[axis], high[axis], _STEP_M) for axis in range(2)]
    spots = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    hands = [hand for hand in (wearer.left_hand_m, wearer.right_hand_m) if np.isfinite(hand).all()]
    shoulders = shoulders_m(wearer)
    fits = np.hypot(_away(spots, shoulders), shoulders[2]) <= settings.reach_m
    fits &= np.linalg.norm(spots, axis=1) <= settings.robot_m
    fits &= _away(spots, thing_m) >= settings.way_m
    for hand in hands:
        fits &= _away(spots, hand) >= settings.apart_m
    spots = spots[fits]
    free_m = np.min([_away(spots, other) for other in others_m], axis=0) if others_m else np.full(len(spots), np.inf)
    for clear_m in (settings.clear_m, settings.tight_m):
        free = spots[free_m >= clear_m]
        if len(free):
            return free[_away(free, thing_m).argmin()]
    return None


def _away(spots_m: np.ndarray, point_m: np.ndarray) -> np.ndarray:
    return np.linalg.norm(spots_m - np.asarray(point_m)[:2], axis=1)
