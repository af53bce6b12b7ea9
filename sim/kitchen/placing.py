"""Where the robot, the places and the things come to be on the table. World frame, metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.language import PLACES, ROBOT
from gaze_vlm_ros.sim.kitchen.footprint import Footprint
from gaze_vlm_ros.sim.things import ThingLook

TABLE_TOP_M = 0.72
SHELF_ABOVE_TABLE_M = 0.25
MOUNTS = ("far", "right", "left", "wheelchair")
"""Where the arm's base is: on the table's far, right or left edge, or on a wheelchair at the wearer's left."""
_PLACE_HALF = {"tray": (0.135, 0.1, 0.006), "mat": (0.135, 0.1, 0.002), "shelf": (0.16, 0.095, 0.009)}
_PLACE_HALF |= {"basket": (0.135, 0.1, 0.004), ROBOT: (0.09, 0.07, 0.004)}
_TRIES = 200
_GAP_M = 0.008
"""Least distance of two things at the start."""
_RIM_M = {"tray": 0.014, "basket": 0.045}
_SLOTS = {
    "left near": (-1, -0.1),
    "right near": (1, -0.1),
    "left far": (-1, 0.29),
    "right far": (1, 0.29),
    "back": (0, 0.3),
}
"""Side and y [m] of where places can be."""
_SLOTS_OF_MOUNT = {
    "far": (("left far", "right far"), ("left near", "right near", "left far", "right far")),
    "right": (("left far", "back"), ("left near", "left far", "back", "right near")),
    "left": (("right far", "back"), ("right near", "right far", "back", "left near")),
    "wheelchair": (("right far", "back"), ("right near", "right far", "back", "left far")),
}
"""Slots for the shelf and for all places, such that the arm's base has room and the shelf is out of its way."""


class KitchenError(GazeVlmError):
    """A layout, a place or an option that does not exist or cannot be made."""


class NoRoomError(KitchenError):
    """The things that were asked for do not fit on the table, however they are set."""


@dataclass(frozen=True)
class Place:
    """A place where things are put: the middle of its surface (3,), its half size (3,), height of its rim [m]."""

    name: str
    top_m: np.ndarray
    half_m: np.ndarray
    rim_m: float = 0.0


@dataclass(frozen=True)
class Mount:
    """The robot's base in the world: position (3,) [m] and yaw [rad] of its x axis."""

    name: str
    position_m: np.ndarray
    yaw_rad: float


def sample_mount(rng: np.random.Generator, name: str, table_half: np.ndarray) -> Mount:
    """Draws where exactly the base of mount ``name`` is; ``table_half`` (2,) is half the table's size [m]."""
    along = rng.uniform(-0.05, 0.05)
    back = 0.02 + table_half[1]
    x, y, z, yaw = {
        "far": (along, back - 0.06, TABLE_TOP_M, -np.pi / 2),
        "right": (table_half[0] - 0.06, 0.12 + along, TABLE_TOP_M, np.pi),
        "left": (0.06 - table_half[0], 0.12 + along, TABLE_TOP_M, 0.0),
        "wheelchair": (-0.56 + along, -0.52, TABLE_TOP_M - 0.03 + along / 2, 0.9),
    }[name]
    return Mount(name, np.array([x, y, z]), yaw + rng.uniform(-0.05, 0.05))


def sample_places(rng: np.random.Generator, mount: Mount, table_half: np.ndarray) -> dict[str, Place]:
    """Draws which place is in which slot; the handing pad lies before the arm."""
    for_shelf, slots = _SLOTS_OF_MOUNT[mount.name]
    shelf_slot = str(rng.choice(for_shelf))
    others = [str(slot) for slot in rng.permutation([slot for slot in slots if slot != shelf_slot])]
    slot_of = {"shelf": shelf_slot, **dict(zip((name for name in PLACES if name != "shelf"), others, strict=True))}
    places = {}
    for name in PLACES:
        half = np.array(_PLACE_HALF[name])
        side, y = _SLOTS[slot_of[name]]
        middle = np.array([side * (table_half[0] - 0.17), y]) + rng.uniform(-0.02, 0.02, 2)
        height = 2 * half[2]
        if name == "shelf":
            middle[1] = table_half[1] - 0.08
            height = SHELF_ABOVE_TABLE_M + rng.uniform(-0.02, 0.02)
        places[name] = Place(name, np.array([*middle, TABLE_TOP_M + height]), half, _RIM_M.get(name, 0.0))
    ahead = np.array([np.cos(mount.yaw_rad), np.sin(mount.yaw_rad)])
    half = np.array(_PLACE_HALF[ROBOT])
    if abs(ahead[0]) > 0.7:
        half[:2] = half[1::-1]
    distance = 0.37 if mount.name == "wheelchair" else 0.19
    places[ROBOT] = Place(
        ROBOT, np.array([*(mount.position_m[:2] + distance * ahead), TABLE_TOP_M + 2 * half[2]]), half
    )
    return places


