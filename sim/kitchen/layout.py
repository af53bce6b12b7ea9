"""Everything random about one kitchen, drawn from one generator. World frame, metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS, ROBOT
from gaze_vlm_ros.sim.kitchen.placing import (
    MOUNTS,
    KitchenError,
    Mount,
    NoRoomError,
    Place,
    sample_mount,
    sample_places,
    sample_poses,
)
from gaze_vlm_ros.sim.things import ThingLook, sample_colour
from gaze_vlm_ros.sim.things.mesh import turn

THINGS = (6, 14)
"""Fewest and most things of a layout that are drawn when no number is asked for."""
POSTURES = ("seated", "standing")
_DRAWS = 12


@dataclass(frozen=True)
class Surface:
    """How a surface looks: a print of ``things.prints`` and its three colours (0..1)."""

    print: str
    colours: tuple[tuple[float, float, float], ...]
    tile_m: float


@dataclass(frozen=True, eq=False)
class Layout:
    """One kitchen. ``positions`` are where things stand, on the surface; ``head_m`` is the eyes' middle at rest.

    ``camera_mount`` (4, 4) is the scene camera's optical frame in the head's (x right, y down, z forward).
    """

    looks: tuple[ThingLook, ...]
    positions: tuple[np.ndarray, ...]
    yaws: tuple[float, ...]
    places: dict[str, Place]
    table_half_m: np.ndarray
    mount: Mount
    posture: str
    head_m: np.ndarray
    shoulder_m: np.ndarray
    camera_mount: np.ndarray
    surfaces: dict[str, Surface]
    skin_rgb: tuple[float, float, float]
    sleeve_rgb: tuple[float, float, float]
    light_m: np.ndarray
    light_rgb: tuple[float, float, float]
    print_seed: int

    def look_of(self, thing: str) -> ThingLook:
        """The look of ``thing``; raises KitchenError that lists what is there."""
        for look in self.looks:
            if look.kind == thing:
                return look
        raise KitchenError(f"no {thing!r} in this kitchen; there are: {', '.join(look.kind for look in self.looks)}")

    def place_named(self, name: str) -> Place:
        """The place; raises KitchenError that lists those that exist."""
        if name not in self.places:
            raise KitchenError(f"no place {name!r}; use one of: {', '.join(self.places)}")
        return self.places[name]


_SURFACES = {
    "table": (
        ("wood wood", "wood", 0.45),
        ("crust brown", "wood", 0.5),
        ("white grey", "speckle", 0.6),
        ("pale white", "checks", 0.35),
        ("cream red", "stripes", 0.5),
        ("grey dark", "plain", 1.0),
        ("brown dark", "wood", 0.4),
    ),
    "wall": (
        ("white grey", "tiles", 0.8),
        ("pale white", "plain", 1.0),
        ("cream crust", "stripes", 1.2),
        ("pale white", "tiles", 1.0),
        ("grey white", "speckle", 1.0),
        ("blue white", "tiles", 0.9),
    ),
    "floor": (
        ("brown dark", "wood", 0.6),
        ("grey white", "tiles", 0.8),
        ("crust brown", "wood", 0.7),
        ("dark grey", "checks", 0.9),
    ),
    "furniture": (
        ("white grey grey", "plain", 1.0),
        ("wood brown steel", "wood", 0.5),
        ("grey dark steel", "plain", 1.0),
        ("green cream cream", "plain", 1.0),
        ("blue white white", "plain", 1.0),
    ),
    "tray": (
        ("wood brown", "wood", 0.3),
        ("red white", "dots", 0.25),
        ("steel grey", "plain", 1.0),
        ("dark grey", "speckle", 0.4),
    ),
    "mat": (
        ("purple white", "stripes", 0.2),
        ("blue white", "weave", 0.12),
        ("green cream", "weave", 0.15),
        ("orange brown", "stripes", 0.25),
    ),
    "shelf": (("wood brown", "wood", 0.4), ("white grey", "plain", 1.0), ("brown dark", "wood", 0.35)),
    "basket": (("crust brown", "weave", 0.1), ("wood dark", "weave", 0.12), ("cream brown", "weave", 0.08)),
    ROBOT: (
        ("dark orange white", "bands", 0.2),
        ("dark yellow white", "bands", 0.2),
        ("dark blue white", "bands", 0.2),
    ),
}


def sample_layout(
    rng: np.random.Generator,
    things: int | None = None,
    looks: str = "known",
    *,
    kinds: Sequence[str] = (),
    posture: str = "",
    mount: str = "",
) -> Layout:
    """Draws a kitchen with ``things`` different kinds (6 to 14 when None), none touching a place or another thing.

    ``kinds``, ``posture`` and ``mount`` fix what is otherwise drawn. Raises KitchenError for an unknown option.
    """
    posture = _option("posture", posture, POSTURES, rng, (0.75, 0.25))
    mount_name = _option("mount", mount, MOUNTS, rng, (0.4, 0.2, 0.2, 0.2))
    table_half = np.array([rng.uniform(0.66, 0.74), rng.uniform(0.4, 0.44)])
    arm = sample_mount(rng, mount_name, table_half)
    places = sample_places(rng, arm, table_half)
    chosen, positions, yaws = _sample_things(rng, things, kinds, looks, (places, arm, table_half))
    head = np.array([0.0, -0.62, rng.uniform(1.18, 1.28)]) + [*rng.normal(0, 0.015, 2), 0]
    if posture == "standing":
        head[1:] = -0.6 + rng.normal(0, 0.015), rng.uniform(1.5, 1.62)
    shoulder = head + [0.2, 0.0, -0.24]
    warmth = float(rng.uniform(-1, 1))
    level = float(rng.uniform(0.45, 0.85))
    return Layout(
        looks=chosen,
        positions=positions,
        yaws=yaws,
        places=places,
        table_half_m=table_half,
        mount=arm,
        posture=posture,
        head_m=head,
        shoulder_m=shoulder,
        camera_mount=_sample_camera_mount(rng),
        surfaces={name: _sample_surface(rng, name) for name in _SURFACES},
        skin_rgb=_sample_skin(rng),
        sleeve_rgb=sample_colour(str(rng.choice(("bright", "deep", "pale", "grey", "white"))), rng),
        light_m=np.array([rng.uniform(-0.9, 0.9), rng.uniform(-0.8, 0.5), rng.uniform(1.9, 2.4)]),
        light_rgb=(level * (1 + 0.08 * warmth), level, level * (1 - 0.12 * warmth)),
        print_seed=int(rng.integers(1 << 30)),
    )


def _sample_things(
    rng: np.random.Generator,
    things: int | None,
    kinds: Sequence[str],
    variety: str,
    room: tuple[dict[str, Place], Mount, np.ndarray],
) -> tuple[tuple[ThingLook, ...], tuple[np.ndarray, ...], tuple[float, ...]]:
    """Looks, positions and yaws; ``room`` is places, mount and half the table.

    Where there is no room for what was drawn, other kinds and looks are drawn.
    """
    drawn = _kinds(rng, things, kinds)
    for _ in range(_DRAWS):
        looks = tuple(ThingLook.sample(kind, rng, variety) for kind in drawn)
        if (poses := sample_poses(rng, looks, *room)) is not None:
            return looks, *poses
        drawn = _kinds(rng, len(drawn), kinds)
    raise NoRoomError(f"no room on the table for {len(drawn)} things with {', '.join(kinds) or 'any'} among them")


def _kinds(rng: np.random.Generator, things: int | None, kinds: Sequence[str]) -> tuple[str, ...]:
    if unknown := [kind for kind in kinds if kind not in OBJECT_KINDS]:
        raise KitchenError(f"no kind of thing {unknown[0]!r}; use some of: {', '.join(OBJECT_KINDS)}")
    if len(set(kinds)) < len(kinds):
        raise KitchenError(f"kinds must differ, got {', '.join(kinds)}")
    things = things or len(kinds) or int(rng.integers(THINGS[0], THINGS[1] + 1))
    if not max(1, len(kinds)) <= things <= THINGS[1]:
        raise KitchenError(f"a kitchen has {max(1, len(kinds))} to {THINGS[1]} things, got {things}")
    others = [str(kind) for kind in rng.permutation(OBJECT_KINDS) if kind not in kinds]
    return (*kinds, *others[: things - len(kinds)])


def _option(name: str, asked: str, known: Sequence[str], rng: np.random.Generator, weights: Sequence[float]) -> str:
    drawn = str(rng.choice(known, p=weights))
    if asked and asked not in known:
        raise KitchenError(f"no {name} {asked!r}; use one of: {', '.join(known)}")
    return asked or drawn


def _sample_surface(rng: np.random.Generator, name: str) -> Surface:
    choices = _SURFACES[name]
    palettes, print_name, tile = choices[int(rng.integers(len(choices)))]
    names = (*palettes.split(), "white", "white")[:3]
    return Surface(
        print_name, tuple(sample_colour(palette, rng) for palette in names), tile * float(rng.uniform(0.8, 1.2))
    )


def _sample_camera_mount(rng: np.random.Generator) -> np.ndarray:
    """A camera on the glasses: some mm off the eyes' middle, tilted down by up to 10 degrees, rolled a little."""
    pose = np.eye(4)
    pose[:3, :3] = turn("x", -np.deg2rad(rng.uniform(0, 10))) @ turn("z", np.deg2rad(rng.normal(0, 1.0)))
    pose[:3, 3] = rng.normal(0, 0.012), rng.uniform(-0.03, -0.005), rng.uniform(0.01, 0.03)
    return pose


def _sample_skin(rng: np.random.Generator) -> tuple[float, float, float]:
    light, dark = np.array([0.93, 0.74, 0.63]), np.array([0.32, 0.19, 0.13])
    share = rng.uniform()
    return tuple(float(channel) for channel in light + share * (dark - light))
