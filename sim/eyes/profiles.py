"""Courses of movements: minimum jerk for hands and head, the main sequence for saccades."""

from __future__ import annotations

import math

SACCADE_BASE_S = 0.021
SACCADE_PER_DEGREE_S = 0.0022
"""Main sequence: duration = 21 ms + 2.2 ms per degree (Bahill, Clark and Stark 1975)."""


def minimum_jerk(phase: float) -> float:
    """Share of the way at a share ``phase`` of the time (Flash and Hogan 1985); 0 before and 1 after."""
    if phase <= 0.0:
        return 0.0
    if phase >= 1.0:
        return 1.0
    return phase**3 * (10.0 - 15.0 * phase + 6.0 * phase * phase)


def saccade_duration_s(amplitude_rad: float) -> float:
    return SACCADE_BASE_S + SACCADE_PER_DEGREE_S * math.degrees(amplitude_rad)


def saccade_share(phase: float, amplitude_rad: float) -> float:
    """Share of the way of a saccade at a share ``phase`` of its time.

    The course is minimum jerk on a warped clock: small saccades are symmetric, in large ones the peak of the velocity
    comes early (after a third of the time from 30 degrees on), because braking takes longer than accelerating
    (Van Opstal and Van Gisbergen 1987).
    """
    if phase <= 0.0:
        return 0.0
    peak_at = max(0.35, 0.5 - 0.005 * math.degrees(amplitude_rad))
    return minimum_jerk(phase ** (math.log(0.5) / math.log(peak_at)))


class Quintic:
    """The smoothest way from a moving start to rest at ``goal``: position, velocity and acceleration go on unbroken."""

    __slots__ = ("_c", "duration_s", "goal", "start_s")

    def __init__(
        self, start_s: float, duration_s: float, goal: float, position: float, velocity: float, acceleration: float
    ) -> None:
        self.start_s, self.duration_s, self.goal = start_s, duration_s, goal
        way, v, a, t = goal - position, velocity, acceleration, duration_s
        self._c = (
            position,
            v,
            a / 2,
            (20 * way - 12 * v * t - 3 * a * t * t) / (2 * t**3),
            (-30 * way + 16 * v * t + 3 * a * t * t) / (2 * t**4),
            (12 * way - 6 * v * t - a * t * t) / (2 * t**5),
        )

    def at(self, now_s: float) -> float:
        t = now_s - self.start_s
        if t >= self.duration_s:
            return self.goal
        c = self._c
        return c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * (c[4] + t * c[5]))))

    def towards(self, goal: float, now_s: float, duration_s: float) -> Quintic:
        """The movement that leaves this one at ``now_s`` for another goal."""
        t = now_s - self.start_s
        if t >= self.duration_s:
            return Quintic(now_s, duration_s, goal, self.goal, 0.0, 0.0)
        c = self._c
        velocity = c[1] + t * (2 * c[2] + t * (3 * c[3] + t * (4 * c[4] + t * 5 * c[5])))
        acceleration = 2 * c[2] + t * (6 * c[3] + t * (12 * c[4] + t * 20 * c[5]))
        return Quintic(now_s, duration_s, goal, self.at(now_s), velocity, acceleration)
