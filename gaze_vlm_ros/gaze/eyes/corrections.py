"""What turns one eye's estimated directions into the wearer's: one rotation, or an affine map of yaw and pitch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.gaze.eyes.frames import direction_of, yaw_pitch_of
from gaze_vlm_ros.geometry.transforms import rotation_from_vector

LEAST_SPREAD_RAD = np.radians(3.0)
"""1-sigma of the targets' directions, across their narrowest way, from which a slope can be told from noise."""
_ROUNDS = 4


class CalibrationError(GazeVlmError):
    """Looks or a calibration file that cannot be used; the message says which and why."""


class Correction(Protocol):
    """Directions (n, 3) or (3,) of one eye in the rig frame, made right."""

    least_targets: ClassVar[int]

    def apply(self, directions: np.ndarray) -> np.ndarray: ...

    def to_json(self) -> dict[str, list]: ...


@dataclass(frozen=True, eq=False)
class Offset:
    """One rotation about the rig's x and y axes [rad], as a Neon has one offset for each wearer: never a roll."""

    rotation_rad: np.ndarray = field(default_factory=lambda: np.zeros(2))
    least_targets: ClassVar[int] = 1

    def apply(self, directions: np.ndarray) -> np.ndarray:
        return np.asarray(directions) @ rotation_from_vector(np.append(self.rotation_rad, 0.0)).T

    @classmethod
    def fit(cls, estimated: np.ndarray, true: np.ndarray) -> Offset:
        """The rotation by which ``estimated`` (m, 3) come closest to ``true`` (m, 3): least squares, Gauss-Newton."""
        one = cls()
        for _ in range(_ROUNDS):
            x, y, z = one.apply(estimated).T
            zero = np.zeros_like(x)
            jacobian = np.stack([np.stack([zero, z], -1), np.stack([-z, zero], -1), np.stack([y, -x], -1)], axis=1)
            error = true - np.stack([x, y, z], -1)
            step, *_ = np.linalg.lstsq(jacobian.reshape(-1, 2), error.ravel())
            one = cls(one.rotation_rad + step)
        return one

    def to_json(self) -> dict[str, list]:
        return {"rotation_rad": self.rotation_rad.tolist()}


@dataclass(frozen=True, eq=False)
class Affine:
    """``(yaw, pitch) -> slope (2, 2) @ (yaw, pitch) + shift_rad (2,)``."""

    slope: np.ndarray
    shift_rad: np.ndarray
    least_targets: ClassVar[int] = 3

    def apply(self, directions: np.ndarray) -> np.ndarray:
        moved = yaw_pitch_of(directions) @ self.slope.T + self.shift_rad
        return direction_of(moved[..., 0], moved[..., 1])

    @classmethod
    def fit(cls, estimated: np.ndarray, true: np.ndarray) -> Affine:
        """Least squares over (m, 3); CalibrationError where the targets lie nearly in one line or one place."""
        found, wanted = yaw_pitch_of(estimated), yaw_pitch_of(true)
        spread = np.linalg.svd(wanted - wanted.mean(axis=0), compute_uv=False)[-1] / np.sqrt(len(wanted))
        if spread < LEAST_SPREAD_RAD:
            raise CalibrationError(
                f"an affine calibration needs targets that lie apart both ways, but these spread by "
                f"{np.degrees(spread):.1f} deg across; use 5 or 9 targets, or the method offset"
            )
        solution, *_ = np.linalg.lstsq(np.column_stack([found, np.ones(len(found))]), wanted)
        return cls(solution[:2].T, solution[2])

    def to_json(self) -> dict[str, list]:
        return {"slope": self.slope.tolist(), "shift_rad": self.shift_rad.tolist()}


METHODS: dict[str, type[Offset] | type[Affine]] = {"offset": Offset, "affine": Affine}


def correction_from_json(method: str, values: object) -> Correction:
    """The inverse of ``to_json``; CalibrationError for numbers that are missing, too many or not finite."""
    try:
        kind, arrays = METHODS[method], {name: np.array(numbers, dtype=float) for name, numbers in values.items()}
        one = kind(**arrays)
        shapes = {"rotation_rad": (2,), "slope": (2, 2), "shift_rad": (2,)}
        good = all(array.shape == shapes[name] and np.isfinite(array).all() for name, array in arrays.items())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CalibrationError(f"no {method} calibration: {error}") from error
    if not good or not arrays:
        raise CalibrationError(f"no {method} calibration: wrong shapes or numbers that are not finite")
    return one
