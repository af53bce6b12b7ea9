"""Checks of what comes in at the governor's door. Each returns "" or a sentence that names what is wrong."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.robots.limits import JointLimits
from gaze_vlm_ros.types import NS_PER_S, JointState, JointTrajectory, WearerState

LONGEST_COMMAND_S = 60.0
MOST_POINTS = 10_000
FURTHEST_M = 100.0
_TOLERANCE = 1e-6


def stamp_problem(stamp_ns: int, ros_ns: int, ahead_s: float, behind_s: float) -> str:
    """A stamp more than ``ahead_s`` in the future or ``behind_s`` in the past."""
    age_s = (ros_ns - stamp_ns) / NS_PER_S
    if age_s < -ahead_s:
        return f"its stamp lies {-age_s:.2f} s in the future"
    return f"its stamp is {age_s:.2f} s old" if age_s > behind_s else ""


def names_problem(names: tuple[str, ...], limits: JointLimits) -> str:
    """Joints other than the arm's; their order is free."""
    if sorted(names) == sorted(limits.names):
        return ""
    return f"its joints are {', '.join(names) or 'not named'} and not {', '.join(limits.names)}"


def joint_state_problem(state: JointState, limits: JointLimits) -> str:
    """Wrong names, shapes, or values that are no numbers."""
    if problem := names_problem(state.names, limits):
        return problem
    for field in ("position_rad", "velocity_rad_s"):
        value = np.asarray(getattr(state, field))
        if value.shape != (len(limits.names),) or not _numbers(value):
            return f"its {field} are not {len(limits.names)} finite numbers"
    return ""


def command_problem(command: JointTrajectory, limits: JointLimits) -> str:
    """Wrong names or shapes, values that are no numbers, times that do not rise, points beyond the limits."""
    if problem := names_problem(command.names, limits) or _shape_problem(command):
        return problem
    times = np.asarray(command.time_from_start_s)
    if times[0] < 0.0 or (np.diff(times) <= 0.0).any() or times[-1] > LONGEST_COMMAND_S:
        return f"its times do not rise from 0 to at most {LONGEST_COMMAND_S:.0f} s"
    order = [command.names.index(name) for name in limits.names]
    position, velocity = np.asarray(command.position_rad)[:, order], np.asarray(command.velocity_rad_s)[:, order]
    beyond = np.maximum(limits.lower_rad - position, position - limits.upper_rad).max(axis=0)
    if beyond.max() > _TOLERANCE:
        return f"{limits.names[int(beyond.argmax())]} would go {beyond.max():.3f} rad beyond its limit"
    excess = (np.abs(velocity) - limits.velocity_rad_s).max(axis=0)
    if excess.max() > _TOLERANCE:
        return f"{limits.names[int(excess.argmax())]} would be {excess.max():.3f} rad/s faster than its limit"
    return ""


def wearer_problem(wearer: WearerState) -> str:
    """Wrong shapes, or places beyond any room; NaN says unseen and is no fault."""
    for field, shape in {"base_T_head": (4, 4), "left_hand_m": (3,), "right_hand_m": (3,), "sigma_m": ()}.items():
        value = np.asarray(getattr(wearer, field))
        if value.shape != shape or value.dtype.kind not in "fiu":
            return f"its {field} are not numbers of shape {shape}"
        if (np.abs(value) > FURTHEST_M).any():
            return f"its {field} lie beyond {FURTHEST_M:.0f} m"
    return "its sigma_m is negative" if wearer.sigma_m < 0.0 else ""


def _shape_problem(command: JointTrajectory) -> str:
    points, joints = np.asarray(command.time_from_start_s).size, len(command.names)
    if not 1 <= points <= MOST_POINTS:
        return f"it has {points} points; 1 to {MOST_POINTS} are allowed"
    shapes = {"position_rad": (points, joints), "velocity_rad_s": (points, joints), "time_from_start_s": (points,)}
    for field, shape in shapes.items():
        value = np.asarray(getattr(command, field))
        if value.shape != shape or not _numbers(value):
            return f"its {field} are not finite numbers of shape {shape}"
    return ""


def _numbers(value: np.ndarray) -> bool:
    return value.dtype.kind in "fiu" and bool(np.isfinite(value).all())
