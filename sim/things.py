"""The everyday things of the kitchen: how each kind looks, and how it rests on the table.

A thing is a few primitive geoms that are seen but never collide, over one hidden box that collides. Lengths in metres,
z up, origin at the thing's centre of mass, resting on its lowest point.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field

import mujoco
import numpy as np

GEOM = mujoco.mjtGeom


@dataclass(frozen=True)
class Part:
    """One visible primitive; ``tint`` scales the thing's colour, or ``rgb`` fixes it."""

    shape: int
    size: tuple[float, ...]
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0)
    quat: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    tint: float = 1.0
    rgb: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class ThingKind:
    """A kind of thing: half extents of its hidden box, its parts, and the ranges of hue, saturation and value."""

    name: str
    half_extents: tuple[float, float, float]
    parts: tuple[Part, ...]
    hue: tuple[float, float]
    saturation: tuple[float, float] = (0.6, 0.9)
    value: tuple[float, float] = (0.6, 0.9)
    scale: tuple[float, float] = field(default=(0.92, 1.1))


def _upright(radius: float, half: float, z: float = 0.0, **look) -> Part:
    return Part(GEOM.mjGEOM_CYLINDER, (radius, half), (0, 0, z), **look)


_DARK = (0.12, 0.1, 0.1)
_WHITE = (0.92, 0.92, 0.9)

KINDS: dict[str, ThingKind] = {
    kind.name: kind
    for kind in (
        ThingKind(
            "mug",
            (0.05, 0.05, 0.055),
            (
                _upright(0.045, 0.055),
                _upright(0.038, 0.003, 0.055, rgb=_DARK),
                Part(GEOM.mjGEOM_BOX, (0.022, 0.008, 0.03), (0.06, 0, 0), tint=0.8),
            ),
            hue=(0.97, 1.03),
        ),
        ThingKind(
            "bottle",
            (0.04, 0.04, 0.12),
            (
                _upright(0.038, 0.08, -0.04),
                _upright(0.015, 0.04, 0.08, tint=0.8),
                _upright(0.018, 0.01, 0.115, rgb=_WHITE),
            ),
            hue=(0.36, 0.42),
            value=(0.4, 0.6),
        ),
        ThingKind(
            "bowl",
            (0.075, 0.075, 0.03),
            (
                _upright(0.045, 0.012, -0.018, tint=0.8),
                _upright(0.075, 0.018, 0.01),
                _upright(0.066, 0.002, 0.028, tint=0.45),
            ),
            hue=(0.56, 0.62),
        ),
        ThingKind(
            "plate",
            (0.085, 0.085, 0.01),
            (
                _upright(0.085, 0.008),
                _upright(0.06, 0.002, 0.009, tint=0.82),
            ),
            hue=(0.0, 1.0),
            saturation=(0.0, 0.08),
            value=(0.85, 1.0),
        ),
        ThingKind(
            "apple",
            (0.04, 0.04, 0.04),
            (
                Part(GEOM.mjGEOM_SPHERE, (0.042,)),
                _upright(0.005, 0.015, 0.045, rgb=(0.3, 0.2, 0.1)),
            ),
            hue=(0.22, 0.27),
            value=(0.65, 0.85),
        ),
        ThingKind(
            "banana",
            (0.085, 0.025, 0.02),
            (
                Part(GEOM.mjGEOM_CAPSULE, (0.02, 0.035), (-0.03, 0.008, 0), (0.67, 0.2, 0.67, 0.2)),
                Part(GEOM.mjGEOM_CAPSULE, (0.019, 0.035), (0.035, 0.006, 0), (0.67, -0.2, 0.67, -0.2)),
                Part(GEOM.mjGEOM_SPHERE, (0.012,), (0.078, -0.012, 0), rgb=(0.3, 0.22, 0.08)),
            ),
            hue=(0.14, 0.155),
            saturation=(0.8, 0.95),
            value=(0.9, 1.0),
        ),
        ThingKind(
            "sponge",
            (0.06, 0.04, 0.022),
            (
                Part(GEOM.mjGEOM_BOX, (0.06, 0.04, 0.015), (0, 0, -0.006)),
                Part(GEOM.mjGEOM_BOX, (0.06, 0.04, 0.007), (0, 0, 0.015), rgb=(0.1, 0.45, 0.3)),
            ),
            hue=(0.9, 0.93),
            value=(0.85, 1.0),
        ),
        ThingKind(
            "notebook",
            (0.065, 0.085, 0.012),
            (
                Part(GEOM.mjGEOM_BOX, (0.065, 0.085, 0.01)),
                Part(GEOM.mjGEOM_BOX, (0.05, 0.03, 0.002), (0, 0.03, 0.011), rgb=_WHITE),
                Part(GEOM.mjGEOM_BOX, (0.008, 0.085, 0.012), (-0.058, 0, 0), rgb=_DARK),
            ),
            hue=(0.68, 0.74),
            value=(0.4, 0.6),
        ),
        ThingKind(
            "spoon",
            (0.1, 0.022, 0.008),
            (
                Part(GEOM.mjGEOM_BOX, (0.065, 0.008, 0.005), (0.035, 0, 0)),
                Part(GEOM.mjGEOM_ELLIPSOID, (0.036, 0.025, 0.009), (-0.062, 0, 0)),
            ),
            hue=(0.0, 1.0),
            saturation=(0.0, 0.05),
            value=(0.25, 0.4),
        ),
        ThingKind(
            "teapot",
            (0.075, 0.06, 0.06),
            (
                Part(GEOM.mjGEOM_ELLIPSOID, (0.07, 0.07, 0.055), (0, 0, -0.005)),
                Part(GEOM.mjGEOM_SPHERE, (0.014,), (0, 0, 0.058), tint=0.5),
                Part(GEOM.mjGEOM_CAPSULE, (0.012, 0.025), (0.08, 0, 0.01), (0.92, 0, 0.39, 0)),
                Part(GEOM.mjGEOM_BOX, (0.012, 0.008, 0.035), (-0.08, 0, 0.0), tint=0.7),
            ),
            hue=(0.48, 0.52),
            value=(0.55, 0.8),
        ),
        ThingKind(
            "pill box",
            (0.05, 0.03, 0.02),
            (
                Part(GEOM.mjGEOM_BOX, (0.05, 0.03, 0.018), rgb=_WHITE),
                Part(GEOM.mjGEOM_BOX, (0.012, 0.024, 0.004), (-0.028, 0, 0.018)),
                Part(GEOM.mjGEOM_BOX, (0.012, 0.024, 0.004), (0.0, 0, 0.018)),
                Part(GEOM.mjGEOM_BOX, (0.012, 0.024, 0.004), (0.028, 0, 0.018)),
            ),
            hue=(0.97, 1.0),
            saturation=(0.8, 1.0),
        ),
        ThingKind(
            "carton",
            (0.045, 0.045, 0.1),
            (
                Part(GEOM.mjGEOM_BOX, (0.042, 0.042, 0.08), (0, 0, -0.02)),
                Part(GEOM.mjGEOM_BOX, (0.042, 0.02, 0.022), (0, 0, 0.075), rgb=_WHITE),
                Part(GEOM.mjGEOM_BOX, (0.043, 0.043, 0.02), (0, 0, -0.03), rgb=_WHITE),
            ),
            hue=(0.06, 0.085),
            saturation=(0.85, 1.0),
            value=(0.85, 1.0),
        ),
    )
}


