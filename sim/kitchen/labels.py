"""What each geom stands for: semantic classes and instances."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS, PLACES, ROBOT
from gaze_vlm_ros.sim.kitchen.arm import ROBOT_PREFIX
from gaze_vlm_ros.sim.kitchen.hands import FOREARMS, HANDS

LABELS = ("background", *OBJECT_KINDS, *PLACES, ROBOT, "hand", "arm", "table", "wall", "floor", "furniture")
"""Names of the classes of a segmented picture; "robot" is the robot's handing pad, "arm" the robot itself."""
_FURNITURE = ("furniture", "shelf unit", "books")


def label_of_geoms(model: mujoco.MjModel) -> np.ndarray:
    """Index into LABELS of each geom (ngeom + 1,) uint8; the last entry answers for "no geom" (-1)."""
    labels = np.zeros(model.ngeom + 1, np.uint8)
    for geom in range(model.ngeom):
        labels[geom] = LABELS.index(_label(model.body(model.geom_bodyid[geom]).name, model.geom(geom).name))
    return labels


def _label(body: str, geom: str) -> str:
    if body in OBJECT_KINDS:
        return body
    if body in (*HANDS, *FOREARMS):
        return "hand"
    if body.startswith(ROBOT_PREFIX):
        return "arm"
    if geom in _FURNITURE:
        return "furniture"
    if geom == "robot pad mark":
        return ROBOT
    name = geom.split("/", maxsplit=1)[0]
    return name if name in LABELS else "background"


def instance_of_geoms(model: mujoco.MjModel) -> np.ndarray:
    """Instance of each geom (ngeom + 1,) int32, the last entry for "no geom" (-1): 0 is background.

    Each thing, place and hand (with its forearm) is one instance, and so are the arm, table, walls, floor and
    furniture; numbers follow the order in which they come in the model.
    """
    labels = label_of_geoms(model)
    instances = np.zeros(model.ngeom + 1, np.int32)
    numbers: dict[str, int] = {}
    for geom in range(model.ngeom):
        name = LABELS[labels[geom]]
        if name == "background":
            continue
        if name == "hand" and model.body(model.geom_bodyid[geom]).name.startswith("left_"):
            name = "left_hand"
        instances[geom] = numbers.setdefault(name, len(numbers) + 1)
    return instances
