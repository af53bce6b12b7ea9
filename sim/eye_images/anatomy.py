"""The people: measures of eyeball, lids, lashes and face, drawn at random within what anatomy reports.

Eyeball: radius 11.5 to 12.5 mm, cornea 7.8 mm, white-to-white 11.2 to 12.4 mm, anterior chamber with cornea 3.6 mm
(Gullstrand's eye). Angle kappa: about 5 degrees to the nose and 1.5 up (Guestrin and Eizenman 2006).
Lids: the upper margin 3.6 to 5.0 mm above, the lower 5.2 to 6.4 mm below the middle of the pupil.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.sim.eye_images.textures import EyeTextures, make_textures

SIDES = ("left", "right")
SPLITS = ("train", "validation", "test")
_NUMBERS = 2**31


class EyeImageError(GazeVlmError):
    """An eye, a rig or a scene that cannot be drawn."""


@dataclass(frozen=True)
class Eyeball:
    """Measures of one eye [mm]; ``kappa_rad`` = turn of the visual off the optical axis to the nose, and upwards."""

    radius_mm: float
    cornea_radius_mm: float
    limbus_radius_mm: float
    chamber_depth_mm: float
    kappa_rad: tuple[float, float]

    @property
    def limbus_plane_mm(self) -> float:
        """Distance of the limbus circle from the eyeball's centre along the optical axis."""
        return float(np.sqrt(self.radius_mm**2 - self.limbus_radius_mm**2))

    @property
    def cornea_offset_mm(self) -> float:
        """Distance of the cornea's centre of curvature from the eyeball's centre."""
        return self.limbus_plane_mm - float(np.sqrt(self.cornea_radius_mm**2 - self.limbus_radius_mm**2))

    @property
    def iris_plane_mm(self) -> float:
        """Distance of iris and pupil from the eyeball's centre."""
        return self.cornea_offset_mm + self.cornea_radius_mm - self.chamber_depth_mm

    @property
    def visual_axis(self) -> np.ndarray:
        """Unit visual axis (3,) in the eye's own axes: x to the nose, y down, z the optical axis."""
        nasal, up = self.kappa_rad
        return np.array([np.sin(nasal) * np.cos(up), -np.sin(up), np.cos(nasal) * np.cos(up)])


@dataclass(frozen=True)
class LidShape:
    """Lids of one eye [mm, socket frame]: canthi, margins at rest, crease; shares by which lids follow the gaze."""

    nasal_x_mm: float
    temporal_x_mm: float
    nasal_y_mm: float
    temporal_y_mm: float
    upper_mm: float
    lower_mm: float
    platform_mm: float
    fold_mm: float
    thickness_mm: float = 0.4


@dataclass(frozen=True)
class Lashes:
    """Lashes of one eye: number, length [mm] and curl (0 straight .. 1) of the upper; the lower are half of that."""

    count: int
    length_mm: float
    curl: float
    seed: int


@dataclass(frozen=True)
class Face:
    """What lies around the socket: how far [mm] brow, cheek and nose stand out, and how the skin shines back."""

    depth_mm: float
    brow_mm: float
    brow_height_mm: float
    nose_mm: float
    cheek_mm: float
    skin: float
    sclera: float
    iris: float
    lash: float


@dataclass(frozen=True, eq=False)
class Eye:
    """One eye of a person with all that surrounds it."""

    eyeball: Eyeball
    lids: LidShape
    lashes: Lashes
    face: Face
    texture_seed: int

    @cached_property
    def textures(self) -> EyeTextures:
        """Drawn at first use (some 20 ms, 1 MB)."""
        return make_textures(self.texture_seed)


