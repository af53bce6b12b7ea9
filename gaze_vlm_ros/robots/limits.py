"""What a robot may do: limits of its joints and the box in which its tool may be. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RISE_S = 0.02
"""Time in which the acceleration of a joint may build up where no limit of its jerk is given."""
_FIELDS = ("lower_rad", "upper_rad", "velocity_rad_s", "acceleration_rad_s2", "braking_rad_s2", "jerk_rad_s3")


@dataclass(frozen=True)
class JointLimits:
    """Limits of each joint, all (n,), in the order of ``names``.

    ``velocity_rad_s``, ``acceleration_rad_s2``, ``jerk_rad_s3`` bound motion that is asked for; ``braking_rad_s2`` is
    the larger deceleration with which the arm comes to rest when motion must end, at any jerk. Without ``jerk_rad_s3``
    the acceleration may build up in :data:`RISE_S`. Raises ValueError naming the joint.
    """

    names: tuple[str, ...]
    lower_rad: np.ndarray
    upper_rad: np.ndarray
    velocity_rad_s: np.ndarray
    acceleration_rad_s2: np.ndarray
    braking_rad_s2: np.ndarray
    jerk_rad_s3: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        if self.jerk_rad_s3 is None:
            object.__setattr__(self, "jerk_rad_s3", np.asarray(self.acceleration_rad_s2, dtype=np.float64) / RISE_S)
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError(f"joint names must be given and differ, got {self.names}")
        for field in _FIELDS:
            value = np.array(getattr(self, field), dtype=np.float64)
            if value.shape != (len(self.names),) or not np.isfinite(value).all():
                raise ValueError(f"{field} must hold {len(self.names)} finite numbers, got {value.tolist()}")
            value.flags.writeable = False
            object.__setattr__(self, field, value)
        self._demand(self.lower_rad < self.upper_rad, "lower_rad must be below upper_rad")
        self._demand(self.velocity_rad_s > 0, "velocity_rad_s must be positive")
        self._demand(self.acceleration_rad_s2 > 0, "acceleration_rad_s2 must be positive")
        self._demand(self.jerk_rad_s3 > 0, "jerk_rad_s3 must be positive")
        self._demand(self.braking_rad_s2 >= self.acceleration_rad_s2, "braking_rad_s2 must reach acceleration_rad_s2")

    def _demand(self, holds: np.ndarray, sentence: str) -> None:
        if not holds.all():
            raise ValueError(f"{self.names[int(np.argmin(holds))]}: {sentence}")


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in the robot's base frame; ``lower_m`` and ``upper_m`` are (3,)."""

    lower_m: np.ndarray
    upper_m: np.ndarray

    def __post_init__(self) -> None:
        for field in ("lower_m", "upper_m"):
            value = np.array(getattr(self, field), dtype=np.float64)
            if value.shape != (3,) or not np.isfinite(value).all():
                raise ValueError(f"{field} must hold 3 finite numbers, got {value.tolist()}")
            object.__setattr__(self, field, value)
        if not (self.lower_m < self.upper_m).all():
            raise ValueError(f"lower_m {self.lower_m.tolist()} must be below upper_m {self.upper_m.tolist()}")

    @classmethod
    def several(cls, numbers_m: Sequence[float], what: str) -> tuple[Box, ...]:
        """Boxes of six numbers each, the lower corner first; zeros are none. ValueError, naming ``what``, else."""
        if not any(numbers_m):
            return ()
        if len(numbers_m) % 6:
            raise ValueError(f"{what} needs six numbers for each box, got {len(numbers_m)}")
        return tuple(cls(numbers_m[i : i + 3], numbers_m[i + 3 : i + 6]) for i in range(0, len(numbers_m), 6))

    def outside_m(self, point_m: np.ndarray) -> float:
        """How far (3,) ``point_m`` lies outside: the largest excess over any face [m]; 0 inside, inf for NaN."""
        if not np.isfinite(point_m).all():
            return float("inf")
        return float(max(0.0, (self.lower_m - point_m).max(), (point_m - self.upper_m).max()))
