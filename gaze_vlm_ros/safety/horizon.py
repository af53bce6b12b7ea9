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


def smooth_velocity(v0: np.ndarray, wanted: np.ndarray, limits: JointLimits, times: Times) -> np.ndarray:
    """v1 (n,) on the way from ``v0`` to ``wanted``, whose acceleration the jerk can end when ``wanted`` is there.

    Slowing down may be as strong as braking while it can end at rest.
    """
    gap, step = wanted - v0, limits.jerk_rad_s3 * times.first_s**2
    usual = limits.acceleration_rad_s2 * times.first_s
    slowing = np.minimum(limits.braking_rad_s2 * times.first_s, np.maximum(usual, _ending(np.abs(v0), step)))
    most = np.minimum(np.where(gap * v0 < 0.0, slowing, usual), _ending(np.abs(gap), step))
    return v0 + np.minimum(np.maximum(gap, -most), most)


def _ending(gap: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The greatest change of velocity from which on, falling by ``step`` each time, changes add up to ``gap`` at most.

    n steps, n = m + f with m whole, add up to (m + 1) (m / 2 + f).
    """
    gain = gap / step
    whole = np.floor(0.5 * (np.sqrt(1.0 + 8.0 * gain) - 1.0))
    return step * (gain / (whole + 1.0) + 0.5 * whole)


def velocity_range(
    start: Point, before_rad_s2: np.ndarray, limits: JointLimits, times: Times
) -> tuple[np.ndarray, np.ndarray] | None:
    """Least and greatest v1, each (n,), for which the horizon keeps every limit; None where there is none.

    ``before_rad_s2`` (n,) is the acceleration so far, from which the next may differ by the jerk times ``first_s``.
    A joint that stands beyond a position limit may only move back.
    """
    v0, (first_s, length_s) = start.velocity_rad_s, times
    more, less = limits.acceleration_rad_s2 * first_s, limits.braking_rad_s2 * first_s
    as_before, change = v0 + before_rad_s2 * first_s, limits.jerk_rad_s3 * first_s**2
    lowest = np.minimum(np.maximum(v0 - less, 0.0), v0 - more)
    highest = np.maximum(np.minimum(v0 + less, 0.0), v0 + more)
    bound = np.minimum(limits.velocity_rad_s, limits.braking_rad_s2 * (length_s - first_s))
    coast = start.position_rad + 0.5 * v0 * first_s
    room_below = np.minimum(limits.lower_rad, start.position_rad) - coast
    room_above = np.maximum(limits.upper_rad, start.position_rad) - coast
    lowest = np.maximum(np.maximum(lowest, as_before - change), np.maximum(-bound, 2.0 / length_s * room_below))
    highest = np.minimum(np.minimum(highest, as_before + change), np.minimum(bound, 2.0 / length_s * room_above))
    # Written so that a NaN leaves nothing.
    if not (lowest <= highest + 1e-9).all():
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


def acceleration(start: Point, sent: JointTrajectory, elapsed_s: float) -> np.ndarray:
    """Acceleration (n,) of the motion that was agreed on, ``elapsed_s`` after it was sent.

    The next horizon comes in time where it comes within a second ``first_s``; later the arm brakes, then it rests.
    """
    first_s, length_s = sent.time_from_start_s
    v1 = sent.velocity_rad_s[0]
    if elapsed_s <= 2.0 * first_s:
        return (v1 - start.velocity_rad_s) / first_s
    return v1 / (first_s - length_s) if elapsed_s < length_s else np.zeros_like(v1)
