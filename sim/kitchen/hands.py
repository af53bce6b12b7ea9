"""The wearer's hands and arms as mocap bodies; each hand is one of three meshes, from open to closed.

Hand frame: origin in the middle of the palm, y along the fingers, z out of the back of the hand, x to the right when
the palm is down. The right hand's thumb is at -x. Forearm frame: origin in its middle, z towards the hand; the
upper arm goes on behind it, straight.
"""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.sim.kitchen.layout import Layout
from gaze_vlm_ros.sim.kitchen.placing import TABLE_TOP_M
from gaze_vlm_ros.sim.things import SEEN_GROUP, add_mesh, add_texture
from gaze_vlm_ros.sim.things.body import HIDDEN_GROUP
from gaze_vlm_ros.sim.things.mesh import MAIN, SECOND, Mesh, ball, join, lathe, tube
from gaze_vlm_ros.sim.things.prints import texture

FOREARM_M = 0.3
_UPPER_ARM_M = 0.75
"""Longer than one has: who reaches far leans in, which the body does not."""
HANDS = ("hand", "left_hand")
FOREARMS = ("forearm", "left_forearm")
CLOSURES = (0.0, 0.5, 1.0)
"""How far closed each of a hand's meshes is."""
_FINGERS = ((-0.031, 0.036, 0.068), (-0.0105, 0.042, 0.077), (0.0105, 0.04, 0.072), (0.031, 0.032, 0.056))
"""Of index to little finger: x and y of the knuckle, length [m]."""
_BEND_RAD = (0.12, 0.5, 0.95)
"""How far each of a finger's joints is bent at each closure."""


def add_hands(spec: mujoco.MjSpec, layout: Layout) -> None:
    """Adds mocap bodies ``hand``, ``left_hand``, ``forearm`` and ``left_forearm``; none of them collides."""
    add_texture(spec, "wearer", texture((layout.skin_rgb, layout.sleeve_rgb, layout.skin_rgb), "plain", 0), 0.1)
    rest = {"hand": (0.22, -0.36, 0.78), "left_hand": (-0.25, -0.4, TABLE_TOP_M + 0.03)}
    for name, side in zip(HANDS, (1, -1), strict=True):
        body = spec.worldbody.add_body(name=name, mocap=True, pos=rest[name])
        for i, bend in enumerate(_BEND_RAD):
            _add_seen(spec, body, f"{name}/{i}", _hand_mesh(bend, side), seen=i == 1)
    for name, side in zip(FOREARMS, (1, -1), strict=True):
        body = spec.worldbody.add_body(name=name, mocap=True, pos=(0.3 * side, -0.5, 0.9))
        half = FOREARM_M / 2
        shoulder, elbow = -half - _UPPER_ARM_M, (0.047, -half)
        upper_arm = [(0.0, shoulder), (0.045, shoulder + 0.02), (0.058, shoulder + 0.08), (0.052, -1.5 * half), elbow]
        sleeve = lathe([*upper_arm, (0.046, 0.2 * half), (0.036, 0.85 * half), (0.03, 0.85 * half)], SECOND, 12)
        wrist = lathe([(0.03, 0.8 * half), (0.026, half + 0.03), (0.0, half + 0.035)], MAIN, 10)
        _add_seen(spec, body, name, join(sleeve, wrist), seen=True)


def pose_hand(model: mujoco.MjModel, hand: str, closure: float) -> None:
    """Shows ``hand`` ("hand" or "left_hand") open (0), half closed, or closed (1): the nearest of its meshes."""
    if hand not in HANDS:
        raise GazeVlmError(f"no hand {hand!r}; use one of: {', '.join(HANDS)}")
    nearest = int(np.argmin(np.abs(np.array(CLOSURES) - closure)))
    for i in range(len(CLOSURES)):
        geom = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, f"{hand}/{i}")
        model.geom_group[geom] = SEEN_GROUP if i == nearest else HIDDEN_GROUP


def _add_seen(spec: mujoco.MjSpec, body: mujoco.MjsBody, name: str, mesh: Mesh, seen: bool) -> None:
    add_mesh(spec, name, mesh)
    body.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        material="wearer",
        contype=0,
        conaffinity=0,
        group=SEEN_GROUP if seen else HIDDEN_GROUP,
    )


def _hand_mesh(bend_rad: float, side: int) -> Mesh:
    """``side`` 1 for the right hand, -1 for the left."""
    palm = ball(1.0, MAIN, 10, 6).stretched(0.045, 0.052, 0.016)
    heel = ball(1.0, MAIN, 8, 5).stretched(0.034, 0.035, 0.02).moved(y=-0.032, z=-0.002)
    fingers = [_finger(np.array([side * x, y, 0.0]), length, bend_rad) for x, y, length in _FINGERS]
    root = np.array([-side * 0.03, -0.018, -0.008])
    inward = np.array([side * np.sin(1.2 * bend_rad), 0.0, -np.sin(0.9 * bend_rad)])
    first = root + 0.045 * _unit(np.array([-side * 0.7, 0.6, -0.25]) + 0.5 * inward)
    second = first + 0.03 * _unit(np.array([-side * 0.3, 0.9, -0.2]) + 0.6 * inward)
    third = second + 0.025 * _unit(np.array([0.0, 1.0, -0.15]) + 0.8 * inward)
    thumb = tube([root, first, second, third], [0.017, 0.0125, 0.011, 0.008], MAIN, 7)
    return join(palm, heel, thumb, *fingers)


def _finger(knuckle: np.ndarray, length: float, bend_rad: float) -> Mesh:
    points, angle = [knuckle - [0, 0.012, 0], knuckle], 0.0
    for share in (0.45, 0.3, 0.25):
        angle += bend_rad
        points.append(points[-1] + share * length * np.array([0.0, np.cos(angle), -np.sin(angle)]))
    return tube(points, [0.0095, 0.0105, 0.0095, 0.0085, 0.0065], MAIN, 7)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)
