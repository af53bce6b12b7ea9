"""Lids at one moment: where their margins run, in front view of the socket frame (x to the nose, y down) [mm].

The upper lid follows the gaze's elevation almost wholly, the lower one partly; a blink moves the upper margin down to
the lower one, which comes up a little (Guitton et al. 1991 for both).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.sim.eye_images.anatomy import LidShape

_UPPER_FOLLOWS_DOWN, _UPPER_FOLLOWS_UP, _LOWER_FOLLOWS = 0.85, 0.7, 0.4
_LOWER_RISES = 0.12
_PEAK_SHIFT = 0.12  # the upper margin is highest towards the nose, the lower one lowest towards the temple


@dataclass(frozen=True)
class Lids:
    """Both margins. ``upper_mm`` / ``lower_mm``: heights (y) of the margins above x = 0."""

    shape: LidShape
    upper_mm: float
    lower_mm: float
    openness: float

    def upper(self, x: np.ndarray) -> np.ndarray:
        """Height y of the upper margin at ``x``; that of the line between the canthi beyond them."""
        # closed, it lies on the lower margin: then it has the same shape
        return self._margin(x, self.upper_mm, _PEAK_SHIFT * (1.0 - 2.0 * self.openness))

    def lower(self, x: np.ndarray) -> np.ndarray:
        """Height y of the lower margin at ``x``; that of the line between the canthi beyond them."""
        return self._margin(x, self.lower_mm, _PEAK_SHIFT)

    def crease(self, x: np.ndarray) -> np.ndarray:
        """Height y of the upper lid's crease at ``x``: it stays behind when the lid falls."""
        platform = self.shape.platform_mm * (1.0 + 1.2 * (1.0 - self.openness))
        return self.upper(x) - platform * (1.0 - 0.6 * self._across(x) ** 2)

    def share_open(self, x: np.ndarray, y: np.ndarray, pixel_mm: float) -> np.ndarray:
        """Share (0..1) of pixels about places ``x``, ``y`` that lies between the margins."""
        half = 0.5 * pixel_mm
        between = np.minimum(y + half, self.lower(x)) - np.maximum(y - half, self.upper(x))
        return np.minimum(np.maximum(between * (1.0 / pixel_mm), 0.0), 1.0)

    def _margin(self, x: np.ndarray, middle_mm: float, shift: float) -> np.ndarray:
        height = (middle_mm - self._canthal_line(0.0)) / float(_arch(self._across(0.0), shift))  # keeps float32 narrow
        return self._canthal_line(x) + height * _arch(self._across(x), shift)

    def _across(self, x: np.ndarray) -> np.ndarray:
        """Place between the canthi, -1 temporal .. 1 nasal, clipped."""
        half = 0.5 * (self.shape.nasal_x_mm - self.shape.temporal_x_mm)
        middle = 0.5 * (self.shape.nasal_x_mm + self.shape.temporal_x_mm)
        return np.minimum(np.maximum((x - middle) * (1.0 / half), -1.0), 1.0)

    def _canthal_line(self, x: np.ndarray) -> np.ndarray:
        shape = self.shape
        slope = (shape.nasal_y_mm - shape.temporal_y_mm) / (shape.nasal_x_mm - shape.temporal_x_mm)
        return shape.temporal_y_mm + slope * (x - shape.temporal_x_mm)


def lids_at(shape: LidShape, eyeball_radius_mm: float, elevation_rad: float, openness: float) -> Lids:
    """The lids of an eye that looks up by ``elevation_rad``; ``openness`` 0 (closed) .. 1 (as wide as at rest)."""
    rise = eyeball_radius_mm * np.sin(elevation_rad)
    upper = -shape.upper_mm - (_UPPER_FOLLOWS_UP if rise > 0 else _UPPER_FOLLOWS_DOWN) * rise
    lower = shape.lower_mm - _LOWER_FOLLOWS * rise
    meeting = lower - _LOWER_RISES * shape.lower_mm
    lower = meeting + openness * (lower - meeting)
    return Lids(shape, float(meeting + openness * (upper - meeting)), float(lower), float(openness))


def _arch(across: np.ndarray, shift: float) -> np.ndarray:
    """An arch over -1 .. 1 that is 0 at its ends and 1 at its top, which lies at about ``-shift``."""
    skewed = across + shift * (1.0 - across * across)
    root = np.sqrt(np.maximum(1.0 - skewed * skewed, 0.0))
    return root * np.sqrt(root)