@dataclass(frozen=True)
class ThingLook:
    """One look of a kind: colour (3,) 0..1 and size factor."""

    kind: str
    rgb: tuple[float, float, float]
    scale: float

    @classmethod
    def sample(cls, kind: str, rng: np.random.Generator) -> ThingLook:
        ranges = KINDS[kind]
        hsv = rng.uniform(*ranges.hue) % 1.0, rng.uniform(*ranges.saturation), rng.uniform(*ranges.value)
        return cls(kind, colorsys.hsv_to_rgb(*hsv), float(rng.uniform(*ranges.scale)))

    @property
    def half_extents(self) -> np.ndarray:
        return np.asarray(KINDS[self.kind].half_extents) * self.scale


def add_thing(spec: mujoco.MjSpec, look: ThingLook, position: np.ndarray, yaw_rad: float) -> mujoco.MjsBody:
    """Adds a free body named after the kind, its lowest point at ``position`` (3,) in the world [m]."""
    half = look.half_extents
    body = spec.worldbody.add_body(
        name=look.kind,
        pos=np.asarray(position) + [0, 0, half[2]],
        quat=[np.cos(yaw_rad / 2), 0, 0, np.sin(yaw_rad / 2)],
    )
    body.add_freejoint(name=f"{look.kind}/free")
    body.add_geom(
        name=f"{look.kind}/hull",
        type=GEOM.mjGEOM_BOX,
        size=half,
        mass=0.2,
        group=4,
        rgba=[0, 0, 0, 0],
        contype=1,
        conaffinity=1,
        friction=[1.0, 0.02, 0.002],
    )
    for number, part in enumerate(KINDS[look.kind].parts):
        size = np.zeros(3)
        size[: len(part.size)] = np.asarray(part.size) * look.scale
        rgb = part.rgb if part.rgb is not None else tuple(channel * part.tint for channel in look.rgb)
        body.add_geom(
            name=f"{look.kind}/{number}",
            type=part.shape,
            size=size,
            pos=np.asarray(part.pos) * look.scale,
            quat=part.quat,
            rgba=[*rgb, 1.0],
            contype=0,
            conaffinity=0,
            mass=0.0,
            group=1,
        )
    return body
