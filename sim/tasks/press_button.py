"""PressButton: the stop button somewhere on the arc, to be pushed down."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.sim.tasks.bench import GEOM, SEEN_ONLY, Bench
from gaze_vlm_ros.sim.tasks.terms import Task, standard_config
from gaze_vlm_ros.sim.tasks.world import World

TRAVEL_M = 0.012
_LATCH_M = 0.008
_RED, _GLOWING = (0.75, 0.05, 0.05, 1.0), (1.0, 0.25, 0.15, 1.0)


class PressButton(Task):
    """Done once the mushroom has been pushed down by 8 mm, from wherever."""

    def __init__(self, bench: Bench) -> None:
        self._pressed = False
        (spot,) = bench.free_spots_m(0.12)
        height = float(bench.rng.uniform(0.0, 0.12))
        self._half_m = 0.05 + height / 2
        self._add_button(bench, spot, float(bench.rng.uniform(-np.pi, np.pi)))
        bench.add_distractors()

    def _add_button(self, bench: Bench, spot: np.ndarray, yaw: float) -> None:
        box = bench.add_body("button_box", np.array([*spot, 0.0]), yaw)
        half = self._half_m - 0.02
        box.add_geom(type=GEOM.mjGEOM_BOX, size=[0.05, 0.05, half], pos=[0, 0, half], rgba=[0.95, 0.78, 0.05, 1])
        top = 2 * half
        box.add_geom(
            type=GEOM.mjGEOM_CYLINDER, size=[0.034, 0.004, 0], pos=[0, 0, top + 0.004], rgba=[0.1, 0.1, 0.1, 1]
        )
        button = box.add_body(name="button", pos=[0, 0, top + 0.008])
        button.add_joint(
            name="button",
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=[0, 0, 1],
            limited=mujoco.mjtLimited.mjLIMITED_TRUE,
            range=[-TRAVEL_M, 0.0],
            stiffness=[400.0, 0.0, 0.0],
            damping=[8.0, 0.0, 0.0],
            springref=0.002,
        )
        # The stem disappears in the box when pushed; only the head can be touched.
        button.add_geom(
            type=GEOM.mjGEOM_CYLINDER, size=[0.016, 0.01, 0], pos=[0, 0, 0.006], rgba=_RED, group=1, **SEEN_ONLY
        )
        button.add_geom(
            name="button", type=GEOM.mjGEOM_CYLINDER, size=[0.03, 0.008, 0], pos=[0, 0, 0.024], rgba=_RED, mass=0.04
        )
        button.add_geom(
            name="cap",
            type=GEOM.mjGEOM_ELLIPSOID,
            size=[0.03, 0.03, 0.008],
            pos=[0, 0, 0.032],
            rgba=_RED,
            group=1,
            **SEEN_ONLY,
        )

    def start(self, world: World) -> None:
        super().start(world)
        self._joint = world.model.joint("button")

    def advance(self) -> None:
        if not self._pressed and self._depth_m >= _LATCH_M:
            self._pressed = True
            for geom in ("button", "cap"):
                self.world.model.geom(geom).rgba[:] = _GLOWING

    @property
    def _depth_m(self) -> float:
        return -float(self.world.data.qpos[self._joint.qposadr[0]])

    def state(self) -> dict[str, np.ndarray]:
        return {"button_m": self.reach_for, "depth_m": np.array([self._depth_m])}

    @property
    def success(self) -> bool:
        return self._pressed

    @property
    def progress(self) -> float:
        return float(np.clip(self._depth_m / _LATCH_M, 0.0, 1.0))

    @property
    def reach_for(self) -> np.ndarray:
        return self.world.position("button") + [0.0, 0.0, 0.04]


CONFIG = standard_config("PressButton", PressButton, 12.0, needs_gripper=False)
