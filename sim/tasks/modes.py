"""Modes: what an episode's layout, start, clutter and light are drawn from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gaze_vlm_ros.sim.tasks.errors import TaskError


@dataclass(frozen=True)
class Mode:
    """Ranges of one mode. Azimuth and radius are polar coordinates about the robot's base, azimuth 0 straight ahead.

    ``azimuth_deg`` lists intervals, one of which is chosen. ``start_deg`` is the spread of the joints about home,
    ``distractors`` the least and the most things that are of no use, ``looks`` which ones they have (see
    ``ThingLook.sample``), ``light`` the range of brightness, ``tint`` the largest departure of the light's colour from
    white, ``light_m`` how far the lamp wanders from above the table.
    """

    azimuth_deg: tuple[tuple[float, float], ...] = ((-70.0, 70.0),)
    radius_m: tuple[float, float] = (0.42, 0.60)
    start_deg: float = 1.0
    distractors: tuple[int, int] = (0, 2)
    looks: str = "known"
    light: tuple[tuple[float, float], ...] = ((0.5, 0.9),)
    tint: float = 0.05
    light_m: float = 0.6

    def draw_azimuth_rad(self, rng: np.random.Generator) -> float:
        low, high = self.azimuth_deg[rng.integers(len(self.azimuth_deg))]
        return float(np.radians(rng.uniform(low, high)))

    def draw_spot_m(self, rng: np.random.Generator) -> np.ndarray:
        """A point (2,) of the arc, in the base frame."""
        azimuth, radius = self.draw_azimuth_rad(rng), rng.uniform(*self.radius_m)
        return radius * np.array([np.cos(azimuth), np.sin(azimuth)])


_ID = Mode()
MODES: dict[str, Mode] = {
    "id": _ID,
    "ood_spatial": replace(_ID, azimuth_deg=((-100.0, -72.0), (72.0, 100.0)), radius_m=(0.38, 0.63)),
    "ood_init_pose": replace(_ID, start_deg=16.0),  # the tool 0.1 m away, by standard deviation
    "ood_distractors": replace(_ID, distractors=(5, 6), looks="new"),
    "ood_light": replace(_ID, light=((0.12, 0.3), (1.1, 1.5)), tint=0.35, light_m=1.6),
}


def mode_named(name: str) -> Mode:
    """Raises TaskError that lists the modes there are."""
    if name not in MODES:
        raise TaskError(f"no mode {name!r}; use one of: {', '.join(MODES)}")
    return MODES[name]
