"""Which thing a pointing tool means."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

POINTING_MAX_ANGLE_RAD = 0.2


def pointed_thing(
    frame_T_tool: np.ndarray, positions_m: Mapping[str, np.ndarray], max_angle_rad: float = POINTING_MAX_ANGLE_RAD
) -> str | None:
    """The label whose position (3,) lies nearest in angle to the tool's z axis, or None beyond ``max_angle_rad``.

    Tool pose (4, 4) and positions share one frame.
    """
    best, best_angle = None, max_angle_rad
    for label, position in positions_m.items():
        way = np.asarray(position) - frame_T_tool[:3, 3]
        angle = float(np.arctan2(np.linalg.norm(np.cross(frame_T_tool[:3, 2], way)), frame_T_tool[:3, 2] @ way))
        if angle <= best_angle:
            best, best_angle = label, angle
    return best
