"""Food: apple, banana, orange, bread; each is seen whole, begun, or as what is left over."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.sim.things.mesh import (
    ACCENT,
    DARK,
    MAIN,
    PRINT,
    SECOND,
    WHITE,
    WOOD,
    Mesh,
    arc,
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
from gaze_vlm_ros.sim.things.shape import Shape, ThingKind, square, variant

_EATEN = -1.0
_HALF = 0.34
_MOST = 0.67


def _apple(r: float = 0.042, tall: float = 0.9, leaf: bool = True, blush: bool = False) -> Shape:
    h = 2 * r * tall
    profile = np.array(
        [(0, 0.08), (0.4, 0.0), (0.8, 0.25), (1.0, 0.6), (0.9, 0.85), (0.5, 1.0), (0.15, 0.95), (0, 0.85)]
    )
    skin = [MAIN] * 4 + [SECOND if blush else MAIN] * 3
    fruit = lathe(profile * [r, h], skin, 14)
    stem = tube([(0, 0, 0.85 * h), (0.004, 0, 1.12 * h)], [0.003, 0.002], WOOD, 5)
    parts = [fruit, stem]
    if leaf:
        parts.append(slab(oval(0.016, 0.008, 8), 0, 0.001, ACCENT).moved(0.018, 0, 1.06 * h, turn("y", -0.4)))
    flesh = [MAIN, WHITE, WHITE, WHITE, WHITE, MAIN, MAIN]
    bitten = join(
        lathe(np.column_stack([profile[:, 0] * r * [1, 1, 0.75, 0.6, 0.65, 1, 1, 1], profile[:, 1] * h]), flesh, 12),
        stem,
    )
    core = join(
        lathe(
            [(0, 0), (0.5 * r, 0.05 * h), (0.22 * r, 0.5 * h), (0.5 * r, 0.92 * h), (0, h)],
            [MAIN, WHITE, WHITE, MAIN],
            8,
        ),
        stem,
    )
    return Shape(square(r * 0.95, h / 2), stages=((_MOST, join(*parts)), (0.12, bitten), (_EATEN, core)), shine=0.5)


def _orange(r: float = 0.045, flat: float = 0.95, leaf: bool = False) -> Shape:
    h = 2 * r * flat
    middle = {"z": h / 2}
    whole = join(
        ball(r, MAIN, 14, 8).stretched(1, 1, flat).moved(**middle),
        lathe([(0.008, 0), (0, 0.003)], ACCENT, 6).moved(z=h - 0.001),
    )
    if leaf:
        whole = join(whole, slab(oval(0.02, 0.01, 8), 0, 0.001, ACCENT).moved(0.018, 0, h + 0.004, turn("y", -0.2)))
    angles = np.linspace(-np.pi / 2, 0, 5)
    half = lathe([*np.column_stack([np.cos(angles) * r, (np.sin(angles) + 1) * r * flat])[:-1], (r, h / 2)], MAIN, 14)
    cut = slab(oval(0.97 * r, 0.97 * r, 14), h / 2 - 0.004, h / 2, MAIN, top=PRINT)
    peel = join(
        *(
            slab(oval(0.03, 0.014, 8), 0, 0.005, MAIN, top=SECOND).moved(
                0.02 * np.cos(a), 0.02 * np.sin(a), 0.004, turn("z", a)
            )
            for a in (0, 2.1, 4.2)
        )
    )
    return Shape(square(r * 0.95, h / 2), stages=((_MOST, whole), (0.12, join(half, cut)), (_EATEN, peel)), shine=0.3)


def _banana(length: float = 0.18, thick: float = 0.02, bend: float = 0.05, bunch: bool = False) -> Shape:
    def fruit(end: float, swatch: int, sink: float = 1.0) -> Mesh:
        t = np.linspace(0, end, 7)
        path = np.column_stack([(t - 0.5) * length, bend * (1 - (2 * t - 1) ** 2) - bend * 0.6, np.full(7, thick)])
        return tube(path, thick * sink * np.interp(t, [0, 0.15, 0.5, 0.85, 1], [0.45, 0.95, 1, 0.9, 0.35]), swatch, 7)

    tip, stalk = (-0.5 * length, -0.6 * bend), (0.5 * length, -0.6 * bend)
    stem = tube([(*stalk, thick), (stalk[0] + 0.02, stalk[1] - 0.014, thick + 0.004)], 0.006, SECOND, 5)
    whole = join(fruit(1.0, MAIN), stem, ball(0.008, DARK, 6, 4).moved(*tip, thick))
    if bunch:
        whole = join(whole, fruit(1.0, MAIN).moved(0, 0.028, 0.002, turn("z", 0.12)))
    flaps = [tube([(0, 0, thick), (-0.05, side * 0.035, 0.006)], [0.012, 0.006], MAIN, 5) for side in (-1, 1)]
    bitten = join(
        fruit(0.95, WHITE, 0.75).moved(x=0.04), *flaps, fruit(1.0, MAIN).stretched(0.4, 0.6, 1).moved(x=0.3 * length)
    )
    peel = join(
        *(
            tube(
                [(0.06, 0, 0.01), (0, 0.03 * side, 0.012), (-0.07, 0.05 * side, 0.005)], [0.008, 0.013, 0.006], MAIN, 5
            )
            for side in (-1, 0, 1)
        )
    )
    half = (length / 2, bend * 0.5 + thick, thick)
    return Shape(half, stages=((_MOST, whole), (0.12, bitten), (_EATEN, peel)), shine=0.2)


def _bread(x: float = 0.085, y: float = 0.05, h: float = 0.085, kind: str = "loaf") -> Shape:
    def piece(length: float) -> Mesh:
        if kind == "loaf":
            dome = arc(1.0, 0, np.pi, 8) * [1.0, 0.45] + [0, 0.55]
            outline = np.array([(-0.88, 0), (0.88, 0), *dome])
        else:
            outline = [(-0.7, 0), (0.7, 0), (1.0, 0.4), (0.8, 0.8), (0.3, 1.0), (-0.3, 1.0), (-0.8, 0.8), (-1.0, 0.4)]
        mesh = slab(np.array(outline) * [y, h], 0, 2 * length, MAIN, top=SECOND)
        return mesh.moved(-x, 0, 0, turn("z", np.pi / 2) @ turn("x", np.pi / 2))

    if kind == "slices":
        stack = [
            slab(rounded(y, y, 0.015), 0.016 * i, 0.016 * i + 0.013, MAIN, top=SECOND).moved(0.004 * (-1) ** i, 0, 0)
            for i in range(3)
        ]
        return Shape(
            (y, y, 0.023),
            stages=((_MOST, join(*stack)), (_HALF, join(*stack[:2])), (0.05, stack[0]), (_EATEN, _crumbs())),
        )
    cuts = [
        tube(
            [(-0.35 * x + 0.3 * x * i, -0.6 * y, 0.93 * h), (-0.2 * x + 0.3 * x * i, 0.6 * y, 0.93 * h)],
            0.006,
            SECOND,
            4,
        )
        for i in range(3)
    ]
    whole = join(piece(x), *cuts)
    stages = ((_MOST, whole), (_HALF, piece(0.62 * x)), (0.05, piece(0.3 * x)), (_EATEN, _crumbs()))
    return Shape((x, y, h / 2), stages=stages, shine=0.05)


def _crumbs() -> Mesh:
    places = ((0, 0), (0.02, 0.012), (-0.018, 0.01), (0.008, -0.02), (-0.01, -0.014))
    return join(*(box((0.004, 0.003, 0.003), MAIN).moved(a, b, 0.003) for a, b in places))


FOOD = (
    ThingKind(
        "apple",
        _apple,
        0.18,
        (
            variant("red lime green"),
            variant("lime lime green", r=0.04),
            variant("yellow red green", blush=True, r=0.043),
            variant("red yellow green", blush=True, leaf=False, tall=0.85),
            variant("lime red green", blush=True, tall=0.95),
            variant("red red green", r=0.046, tall=0.82, leaf=False),
        ),
    ),
    ThingKind(
        "banana",
        _banana,
        0.15,
        (
            variant("yellow brown"),
            variant("yellow green", length=0.2, bend=0.06),
            variant("lime green", length=0.17, bend=0.045),
            variant("yellow dark", length=0.16, thick=0.022, bend=0.055),
            variant("yellow brown", length=0.185, bunch=True),
            variant("yellow lime", length=0.205, thick=0.018, bend=0.07),
        ),
    ),
    ThingKind(
        "orange",
        _orange,
        0.2,
        (
            variant("orange cream orange", "slice"),
            variant("orange cream green", "slice", leaf=True, r=0.043),
            variant("orange white orange", "slice", r=0.048, flat=0.9),
            variant("orange cream yellow", "slice", r=0.041),
            variant("orange cream green", "slice", r=0.046, leaf=True, flat=0.88),
            variant("orange white red", "slice", r=0.049, flat=1.0),
        ),
    ),
    ThingKind(
        "bread",
        _bread,
        0.4,
        (
            variant("crust crumb"),
            variant("brown crumb", x=0.075, y=0.048, h=0.09),
            variant("crust crumb", kind="baguette", x=0.11, y=0.034, h=0.05),
            variant("crust crumb", kind="slices", y=0.055),
            variant("crust crumb", kind="baguette", x=0.085, y=0.05, h=0.065),
            variant("brown crumb", kind="loaf", x=0.095, y=0.045, h=0.075),
        ),
    ),
)