def sample_poses(
    rng: np.random.Generator, looks: Sequence[ThingLook], places: dict[str, Place], mount: Mount, table_half: np.ndarray
) -> tuple[tuple[np.ndarray, ...], tuple[float, ...]] | None:
    """Positions (3,) and yaws, the tall things first, towards the back, then the largest; None where there is no room.

    Begins anew a few times when one finds none.
    """
    taken = [
        Footprint(place.top_m[:2], place.half_m[:2] + 0.01, 0.0) for name, place in places.items() if name != "shelf"
    ]
    shelf = places["shelf"]
    sides = [
        Footprint(shelf.top_m[:2] + [side * (shelf.half_m[0] + 0.008), 0], np.array([0.01, 0.1]), 0.0)
        for side in (-1, 1)
    ]
    under = Footprint(shelf.top_m[:2], shelf.half_m[:2] + 0.01, 0.0)
    taken.append(Footprint(mount.position_m[:2], np.full(2, 0.1), 0.0))
    order = sorted(
        range(len(looks)), key=lambda i: (not _is_tall(looks[i]), -float(np.prod(Footprint.of(looks[i]).half_m)))
    )
    for attempt in range(16):
        crowded = attempt >= 6  # then low things may stand under the shelf
        found = _try_poses(rng, looks, order, [*taken, *(sides if crowded else [under])], under, table_half, crowded)
        if len(found) == len(looks):
            poses = [found[i] for i in range(len(looks))]
            return tuple(np.array([*xy, TABLE_TOP_M]) for xy, _ in poses), tuple(yaw for _, yaw in poses)
    return None


def _try_poses(
    rng: np.random.Generator,
    looks: Sequence[ThingLook],
    order: Sequence[int],
    taken: list[Footprint],
    shelf: Footprint,
    table_half: np.ndarray,
    packed: bool,
) -> dict[int, tuple[np.ndarray, float]]:
    """Positions (2,) and yaws of those of ``looks`` that found room; ``packed`` sets the tall ones as far back
    as they go and the others as near.
    """
    low, high = np.array([0.02 - table_half[0], -0.34]), np.array([table_half[0] - 0.02, min(0.41, table_half[1])])
    found = {}
    for i in order:
        middles = rng.uniform(low, high, (_TRIES, 2))
        if _is_tall(looks[i]):
            middles[:, 1] = np.maximum(middles[:, 1], rng.uniform(-0.05, 0.3, _TRIES))
        yaws = rng.uniform(-np.pi, np.pi, _TRIES)
        mine = Footprint.of(looks[i])
        free = np.flatnonzero(mine.within(middles, yaws, low, high))
        others = [*taken, shelf] if _is_tall(looks[i]) else taken
        free = free[mine.clear_of(middles[free], yaws[free], others, _GAP_M)]
        if not len(free):
            break
        away = -1.0 if _is_tall(looks[i]) else 1.0
        chosen = free[np.argmin(away * middles[free, 1])] if packed else free[0]
        yaw = float(yaws[chosen])
        # ``middles`` are of the rectangle; the body's origin is off its middle where a handle sticks out.
        c, s = np.cos(yaw), np.sin(yaw)
        offset = np.array([[c, -s], [s, c]]) @ mine.middle_m
        found[i] = middles[chosen] - offset, yaw
        taken.append(Footprint(middles[chosen], mine.half_m, yaw))
    return found


def _is_tall(look: ThingLook) -> bool:
    return look.half_extents[2] > 0.06
