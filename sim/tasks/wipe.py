"""Wipe: a brush to be taken by its handle and drawn over every stain of a path."""

from __future__ import annotations

import colorsys

import numpy as np

from gaze_vlm_ros.sim.tasks.bench import GEOM, SEEN_ONLY, Bench
from gaze_vlm_ros.sim.tasks.terms import Task, standard_config
from gaze_vlm_ros.sim.tasks.world import World

STAINS = 8
_LENGTH_M = 0.28
_WAVE_M = 0.025
_SOLE_HALF_M = np.array([0.05, 0.032, 0.016])
_HANDLE_HALF_M = np.array([0.017, 0.017, 0.045])
_GLIDE = (0.25, 0.005, 0.0005)
"""Friction of the bristles: they glide, whatever they glide on."""
_CLOSE_M = 0.006
_LEVEL_COS = float(np.cos(np.radians(12.0)))


class Wipe(Task):
    """Done when the brush's sole, flat on the table, has passed over every stain."""

    def __init__(self, bench: Bench) -> None:
        middle, start = bench.free_spots_m(0.19, 0.09)
        self._path = self._draw_path(bench, middle)
        self._wiped = np.zeros(STAINS, dtype=bool)
        self._add_stains(bench)
        self._add_brush(bench, start, float(bench.rng.uniform(-np.pi, np.pi)))
        bench.add_distractors()

    def _draw_path(self, bench: Bench, middle: np.ndarray) -> np.ndarray:
        """Points (STAINS, 2) of a wave along the arc."""
        radius, azimuth = float(np.linalg.norm(middle)), float(np.arctan2(middle[1], middle[0]))
        along = np.linspace(-0.5, 0.5, STAINS)
        azimuths = azimuth + along * _LENGTH_M / radius
        radii = radius + _WAVE_M * np.sin(2 * np.pi * along + bench.rng.uniform(-np.pi, np.pi))
        if bench.rng.random() < 0.5:
            azimuths, radii = azimuths[::-1], radii[::-1]
        return radii[:, None] * np.stack([np.cos(azimuths), np.sin(azimuths)], axis=1)

    def _add_stains(self, bench: Bench) -> None:
        colour = colorsys.hsv_to_rgb(bench.rng.uniform(0.85, 1.0), 0.8, bench.rng.uniform(0.3, 0.5))
        body = bench.add_body("stains", np.zeros(3))
        for i, spot in enumerate(self._path):
            blob = {"type": GEOM.mjGEOM_ELLIPSOID, "size": [*bench.rng.uniform(0.011, 0.018, 2), 0.0012]}
            body.add_geom(name=f"stain_{i}", pos=[*spot, 0.0004], rgba=[*colour, 1], group=1, **blob, **SEEN_ONLY)

    def _add_brush(self, bench: Bench, spot: np.ndarray, yaw: float) -> None:
        half = _SOLE_HALF_M
        body = bench.add_body("brush", np.array([*spot, half[2]]), yaw, free=True)
        wood = [*colorsys.hsv_to_rgb(bench.rng.uniform(0.06, 0.1), 0.55, bench.rng.uniform(0.6, 0.8)), 1]
        touched = {"condim": 4, "friction": [1.2, 0.02, 0.001]}
        top = half[2] + _HANDLE_HALF_M[2]
        body.add_geom(type=GEOM.mjGEOM_BOX, size=_HANDLE_HALF_M, pos=[0, 0, top], rgba=wood, mass=0.04, **touched)
        sole = {"mass": 0.1, "friction": _GLIDE, "priority": 1, "group": 4, "rgba": [0, 0, 0, 0]}
        body.add_geom(name="sole", type=GEOM.mjGEOM_BOX, size=half, **sole)
        seen = {"group": 1, **SEEN_ONLY}
        board = [*(0.75 * np.array(wood[:3])), 1]
        body.add_geom(type=GEOM.mjGEOM_BOX, size=[*half[:2], 0.007], pos=[0, 0, 0.009], rgba=board, **seen)
        # Tufts, so that it reads as a brush.
        tuft = {"type": GEOM.mjGEOM_CYLINDER, "size": [0.005, 0.009, 0], "rgba": [0.92, 0.9, 0.8, 1], **seen}
        for x in np.linspace(-0.04, 0.04, 6):
            for y in np.linspace(-0.023, 0.023, 4):
                body.add_geom(pos=[x, y, -0.007], **tuft)

    def start(self, world: World) -> None:
        super().start(world)
        self._stain_geoms = [world.model.geom(f"stain_{i}").id for i in range(STAINS)]

    def advance(self) -> None:
        world = self.world
        turn, place = world.rotation("brush"), world.position("brush")
        sole = place - turn[:, 2] * _SOLE_HALF_M[2]
        if turn[2, 2] < _LEVEL_COS or sole[2] > _CLOSE_M:
            return
        local = (self._path - place[:2]) @ turn[:2, :2]
        under = (np.abs(local) < _SOLE_HALF_M[:2]).all(axis=1)
        self._wiped |= under
        world.model.geom_rgba[np.array(self._stain_geoms)[self._wiped], 3] = 0.0

    def state(self) -> dict[str, np.ndarray]:
        return {
            "brush_m": self.world.position("brush"),
            "brush_R": self.world.rotation("brush").ravel(),
            "path_m": self._path.ravel().copy(),
            "wiped": self._wiped.astype(float),
        }

    @property
    def success(self) -> bool:
        return bool(self._wiped.all())

    @property
    def progress(self) -> float:
        return float(self._wiped.mean())

    @property
    def reach_for(self) -> np.ndarray:
        return self.world.position("brush") + [0.0, 0.0, _SOLE_HALF_M[2] + _HANDLE_HALF_M[2]]


CONFIG = standard_config("Wipe", Wipe, 28.0)
