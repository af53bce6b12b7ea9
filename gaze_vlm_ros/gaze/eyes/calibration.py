"""The wearer's own calibration: fitted from looks at known targets, measured on targets left out, kept in a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.gaze.eyes.corrections import METHODS, CalibrationError, Correction, correction_from_json
from gaze_vlm_ros.gaze.eyes.estimate import BinocularEstimate, EyeEstimate
from gaze_vlm_ros.gaze.eyes.looks import TargetLook, usable_looks
from gaze_vlm_ros.geometry.transforms import angle_between

if TYPE_CHECKING:
    from gaze_vlm_ros.gaze.eyes.personal import Adapters

ADAPTERS = "adapters"
_VERSION = 1
_SIDES = ("left", "right")
_NAN = float("nan")
_NOT_CALIBRATED = "was not usable when the other eye was calibrated"


@dataclass(frozen=True, eq=False)
class Calibration:
    """A correction for each eye; ``method`` is "none", "offset", "affine", or "adapters", which the estimator itself
    takes (``EyeEstimator.with_adapters``).

    An eye without a correction in a calibrated pair was not usable when the other one was calibrated: its directions
    are left out, for they would pull the others away. ``error_rad`` is the mean leave-one-target-out error.
    """

    method: str = "none"
    left: Correction | None = None
    right: Correction | None = None
    error_rad: float = _NAN
    targets: int = 0
    adapters: Adapters | None = None

    @property
    def _corrects(self) -> bool:
        return self.method in METHODS

    def apply(self, estimate: BinocularEstimate) -> BinocularEstimate:
        """The estimate as the wearer's own; sigma stays that of the estimator, which knows no calibration."""
        if not self._corrects:
            return estimate
        return BinocularEstimate(_corrected(estimate.left, self.left), _corrected(estimate.right, self.right))

    def corrected(self, directions: np.ndarray) -> np.ndarray:
        """Directions (..., 2, 3) of the left and the right eye, NaN for an eye without a correction."""
        if not self._corrects:
            return directions
        made = [
            np.full_like(directions[..., eye, :], np.nan) if one is None else one.apply(directions[..., eye, :])
            for eye, one in enumerate((self.left, self.right))
        ]
        return np.stack(made, axis=-2)

    def save(self, path: Path) -> None:
        """Writes the calibration as JSON, and adapters beside it as safetensors; both replaced as a whole.

        Raises OSError.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        values = {"version": _VERSION, "method": self.method, "targets": self.targets}
        values["error_rad"] = None if np.isnan(self.error_rad) else self.error_rad
        for side in _SIDES:
            one = getattr(self, side)
            values[side] = None if one is None else one.to_json()
        if self.adapters is not None:
            tensors = path.with_suffix(".safetensors.part")
            self.adapters.save(tensors)
            values["sha256"] = _sha256(tensors)
            tensors.replace(path.with_suffix(".safetensors"))
        part = path.with_name(path.name + ".part")
        part.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Raises CalibrationError that names the file and what is wrong with it."""
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(values, dict) or values.get("version") != _VERSION:
                raise CalibrationError(f"it is no calibration of version {_VERSION}")
            if (method := values.get("method")) not in (*METHODS, ADAPTERS):
                raise CalibrationError(f"its method {method!r} is not one of {', '.join((*METHODS, ADAPTERS))}")
            error = values.get("error_rad")
            rest = _NAN if error is None else float(error), int(values.get("targets", 0))
            if method == ADAPTERS:
                return cls(method, None, None, *rest, _adapters_beside(path, values.get("sha256")))
            eyes = [values.get(side) and correction_from_json(method, values[side]) for side in _SIDES]
            if not any(eyes):
                raise CalibrationError("it holds no eye")
            return cls(method, *eyes, *rest)
        except (OSError, ValueError, TypeError, GazeVlmError) as error:
            raise CalibrationError(f"{path}: cannot be used as a calibration ({error}); calibrate again") from error


def fit(method: str, looks: Sequence[TargetLook]) -> Calibration:
    """The calibration of ``method`` from looks, with its leave-one-target-out error.

    Raises CalibrationError that names the looks that are unusable and why.
    """
    if method not in METHODS:
        raise CalibrationError(f"no calibration method {method!r}; use one of {', '.join(METHODS)}")
    kind = METHODS[method]
    good = usable_looks(looks, kind.least_targets)
    one = _fitted(method, good)
    if len(good) <= kind.least_targets:
        return one
    return replace(one, error_rad=_left_out_rad(method, good))


def error_rad(calibration: Calibration, looks: Sequence[TargetLook]) -> float:
    """Mean angle [rad] between gaze and target over the usable looks. Raises CalibrationError as ``fit`` does."""
    return mean_error_rad(calibration, usable_looks(looks, 1))


def _fitted(method: str, looks: Sequence[TargetLook]) -> Calibration:
    kind, eyes = METHODS[method], []
    for eye in (0, 1):
        pairs = [pair for look in looks if (pair := look.of_eye(eye)) is not None]
        enough = len(pairs) >= kind.least_targets
        eyes.append(kind.fit(*(np.array(part) for part in zip(*pairs, strict=True))) if enough else None)
    if not any(eyes):
        raise CalibrationError(f"neither eye has {kind.least_targets} usable looks; use the method offset")
    return Calibration(method, *eyes, targets=len(looks))


def _left_out_rad(method: str, looks: Sequence[TargetLook]) -> float:
    """Mean error of each target with the calibration of all others; NaN where the others do not suffice."""
    errors = []
    for index, left_out in enumerate(looks):
        try:
            one = _fitted(method, [look for number, look in enumerate(looks) if number != index])
        except CalibrationError:
            return _NAN
        errors.append(mean_error_rad(one, [left_out]))
    return float(np.mean(errors))


def mean_error_rad(calibration: Calibration, looks: Sequence[TargetLook]) -> float:
    """As ``error_rad``, over all looks whatever they are worth; NaN where no eye of any can be used."""
    errors = []
    for look in looks:
        pairs = [look.of_eye(eye) for eye in (0, 1)]
        found = np.array([np.full(3, np.nan) if pair is None else pair[0] for pair in pairs])
        true = np.array([np.full(3, np.nan) if pair is None else pair[1] for pair in pairs])
        errors.append(gaze_error_rad(calibration.corrected(found), true))
    return float(np.nanmean(errors)) if np.isfinite(errors).any() else _NAN


def gaze_error_rad(found: np.ndarray, true: np.ndarray) -> float:
    """Angle [rad] between the mean of both eyes' directions (2, 3) and what it should be; NaN where neither is known.

    An eye whose found direction is NaN counts in neither mean.
    """
    seen = np.isfinite(found).all(axis=1)
    return float(angle_between(found[seen].sum(axis=0), true[seen].sum(axis=0))) if seen.any() else _NAN


def _corrected(eye: EyeEstimate | None, one: Correction | None) -> EyeEstimate | None:
    if eye is None or not eye.valid:
        return eye
    if one is None:
        return EyeEstimate.invalid("unusable", _NOT_CALIBRATED)
    return replace(eye, direction=one.apply(eye.direction))


def _adapters_beside(path: Path, digest: object) -> Adapters:
    from gaze_vlm_ros.gaze.eyes.personal import Adapters

    tensors = path.with_suffix(".safetensors")
    if _sha256(tensors) != digest:
        raise CalibrationError(f"{tensors.name} is not the file that it describes")
    return Adapters.load(tensors)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
