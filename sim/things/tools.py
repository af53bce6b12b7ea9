"""What the hand works with: spoon, fork, knife, pen, sponge, napkin."""

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
    WOOD,
    Mesh,
    ball,
    box,
    join,
    lathe,
    oval,
    rounded,
    slab,
    tube,
    turn,
)
from gaze_vlm_ros.sim.things.shape import Shape, ThingKind, variant


def _cutlery_handle(length: float, width: float, swatch: int) -> Mesh:
    """From the head at x = 0 to the end at +x."""
    outline = [
        (0, -0.35 * width),
        (0.6 * length, -0.45 * width),
        (length, -0.8 * width),
        (1.03 * length, 0),
        (length, 0.8 * width),
        (0.6 * length, 0.45 * width),
        (0, 0.35 * width),
    ]
    return slab(outline, 0.004, 0.01, swatch)


def _spoon(
    length: float = 0.19, bowl: float = 0.025, width: float = 0.014, grip: int = MAIN, big: float = 1.0
) -> Shape:
    half = 1.45 * bowl
    rim = [(0, 0.001), (0.8, 0.003), (1.0, 0.01), (0.93, 0.0105), (0.7, 0.005), (0, 0.0035)]
    head = lathe([(radius * bowl, z * big) for radius, z in rim], [MAIN, MAIN, MAIN, SHADE, SHADE], 12).stretched(
        1.45, 1, 1
    )
    start = -length / 2 + 2 * half
    mesh = join(
        head.moved(x=-length / 2 + half),
        _cutlery_handle(length - 2 * half, width, grip).moved(x=start - 0.004, z=0.002),
    )
    return Shape((length / 2, bowl, 0.008), mesh, shine=0.9)


def _fork(length: float = 0.2, head: float = 0.016, tines: int = 4, width: float = 0.014, grip: int = MAIN) -> Shape:
    start = -length / 2
    span = np.linspace(-head, head, tines)
    points = [
        tube(
            [(start, y, 0.011), (start + 0.028, y, 0.006), (start + 0.052, y, 0.006)], [0.0016, 0.0026, 0.003], MAIN, 4
        )
        for y in span
    ]
    root = slab(
        [(0.045, -head - 0.003), (0.062, -head), (0.08, -0.005), (0.08, 0.005), (0.062, head), (0.045, head + 0.003)],
        0.004,
        0.008,
        MAIN,
    )
    handle = _cutlery_handle(length - 0.08, width, grip).moved(x=start + 0.078)
    return Shape((length / 2, head + 0.004, 0.008), join(*points, root.moved(x=start), handle), shine=0.9)


def _knife(
    length: float = 0.22, width: float = 0.014, grip: int = DARK, blade: float = 0.017, pointed: bool = False
) -> Shape:
    cut = 0.55 * length
    tip = (0, 0.6 * blade) if pointed else (0, 0.0)
    outline = [tip, (0.03, -blade), (cut, -blade), (cut, 0.7 * blade), (0.02, 0.7 * blade)]
    mesh = join(
        slab(outline, 0.004, 0.0065, STEEL).moved(x=-length / 2),
        slab(rounded((length - cut) / 2, width * 0.75, 0.007), 0, 0.013, grip).moved(
            x=-length / 2 + cut + (length - cut) / 2
        ),
        box((0.004, width * 0.8, 0.007), STEEL).moved(x=-length / 2 + cut, z=0.0065),
    )
    return Shape((length / 2, blade, 0.0065), mesh, shine=0.8)


def _pen(length: float = 0.155, r: float = 0.0065, sides: int = 8, clip: int = STEEL, pencil: bool = False) -> Shape:
    tip = (-length / 2, 0, r)
    barrel = tube([(-length / 2 + 0.025, 0, r), (length / 2 - 0.02, 0, r)], r, MAIN, sides)
    point = tube(
        [(-length / 2 + 0.027, 0, r), (-length / 2 + 0.004, 0, r)],
        [r * 0.98, 0.0018],
        WOOD if pencil else SECOND,
        sides,
    )
    nib = ball(0.002, DARK, 5, 3).moved(*tip).moved(x=0.003)
    end = tube([(length / 2 - 0.022, 0, r), (length / 2, 0, r)], r * 1.08, ACCENT, sides)
    hook = box((0.018, 0.0022, 0.0015), clip).moved(length / 2 - 0.025, 0, 2 * r + 0.001)
    return Shape((length / 2, r, r), join(barrel, point, nib, end, *(() if pencil else (hook,))), shine=0.6)


