"""How each use looks: what the hand does, for how long, and whether it holds a thing meanwhile."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.sim.eyes.profiles import minimum_jerk
from gaze_vlm_ros.sim.wearer.hands import Course

_TURN = 2.0 * math.pi


def _during(share: float, edge: float = 0.2) -> float:
    """0 at both ends, 1 in between, smooth."""
    return minimum_jerk(share / edge) * minimum_jerk((1.0 - share) / edge)


def _times(share: float, count: int) -> float:
    """``count`` smooth bumps from 0 to 1 and back."""
    return math.sin(math.pi * count * share) ** 2


def _pour(share: float, seconds: float, way: np.ndarray) -> tuple[float, ...]:
    return 0.0, 0.0, 0.0, 0.0, 0.0, -1.25 * _during(share, 0.3)


def _stir(share: float, seconds: float, way: np.ndarray) -> tuple[float, ...]:
    radius, turn = 0.02 * _during(share), _TURN * 1.3 * seconds
    return radius * math.cos(turn), radius * math.sin(turn), 0.0, 0.0, 0.0, 0.0


def _drink(share: float, seconds: float, way: np.ndarray) -> tuple[float, ...]:
    return 0.0, 0.0, 0.0, 0.0, 0.75 * _times(share, 2), 0.0


def _eat(share: float, seconds: float, way: np.ndarray) -> tuple[float, ...]:
    """To the plate and back where there is one, else a little off the mouth between two bites."""
    x, y, z = way
    there = _times(share, 2)
    return x * there, y * there, z * there, 0.0, 0.0, 0.0


def _shake_out(share: float, seconds: float, way: np.ndarray) -> tuple[float, ...]:
    return 0.0, 0.0, 0.0, 0.0, 0.0, -0.35 * _times(min(share / 0.4, 1.0), 1)


def _cut(share: float, seconds: float, way: np.ndarray) -> tuple[float, ...]:
    on = _during(share)
    return 0.0, 0.03 * on * math.sin(_TURN * 1.5 * seconds), -0.008 * on, 0.0, 0.0, 0.0


def _wipe(share: float, seconds: float, way: np.ndarray) -> tuple[float, ...]:
    on = _during(share)
    return 0.07 * on * math.sin(_TURN * 0.8 * seconds), 0.025 * on * math.sin(_TURN * 0.3 * seconds), 0.0, 0.0, 0.0, 0.0


def _write(share: float, seconds: float, way: np.ndarray) -> tuple[float, ...]:
    on = _during(share, 0.1)
    x = 0.02 * math.sin(_TURN * 0.2 * seconds) + 0.003 * math.sin(_TURN * 3.0 * seconds)
    return on * x, on * 0.004 * math.sin(_TURN * 2.3 * seconds), 0.0, 0.0, 0.0, 0.0


def _read(share: float, seconds: float, way: np.ndarray) -> tuple[float, ...]:
    return 0.0, 0.0, 0.004 * _during(share) * math.sin(_TURN * 0.5 * seconds), 0.0, 0.0, 0.0


def _season(share: float, seconds: float, way: np.ndarray) -> tuple[float, ...]:
    on = _during(share)
    return 0.0, 0.0, 0.012 * on * math.sin(_TURN * 4.0 * seconds), 0.0, 0.0, -2.2 * on


def _press(share: float, seconds: float, way: np.ndarray) -> tuple[float, ...]:
    return 0.0, 0.0, -0.012 * _times(share, 1), 0.0, -0.25 * _during(share), 0.0


def _twist(share: float, seconds: float, way: np.ndarray) -> tuple[float, ...]:
    return 0.0, 0.0, 0.0, 0.6 * _during(share) * math.sin(_TURN * 1.2 * seconds), 0.0, 0.0


def to_mouth(share: float) -> float:
    """How far the left hand is on its way to the mouth with something small, at a share of the time."""
    return minimum_jerk((share - 0.4) / 0.25) * minimum_jerk((1.0 - share) / 0.25)


@dataclass(frozen=True)
class Use:
    """``held``: the right hand carries the thing, at ``pitch_rad``, else it only touches it. ``left``: what the left
    hand does: "steady" the place, or the thing itself where there is no place; "mouth", take something out of the thing
    and bring it to the mouth; "" rest. ``at_mouth``: the thing goes with the mouth when the head turns.
    """

    course: Course
    duration_s: tuple[float, float]
    held: bool = True
    pitch_rad: float = 0.0
    left: str = ""
    at_mouth: bool = False

    def draw_duration_s(self, rng: np.random.Generator) -> float:
        return float(rng.uniform(*self.duration_s))


USES: dict[str, Use] = {
    "open": Use(_twist, (0.9, 1.6), left="steady"),
    "close": Use(_twist, (0.8, 1.4), left="steady"),
    "pour": Use(_pour, (1.6, 3.2)),
    "stir": Use(_stir, (2.0, 3.5), pitch_rad=-0.7, left="steady"),
    "drink": Use(_drink, (1.6, 3.2), at_mouth=True),
    "eat": Use(_eat, (1.8, 3.4), at_mouth=True),
    "take": Use(_shake_out, (2.2, 3.2), left="mouth"),
    "cut": Use(_cut, (2.0, 3.5), left="steady"),
    "wipe": Use(_wipe, (2.0, 3.5)),
    "write": Use(_write, (2.4, 3.5), pitch_rad=-0.4, left="steady"),
    "read": Use(_read, (2.4, 3.5), pitch_rad=0.9),
    "season": Use(_season, (0.9, 1.8)),
    "press": Use(_press, (0.8, 1.2), held=False),
}
"""Every use but "search", which is done with the eyes alone."""
