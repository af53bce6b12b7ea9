"""What a kind of thing is made of: the meshes of a shape, its looks' variants, and the kind itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gaze_vlm_ros.sim.things.mesh import Mesh
from gaze_vlm_ros.sim.things.state import EATABLE, HEATABLE, LIQUID_HOLDERS, OPENABLE

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Content:
    """What a vessel holds: heights [m] and radii [m] of its surface when nearly empty and when full.

    A ``column`` reaches down to the floor (seen through a clear wall), otherwise only the surface is drawn.
    """

    floor_m: float
    brim_m: float
    floor_radius_m: float
    brim_radius_m: float
    colour: Colour
    column: bool = False


@dataclass(frozen=True)
class Shape:
    """A thing standing on z = 0 about the z axis [m].

    ``half_extents`` (3,) are those of the hidden box that collides. ``body`` is always seen, ``closed`` and ``opened``
    by the lid's state, ``inside`` while open and not empty, ``clear`` through-seen; of ``stages``, each with the share
    above which it is seen, the first that fits is seen.
    """

    half_extents: tuple[float, float, float]
    body: Mesh | None = None
    closed: Mesh | None = None
    opened: Mesh | None = None
    inside: Mesh | None = None
    clear: Mesh | None = None
    clear_rgba: tuple[float, float, float, float] = (0.85, 0.93, 0.95, 0.32)
    stages: tuple[tuple[float, Mesh], ...] = ()
    content: Content | None = None
    shine: float = 0.3


@dataclass(frozen=True)
class Variant:
    """One family of looks of a kind: palettes of the three colours, print, and arguments of the kind's maker."""

    palettes: tuple[str, str, str]
    print: str
    sizes: dict[str, Any] = field(default_factory=dict)


def variant(palettes: str, print_name: str = "plain", **sizes: Any) -> Variant:
    """``palettes`` are names of ``PALETTES``, parted by spaces; missing ones are white and dark."""
    names = (*palettes.split(), "white", "dark")[:3]
    return Variant(names, print_name, sizes)


PALETTES: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "white": ((0.0, 1.0), (0.0, 0.06), (0.86, 0.97)),
    "cream": ((0.09, 0.14), (0.15, 0.3), (0.85, 0.95)),
    "dark": ((0.0, 1.0), (0.0, 0.2), (0.1, 0.22)),
    "grey": ((0.0, 1.0), (0.0, 0.08), (0.4, 0.6)),
    "steel": ((0.55, 0.65), (0.0, 0.06), (0.62, 0.75)),
    "bright": ((0.0, 1.0), (0.65, 0.9), (0.65, 0.92)),
    "pale": ((0.0, 1.0), (0.15, 0.35), (0.75, 0.92)),
    "deep": ((0.0, 1.0), (0.55, 0.85), (0.3, 0.5)),
    "red": ((0.97, 1.02), (0.75, 0.95), (0.65, 0.88)),
    "orange": ((0.06, 0.085), (0.85, 1.0), (0.88, 1.0)),
    "yellow": ((0.13, 0.155), (0.75, 0.95), (0.88, 1.0)),
    "green": ((0.24, 0.36), (0.55, 0.8), (0.5, 0.8)),
    "lime": ((0.2, 0.26), (0.6, 0.8), (0.65, 0.85)),
    "bottle": ((0.33, 0.42), (0.6, 0.85), (0.25, 0.45)),
    "blue": ((0.56, 0.64), (0.55, 0.85), (0.5, 0.85)),
    "purple": ((0.73, 0.82), (0.4, 0.7), (0.4, 0.7)),
    "brown": ((0.055, 0.085), (0.5, 0.7), (0.35, 0.5)),
    "crust": ((0.065, 0.09), (0.5, 0.65), (0.6, 0.75)),
    "crumb": ((0.1, 0.12), (0.18, 0.28), (0.88, 0.95)),
    "wood": ((0.07, 0.1), (0.4, 0.6), (0.5, 0.75)),
}
"""Ranges of hue (wrapping at 1), saturation and value."""


@dataclass(frozen=True)
class ThingKind:
    """A kind of thing: its maker, mass [kg], and six variants; the sixth is for what must be new.

    ``make(**variant.sizes)`` gives the shape at scale 1.
    """

    name: str
    make: Callable[..., Shape]
    mass_kg: float
    variants: tuple[Variant, ...]

    @property
    def can_open(self) -> bool:
        return self.name in OPENABLE

    @property
    def holds_liquid(self) -> bool:
        return self.name in LIQUID_HOLDERS

    @property
    def can_be_hot(self) -> bool:
        return self.name in HEATABLE

    @property
    def is_eaten(self) -> bool:
        return self.name in EATABLE


def square(radius_m: float, half_height_m: float) -> tuple[float, float, float]:
    """The box that stands for a round thing: a little less wide than it, so that neighbours do not touch too early."""
    return (0.92 * radius_m, 0.92 * radius_m, half_height_m)


def bent(start: np.ndarray, middle: np.ndarray, end: np.ndarray, points: int = 6) -> np.ndarray:
    """(points, 3) along the parabola from ``start`` to ``end`` that is drawn towards ``middle``."""
    t = np.linspace(0, 1, points)[:, None]
    a, b, c = (np.asarray(point, float) for point in (start, middle, end))
    return (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c
