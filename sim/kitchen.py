"""The kitchen: table, places, things, the wearer's body and the robot, as one MuJoCo model."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import mujoco
import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS, PLACES, ROBOT
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.sim.things import KINDS, ThingLook, add_thing

GEOM = mujoco.mjtGeom
TABLE_TOP_M = 0.72
FOVY_DEG = 60.0
LABELS = ("background", *OBJECT_KINDS, *PLACES, "hand", "arm")
"""Names of the classes of a segmented picture; index 0 is everything else."""
ROBOT_PREFIX = "robot/"
CAMERA = "scene_camera"
FOREARM_M = 0.3


@dataclass(frozen=True)
class Place:
    """A place where things are put: the middle of its surface, its half size [m]."""

    name: str
    top_m: np.ndarray
    half_m: np.ndarray


@dataclass(frozen=True)
class Layout:
    """Everything random about one kitchen; equal seeds give equal layouts."""

    looks: tuple[ThingLook, ...]
    positions: tuple[np.ndarray, ...]
    yaws: tuple[float, ...]
    places: dict[str, Place]
    table_rgb: tuple[float, float, float]
    wall_rgb: tuple[float, float, float]
    place_rgb: dict[str, tuple[float, float, float]]
    skin_rgb: tuple[float, float, float]
    sleeve_rgb: tuple[float, float, float]
    light_m: np.ndarray
    light_level: float


_PLACE_HALF = {
    "tray": (0.13, 0.1, 0.012),
    "mat": (0.13, 0.1, 0.004),
    "shelf": (0.14, 0.09, 0.05),
    ROBOT: (0.09, 0.07, 0.006),
}
_PLACE_HUE = {"tray": (0.07, 0.1, 0.5), "mat": (0.75, 0.8, 0.45), "shelf": (0.1, 0.12, 0.15), ROBOT: (0.0, 1.0, 0.0)}
_PLACE_SPOTS = (np.array([-0.45, 0.0]), np.array([0.45, 0.0]), np.array([0.42, 0.27]), np.array([-0.42, 0.27]))


def sample_layout(rng: np.random.Generator, things: int = 8) -> Layout:
    """Draws a layout with ``things`` different kinds, none overlapping a place or another thing."""
    kinds = rng.permutation(OBJECT_KINDS)[:things]
    looks = tuple(ThingLook.sample(str(kind), rng) for kind in kinds)
    places = _sample_places(rng)
    positions = _sample_positions(rng, looks)
    hue = {name: (rng.uniform(low, high), sat) for name, (low, high, sat) in _PLACE_HUE.items()}
    table = colorsys.hsv_to_rgb(rng.uniform(0.05, 0.12), rng.uniform(0.15, 0.5), rng.uniform(0.45, 0.85))
    wall = colorsys.hsv_to_rgb(rng.uniform(0, 1), rng.uniform(0.02, 0.2), rng.uniform(0.5, 0.9))
    skin = colorsys.hsv_to_rgb(rng.uniform(0.03, 0.07), rng.uniform(0.3, 0.6), rng.uniform(0.35, 0.95))
    sleeve = colorsys.hsv_to_rgb(rng.uniform(0, 1), rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.6))
    return Layout(
        looks,
        positions,
        tuple(rng.uniform(-np.pi, np.pi, things)),
        places,
        table,
        wall,
        {name: colorsys.hsv_to_rgb(h, s, float(rng.uniform(0.35, 0.75))) for name, (h, s) in hue.items()},
        skin,
        sleeve,
        np.array([rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.4), 2.2]),
        float(rng.uniform(0.5, 0.9)),
    )


def _sample_places(rng: np.random.Generator) -> dict[str, Place]:
    spots = rng.permutation(len(_PLACE_SPOTS))
    places = {}
    for name, spot in zip(PLACES, spots, strict=False):
        half = np.array(_PLACE_HALF[name])
        middle = _PLACE_SPOTS[spot] + rng.uniform(-0.03, 0.03, 2)
        places[name] = Place(name, np.array([*middle, TABLE_TOP_M + 2 * half[2]]), half)
    half = np.array(_PLACE_HALF[ROBOT])
    places[ROBOT] = Place(ROBOT, np.array([0.0, 0.22, TABLE_TOP_M + 2 * half[2]]), half)
    return places


def _sample_positions(rng: np.random.Generator, looks: tuple[ThingLook, ...]) -> tuple[np.ndarray, ...]:
    """Cells of a 4 x 3 grid in the middle of the table, jittered."""
    cells = [(x, y) for x in (-0.26, -0.085, 0.085, 0.26) for y in (-0.23, -0.07, 0.09)]
    chosen = rng.permutation(len(cells))[: len(looks)]
    return tuple(np.array([*(np.array(cells[cell]) + rng.uniform(-0.012, 0.012, 2)), TABLE_TOP_M]) for cell in chosen)


def build_kitchen(layout: Layout, robot: RobotDescription, width: int, height: int) -> mujoco.MjModel:
    """Compiles the kitchen. The scene camera is a mocap body named ``CAMERA``; the hand is a mocap body ``hand``."""
    spec = mujoco.MjSpec()
    spec.option.timestep = 0.005
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.visual.quality.shadowsize = 0
    spec.visual.quality.offsamples = 0
    spec.visual.quality.numslices = 10
    spec.visual.quality.numstacks = 8
    spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
    spec.visual.map.znear, spec.visual.map.zfar = 0.02, 8.0
    spec.stat.extent = 1.0
    spec.visual.headlight.ambient = [0.45] * 3
    spec.visual.headlight.diffuse = [0.3] * 3
    spec.worldbody.add_light(
        pos=layout.light_m, dir=[0, 0, -1], diffuse=[layout.light_level] * 3, specular=[0.1] * 3, castshadow=False
    )
    _add_room(spec, layout)
    for look, position, yaw in zip(layout.looks, layout.positions, layout.yaws, strict=True):
        add_thing(spec, look, position, yaw)
    _add_wearer(spec, layout)
    _add_robot(spec, robot)
    return spec.compile()


def _add_room(spec: mujoco.MjSpec, layout: Layout) -> None:
    world = spec.worldbody
    seen = {"contype": 0, "conaffinity": 0, "group": 1}
    world.add_geom(name="floor", type=GEOM.mjGEOM_PLANE, size=[4, 4, 0.1], rgba=[0.4, 0.38, 0.36, 1])
    world.add_geom(
        name="wall", type=GEOM.mjGEOM_BOX, size=[3, 0.05, 1.5], pos=[0, 1.6, 1.5], rgba=[*layout.wall_rgb, 1], **seen
    )
    world.add_geom(
        name="table",
        type=GEOM.mjGEOM_BOX,
        size=[0.6, 0.4, 0.02],
        pos=[0, 0.02, TABLE_TOP_M - 0.02],
        rgba=[*layout.table_rgb, 1],
        friction=[1.0, 0.02, 0.002],
    )
    for place in layout.places.values():
        world.add_geom(
            name=place.name,
            type=GEOM.mjGEOM_BOX,
            size=place.half_m,
            pos=place.top_m - [0, 0, place.half_m[2]],
            rgba=[*layout.place_rgb[place.name], 1],
            friction=[1.0, 0.02, 0.002],
        )


def _add_wearer(spec: mujoco.MjSpec, layout: Layout) -> None:
    """Mocap bodies: scene camera, right hand and forearm; the left hand rests on the table."""
    seen = {"contype": 0, "conaffinity": 0, "group": 1}
    head = spec.worldbody.add_body(name=CAMERA, mocap=True, pos=[0, -0.6, 1.2])
    head.add_camera(name=CAMERA, fovy=FOVY_DEG, quat=[0, 1, 0, 0])
    skin, sleeve = [*layout.skin_rgb, 1], [*layout.sleeve_rgb, 1]
    for name, mocap, pos in (("hand", True, [0.22, -0.36, 0.8]), ("left_hand", False, [-0.25, -0.4, 0.76])):
        hand = spec.worldbody.add_body(name=name, mocap=mocap, pos=pos)
        hand.add_geom(name=f"{name}/palm", type=GEOM.mjGEOM_ELLIPSOID, size=[0.042, 0.05, 0.02], rgba=skin, **seen)
        for number, offset in enumerate((-0.032, -0.011, 0.011, 0.032)):
            hand.add_geom(
                name=f"{name}/finger{number}",
                type=GEOM.mjGEOM_CAPSULE,
                size=[0.009, 0.022, 0],
                pos=[offset, 0.058, -0.016],
                quat=[0.82, -0.57, 0, 0],
                rgba=skin,
                **seen,
            )
    forearm = spec.worldbody.add_body(name="forearm", mocap=True, pos=[0.3, -0.5, 0.9])
    forearm.add_geom(name="forearm", type=GEOM.mjGEOM_CAPSULE, size=[0.035, FOREARM_M / 2, 0], rgba=sleeve, **seen)


def _add_robot(spec: mujoco.MjSpec, robot: RobotDescription) -> None:
    frame = spec.worldbody.add_frame(pos=[0, 0.36, TABLE_TOP_M], quat=[0.7071068, 0, 0, -0.7071068])
    spec.attach(robot.build_spec(), prefix=ROBOT_PREFIX, frame=frame)


def label_of_geoms(model: mujoco.MjModel) -> np.ndarray:
    """Index into LABELS of each geom (ngeom + 1,) uint8; the last entry answers for "no geom" (-1)."""
    labels = np.zeros(model.ngeom + 1, np.uint8)
    for geom in range(model.ngeom):
        body = model.body(model.geom_bodyid[geom]).name
        name = model.geom(geom).name
        if body in KINDS:
            labels[geom] = LABELS.index(body)
        elif name in PLACES:
            labels[geom] = LABELS.index(name)
        elif body in ("hand", "left_hand", "forearm"):
            labels[geom] = LABELS.index("hand")
        elif body.startswith(ROBOT_PREFIX):
            labels[geom] = LABELS.index("arm")
    return labels
