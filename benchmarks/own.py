"""The simulated world as lanes: ``python -m benchmarks.own rgb|labels|fovea SEED SIZE``; SIZE is WIDTHxHEIGHT.

A frame of ``rgb`` is 1/15 s of physics, wearer and eye tracker, then one picture. ``labels`` adds every label. A frame
of ``fovea`` are 64 looks of the robot's eye, three views each, at a stored panorama.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable

import numpy as np

from benchmarks.lane import FRAMES_PER_S, serve, stay_on_one_core
from gaze_vlm_ros.geometry.transforms import make_transform
from gaze_vlm_ros.sim.labels.frame import FrameLabeller
from gaze_vlm_ros.sim.robot_eye import PanoramaBuilder, views_from_panorama
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig
from gaze_vlm_ros.training.record import WanderingArm

THINGS = 12
SCENES = 3
_DIRECTIONS = 512
LOOKS_OF_A_FRAME = 64


class Kitchens:
    """Three kitchens in turn, with 12 things, the arm on the far edge of the table in view, and moving."""

    def __init__(self, seed: int, width: int, height: int, with_labels: bool) -> None:
        self._with_labels = with_labels
        self._scenes = []
        for number in range(seed * SCENES, (seed + 1) * SCENES):
            simulation = Simulation(SimulationConfig(number, width=width, height=height, things=THINGS, mount="far"))
            arm = WanderingArm(simulation, np.random.default_rng(number))
            self._scenes.append((simulation, arm, FrameLabeller(simulation.scene_index)))
        self._turns = itertools.cycle(self._scenes)

    def next_scene(self) -> Callable[[], None]:
        simulation, arm, labeller = next(self._turns)

        def frame() -> None:
            simulation.advance(1.0 / FRAMES_PER_S)
            arm.advance()
            simulation.gaze_samples()
            if self._with_labels:
                labeller.add(simulation.shot(), simulation.moment())
            else:
                simulation.render(depth=False)

        return frame


class Fovea:
    """A panorama of a kitchen from beside the arm, and directions about which things lie."""

    def __init__(self, seed: int) -> None:
        simulation = Simulation(SimulationConfig(seed, width=64, height=64, things=THINGS, mount="far"))
        mount = simulation.arm.world_T_base() @ make_transform(np.eye(3), [-0.1, 0.24, 0.46])
        builder = PanoramaBuilder(simulation.model)
        self._panorama = builder.build(simulation.data, mount)
        builder.close()
        simulation.close()
        rng = np.random.default_rng(seed)
        degrees = np.column_stack([rng.uniform(-90, 90, _DIRECTIONS), rng.uniform(-60, -25, _DIRECTIONS)])
        self._directions = np.radians(degrees).reshape(-1, LOOKS_OF_A_FRAME, 2)

    def next_scene(self) -> Callable[[], None]:
        turns = itertools.cycle(self._directions)
        for directions in self._directions:  # makes the tables
            views_from_panorama(self._panorama, directions)
        return lambda: views_from_panorama(self._panorama, next(turns))


def main(name: str, seed: str, size: str) -> None:
    stay_on_one_core()
    if name == "fovea":
        serve(Fovea(int(seed)).next_scene)
    else:
        serve(Kitchens(int(seed), *map(int, size.split("x")), name == "labels").next_scene)


if __name__ == "__main__":
    main(*sys.argv[1:])
