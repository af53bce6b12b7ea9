"""Packets: carton, cereal box, pill box."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.sim.things.mesh import (
    ACCENT,
    DARK,
    MAIN,
    PRINT,
    SECOND,
    SHADE,
    WHITE,
    Mesh,
    box,
    join,
    lathe,
    slab,
    tube,
    turn,
)
from gaze_vlm_ros.sim.things.shape import Shape, ThingKind, square, variant

_DAYS = 7
_PILL_COLOURS = (WHITE, ACCENT, SECOND)


def _roof(half_x: float, half_y: float, height: float) -> Mesh:
    """The gable of a carton with its crimped seam."""
    tilt = np.arctan2(half_y, height)
    length = np.hypot(half_y, height) / 2
    slopes = [
        box((half_x, 0.0015, length), MAIN).moved(0, sign * half_y / 2, height / 2, turn("x", sign * tilt))
        for sign in (1, -1)
    ]
    gables = slab([(-half_y, 0), (half_y, 0), (0, height)], -half_x + 0.004, half_x - 0.004, WHITE)
    upright = turn("z", np.pi / 2) @ turn("x", np.pi / 2)
    return join(*slopes, gables.moved(turn=upright), box((half_x, 0.002, 0.008), MAIN).moved(z=height + 0.006))


def _carton(a: float = 0.04, h: float = 0.2, gable: bool = True, cap: int = ACCENT) -> Shape:
    wall = h - (0.045 if gable else 0.004)
    body = box((a, a, wall / 2), MAIN, front=PRINT, back=PRINT, left=PRINT, right=PRINT).moved(z=wall / 2)
    if gable:
        body = join(body, _roof(a, a, 0.03).moved(z=wall))
    at = {"x": 0.0, "y": -a * 0.5, "z": wall + 0.014} if gable else {"x": 0.5 * a, "y": 0.0, "z": wall}
    lean = turn("x", 0.9) if gable else np.eye(3)
    lid = lathe([(0.014, 0), (0.014, 0.014), (0, 0.015)], cap, 10).moved(**at, turn=lean)
    hole = lathe([(0.013, 0), (0.013, 0.004), (0.009, 0.004), (0, 0.003)], [WHITE, WHITE, DARK], 10).moved(
        **at, turn=lean
    )
    return Shape((a, a, h / 2), body, lid, hole)


def _cereal_box(x: float = 0.08, y: float = 0.028, h: float = 0.23) -> Shape:
    walls = box((x, y, h / 2), MAIN, front=PRINT, back=PRINT, left=SECOND, right=SECOND, top=SHADE).moved(z=h / 2)
    lid = box((x, y, 0.002), SECOND).moved(z=h + 0.001)
    flaps = [
        box((x, 0.001, 0.018), SECOND).moved(0, sign * (y + 0.008), h + 0.012, turn("x", -0.7 * sign))
        for sign in (1, -1)
    ]
    hole = box((x - 0.006, y - 0.005, 0.001), DARK).moved(z=h + 0.001)
    flakes = box((x - 0.008, y - 0.006, 0.002), ACCENT).moved(z=h + 0.0015)
    return Shape((x, y, h / 2), walls, lid, join(*flaps, hole), flakes, shine=0.2)


def _pill_box(x: float = 0.075, y: float = 0.022, h: float = 0.024, rows: int = 1, round_: bool = False) -> Shape:
    """A week's compartments in a row (or two), or a round one; all lids flip up together."""
    depth = y * rows
    if round_:
        return _round_pill_box(0.048, h)
    tray = box((x, depth, h / 2 - 0.002), MAIN).moved(z=h / 2 - 0.002)
    step = 2 * x / _DAYS
    lids, up, wells, pills = [], [], [], []
    for row in range(rows):
        middle_y = (2 * row + 1 - rows) * y
        for day in range(_DAYS):
            at = -x + (day + 0.5) * step
            colour = (SECOND, ACCENT)[(day + row) % 2]
            lids.append(box((0.42 * step, 0.82 * y, 0.003), colour).moved(at, middle_y, h - 0.001))
            lean = turn("x", -1.3)
            up.append(box((0.42 * step, 0.82 * y, 0.002), colour).moved(at, middle_y + 0.95 * y, h + 0.7 * y, lean))
            wells.append(box((0.38 * step, 0.75 * y, 0.0006), DARK).moved(at, middle_y, h - 0.0035))
            pill = tube([(at - 0.004, middle_y, h), (at + 0.004, middle_y, h)], 0.0045, _PILL_COLOURS[day % 3], 5)
            pills.append(pill)
    return Shape((x, depth, h / 2), tray, join(*lids), join(*up[:_DAYS], *wells), join(*pills))


def _round_pill_box(r: float, h: float) -> Shape:
    tray = lathe([(0, 0), (r, 0), (r, h - 0.004), (0, h - 0.004)], MAIN, 14)
    wedges, pills = [], []
    for day in range(_DAYS):
        angle = 2 * np.pi * day / _DAYS
        spin = turn("z", angle)
        wedge = slab([(0.008, 0), (0.93 * r, -0.36 * r), (0.93 * r, 0.36 * r)], h - 0.004, h, (SECOND, ACCENT)[day % 2])
        wedges.append(wedge.moved(turn=spin))
        pills.append(
            tube([(0.55 * r, -0.005, h), (0.55 * r, 0.005, h)], 0.005, _PILL_COLOURS[day % 3], 5).moved(turn=spin)
        )
    open_lid = lathe([(0, 0), (r, 0), (r, 0.004), (0, 0.004)], SECOND, 14).moved(
        0, 1.0 * r, h + 0.9 * r, turn("x", 1.4)
    )
    well = lathe([(0.9 * r, 0), (0, 0.0005)], DARK, 14).moved(z=h - 0.003)
    return Shape(square(r, h / 2), tray, join(*wedges), join(open_lid, well), join(*pills))


PACKETS = (
    ThingKind(
        "carton",
        _carton,
        0.9,
        (
            variant("white blue blue", "label"),
            variant("orange white green", "cover"),
            variant("white green green", "bands", h=0.215, a=0.037),
            variant("red white white", "label", h=0.17, gable=False, cap=WHITE),
            variant("yellow brown brown", "cover", h=0.19),
            variant("purple white yellow", "stripes", h=0.2, gable=False, a=0.042),
        ),
    ),
    ThingKind(
        "cereal box",
        _cereal_box,
        0.4,
        (
            variant("yellow red orange", "cover"),
            variant("blue white crust", "cover", h=0.25, x=0.085),
            variant("red yellow crust", "cover", h=0.21, x=0.075, y=0.032),
            variant("lime brown crust", "cover", h=0.235),
            variant("purple yellow orange", "cover", x=0.088, h=0.24),
            variant("brown cream crust", "cover", x=0.07, h=0.22, y=0.035),
        ),
    ),
    ThingKind(
        "pill box",
        _pill_box,
        0.1,
        (
            variant("white blue green"),
            variant("white red yellow", x=0.08),
            variant("pale purple green", x=0.07, y=0.026),
            variant("white blue yellow", round_=True),
            variant("grey orange green", x=0.078, y=0.024, h=0.03),
            variant("white red blue", rows=2, y=0.02),
        ),
    ),
)
