"""Notebook, letter, phone, remote, salt shaker."""

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
    ball,
    box,
    join,
    lathe,
    rounded,
    slab,
    turn,
)
from gaze_vlm_ros.sim.things.shape import Shape, ThingKind, square, variant


def _notebook(
    x: float = 0.075, y: float = 0.105, h: float = 0.02, binding: str = "spine", strap: bool = False
) -> Shape:
    cover = slab(rounded(x, y, 0.008), h - 0.003, h, MAIN, top=PRINT)
    paper = box((x - 0.004, y - 0.005, h / 2 - 0.003), WHITE).moved(x=0.001, z=h / 2)
    back = slab(rounded(x, y, 0.008), 0, 0.003, MAIN)
    parts = [cover, paper, back]
    if binding == "spine":
        parts.append(box((0.004, y, h / 2), DARK).moved(x=-x, z=h / 2))
    else:
        edge = [(-x, s, 0) for s in np.linspace(-0.85 * y, 0.85 * y, 9)]
        parts += [
            lathe([(h * 0.6, -0.002), (h * 0.6, 0.002)], STEEL, 8).moved(px, py, h / 2, turn("x", np.pi / 2))
            for px, py, _ in edge
        ]
    if strap:
        parts.append(box((0.004, y, 0.001), ACCENT).moved(x=0.7 * x, z=h + 0.0005))
    return Shape((x, y, h / 2), join(*parts))


def _letter(x: float = 0.11, y: float = 0.06, sheet: bool = False) -> Shape:
    """An envelope; opened, its flap stands up and the sheet looks out."""
    h = 0.008
    envelope = box((x, y, h / 2), MAIN, top=PRINT).moved(z=h / 2)
    flap = slab([(-x, 0), (x, 0), (0, 0.75 * y)], 0, 0.0015, SHADE).moved(0, y, h, turn("x", 0.6))
    paper = box((0.92 * x, 0.4 * y, 0.0015), WHITE).moved(0, 1.25 * y, h * 0.8)
    lines = [box((0.6 * x, 0.002, 0.0005), DARK).moved(-0.15 * x, (1.1 + 0.15 * i) * y, h + 0.0008) for i in range(4)]
    opened = join(flap, paper, *lines)
    closed = slab([(0, -0.05 * y), (x, y), (-x, y)], h, h + 0.001, SHADE) if sheet else None
    return Shape((x, y, h / 2), envelope, closed, opened, shine=0.05)


def _phone(x: float = 0.038, y: float = 0.077, h: float = 0.011, lens: int = DARK, old: bool = False) -> Shape:
    case = slab(rounded(x, y, 0.009), 0, h, MAIN)
    face = slab(rounded(x * 0.92, y * (0.45 if old else 0.94), 0.006), h, h + 0.0008, DARK, top=PRINT)
    parts = [case, face.moved(y=0.45 * y if old else 0.0)]
    if old:
        keys = [(i - 1, j) for i in range(3) for j in range(4)]
        parts += [box((0.008, 0.006, 0.001), WHITE).moved(0.02 * i, -0.1 * y - 0.016 * j, h) for i, j in keys]
    parts.append(lathe([(0.004, 0), (0, 0.0012)], lens, 8).moved(y=-0.9 * y, z=h))
    return Shape((x, y, h / 2), join(*parts), shine=0.9)


def _remote(x: float = 0.024, y: float = 0.1, h: float = 0.022, waist: float = 1.0, rows: int = 7) -> Shape:
    outline = rounded(x, y, 0.015, 4)
    outline[:, 0] *= 1 - (1 - waist) * np.exp(-((outline[:, 1] / (0.6 * y)) ** 2))
    body = slab(outline, 0, h, MAIN)
    parts = [body, lathe([(0.008, 0), (0.006, 0.004), (0, 0.005)], ACCENT, 8).moved(-0.4 * x, 0.85 * y, h)]
    for row in range(rows):
        place = 0.62 * y - row * 1.35 * y / rows
        if row == 2:
            parts.append(
                lathe([(0.7 * x * waist, 0), (0.55 * x * waist, 0.004), (0, 0.004)], SECOND, 12).moved(0, place, h)
            )
            continue
        buttons = (-0.55, 0, 0.55)
        parts += [box((0.16 * x, 0.0045, 0.002), SECOND).moved(side * x * waist, place, h) for side in buttons]
    return Shape((x, y, h / 2), join(*parts), shine=0.3)


