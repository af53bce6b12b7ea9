"""Where on a place there is room for a thing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gaze_vlm_ros.language import TABLE
from gaze_vlm_ros.sim.kitchen.footprint import Footprint, yaw_of
from gaze_vlm_ros.sim.kitchen.layout import Layout
from gaze_vlm_ros.sim.kitchen.placing import TABLE_TOP_M, NoRoomError, Place

_GAP_M = 0.006
"""Least distance to what stands there already."""
_DROP_M = 0.003
"""Height from which a thing is let go of."""
_ENOUGH_M = 0.05
"""More room than this is not sought."""
_FLAT_M = 0.06
"""A thing of less than this half height, upright, carries another one whose middle is _STEADY_M within its outline."""
_STEADY_M = 0.012
_UPRIGHT = 0.97
_TABLE_STEP_M = 0.08
_EDGE_M = 0.08


def place_spots(layout: Layout, place: str) -> np.ndarray:
    """(N, 3) points on the surface of ``place`` (a place or "table") where the middle of a thing may come [m]."""
    if place == TABLE:
        return _table_spots(layout)
    surface = layout.place_named(place)
    shares = np.array([(x, y) for x in (-0.55, -0.2, 0.2, 0.55) for y in (-0.4, 0.0, 0.4)])
    return surface.top_m + np.column_stack([shares * surface.half_m[:2], np.zeros(len(shares))])


def _table_spots(layout: Layout) -> np.ndarray:
    """A grid over what is bare of the table and within the wearer's reach."""
    x = np.arange(-0.52, 0.521, _TABLE_STEP_M)
    y = np.arange(-0.26, min(0.36, layout.table_half_m[1] - 0.04) + 1e-9, _TABLE_STEP_M)
    points = np.array([(a, b) for a in x for b in y])
    free = np.ones(len(points), bool)
    for surface in layout.places.values():
        free &= (np.abs(points - surface.top_m[:2]) > surface.half_m[:2] + _EDGE_M / 2).any(axis=1)
    free &= (np.abs(points - layout.mount.position_m[:2]) > 0.12).any(axis=1)
    points = points[free]
    return np.column_stack([points, np.full(len(points), TABLE_TOP_M)])


def free_spot(
    layout: Layout,
    place: str,
    thing: str,
    poses: Mapping[str, np.ndarray],
    near_m: np.ndarray | None = None,
    allowed: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Centre (3,) of ``thing``, upright with its present heading, once it rests on ``place`` [m].

    The freest spot, or of those with room the one nearest to ``near_m`` (2,) or (3,). Where there is no room the thing
    comes to stand on what is there: low, on few, and in the middle of a flat one if possible. ``poses`` (4, 4) are
    those of all things now, in the world. ``allowed`` tells of points (N, 3) which (N,) may be used at all; raises
    NoRoomError where that is none.
    """
    look = layout.look_of(thing)
    yaw = yaw_of(poses[thing])
    upright = np.eye(4)
    upright[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    mine = Footprint.of_hull(look, upright)
    spots = _table_spots(layout) if place == TABLE else _spots_within(layout.place_named(place), mine)
    if allowed is not None:
        spots = spots[allowed(spots)]
        if not len(spots):
            raise NoRoomError(f"no spot on the {place} may be used for the {thing}")
    yaws = np.full(len(spots), yaw)
    room, height = np.full(len(spots), _ENOUGH_M), spots[:, 2].copy()
    below, steady = np.zeros(len(spots), int), np.zeros(len(spots), bool)
    if place == TABLE:
        for surface in layout.places.values():
            taken = Footprint(surface.top_m[:2], surface.half_m[:2], 0.0)
            room = np.minimum(room, mine.gaps(spots[:, :2], yaws, taken))
    for other, pose in poses.items():
        if other == thing or not -0.02 < pose[2, 3] - spots[0, 2] < 0.2:
            continue
        theirs = layout.look_of(other)
        taken = Footprint.of_hull(theirs, pose)
        gap = mine.gaps(spots[:, :2], yaws, taken)
        room = np.minimum(room, gap - _GAP_M)
        top = pose[2, 3] + np.abs(pose[2, :3]) @ theirs.half_extents
        height = np.where(gap < 0, np.maximum(height, top), height)
        below += gap < 0
        if theirs.half_extents[2] < _FLAT_M and pose[2, 2] > _UPRIGHT:
            steady |= taken.depth(spots[:, :2]) > _STEADY_M
    cost = -room
    if near_m is not None:
        cost = np.linalg.norm(spots[:, :2] - np.asarray(near_m)[:2], axis=1)
    heap = 10.0 + 10.0 * height + 3.0 * below + 2.0 * ~steady - 0.2 * room
    cost = np.where(room >= 0, cost, heap)
    best = int(np.argmin(cost))
    return np.array([*spots[best, :2], height[best] + look.half_extents[2] + _DROP_M])


def _spots_within(surface: Place, mine: Footprint) -> np.ndarray:
    """(N, 3) places for the middle of a thing such that it does not stick out where it can be helped."""
    reach = mine.reach()
    half = np.maximum(surface.half_m[:2] - reach - (0.014 if surface.rim_m else 0.002), 0.0)
    shares = np.array([(x, y) for x in np.linspace(-1, 1, 7) for y in np.linspace(-1, 1, 5)])
    return surface.top_m + np.column_stack([shares * half, np.zeros(len(shares))])
