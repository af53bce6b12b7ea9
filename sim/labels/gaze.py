"""The label of the gaze: which thing the wearer really looks at, where it is, and whether the picture shows it."""

from __future__ import annotations

from dataclasses import dataclass, field

import mujoco
import numpy as np

from gaze_vlm_ros.geometry.camera import inside, project
from gaze_vlm_ros.geometry.transforms import transform_points
from gaze_vlm_ros.sim.labels.shot import SceneIndex, Shot

_VISIBLE_GROUPS = np.array([1, 1, 1, 0, 0, 0], np.uint8)
"""Geoms of the other groups collide but are not drawn."""
BEHIND_M = 0.01
"""A point farther behind the surface that its pixel shows is on the far side. Drawn round things are polygons, up to
some millimetres inside the true ones that lines of sight meet.
"""


@dataclass(frozen=True)
class GazeHit:
    """Where a line of sight ends: a point of the world (3,) [m], NaN for nowhere, and its geom, -1 for none."""

    point_m: np.ndarray = field(default_factory=lambda: np.full(3, np.nan))
    geom: int = -1


@dataclass(frozen=True)
class GazeLabel:
    """What the wearer looks at. ``object`` is a class name and ``instance`` an instance name, "" for the background;
    ``target_m`` (3,) is the point in the robot's base; ``point_px`` (2,) is where it is in the picture.

    ``valid``: the eyes are open and their line of sight ends somewhere; otherwise all is "" or NaN. ``outside``: the
    point lies outside the picture. ``occluded``: its pixel shows something else, or the near side of the same thing.
    """

    object: str = ""
    instance: str = ""
    target_m: np.ndarray = field(default_factory=lambda: np.full(3, np.nan))
    point_px: np.ndarray = field(default_factory=lambda: np.full(2, np.nan))
    valid: bool = False
    occluded: bool = False
    outside: bool = False


def cast_gaze(model: mujoco.MjModel, data: mujoco.MjData, eye_m: np.ndarray, towards_m: np.ndarray) -> GazeHit:
    """The first visible surface on the line from ``eye_m`` (3,) through ``towards_m`` (3,), in the world [m]."""
    way = np.asarray(towards_m, dtype=float) - eye_m
    way /= np.linalg.norm(way)
    geom = np.full(1, -1, np.int32)
    distance_m = mujoco.mj_ray(model, data, np.asarray(eye_m, dtype=float), way, _VISIBLE_GROUPS, 1, -1, geom, None)
    return GazeHit(eye_m + distance_m * way, int(geom[0])) if distance_m >= 0.0 else GazeHit()


def gaze_label(
    hit: GazeHit, shot: Shot, index: SceneIndex, base_T_world: np.ndarray, blinking: bool = False
) -> GazeLabel:
    """The label of a line of sight in a shot; ``base_T_world`` (4, 4) takes world points to the robot's base."""
    if blinking or hit.geom < 0:
        return GazeLabel()
    point_m = transform_points(shot.camera_T_world, hit.point_m)
    point_px = project(shot.camera, point_m)[0]
    label = index.class_names[index.geom_class[hit.geom]] if index.geom_class[hit.geom] else ""
    outside = not inside(shot.camera, point_px)[0]
    return GazeLabel(
        label,
        index.instance_names[index.geom_instance[hit.geom]],
        transform_points(base_T_world, hit.point_m),
        point_px,
        valid=True,
        occluded=not outside and _hidden(hit, float(point_m[2]), point_px, shot, index),
        outside=outside,
    )


def _hidden(hit: GazeHit, depth_m: float, point_px: np.ndarray, shot: Shot, index: SceneIndex) -> bool:
    column, row = np.rint(point_px).astype(int)
    shown = shot.geom[row, column]
    return bool(
        index.geom_instance[shown] != index.geom_instance[hit.geom] or depth_m > shot.depth_m[row, column] + BEHIND_M
    )
