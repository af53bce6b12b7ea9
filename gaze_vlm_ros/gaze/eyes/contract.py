"""Do estimates keep the axis contract? Looks at known targets tell a mirrored eye, a turned camera, swapped angles.

Sign and axis mistakes are where deployed gaze code fails most: they leave small errors near straight ahead and twice
the angle elsewhere. The best rotation or reflection between said and true (yaw, pitch) names them (Procrustes).
"""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.gaze.eyes.frames import yaw_pitch_of

LEAST_LOOKS = 4
MOST_TURN_RAD = np.radians(20.0)
_LEAST_SPREAD_RAD = np.radians(3.0)
_LEAST_AGREEMENT = 0.5
_REFLECTIONS = (
    (
        "yaw has the wrong sign: is the eye's picture mirrored, or the left one taken for the right?",
        np.diag([-1.0, 1.0]),
    ),
    ("pitch has the wrong sign: is the picture upside down, or y counted upwards?", np.diag([1.0, -1.0])),
    ("yaw and pitch are swapped", np.array([[0.0, 1.0], [1.0, 0.0]])),
    ("yaw and pitch are swapped, both with the wrong sign", np.array([[0.0, -1.0], [-1.0, 0.0]])),
)


class ContractError(GazeVlmError):
    """Looks that cannot tell whether the axis contract is kept."""


def axis_fault(said: np.ndarray, true: np.ndarray) -> str | None:
    """What is wrong with the axes of estimates ``said`` (N, 3) of looks along ``true`` (N, 3) [rig frame], or None.

    A constant error, of kappa or of how the glasses sit, is none. Raises ContractError with fewer than four looks, or
    with looks that are not spread in both yaw and pitch.
    """
    angles = [yaw_pitch_of(np.asarray(directions, dtype=np.float64)) for directions in (said, true)]
    if len(angles[0]) != len(angles[1]) or len(angles[1]) < LEAST_LOOKS or not np.isfinite(angles).all():
        raise ContractError(f"the axes are checked with at least {LEAST_LOOKS} finite looks, each with its estimate")
    found, wanted = (part - part.mean(axis=0) for part in angles)
    if np.linalg.svd(wanted, compute_uv=False)[-1] / np.sqrt(len(wanted)) < _LEAST_SPREAD_RAD:
        raise ContractError("the looks lie too near a line; show targets that are spread in both yaw and pitch")
    left, strength, right = np.linalg.svd(found.T @ wanted)
    if strength.sum() < _LEAST_AGREEMENT * np.linalg.norm(found) * np.linalg.norm(wanted):
        return "estimates do not follow the targets at all"
    change = left @ right  # said = change @ true, as nearly as a rotation or a reflection can
    if np.linalg.det(change) < 0.0:
        return max(_REFLECTIONS, key=lambda named: np.trace(named[1].T @ change))[0]
    turn = float(np.arctan2(change[1, 0], change[0, 0]))
    if abs(turn) > MOST_TURN_RAD:
        return f"gaze is turned by {np.degrees(abs(turn)):.0f} degrees: is the camera turned about its axis?"
    return None