def _sponge(x: float = 0.058, y: float = 0.038, h: float = 0.036, form: str = "block") -> Shape:
    outline = rounded(x, y, 0.008) if form == "block" else oval(x, y, 14)
    if form == "waist":
        outline = rounded(x, y, 0.012, 4)
        outline = np.concatenate([[(px, py * (0.72 + 0.28 * (px / x) ** 2)) for px, py in outline]])
    body = slab(outline, 0, 0.72 * h, MAIN)
    scrub = slab(outline, 0.72 * h, h, SECOND, top=PRINT)
    return Shape((x, y, h / 2), join(body, scrub), shine=0.0)


def _napkin(x: float = 0.08, y: float = 0.08, h: float = 0.014, form: str = "square") -> Shape:
    """Folded cloth: layers that do not quite lie on one another."""
    triangle = np.array([(-1, -0.8), (1, -0.8), (0, 0.9)]) * [x, y]
    outline = triangle if form == "triangle" else rounded(x, y, 0.006, 2)
    layers = [
        slab(outline * (1 - 0.03 * i), i * h / 3, (i + 0.8) * h / 3, SHADE if i < 2 else MAIN, top=PRINT).moved(
            0.004 * i, 0.003 * i, 0, turn("z", 0.04 * i)
        )
        for i in range(3)
    ]
    return Shape((x, y, h / 2), join(*layers), shine=0.0)


TOOLS = (
    ThingKind(
        "spoon",
        _spoon,
        0.08,
        (
            variant("steel"),
            variant("steel red", grip=SECOND, length=0.18),
            variant("wood brown", "wood", length=0.22, bowl=0.028),
            variant("steel dark", grip=SECOND, length=0.17, bowl=0.022),
            variant("blue white", length=0.185, bowl=0.026),
            variant("green green", length=0.21, bowl=0.03, big=1.4),
        ),
    ),
    ThingKind(
        "fork",
        _fork,
        0.08,
        (
            variant("steel"),
            variant("steel red", grip=SECOND),
            variant("steel wood", grip=WOOD, tines=3, length=0.19),
            variant("steel dark", grip=SECOND, head=0.018),
            variant("yellow white", length=0.185, tines=3, head=0.018),
            variant("steel blue", grip=SECOND, length=0.21, tines=5, head=0.02),
        ),
    ),
    ThingKind(
        "knife",
        _knife,
        0.1,
        (
            variant("steel"),
            variant("steel wood", grip=WOOD, pointed=True, length=0.23, blade=0.02),
            variant("steel red", grip=SECOND),
            variant("steel steel", grip=MAIN, length=0.21, blade=0.013),
            variant("steel blue", grip=SECOND, pointed=True, blade=0.022),
            variant("steel green", grip=SECOND, length=0.24, blade=0.026),
        ),
    ),
    ThingKind(
        "pen",
        _pen,
        0.03,
        (
            variant("blue steel dark"),
            variant("red white white", r=0.007),
            variant("yellow wood red", pencil=True, sides=6),
            variant("dark steel steel", length=0.145, r=0.0075),
            variant("green white dark", length=0.16),
            variant("purple steel yellow", pencil=True, sides=6, r=0.007, length=0.17),
        ),
    ),
    ThingKind(
        "sponge",
        _sponge,
        0.04,
        (
            variant("yellow green green", "speckle"),
            variant("blue white", "speckle", x=0.055, h=0.042),
            variant("red dark dark", "speckle", form="waist", x=0.062, y=0.042),
            variant("orange purple", "speckle", form="oval", x=0.06, y=0.042),
            variant("lime yellow", "speckle", form="waist"),
            variant("purple white", "speckle", form="oval", h=0.045, y=0.045),
        ),
    ),
    ThingKind(
        "napkin",
        _napkin,
        0.05,
        (
            variant("red white", "checks"),
            variant("blue white", "checks", x=0.09, y=0.065),
            variant("white bright", "stripes", form="triangle", x=0.1, y=0.085),
            variant("green white", "dots", x=0.075, y=0.075),
            variant("purple cream", "checks", form="triangle", x=0.095, y=0.08),
            variant("yellow white", "stripes", x=0.085, y=0.06),
        ),
    ),
)