def _salt_shaker(
    r: float = 0.026, h: float = 0.085, dome: int = STEEL, sides: int = 12, waist: float = 0.8, mill: bool = False
) -> Shape:
    neck = 0.66 * h
    if mill:
        body = lathe([(0, 0), (r, 0), (r, 0.15 * h), (waist * r, 0.4 * h), (r, neck), (0, neck)], MAIN, sides)
        top = join(
            lathe([(0.6 * r, neck), (r, neck + 0.1 * h), (0.5 * r, h - 0.008), (0, h - 0.008)], MAIN, sides),
            ball(0.009, dome, 8, 5).moved(z=h - 0.005),
        )
        return Shape(
            square(r, h / 2), join(body, top, lathe([(r, 0.1 * h), (1.03 * r, 0.14 * h), (r, 0.18 * h)], dome, sides))
        )
    body = lathe([(0, 0), (r, 0), (r * waist, neck), (0, neck)], MAIN, sides)
    cap = lathe(
        [(r * waist * 1.08, neck), (r * waist * 1.08, neck + 0.12 * h), (0.6 * r, h - 0.004), (0, h)], dome, sides
    )
    holes = [
        box((0.003, 0.003, 0.002), DARK).moved(0.3 * r * i, 0.3 * r * j, h - 0.003) for i in (-1, 1) for j in (-1, 1)
    ]
    letter = box((0.4 * r, 0.002, 0.006), SECOND).moved(0, -0.93 * r, 0.35 * h)
    return Shape(square(r, h / 2), join(body, cap, *holes, letter), shine=0.6)


SMALL_THINGS = (
    ThingKind(
        "notebook",
        _notebook,
        0.3,
        (
            variant("deep cream", "book"),
            variant("dark red red", "plain", x=0.065, y=0.095, strap=True),
            variant("red white", "book", binding="rings"),
            variant("bright white dark", "dots", x=0.08, y=0.11, h=0.016, binding="rings"),
            variant("green cream dark", "stripes", x=0.07, y=0.1),
            variant("brown cream cream", "book", x=0.075, y=0.1, h=0.028, strap=True),
        ),
    ),
    ThingKind(
        "letter",
        _letter,
        0.05,
        (
            variant("white blue red", "envelope"),
            variant("cream red blue", "envelope", x=0.1, y=0.07),
            variant("crust white red", "envelope", x=0.115, y=0.075),
            variant("white white red", "plain", sheet=True),
            variant("pale white green", "envelope", x=0.095, y=0.065),
            variant("cream white purple", "plain", x=0.105, y=0.07, sheet=True),
        ),
    ),
    ThingKind(
        "phone",
        _phone,
        0.2,
        (
            variant("dark blue", "screen"),
            variant("white purple", "screen", y=0.08),
            variant("blue green", "screen", x=0.041, y=0.083),
            variant("grey lime", "screen", x=0.034, y=0.08, h=0.02, old=True),
            variant("red blue", "screen", x=0.04),
            variant("steel orange", "screen", x=0.042, y=0.085, h=0.013),
        ),
    ),
    ThingKind(
        "remote",
        _remote,
        0.15,
        (
            variant("dark grey red"),
            variant("white grey red", x=0.022, y=0.095),
            variant("grey white orange", waist=0.75, x=0.028),
            variant("dark white green", x=0.026, y=0.11, rows=8),
            variant("steel dark red", x=0.023, y=0.09, rows=5),
            variant("deep cream red", waist=0.7, x=0.03, y=0.1),
        ),
    ),
    ThingKind(
        "salt shaker",
        _salt_shaker,
        0.15,
        (
            variant("white dark"),
            variant("white blue", r=0.024, h=0.075, sides=6, waist=0.9),
            variant("wood dark", "wood", r=0.024, h=0.12, mill=True, waist=0.6),
            variant("pale white", r=0.027, h=0.08, waist=0.65, dome=SHADE),
            variant("blue white", r=0.025, h=0.09, dome=WHITE, waist=0.85),
            variant("dark white", r=0.026, h=0.13, mill=True, waist=0.7),
        ),
    ),
)
