"""What an eye picture is asked to show: where the wearer looks, pupils, lids, and how the glasses have slipped."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gaze_vlm_ros.geometry.transforms import make_transform, rotation_from_vector
from gaze_vlm_ros.sim.eye_images.anatomy import EyeImageError

PUPIL_DIAMETERS_MM = (2.0, 8.0)
_WIDEST_GAZE_RAD = np.radians(60.0)


@dataclass(frozen=True, eq=False)
class EyeScene:
    """One moment of both eyes.

    ``target_m`` (3,) is the point looked at [head frame]; ``openness`` of the lids 0 (closed) .. 1 (as at rest).
    ``slip_mm`` (3,) and ``slip_deg`` (3,), a rotation vector, tell how the glasses have moved on the head since they
    were put on [head frame]. ``exposure`` multiplies what the automatic exposure would choose.
    """

    target_m: np.ndarray
    pupil_diameter_mm: float = 3.5
    openness: float = 1.0
    slip_mm: np.ndarray = field(default_factory=lambda: np.zeros(3))
    slip_deg: np.ndarray = field(default_factory=lambda: np.zeros(3))
    exposure: float = 1.0

    def __post_init__(self) -> None:
        for name in ("target_m", "slip_mm", "slip_deg"):
            value = np.asarray(getattr(self, name), dtype=np.float64)
            if value.shape != (3,) or not np.isfinite(value).all():
                raise EyeImageError(f"{name} must be three finite numbers, got {value.tolist()}")
            object.__setattr__(self, name, value)
        x, y, z = self.target_m
        if z <= 0.0 or np.hypot(x, y) > z * np.tan(_WIDEST_GAZE_RAD):
            raise EyeImageError(
                f"eyes do not turn to {self.target_m.tolist()} m; choose a target within 60 degrees of straight ahead"
            )
        _within("pupil_diameter_mm", self.pupil_diameter_mm, *PUPIL_DIAMETERS_MM)
        _within("openness", self.openness, 0.0, 1.0)
        _within("exposure", self.exposure, 0.02, 50.0)

    @classmethod
    def looking_along(cls, ray: np.ndarray, distance_m: float = 1.0, **rest: object) -> EyeScene:
        """Both eyes on the point ``distance_m`` along ``ray`` (3,) from between the eyes; ``rest``: other fields."""
        ray = np.asarray(ray, dtype=np.float64)
        return cls(distance_m * ray / np.linalg.norm(ray), **rest)

    @property
    def head_T_worn(self) -> np.ndarray:
        """Pose (4, 4) [mm] of the slipped glasses relative to where they were put on."""
        return make_transform(rotation_from_vector(np.radians(self.slip_deg)), self.slip_mm)


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise EyeImageError(f"{name} must be between {low:g} and {high:g}, got {value}")
