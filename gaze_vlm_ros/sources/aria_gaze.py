"""Gaze tables of Aria's Machine Perception Services: angles in the central pupil frame become gaze samples."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.sources.base import SourceError
from gaze_vlm_ros.sources.vendor import captured_output, require
from gaze_vlm_ros.types import CameraModel, EyeState, GazeSample

UNKNOWN_DEPTH_M = 1.0
"""Where along the ray the gaze point is projected when the table gives no depth (Project Aria's own default)."""
_TABLES = ("personalized_eye_gaze.csv", "general_eye_gaze.csv")
_log = logging.getLogger(__name__)


class CpfView(Protocol):
    """A camera and the pose of the central pupil frame in it, ``camera_T_cpf`` (4, 4)."""

    camera: CameraModel
    camera_T_cpf: np.ndarray


def find_gaze_table(vrs: Path) -> Path | None:
    """The gaze table that belongs to a recording: the personalized one where there is one; None without any."""
    folders = ("mps/eye_gaze", f"mps_{vrs.stem}_vrs/eye_gaze", "eye_gaze", ".")
    candidates = [vrs.parent / folder / table for folder in folders for table in _TABLES]
    return next((table for table in candidates if table.is_file()), None)


def read_gaze_table(table: Path, view: CpfView) -> tuple[list[GazeSample], tuple[str, ...]]:
    """Gaze samples of a table in stamp order, and notes on what could not be read.

    Raises :class:`SourceError` where the table holds no gaze at all.
    """
    mps = require("projectaria_tools.core.mps", "An Aria recording", "aria")
    with captured_output() as said:
        rows = sorted(mps.read_eyegaze(str(table)), key=lambda row: row.tracking_timestamp)
    if not rows:
        why = next((line for line in reversed(said) if line.startswith("Failed")), "it has no rows")
        raise SourceError(
            f"{table}: is no gaze table of Aria MPS ({why.removesuffix('.')});"
            " request it again, or move it away to use the frames alone"
        )
    samples = [_sample(index, row, view) for index, row in enumerate(rows)]
    lines = sum(1 for line in table.read_text(errors="replace").splitlines() if line.strip()) - 1
    if lines <= len(rows):
        return samples, ()
    note = f"{table}: is damaged after row {len(rows)} of {lines}; the rows before were read"
    _log.warning("%s", note)
    return samples, (note,)


def _sample(index: int, row: Any, view: CpfView) -> GazeSample:
    depth_m = row.depth if np.isfinite(row.depth) and row.depth > 0.0 else float("nan")
    distance_m = UNKNOWN_DEPTH_M if np.isnan(depth_m) else depth_m
    direction = _direction(row.yaw, row.pitch)
    point_m = view.camera_T_cpf[:3, :3] @ (direction * distance_m) + view.camera_T_cpf[:3, 3]
    length_m = float(np.linalg.norm(point_m))
    left, right = _eyes(row, view)
    return GazeSample(
        stamp_ns=row.tracking_timestamp // timedelta(microseconds=1) * 1000,
        point_px=project(view.camera, point_m[None])[0],
        ray=point_m / length_m,
        sequence=index,
        distance_m=float("nan") if np.isnan(depth_m) else length_m,
        sigma_rad=_sigma(row),
        confidence=1.0 if np.isfinite(direction).all() else 0.0,
        left=left,
        right=right,
    )


def _direction(yaw_rad: float, pitch_rad: float) -> np.ndarray:
    ray = np.array([np.tan(yaw_rad), np.tan(pitch_rad), 1.0])
    return ray / np.linalg.norm(ray)


def _has_vergence(row: Any) -> bool:
    """True in tables of the later kind, with a yaw and an origin for each eye."""
    return row.vergence is not None and row.vergence.tx_left_eye != row.vergence.tx_right_eye


def _eyes(row: Any, view: CpfView) -> tuple[EyeState, EyeState]:
    if not _has_vergence(row):
        return EyeState(), EyeState()
    eyes = []
    for side in ("left", "right"):
        # Older tables have one pitch for both eyes and leave the per-eye ones at zero.
        pitch = getattr(row.vergence, f"{side}_pitch") or row.pitch
        ray = view.camera_T_cpf[:3, :3] @ _direction(getattr(row.vergence, f"{side}_yaw"), pitch)
        eyes.append(EyeState(ray, valid=bool(np.isfinite(ray).all())))
    return eyes[0], eyes[1]


def _sigma(row: Any) -> np.ndarray:
    """Half the interval of yaw and pitch [rad]; NaN without one.

    Aria documents the intervals as confidence intervals but not their level. Taken as one sigma to each side, the
    uncertainty is rather too large than too small.
    """
    yaw = row.yaw_high - row.yaw_low
    if yaw == 0.0 and _has_vergence(row):
        eyes = row.vergence
        yaw = ((eyes.left_yaw_high - eyes.left_yaw_low) + (eyes.right_yaw_high - eyes.right_yaw_low)) / 2
    sigma = np.array([yaw, row.pitch_high - row.pitch_low]) / 2
    return np.where(sigma > 0.0, sigma, np.nan)
