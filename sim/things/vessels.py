"""What one eats, drinks and cooks from: mug, glass, bowl, plate, pan, teapot, kettle."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.sim.things.mesh import (
    ACCENT,
    DARK,
    MAIN,
    PRINT,
    SECOND,
    SHADE,
    STEEL,
    WHITE,
    WOOD,
    Mesh,
    ball,
    join,
    lathe,
    tube,
)
from gaze_vlm_ros.sim.things.shape import Content, Shape, ThingKind, bent, square, variant

TEA = (0.45, 0.2, 0.06)
COFFEE = (0.2, 0.1, 0.05)
WATER = (0.6, 0.78, 0.88)
JUICE = (0.95, 0.55, 0.1)
MILK = (0.95, 0.94, 0.9)
SOUP = (0.85, 0.45, 0.15)
STEW = (0.5, 0.22, 0.1)
WINE = (0.35, 0.05, 0.12)


def _handle(
    radius: float, low: float, high: float, reach: float, thick: float, swatch: int = MAIN, sides: int = 6
) -> Mesh:
    """A loop at +x between two heights of a wall."""
    middle = radius + 2 * reach - 0.01
    points = bent((radius - 0.003, 0, high), (middle, 0, (low + high) / 2 + 0.01), (radius - 0.006, 0, low), 7)
    return tube(points, thick, swatch, sides)


def _spout(radius: float, low: float, high: float, reach: float, thick: float, swatch: int = MAIN) -> Mesh:
    """A beak at -x, from a height of the wall up to ``high``."""
    start = (-radius * 0.8, 0, low)
    points = bent(start, (-radius - 0.7 * reach, 0, low), (-radius - reach, 0, high), 5)
    return tube(points, np.linspace(1.5, 0.7, 5) * thick, swatch)


def _mug(r: float = 0.043, h: float = 0.095, foot: float = 0.9, skin: int = MAIN, drink=TEA) -> Shape:
    wall = 0.005
    profile = [
        (0, 0),
        (r * foot, 0),
        (r * (0.3 * foot + 0.7), 0.25 * h),
        (r, h),
        (r - wall, h),
        (r * foot - wall, 0.01),
        (0, 0.01),
    ]
    body = join(
        lathe(profile, [MAIN, skin, skin, WHITE, WHITE, WHITE], 16), _handle(r * 0.97, 0.2 * h, 0.8 * h, 0.026, 0.006)
    )
    return Shape(square(r, h / 2), body, content=Content(0.012, h - 0.012, r * foot - wall, r - wall, drink), shine=0.5)


def _glass(r: float = 0.034, h: float = 0.12, foot: float = 0.85, stem: float = 0.0, drink=WATER) -> Shape:
    base = (
        [(0, 0), (r * foot, 0)] if not stem else [(0, 0), (r * 0.85, 0), (r * 0.8, 0.005), (0.006, 0.01), (0.006, stem)]
    )
    low = stem + 0.006
    wall = [(r * foot if not stem else r * 0.6, low), (r, h), (r - 0.002, h)]
    clear = lathe([*base, *wall], MAIN, 14)
    rim = lathe([(r - 0.001, h - 0.004), (r + 0.001, h - 0.004), (r + 0.001, h), (r - 0.001, h)], WHITE, 14)
    foot_ring = lathe([(0, 0), (r * foot, 0), (r * foot, 0.008), (0, 0.008)], STEEL, 14)
    content = Content(low + 0.003, h - 0.015, r * (foot if not stem else 0.6) - 0.004, r - 0.005, drink, column=True)
    return Shape(square(r, h / 2), join(rim, foot_ring), clear=clear, content=content, shine=0.9)


def _bowl(r: float = 0.08, h: float = 0.06, steep: float = 0.75, skin: int = MAIN, food=SOUP) -> Shape:
    foot = 0.5 * r
    outer = [(0, 0), (foot, 0), (foot * 1.05, 0.006), (r * steep, 0.3 * h), (r * 0.96, 0.75 * h), (r, h)]
    inner = [(r - 0.005, h), (r * 0.9, 0.72 * h), (r * steep * 0.92, 0.36 * h), (foot, 0.01), (0, 0.009)]
    body = lathe([*outer, *inner], [MAIN, MAIN, MAIN, skin, skin, MAIN, WHITE, WHITE, WHITE, WHITE], 18)
    return Shape(square(r, h / 2), body, content=Content(0.016, 0.85 * h, foot, r * 0.93, food), shine=0.5)


def _plate(r: float = 0.105, h: float = 0.022, rim: int = MAIN, food=STEW) -> Shape:
    profile = [(0, 0), (0.6 * r, 0), (r, h - 0.004), (r, h), (0.93 * r, h - 0.002), (0.68 * r, 0.008), (0, 0.007)]
    body = lathe(profile, [SHADE, MAIN, MAIN, rim, rim, WHITE], 20)
    return Shape(square(r, h / 2), body, content=Content(0.009, 0.02, 0.3 * r, 0.62 * r, food), shine=0.5)


def _pan(r: float = 0.098, h: float = 0.05, grip: int = DARK, straight: float = 0.95, food=SOUP) -> Shape:
    profile = [(0, 0), (r * straight, 0), (r, h), (r - 0.005, h), (r * straight - 0.006, 0.008), (0, 0.007)]
    body = lathe(profile, [MAIN, MAIN, STEEL, SHADE, SHADE], 18)
    handle = tube([(r - 0.01, 0, h - 0.012), (r + 0.04, 0, h), (r + 0.12, 0, h + 0.006)], [0.008, 0.011, 0.013], grip)
    return Shape(
        square(r, h / 2), join(body, handle), content=Content(0.01, h - 0.01, r * straight - 0.01, r - 0.008, food)
    )


def _teapot(
    r: float = 0.068, h: float = 0.1, belly: float = 0.45, knob: int = SECOND, skin: int = MAIN, drink=TEA
) -> Shape:
    mouth, top = 0.52 * r, h - 0.022
    outer = [(0, 0), (0.6 * r, 0), (0.93 * r, 0.2 * top), (r, belly * top), (0.9 * r, 0.75 * top), (mouth, top)]
    inner = [(mouth - 0.005, top), (0.8 * r, 0.7 * top), (0, 0.3 * top)]
    pot = lathe([*outer, *inner], [MAIN, skin, skin, skin, skin, MAIN, SHADE, SHADE], 12)
    body = join(pot, _handle(r * 0.92, 0.25 * top, 0.85 * top, 0.036, 0.007), _spout(r, 0.35 * top, top, 0.045, 0.01))
    lid = join(
        lathe([(mouth + 0.002, top), (0.55 * mouth, top + 0.01), (0, top + 0.012)], MAIN, 14),
        ball(0.011, knob, 8, 5).moved(z=h - 0.008),
    )
    return Shape(
        square(r, h / 2), body, lid, content=Content(0.35 * top, 0.9 * top, 0.6 * r, 0.6 * r, drink), shine=0.6
    )


def _kettle(r: float = 0.075, h: float = 0.2, base: int = DARK, knob: int = DARK, waist: float = 0.75) -> Shape:
    top = h - 0.025
    profile = [
        (0, 0),
        (1.05 * r, 0),
        (1.05 * r, 0.018),
        (r, 0.02),
        (r, 0.05),
        (0.9 * r, 0.6 * top),
        (waist * r, top),
        (0, h - 0.012),
    ]
    body = lathe(profile, [base, base, base, MAIN, MAIN, MAIN, SECOND], 16)
    grip = tube(
        [(0.8 * r, 0, 0.95 * top), (1.5 * r, 0, 0.98 * top), (1.62 * r, 0, 0.7 * top), (1.5 * r, 0, 0.3 * top)],
        [0.01, 0.011, 0.011, 0.009],
        ACCENT,
    )
    beak = tube([(-0.7 * r, 0, 0.8 * top), (-1.05 * r, 0, 0.93 * top), (-1.25 * r, 0, top)], [0.026, 0.017, 0.01], MAIN)
    button = lathe([(0.016, 0), (0.012, 0.014), (0, 0.016)], knob, 8).moved(z=h - 0.016)
    lamp = tube([(1.5 * r, 0, 0.3 * top), (1.56 * r, 0, 0.24 * top)], 0.009, SECOND, 5)
    return Shape(square(1.0 * r, h / 2), join(body, grip, beak, button, lamp), shine=0.7)


VESSELS = (
    ThingKind(
        "mug",
        _mug,
        0.3,
        (
            variant("bright white"),
            variant("white bright bright", "stripes", skin=PRINT, r=0.04, h=0.105, foot=1.0),
            variant("deep pale", r=0.05, h=0.075, foot=0.65, drink=COFFEE),
            variant("pale bright", "dots", skin=PRINT, r=0.044, h=0.09, foot=0.8),
            variant("cream brown brown", "bands", skin=PRINT, r=0.041, h=0.11, foot=1.0, drink=COFFEE),
            variant("bright pale", "checks", skin=PRINT, r=0.047, h=0.085, foot=0.75),
        ),
    ),
    ThingKind(
        "glass",
        _glass,
        0.2,
        (
            variant("white"),
            variant("white", r=0.036, h=0.1, foot=0.95, drink=JUICE),
            variant("white", r=0.036, h=0.15, stem=0.065, drink=WINE),
            variant("white", r=0.03, h=0.145, foot=0.9, drink=MILK),
            variant("white", r=0.042, h=0.095, foot=0.7, drink=JUICE),
            variant("white", r=0.04, h=0.16, stem=0.08, drink=WATER),
        ),
    ),
    ThingKind(
        "bowl",
        _bowl,
        0.35,
        (
            variant("blue white"),
            variant("white bright", "stripes", skin=PRINT, r=0.075, h=0.065, food=(0.85, 0.7, 0.4)),
            variant("wood brown", "wood", skin=PRINT, r=0.085, h=0.06, steep=0.85, food=(0.45, 0.6, 0.25)),
            variant("bright white", r=0.07, h=0.055, steep=0.85),
            variant("pale deep", "dots", skin=PRINT, r=0.08, h=0.07, steep=0.7, food=MILK),
            variant("green cream", "bands", skin=PRINT, r=0.078, h=0.058, steep=0.9, food=STEW),
        ),
    ),
    ThingKind(
        "plate",
        _plate,
        0.4,
        (
            variant("white"),
            variant("white blue", rim=SECOND),
            variant("pale bright", r=0.095, rim=SECOND),
            variant("cream brown", r=0.1, rim=SECOND, food=SOUP),
            variant("white green", r=0.11, rim=SECOND, food=(0.5, 0.62, 0.3)),
            variant("blue white", r=0.098, rim=MAIN),
        ),
    ),
    ThingKind(
        "pan",
        _pan,
        0.8,
        (
            variant("dark"),
            variant("steel", r=0.09, h=0.065, straight=1.0),
            variant("red white", r=0.095, grip=WOOD),
            variant("grey", r=0.105, h=0.042, straight=0.85),
            variant("bottle dark", r=0.092, h=0.06, grip=DARK, straight=1.0),
            variant("blue dark", r=0.1, h=0.048, grip=STEEL, straight=0.88),
        ),
    ),
    ThingKind(
        "teapot",
        _teapot,
        0.7,
        (
            variant("bright white"),
            variant("white blue", "dots", skin=PRINT, r=0.072, h=0.105),
            variant("brown cream", r=0.066, h=0.115, belly=0.35),
            variant("deep yellow", r=0.075, h=0.09, belly=0.5),
            variant("cream red", "stripes", skin=PRINT, r=0.07, h=0.11, belly=0.4),
            variant("dark steel", r=0.073, h=0.098, belly=0.55, knob=STEEL),
        ),
    ),
    ThingKind(
        "kettle",
        _kettle,
        1.0,
        (
            variant("steel steel dark"),
            variant("white grey grey", r=0.07, h=0.21, base=STEEL, knob=STEEL),
            variant("dark steel dark", r=0.075, h=0.19),
            variant("red dark dark", r=0.078, h=0.195, waist=0.6),
            variant("cream brown brown", r=0.072, h=0.2, base=WOOD, knob=WOOD),
            variant("blue steel steel", r=0.08, h=0.18, waist=0.55),
        ),
    ),
)
