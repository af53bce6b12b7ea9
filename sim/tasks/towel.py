"""Towel: a crumpled towel, capsules linked by hinges, to be put on a tray."""

from __future__ import annotations

import colorsys

import mujoco
import numpy as np

from gaze_vlm_ros.sim.tasks.bench import GEOM, SEEN_ONLY, Bench
from gaze_vlm_ros.sim.tasks.terms import Task, standard_config

_LINKS = 12
_PITCH_M = 0.022
_RADIUS_M = 0.008
_HALF_WIDTH_M = 0.058
_RIDGE_RAD = np.radians(62.0)
_RIDGE_LINKS = 3
"""So many links go up and as many down again; the rest lies flat."""
_TRAY_HALF_M = np.array([0.165, 0.115])
_RIM_M = 0.014
_LOW_M = 0.12
_STILL_M_S = 0.1
_ALONG_Y = (np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0)
NAMES = tuple(f"towel_{i}" for i in range(_LINKS))


class Towel(Task):
    """Done when every link lies on the tray and the hand has let go."""

    def __init__(self, bench: Bench) -> None:
        rng = bench.rng
        spots = bench.free_spots_m(0.15, 0.19)
        self._add_towel(bench, spots[0], float(rng.uniform(-np.pi, np.pi)))
        self._add_tray(bench, spots[1], float(rng.uniform(-np.pi, np.pi)))
        bench.add_distractors()

    def _add_towel(self, bench: Bench, spot: np.ndarray, yaw: float) -> None:
        """The two links at the ridge come first, so that what is carried hangs from the root of the tree."""
        hue, stripe_hue = bench.rng.uniform(0, 1, 2)
        cloth = colorsys.hsv_to_rgb(hue, bench.rng.uniform(0.1, 0.5), bench.rng.uniform(0.75, 0.95))
        stripe = colorsys.hsv_to_rgb(stripe_hue, 0.6, 0.6)
        middle = _LINKS // 2
        half = _PITCH_M / 2
        apex = np.array([*spot, _RADIUS_M + _RIDGE_LINKS * _PITCH_M * np.sin(_RIDGE_RAD)])
        # The root is the last link of the way up: half a link below the ridge.
        away = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        centre = apex - half * (np.cos(_RIDGE_RAD) * away + np.sin(_RIDGE_RAD) * np.array([0.0, 0.0, 1.0]))
        root = bench.add_body(NAMES[middle - 1], centre, yaw, free=True)
        tilt = np.array([np.cos(_RIDGE_RAD / 2), 0.0, -np.sin(_RIDGE_RAD / 2), 0.0])
        mujoco.mju_mulQuat(quat := np.zeros(4), np.array(root.quat), tilt)
        root.quat = quat
        bends = {middle: 2.0 * _RIDGE_RAD, middle + _RIDGE_LINKS: -_RIDGE_RAD, middle - 1 - _RIDGE_LINKS: -_RIDGE_RAD}
        parent = root
        self._dress(root, cloth)
        for i in range(middle, _LINKS):
            parent = self._add_link(parent, i, half, bends.get(i, 0.0), stripe if i in (9, 10) else cloth)
        parent = root
        for i in range(middle - 2, -1, -1):
            parent = self._add_link(parent, i, -half, -bends.get(i, 0.0), stripe if i in (1, 2) else cloth)

    def _add_link(
        self, parent: mujoco.MjsBody, number: int, half: float, bend: float, rgb: tuple[float, ...]
    ) -> mujoco.MjsBody:
        """A link on the side of ``half``, bent about the hinge between the two."""
        turn = [np.cos(bend / 2), 0.0, np.sin(bend / 2), 0.0]
        reach = np.array([np.cos(bend), 0.0, -np.sin(bend)]) * half
        body = parent.add_body(name=NAMES[number], pos=np.array([half, 0.0, 0.0]) + reach, quat=turn)
        body.add_joint(
            name=NAMES[number],
            type=mujoco.mjtJoint.mjJNT_HINGE,
            axis=[0, 1, 0],
            pos=[-half, 0, 0],
            stiffness=[0.003, 0.0, 0.0],
            damping=[0.0015, 0.0, 0.0],
            armature=2e-5,
            limited=mujoco.mjtLimited.mjLIMITED_TRUE,
            range=[-2.6, 2.6],
        )
        self._dress(body, rgb)
        return body

    def _dress(self, body: mujoco.MjsBody, rgb: tuple[float, ...]) -> None:
        """A capsule across, which is touched, and a piece of cloth, which is seen with it."""
        body.add_geom(
            type=GEOM.mjGEOM_CAPSULE,
            size=[_RADIUS_M, _HALF_WIDTH_M, 0],
            quat=_ALONG_Y,
            mass=0.012,
            rgba=[*rgb, 1],
            friction=[1.2, 0.01, 0.001],
            condim=4,
        )
        cloth = [_PITCH_M / 2 + 0.002, _HALF_WIDTH_M + 0.004, 0.0055]
        body.add_geom(type=GEOM.mjGEOM_BOX, size=cloth, rgba=[*rgb, 1], **SEEN_ONLY)

    def _add_tray(self, bench: Bench, spot: np.ndarray, yaw: float) -> None:
        body = bench.add_body("tray", np.array([*spot, 0.0]), yaw)
        colour = [*colorsys.hsv_to_rgb(bench.rng.uniform(0.05, 0.1), 0.6, bench.rng.uniform(0.35, 0.6)), 1]
        x, y = _TRAY_HALF_M
        body.add_geom(type=GEOM.mjGEOM_BOX, size=[x, y, 0.003], pos=[0, 0, 0.003], rgba=colour)
        for across, along, size in ((x, 0, [0.004, y + 0.004, 0]), (0, y, [x + 0.004, 0.004, 0])):
            for side in (-1, 1):
                place = [side * across, side * along, _RIM_M / 2 + 0.003]
                body.add_geom(type=GEOM.mjGEOM_BOX, size=[*size[:2], _RIM_M / 2 + 0.003], pos=place, rgba=colour)

    def state(self) -> dict[str, np.ndarray]:
        world = self.world
        ridge = world.rotation(NAMES[_LINKS // 2])
        return {
            "ridge_m": self.reach_for,
            "across": ridge[:, 1].copy(),
            "links_m": np.concatenate([world.position(name) for name in NAMES]),
            "tray_m": world.position("tray"),
            "tray_R": world.rotation("tray").ravel(),
        }

    def _links_on_tray(self) -> np.ndarray:
        world = self.world
        links = np.stack([world.position(name) for name in NAMES]) - world.position("tray")
        local = links @ world.rotation("tray")
        return (np.abs(local[:, :2]) < _TRAY_HALF_M).all(axis=1) & (local[:, 2] < _LOW_M)

    @property
    def success(self) -> bool:
        still = self.world.speed(NAMES[_LINKS // 2 - 1]) < _STILL_M_S
        return bool(still and self._links_on_tray().all() and not self.world.gripped(NAMES))

    @property
    def progress(self) -> float:
        away = np.linalg.norm(self.reach_for[:2] - self.world.position("tray")[:2])
        return float(0.5 * (1.0 - np.tanh(4.0 * away)) + 0.5 * self._links_on_tray().mean())

    @property
    def reach_for(self) -> np.ndarray:
        """The middle of the ridge."""
        middle = _LINKS // 2
        return 0.5 * (self.world.position(NAMES[middle - 1]) + self.world.position(NAMES[middle]))


CONFIG = standard_config("Towel", Towel, 24.0)
