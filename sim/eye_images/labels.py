"""What is exactly true of an eye picture: axes, centres, ellipses, glints, and what every pixel shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import cv2
import numpy as np


class Part(IntEnum):
    """What a pixel shows, behind the lashes, which hide nothing here. ``NOTHING``: nobody wears the glasses."""

    SKIN = 0
    SCLERA = 1
    IRIS = 2
    PUPIL = 3
    GLINT = 4
    NOTHING = 5


@dataclass(frozen=True, eq=False)
class Ellipse:
    """``centre_px`` (2,), ``semi_axes_px`` (2,) long and short, ``angle_rad`` of the long axis from x towards y."""

    centre_px: np.ndarray
    semi_axes_px: np.ndarray
    angle_rad: float

    def offsets(self, pixels: np.ndarray) -> np.ndarray:
        """How far out pixels (N, 2) lie, (N,): 0 at the centre, 1 on the ellipse."""
        along = np.array([np.cos(self.angle_rad), np.sin(self.angle_rad)])
        from_centre = np.asarray(pixels) - self.centre_px
        across = from_centre @ np.array([-along[1], along[0]])
        return np.hypot(from_centre @ along / self.semi_axes_px[0], across / self.semi_axes_px[1])


@dataclass(frozen=True, eq=False)
class Axes:
    """One eye in one frame: unit vectors (3,) and points (3,) [mm]."""

    visual_axis: np.ndarray
    optical_axis: np.ndarray
    eyeball_centre_mm: np.ndarray
    cornea_centre_mm: np.ndarray
    pupil_centre_mm: np.ndarray
    """True place of the pupil's centre, not its refracted image."""
    target_mm: np.ndarray


@dataclass(frozen=True, eq=False)
class EyeLabels:
    """Exact labels of one eye picture; where nobody wears the glasses every number is NaN.

    ``in_head`` / ``in_rig`` / ``in_camera`` give the same things in the three frames of the package; the scene camera
    is fixed to the rig, so a tracker's output belongs to ``in_rig``. ``pupil`` is the pupil as seen through the
    cornea, ``iris`` the limbus, both whole even where lids hide them; ``glints_px`` (N, 2) are the corneal images of
    the rig's lights in their order, NaN where a light has none or a lid hides it.
    ``pupil_visible`` is the share (0..1) of the pupil's area in the picture that no lid hides.
    """

    side: str
    present: bool
    openness: float
    pupil_visible: float
    pupil_diameter_mm: float
    kappa_rad: np.ndarray
    in_head: Axes
    in_rig: Axes
    in_camera: Axes
    pupil: Ellipse
    iris: Ellipse
    glints_px: np.ndarray
    parts: np.ndarray
    """(H, W) uint8 of :class:`Part`."""

    @property
    def valid(self) -> bool:
        """True where the picture says where the eye looks: somebody is there and a third of the pupil is seen."""
        return self.present and self.pupil_visible > 1.0 / 3.0


def fit_ellipse(pixels: np.ndarray) -> Ellipse:
    """The ellipse through pixels (N, 2), N >= 5, by least squares; NaN where a pixel is NaN."""
    if not np.isfinite(pixels).all():
        return NO_ELLIPSE
    middle = pixels.mean(axis=0)  # float32 in OpenCV: keep the numbers small
    (x, y), (width, height), degrees = cv2.fitEllipseDirect((pixels - middle).astype(np.float32))
    if height > width:
        width, height, degrees = height, width, degrees + 90.0
    angle = (np.radians(degrees) + np.pi / 2) % np.pi - np.pi / 2
    return Ellipse(middle + (x, y), np.array([width, height]) / 2, float(angle))


def absent_labels(side: str, lights: int, size: tuple[int, int]) -> EyeLabels:
    """The labels of a picture (height, width) without a person."""
    nan = float("nan")
    nowhere = Axes(*(np.full(3, nan) for _ in range(6)))
    return EyeLabels(
        side=side,
        present=False,
        openness=nan,
        pupil_visible=0.0,
        pupil_diameter_mm=nan,
        kappa_rad=np.full(2, nan),
        in_head=nowhere,
        in_rig=nowhere,
        in_camera=nowhere,
        pupil=NO_ELLIPSE,
        iris=NO_ELLIPSE,
        glints_px=np.full((lights, 2), nan),
        parts=np.full(size, Part.NOTHING, np.uint8),
    )


NO_ELLIPSE = Ellipse(np.full(2, np.nan), np.full(2, np.nan), float("nan"))