@dataclass(frozen=True, eq=False)
class EyePerson:
    """A person: two eyes ("left", "right"), their distance, and where the glasses sit on this face.

    ``fit_mm`` (3,) [head frame] is the place of the rig's origin when the glasses have not slipped.
    """

    identity: str
    eyes: Mapping[str, Eye]
    interpupillary_mm: float
    fit_mm: tuple[float, float, float]

    def eyeball_centre_mm(self, side: str) -> np.ndarray:
        """Centre (3,) of an eyeball in the head frame."""
        return np.array([(-0.5 if side == "left" else 0.5) * self.interpupillary_mm, 0.0, 0.0])

    @classmethod
    def sample(cls, rng: np.random.Generator, split: str = "train") -> EyePerson:
        """A random person of one split; people of different splits never coincide."""
        return cls.create(int(rng.integers(_NUMBERS)), split)

    @classmethod
    def create(cls, number: int, split: str = "train") -> EyePerson:
        """Person ``number`` of a split, always the same."""
        if split not in SPLITS:
            raise EyeImageError(f"no split named {split!r}; there are {', '.join(SPLITS)}")
        rng = np.random.default_rng([SPLITS.index(split), number])
        ball = _eyeball(rng)
        lids, face, lashes = _lids(rng), _face(rng), _lashes(rng)
        eyes = {}
        for side in SIDES:
            hairs = replace(lashes, seed=int(rng.integers(_NUMBERS)))
            eyes[side] = Eye(_other(rng, ball), lids, hairs, face, int(rng.integers(_NUMBERS)))
        fit = tuple(float(value) for value in np.clip(rng.normal(0.0, (0.7, 1.2, 1.2)), -2.5, 2.5))
        distance = float(np.clip(rng.normal(63.0, 3.0), 56.0, 70.0))
        return cls(f"{split}-{number}", eyes, distance, fit)


def _eyeball(rng: np.random.Generator) -> Eyeball:
    nasal, up = np.clip(rng.normal((5.0, 1.5), (1.2, 0.8)), (2.0, -0.5), (8.0, 3.5))
    return Eyeball(
        radius_mm=float(rng.uniform(11.5, 12.5)),
        cornea_radius_mm=float(np.clip(rng.normal(7.8, 0.15), 7.45, 8.15)),
        limbus_radius_mm=float(rng.uniform(5.6, 6.2)),
        chamber_depth_mm=float(np.clip(rng.normal(3.6, 0.15), 3.3, 3.9)),
        kappa_rad=(float(np.radians(nasal)), float(np.radians(up))),
    )


def _other(rng: np.random.Generator, eyeball: Eyeball) -> Eyeball:
    """An eye like ``eyeball``: a person's two eyes differ a little, in kappa by half a degree."""
    nasal, up = np.asarray(eyeball.kappa_rad) + np.radians(rng.normal(0.0, 0.5, 2))
    radius = float(np.clip(eyeball.radius_mm + rng.normal(0.0, 0.05), 11.5, 12.5))
    return replace(eyeball, radius_mm=radius, kappa_rad=(float(nasal), float(up)))


def _lids(rng: np.random.Generator) -> LidShape:
    nasal_y = rng.uniform(0.8, 2.0)
    return LidShape(
        nasal_x_mm=float(rng.uniform(12.5, 14.0)),
        temporal_x_mm=float(-rng.uniform(13.0, 14.5)),
        nasal_y_mm=float(nasal_y),
        temporal_y_mm=float(nasal_y - rng.uniform(-0.5, 2.2)),
        upper_mm=float(rng.uniform(3.6, 5.0)),
        lower_mm=float(rng.uniform(5.2, 6.4)),
        platform_mm=float(rng.uniform(1.0, 4.5)),
        fold_mm=float(rng.uniform(0.5, 1.6)),
    )


def _face(rng: np.random.Generator) -> Face:
    return Face(
        depth_mm=float(rng.uniform(4.0, 6.5)),
        brow_mm=float(rng.uniform(8.0, 13.0)),
        brow_height_mm=float(rng.uniform(17.0, 22.0)),
        nose_mm=float(rng.uniform(10.0, 16.0)),
        cheek_mm=float(rng.uniform(-1.0, 3.0)),
        skin=float(rng.uniform(0.42, 0.72)),
        sclera=float(rng.uniform(0.44, 0.62)),
        iris=float(rng.uniform(0.32, 0.50)),
        lash=float(rng.uniform(0.22, 0.40)),
    )


def _lashes(rng: np.random.Generator) -> Lashes:
    return Lashes(
        count=int(rng.integers(80, 170)),
        length_mm=float(rng.uniform(4.5, 8.0)),
        curl=float(rng.uniform(0.2, 0.9)),
        seed=int(rng.integers(_NUMBERS)),
    )
