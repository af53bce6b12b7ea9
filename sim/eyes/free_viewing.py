"""Looking at a picture without a task: scan paths whose durations and amplitudes are those of people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.geometry.transforms import transform_points
from gaze_vlm_ros.sim.eyes.eyes import Eyes

_SHORTEST_S = 0.02


@dataclass(frozen=True)
class ViewingHabits:
    """Three numbers for how long fixations last, three for how far saccades go.

    A fixation lasts a normal time (``decide_s``, ``decide_spread_s``) and an exponential one (``linger_s``). A saccade
    stays near with probability ``near_share`` (mean amplitude ``near_rad``, any direction); else it goes anywhere, with
    a bias to the middle: a normal variate of ``spread`` times the picture's half size.

    The defaults are those that ``python -m gaze_vlm_ros.training.people --fit`` prints for the people of even number in
    OSIE (Xu et al. 2014, 500 photographs).
    """

    decide_s: float = 0.1053
    decide_spread_s: float = 0.0519
    linger_s: float = 0.1049
    near_share: float = 0.461
    near_rad: float = 0.0310
    spread: float = 0.340


def draw_durations_s(rng: np.random.Generator, count: int, habits: ViewingHabits = ViewingHabits()) -> np.ndarray:
    """Durations (count,) of fixations [s]: ex-Gaussian, at least 20 ms."""
    normal = rng.normal(habits.decide_s, habits.decide_spread_s, count)
    return np.maximum(normal + rng.exponential(habits.linger_s, count), _SHORTEST_S)


def draw_scan_paths(
    rng: np.random.Generator,
    half_size_rad: np.ndarray,
    viewers: int,
    fixations: int,
    habits: ViewingHabits = ViewingHabits(),
) -> np.ndarray:
    """Fixated points (viewers, fixations, 2) as angles [rad] to the right of and below the picture's middle.

    ``half_size_rad`` (2,) is half the width and height of the picture as seen. Everybody sets out from the middle; that
    first look is not among the points.
    """
    half = np.asarray(half_size_rad, dtype=float)
    points = np.zeros((viewers, 2))
    path = np.empty((viewers, fixations, 2))
    for number in range(fixations):
        points = _next_points(rng, points, half, habits, far_only=number == 0)
        path[:, number] = points
    return path


def _next_points(
    rng: np.random.Generator, points: np.ndarray, half: np.ndarray, habits: ViewingHabits, far_only: bool
) -> np.ndarray:
    """The points (N, 2) after one saccade each; what would leave the picture is drawn anew."""
    goals = points.copy()
    left = np.ones(len(points), dtype=bool)
    while left.any():
        count = int(left.sum())
        turn = rng.uniform(0.0, 2.0 * np.pi, count)
        near = rng.gamma(2.0, habits.near_rad / 2.0, count)[:, None] * np.column_stack([np.cos(turn), np.sin(turn)])
        far = rng.normal(0.0, 1.0, (count, 2)) * habits.spread * half
        stays = (rng.random(count) < habits.near_share) & (not far_only)
        goals[left] = np.where(stays[:, None], points[left] + near, far)
        left[left] = (np.abs(goals[left]) > half).any(axis=1)
    return goals


class FreeViewing:
    """A wearer who only looks at a picture: drives ``eyes`` over it.

    ``world_T_picture`` (4, 4): origin in the picture's middle, x to its right, y down, z away from the viewer.
    ``size_m`` (2,): width and height.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        eyes: Eyes,
        world_T_picture: np.ndarray,
        size_m: np.ndarray,
        habits: ViewingHabits = ViewingHabits(),
    ) -> None:
        self.eyes = eyes
        self._rng, self._habits, self._world_T_picture = rng, habits, world_T_picture
        self._distance_m = float(np.linalg.norm(world_T_picture[:3, 3] - eyes.position_m))
        self._half_rad = np.arctan(np.asarray(size_m, dtype=float) / 2.0 / self._distance_m)
        self._point = np.zeros((1, 2))
        self._until_s = float(draw_durations_s(rng, 1, habits)[0])
        self._first = True
        eyes.look_at(self._in_world(), 0.0)

    def advance(self, now_s: float, dt_s: float) -> None:
        """Lives up to ``now_s``, ``dt_s`` after the call before."""
        if now_s >= self._until_s:
            self._point = _next_points(self._rng, self._point, self._half_rad, self._habits, self._first)
            self._first = False
            self.eyes.look_at(self._in_world(), now_s)
            self._until_s = self.eyes.landing_s(now_s) + float(draw_durations_s(self._rng, 1, self._habits)[0])
        self.eyes.advance(now_s, dt_s)

    def _in_world(self) -> np.ndarray:
        x, y = np.tan(self._point[0]) * self._distance_m
        return transform_points(self._world_T_picture, np.array([x, y, 0.0]))
