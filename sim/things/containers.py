"""What things are kept in: bottle, jar, can."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.sim.things.mesh import ACCENT, DARK, MAIN, PRINT, SECOND, STEEL, WHITE, join, lathe, tube, turn
from gaze_vlm_ros.sim.things.shape import Content, Shape, ThingKind, square, variant

COFFEE = (0.2, 0.1, 0.05)
WATER = (0.6, 0.78, 0.88)
JUICE = (0.95, 0.55, 0.1)
WINE = (0.35, 0.05, 0.12)


def _bottle(
    r: float = 0.036,
    h: float = 0.24,
    neck: float = 0.013,
    shoulder: float = 0.65,
    cap: int = SECOND,
    sides: int = 14,
    label: bool = True,
    see_through: float = 0.0,
    drink=WATER,
) -> Shape:
    top, inner = h - 0.018, r * np.cos(np.pi / sides)
    outer = [
        (0, 0),
        (r * 0.94, 0),
        (r, 0.008),
        (r, shoulder * h),
        (neck * 1.2, shoulder * h + 0.045),
        (neck, top),
        (0, top),
    ]
    skin = lathe(outer, MAIN, sides).moved(turn=turn("z", np.pi / sides))
    width = r * 1.012
    band = lathe([(width, 0.2 * h), (width, 0.55 * h)], PRINT, sides).moved(turn=turn("z", np.pi / sides))
    lid = lathe([(0, 0), (neck * 1.25, 0), (neck * 1.25, 0.02), (0, 0.022)], cap, 10).moved(z=top - 0.002)
    mouth = lathe([(neck, top - 0.004), (neck * 1.1, top), (neck * 0.7, top), (0, top - 0.004)], [MAIN, MAIN, DARK], 10)
    content = Content(0.006, shoulder * h + 0.01, 0.93 * inner, 0.93 * inner, drink, column=True)
    if not see_through:
        body = join(skin, band) if label else skin
        return Shape(square(inner, h / 2), body, lid, mouth, shine=0.6)
    return Shape(
        square(inner, h / 2),
        band if label else mouth,
        lid,
        mouth,
        clear=skin,
        clear_rgba=(*_tint(drink), see_through),
        content=content,
        shine=0.9,
    )


def _tint(colour) -> tuple[float, float, float]:
    return tuple(0.5 + 0.5 * channel for channel in colour)


def _jar(
    r: float = 0.042, h: float = 0.105, lid: int = SECOND, sides: int = 14, food=(0.6, 0.08, 0.1), label: bool = True
) -> Shape:
    body_top, inner = h - 0.02, 0.97 * r * np.cos(np.pi / sides)
    wall = lathe([(0, 0), (r * 0.95, 0), (r, 0.006), (r, body_top - 0.012), (r * 0.82, body_top)], MAIN, sides)
    ring = lathe([(r * 0.84, body_top), (r * 0.86, h - 0.004), (r * 0.78, h - 0.004)], STEEL, sides)
    paper = lathe([(r * 1.012, 0.22 * h), (r * 1.012, 0.62 * h)], PRINT, sides)
    cover = lathe([(r * 0.92, body_top + 0.002), (r * 0.95, h), (0, h + 0.001)], [lid, lid], 16)
    return Shape(
        square(r, h / 2),
        join(ring, paper) if label else ring,
        cover,
        clear=wall,
        clear_rgba=(0.9, 0.94, 0.92, 0.35),
        content=Content(0.004, body_top - 0.012, inner, inner, food, column=True),
        shine=0.8,
    )


def _can(r: float = 0.033, h: float = 0.118, skin: int = PRINT, tab: bool = True) -> Shape:
    neck = 0.9 * r if tab else r
    profile = [
        (0, 0),
        (0.85 * r, 0),
        (r, 0.008),
        (r, h - 0.012),
        (neck, h - 0.003),
        (neck, h),
        (0.92 * neck, h - 0.004),
        (0, h - 0.004),
    ]
    body = lathe(profile, [STEEL, STEEL, skin, STEEL, STEEL, STEEL, STEEL], 16)
    ring = tube([(0.0, 0, h - 0.002), (0.4 * r, 0, h - 0.001)], 0.004, DARK, 5)
    hole = lathe([(0.5 * r if tab else 0.85 * r, 0), (0, 0.0015)], DARK, 12).moved(x=0.3 * r if tab else 0, z=h - 0.003)
    return Shape(square(r, h / 2), body, ring if tab else None, hole, shine=0.8)


CONTAINERS = (
    ThingKind(
        "bottle",
        _bottle,
        0.6,
        (
            variant("bottle cream red", "label", drink=WINE),
            variant("white blue blue", "bands", r=0.034, h=0.22, shoulder=0.68, see_through=0.35),
            variant("white red yellow", "label", r=0.04, h=0.21, neck=0.016, shoulder=0.66, cap=ACCENT),
            variant("brown cream green", "label", r=0.032, h=0.23, shoulder=0.55, cap=STEEL),
            variant(
                "white green",
                "label",
                r=0.037,
                h=0.225,
                sides=4,
                neck=0.017,
                shoulder=0.7,
                see_through=0.4,
                drink=JUICE,
            ),
            variant("blue white red", "stripes", r=0.036, h=0.25, neck=0.014, shoulder=0.6, cap=WHITE),
        ),
    ),
    ThingKind(
        "jar",
        _jar,
        0.4,
        (
            variant("red cream", "label"),
            variant("white yellow", "label", r=0.045, h=0.09, food=(0.85, 0.55, 0.1)),
            variant("white brown brown", "bands", r=0.04, h=0.125, food=COFFEE),
            variant("white red red", "checks", r=0.044, h=0.1, food=(0.35, 0.1, 0.35)),
            variant("white green", "page", r=0.046, h=0.11, lid=STEEL, food=(0.55, 0.6, 0.2)),
            variant("cream blue blue", "label", r=0.048, h=0.085, sides=6, food=(0.9, 0.45, 0.1)),
        ),
    ),
    ThingKind(
        "can",
        _can,
        0.35,
        (
            variant("red white", "bands"),
            variant("bright yellow white", "label"),
            variant("blue white yellow", "label", r=0.037, h=0.11, tab=False),
            variant("green cream red", "stripes", r=0.031, h=0.13),
            variant("purple pale white", "dots", r=0.034, h=0.115),
            variant("orange white blue", "label", r=0.042, h=0.09, tab=False),
        ),
    ),
)
