"""The short motion that the governor lets through: one step at most, then to rest.

A horizon has two points: the first after ``first_s`` with velocity v1, the second, at ``length_s``, at rest.
Acceleration is constant in both parts, which is exactly what a controller that interpolates with cubics makes of them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gaze_vlm_ros.robots.limits import JointLimits
from gaze_vlm_ros.robots.trajectory import Point
from gaze_vlm_ros.types import JointTrajectory


class Times(NamedTuple):
    """When a horizon's first point and its end are due [s]."""

    first_s: float
    length_s: float


def wanted_velocity(here_rad: np.ndarray, desired: Point, limits: JointLimits, gain_per_s: float) -> np.ndarray:
    """Velocity (n,) that follows a desired motion and closes the gap to it without overshoot."""
    gap = desired.position_rad - here_rad
    braking_in_time = np.sqrt(limits.acceleration_rad_s2 * np.abs(gap))
    return desired.velocity_rad_s + np.sign(gap) * np.minimum(gain_per_s * np.abs(gap), braking_in_time)


def velocity_range(start: Point, limits: JointLimits, times: Times) -> tuple[np.ndarray, np.ndarray] | None:
    """Least and greatest v1, each (n,), for which the horizon keeps every limit; None where there is none.

    A joint that stands beyond a position limit may only move back.
    """
    v0, (first_s, length_s) = start.velocity_rad_s, times
    more, less = limits.acceleration_rad_s2 * first_s, limits.braking_rad_s2 * first_s
    lowest = np.minimum(np.maximum(v0 - less, 0.0), v0 - more)
    highest = np.maximum(np.minimum(v0 + less, 0.0), v0 + more)
    bound = np.minimum(limits.velocity_rad_s, limits.braking_rad_s2 * (length_s - first_s))
    coast = start.position_rad + 0.5 * v0 * first_s
    room_below = np.minimum(limits.lower_rad, start.position_rad) - coast
    room_above = np.maximum(limits.upper_rad, start.position_rad) - coast
    lowest = np.maximum.reduce([lowest, -bound, 2.0 * room_below / length_s])
    highest = np.minimum.reduce([highest, bound, 2.0 * room_above / length_s])
    if (lowest > highest + 1e-9).any():
        return None
    return lowest, np.maximum(lowest, highest)


def horizon(names: tuple[str, ...], start: Point, v1: np.ndarray, times: Times) -> JointTrajectory:
    """Two points from where the joints are now: (n,) ``v1`` after ``first_s``, rest at ``length_s``."""
    first = start.position_rad + 0.5 * (start.velocity_rad_s + v1) * times.first_s
    last = first + 0.5 * v1 * (times.length_s - times.first_s)
    return JointTrajectory(0, names, np.stack([first, last]), np.stack([v1, np.zeros_like(v1)]), np.array(times))


def reference(start: Point, sent: JointTrajectory, elapsed_s: float) -> Point:
    """Where a controller is ``elapsed_s`` after it got ``sent`` when it was at ``start``."""
    first_s, length_s = sent.time_from_start_s
    v0, v1 = start.velocity_rad_s, sent.velocity_rad_s[0]
    if elapsed_s <= first_s:
        rate = (v1 - v0) / first_s
        return Point(start.position_rad + elapsed_s * (v0 + 0.5 * rate * elapsed_s), v0 + rate * elapsed_s)
    if elapsed_s < length_s:
        left = length_s - elapsed_s
        velocity = v1 * left / (length_s - first_s)
        return Point(sent.position_rad[1] - 0.5 * velocity * left, velocity)
    return Point(sent.position_rad[1].copy(), np.zeros_like(v1))
