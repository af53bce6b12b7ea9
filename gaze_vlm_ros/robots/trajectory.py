"""Timed joint motions: the fastest within limits, and what a trajectory says at a given time. numpy only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gaze_vlm_ros.types import JointTrajectory


class Point(NamedTuple):
    """Position [rad] and velocity [rad/s] of the joints at one time, each (n,)."""

    position_rad: np.ndarray
    velocity_rad_s: np.ndarray


def sample(trajectory: JointTrajectory, time_s: float) -> Point:
    """Where the joints should be ``time_s`` after the trajectory's start.

    Cubic between points, as joint_trajectory_controller interpolates. Before the first point its position is held,
    after the last one too; both with zero velocity.
    """
    times = trajectory.time_from_start_s
    if time_s < times[0] or time_s >= times[-1]:
        end = 0 if time_s < times[0] else -1
        return Point(trajectory.position_rad[end].copy(), np.zeros(len(trajectory.names)))
    i = int(np.searchsorted(times, time_s, side="right")) - 1
    span = times[i + 1] - times[i]
    s = (time_s - times[i]) / span
    p0, p1 = trajectory.position_rad[i], trajectory.position_rad[i + 1]
    m0, m1 = trajectory.velocity_rad_s[i] * span, trajectory.velocity_rad_s[i + 1] * span
    bend, turn = 2 * (p0 - p1) + m0 + m1, 3 * (p1 - p0) - 2 * m0 - m1
    return Point(p0 + s * (m0 + s * (turn + s * bend)), (m0 + s * (2 * turn + 3 * s * bend)) / span)


def fastest_motion(
    names: tuple[str, ...],
    start: Point,
    goal_rad: np.ndarray,
    velocity_rad_s: np.ndarray,
    acceleration_rad_s2: np.ndarray,
) -> JointTrajectory:
    """Each joint goes to ``goal_rad`` and rests there as fast as its limits, all (n,), allow; its stamp is 0.

    Accelerate, cruise, brake. The points stand where any joint's acceleration changes, so that cubic interpolation
    gives the motion exactly. A start faster than ``velocity_rad_s`` slows down to it.
    """
    start_rad, start_rad_s = start
    stop = start_rad + start_rad_s * np.abs(start_rad_s) / (2 * acceleration_rad_s2)
    sign = np.sign(goal_rad - stop)
    peak2 = sign * acceleration_rad_s2 * (goal_rad - start_rad) + 0.5 * start_rad_s**2
    peak = sign * np.minimum(np.sqrt(np.maximum(peak2, 0.0)), velocity_rad_s)
    speed_up = np.abs(peak - start_rad_s) / acceleration_rad_s2
    brake = np.abs(peak) / acceleration_rad_s2
    way = goal_rad - start_rad - 0.5 * (start_rad_s + peak) * speed_up - 0.5 * peak * brake
    cruise = np.divide(way, peak, out=np.zeros_like(way), where=np.abs(peak) > 1e-12).clip(min=0.0)
    ends = np.stack([speed_up, speed_up + cruise, speed_up + cruise + brake])
    times = _distinct(np.concatenate([[0.0], ends.ravel()]))
    t = np.clip(
        times[:, None] - np.stack([np.zeros_like(speed_up), ends[0], ends[1]])[:, None],
        0.0,
        np.stack([speed_up, cruise, brake])[:, None],
    )
    direction = np.sign(peak - start_rad_s)
    velocity = start_rad_s + direction * acceleration_rad_s2 * t[0] - np.sign(peak) * acceleration_rad_s2 * t[2]
    position = (
        start_rad
        + start_rad_s * t[0]
        + 0.5 * direction * acceleration_rad_s2 * t[0] ** 2
        + peak * t[1]
        + peak * t[2]
        - 0.5 * np.sign(peak) * acceleration_rad_s2 * t[2] ** 2
    )
    velocity[-1] = 0.0
    return JointTrajectory(0, names, position, velocity, times)


def _distinct(times: np.ndarray) -> np.ndarray:
    """Sorted, at least a microsecond apart, and never fewer than two."""
    times = np.sort(times)
    times = times[np.concatenate([[True], np.diff(times) > 1e-6])]
    return times if len(times) > 1 else np.array([0.0, 1e-3])


def braking_motion(names: tuple[str, ...], start: Point, braking_rad_s2: np.ndarray) -> JointTrajectory:
    """Comes to rest as fast as (n,) ``braking_rad_s2`` allows; its stamp is 0."""
    speed = np.abs(start.velocity_rad_s)
    stop = start.position_rad + start.velocity_rad_s * speed / (2 * braking_rad_s2)
    return fastest_motion(names, start, stop, speed + 1e-9, braking_rad_s2)


def rest_of(trajectory: JointTrajectory, elapsed_s: float, stamp_ns: int) -> JointTrajectory:
    """What remains ``elapsed_s`` after the start, as a trajectory of its own that starts now."""
    position, velocity = sample(trajectory, elapsed_s)
    ahead = trajectory.time_from_start_s > elapsed_s + 1e-6
    if not ahead.any():
        return JointTrajectory(
            stamp_ns, trajectory.names, np.stack([position] * 2), np.zeros((2, len(position))), np.array([0.0, 1e-3])
        )
    return JointTrajectory(
        stamp_ns,
        trajectory.names,
        np.vstack([position, trajectory.position_rad[ahead]]),
        np.vstack([velocity, trajectory.velocity_rad_s[ahead]]),
        np.concatenate([[0.0], trajectory.time_from_start_s[ahead] - elapsed_s]),
    )
