"""What Neon says about the eyes themselves: axes, pupils and eyelids, and the eye movements it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gaze_vlm_ros.sources.base import item_stamp_ns
from gaze_vlm_ros.types import EyeMovement, EyeMovementKind, EyeState, GazeSample

OPEN_APERTURE_MM = 1.0
"""An eye whose lids are closer than this is shut. In blinks Neon gives 0 to 0.5 mm, looking down about 5 mm."""


def eye_states(folder: Path, recording: Any, stamps_ns: np.ndarray) -> tuple[list[EyeState], list[EyeState]]:
    """Left and right eye at each of the gaze stamps (N,); raises the library's errors for files that are cut off.

    The ray is the eye's *optical* axis in the scene camera's frame (the visual axis lies some degrees off it). Where
    there is no eye state the eye counts as open with a NaN ray; where it is shut all its numbers are NaN.
    """
    if not any(folder.glob("eye_state ps*.raw")):
        unknown = [EyeState(valid=True)] * len(stamps_ns)
        return unknown, unknown
    eyeball, pupil = recording.eyeball, recording.pupil
    rows = np.clip(np.searchsorted(eyeball.time, stamps_ns), 0, len(eyeball) - 1)
    same = np.asarray(eyeball.time)[rows] == stamps_ns
    states = []
    for side in ("left", "right"):
        axes = np.asarray(getattr(eyeball, f"optical_axis_{side}"), dtype=np.float64)[rows]
        diameters = np.asarray(getattr(pupil, f"diameter_{side}"), dtype=np.float64)[rows]
        shut = same & (_aperture_mm(recording, side, len(eyeball))[rows] < OPEN_APERTURE_MM)
        axes[shut | ~same] = np.nan
        diameters[shut | ~same | ~(diameters > 0.0)] = np.nan
        axes /= np.linalg.norm(axes, axis=1, keepdims=True)
        states.append([EyeState(axes[i], not shut[i], float(diameters[i])) for i in range(len(stamps_ns))])
    return states[0], states[1]


def eye_movements(folder: Path, recording: Any, gaze: Sequence[GazeSample]) -> list[EyeMovement]:
    """Fixations, saccades and blinks that the device found, in the order in which they end.

    Their mean points are those of the gaze samples: the points that Neon keeps with fixations lack the wearer's gaze
    offset, and pupil-labs-neon-recording 2.1.6 adds it with the wrong sign in y.
    """
    stamps_ns = np.array([sample.stamp_ns for sample in gaze])
    points = np.array([sample.point_px for sample in gaze])
    looking = [*_fixations(recording), *_saccades(recording)] if any(folder.glob("fixations ps*.raw")) else []
    looking = [replace(movement, mean_point_px=_mean_point(movement, stamps_ns, points)) for movement in looking]
    blinks = _blinks(recording) if any(folder.glob("blinks ps*.raw")) else []
    return sorted([*looking, *blinks], key=item_stamp_ns)


def _mean_point(movement: EyeMovement, stamps_ns: np.ndarray, points: np.ndarray) -> np.ndarray:
    inside = (stamps_ns >= movement.start_ns) & (stamps_ns <= movement.end_ns) & np.isfinite(points).all(axis=1)
    return points[inside].mean(axis=0) if inside.any() else np.full(2, np.nan)


def _aperture_mm(recording: Any, side: str, count: int) -> np.ndarray:
    """Opening of the lids (count,) [mm]; NaN in recordings from before Neon measured it."""
    try:
        return np.asarray(getattr(recording.eyelid, f"aperture_{side}"), dtype=np.float64)
    except recording.SensorError:
        return np.full(count, np.nan)


def _fixations(recording: Any) -> list[EyeMovement]:
    return [
        EyeMovement(EyeMovementKind.FIXATION, int(row.start_time), int(row.stop_time)) for row in recording.fixations
    ]


def _saccades(recording: Any) -> list[EyeMovement]:
    """Neon gives velocities in px/s; the saccade's own angle and length give the scale."""
    movements = []
    for row in recording.saccades:
        length_px = float(np.linalg.norm(np.subtract(row.stop_gaze, row.start_gaze)))
        amplitude_rad = float(np.radians(row.amplitude))
        peak_rad_s = float(row.max_velocity) * amplitude_rad / length_px if length_px > 0.0 else float("nan")
        movements.append(
            EyeMovement(
                EyeMovementKind.SACCADE,
                int(row.start_time),
                int(row.stop_time),
                amplitude_rad=amplitude_rad,
                peak_velocity_rad_s=peak_rad_s,
            )
        )
    return movements


def _blinks(recording: Any) -> list[EyeMovement]:
    return [EyeMovement(EyeMovementKind.BLINK, int(row.start_time), int(row.stop_time)) for row in recording.blinks]
