"""Somebody moves the thing that the robot is reaching for."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.sim.tasks.environment import TaskEnvironment
from gaze_vlm_ros.sim.tasks.towel import NAMES

_BODIES = {"PressButton": "button", "PickPlace": "block", "Towel": NAMES[len(NAMES) // 2 - 1], "Wipe": "brush"}
_FAR_M = (0.08, 0.12)
_REACH_M = (0.40, 0.62)
_ARC_RAD = np.radians(75.0)
_TRIES = 60


def move_aside(environment: TaskEnvironment, rng: np.random.Generator) -> bool:
    """Puts the thing asked for 8 to 12 cm elsewhere on the arc, as far from all others as one of some tries allows.

    False, and nothing happens, where the hand already touches it or no place fits.
    """
    episode = environment.episode
    world, name = episode.world, episode.config.name
    body = _BODIES.get(name) or episode.task.asked_for
    model = world.model
    root = int(model.body_rootid[model.body(body).id])
    parts = [model.body(i).name for i in range(model.nbody) if int(model.body_rootid[i]) == root]
    if world.gripped(tuple(part for part in parts if part)):
        return False
    here = world.position(body)
    others = [world.in_base(world.data.xpos[i]) for i in _others(model, root)]
    best, offset = -1.0, np.zeros(3)
    for _ in range(_TRIES):
        angle, far = rng.uniform(-np.pi, np.pi), rng.uniform(*_FAR_M)
        way = far * np.array([np.cos(angle), np.sin(angle), 0.0])
        there = here + way
        radius, azimuth = np.linalg.norm(there[:2]), np.arctan2(there[1], there[0])
        if not _REACH_M[0] < radius < _REACH_M[1] or abs(azimuth) > _ARC_RAD:
            continue
        room = min((float(np.linalg.norm((there - other)[:2])) for other in others), default=1.0)
        if room > best:
            best, offset = room, way
    if best < 0.0:
        return False
    world.displace(body, offset)
    return True


def _others(model, root: int) -> list[int]:
    """Bodies that stand on the table, of other things."""
    return [
        index
        for index in range(1, model.nbody)
        if int(model.body_rootid[index]) not in (root, 0) and not model.body(index).name.startswith(("robot", "eye"))
    ]
