"""PickPlace: a block into a holder, as an eraser is put back into its stand."""

from __future__ import annotations

import colorsys

import numpy as np

from gaze_vlm_ros.sim.tasks.bench import GEOM, SEEN_ONLY, Bench
from gaze_vlm_ros.sim.tasks.terms import Task, standard_config

_BLOCK_HALF_M = np.array([0.022, 0.022, 0.042])
_CLEARANCE_M = 0.014
_WALL_M = 0.004
_DEPTH_M = 0.05
_STILL_M_S = 0.05


class PickPlace(Task):
    """Done when the block stands in the holder, at rest, and the hand has let go of it."""

    def __init__(self, bench: Bench) -> None:
        rng = bench.rng
        self._inner_m = float(_BLOCK_HALF_M[0]) + _CLEARANCE_M
        spots = bench.free_spots_m(0.09, 0.11)
        self._add_block(bench, spots[0], float(rng.uniform(-np.pi, np.pi)))
        self._add_holder(bench, spots[1], float(rng.uniform(-np.pi, np.pi)))
        bench.add_distractors()

    def _add_block(self, bench: Bench, spot: np.ndarray, yaw: float) -> None:
        body = bench.add_body("block", np.array([*spot, _BLOCK_HALF_M[2]]), yaw, free=True)
        colour = colorsys.hsv_to_rgb(bench.rng.uniform(0.5, 0.65), 0.7, bench.rng.uniform(0.5, 0.9))
        body.add_geom(
            name="block",
            type=GEOM.mjGEOM_BOX,
            size=_BLOCK_HALF_M,
            rgba=[*colour, 1],
            mass=0.12,
            condim=4,
            friction=[1.2, 0.02, 0.001],
        )
        # A felt at the lower end, as an eraser has.
        felt = [_BLOCK_HALF_M[0] + 0.0004, _BLOCK_HALF_M[1] + 0.0004, 0.006]
        low, dark = [0, 0, -_BLOCK_HALF_M[2] + 0.0062], [0.12, 0.12, 0.12, 1]
        body.add_geom(type=GEOM.mjGEOM_BOX, size=felt, pos=low, rgba=dark, group=1, **SEEN_ONLY)

    def _add_holder(self, bench: Bench, spot: np.ndarray, yaw: float) -> None:
        body = bench.add_body("holder", np.array([*spot, 0.0]), yaw)
        colour = [*colorsys.hsv_to_rgb(bench.rng.uniform(0.0, 0.1), 0.55, bench.rng.uniform(0.45, 0.8)), 1]
        outer = self._inner_m + 2 * _WALL_M
        body.add_geom(type=GEOM.mjGEOM_BOX, size=[outer, outer, _WALL_M], pos=[0, 0, _WALL_M], rgba=colour, condim=4)
        across, half = self._inner_m + _WALL_M, _DEPTH_M / 2
        for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            size = [_WALL_M if x else outer, _WALL_M if y else outer, half]
            place = [across * x, across * y, half + _WALL_M]
            body.add_geom(type=GEOM.mjGEOM_BOX, size=size, pos=place, rgba=colour)

    def state(self) -> dict[str, np.ndarray]:
        world = self.world
        return {
            "block_m": world.position("block"),
            "block_R": world.rotation("block").ravel(),
            "holder_m": world.position("holder"),
            "holder_R": world.rotation("holder").ravel(),
        }

    def _block_in_holder(self) -> np.ndarray:
        world = self.world
        return world.rotation("holder").T @ (world.position("block") - world.position("holder"))

    @property
    def success(self) -> bool:
        x, y, z = self._block_in_holder()
        inside = max(abs(x), abs(y)) < self._inner_m and z < _BLOCK_HALF_M[2] + 0.02
        return bool(inside and self.world.speed("block") < _STILL_M_S and not self.world.gripped(("block",)))

    @property
    def progress(self) -> float:
        return float(1.0 - np.tanh(4.0 * np.linalg.norm(self._block_in_holder() - [0, 0, _BLOCK_HALF_M[2]])))

    @property
    def reach_for(self) -> np.ndarray:
        return self.world.position("block")


CONFIG = standard_config("PickPlace", PickPlace, 24.0)
