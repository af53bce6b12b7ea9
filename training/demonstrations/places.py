"""Places: where the hand has to go in a task, from the simulator's truth; what the hand's sight learns to find."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError

PLACES = 2
"""The place where a thing is taken (or pressed), and the one where it is put (or used)."""
PLACE_SIZE = 7
"""Point (3,) of the tool [m, base frame], then the grip's yaw as cosine and sine of twice and of four times it; zeros
where the yaw does not matter or has not that symmetry."""
_FREE = np.zeros(4)
_BLOCK_GRIP_M, _HOLDER_M = 0.008, 0.065
_RIDGE_M, _TRAY_M = -0.036, 0.095
_BRUSH_M, _TABLE_M = 0.054, 0.068
_LAID_M = -0.004
_FITS_HALF_M, _ROUND_M = 0.048, 0.003

State = dict[str, np.ndarray]


def places_of(task: str, state: State) -> np.ndarray:
    """The two places (2, 7) float64 of a task in a state of ``info["state"]``; see PLACE_SIZE."""
    if task not in _PLACES:
        raise GazeVlmError(f"no places known for task {task!r}; there are {', '.join(_PLACES)}")
    return np.stack(_PLACES[task](state))


def yaw_terms(yaw_rad: float, folds: int) -> np.ndarray:
    """(4,): a yaw that is the same after a turn of 2 pi / ``folds``, ``folds`` 2 or 4."""
    twice = np.array([np.cos(2 * yaw_rad), np.sin(2 * yaw_rad)]) * (folds == 2)
    four = np.array([np.cos(4 * yaw_rad), np.sin(4 * yaw_rad)])
    return np.concatenate([twice, four])


def _at(point_m: np.ndarray, height_m: float, yaw: np.ndarray = _FREE) -> np.ndarray:
    return np.array([point_m[0], point_m[1], height_m, *yaw])


def _yaw_of(rotation: np.ndarray) -> float:
    return float(np.arctan2(rotation[3], rotation[0]))


def _press_button(state: State) -> tuple[np.ndarray, np.ndarray]:
    button = _at(state["button_m"], state["button_m"][2])
    return button, button


def _pick_place(state: State) -> tuple[np.ndarray, np.ndarray]:
    block, holder = state["block_m"], state["holder_m"]
    return (
        _at(block, block[2] + _BLOCK_GRIP_M, yaw_terms(_yaw_of(state["block_R"]), 4)),
        _at(holder, _HOLDER_M, yaw_terms(_yaw_of(state["holder_R"]), 4)),
    )


def _towel(state: State) -> tuple[np.ndarray, np.ndarray]:
    ridge, across = state["ridge_m"], state["across"]
    return (
        _at(ridge, ridge[2] + _RIDGE_M, yaw_terms(float(np.arctan2(-across[0], across[1])), 2)),
        _at(state["tray_m"], _TRAY_M, yaw_terms(_yaw_of(state["tray_R"]), 2)),
    )


def _wipe(state: State) -> tuple[np.ndarray, np.ndarray]:
    brush, path = state["brush_m"], state["path_m"].reshape(-1, 2)
    azimuth = float(np.arctan2(*path.mean(axis=0)[::-1]))
    middle = float(np.linalg.norm(path, axis=1).mean()) * np.array([np.cos(azimuth), np.sin(azimuth)])
    return (
        _at(brush, brush[2] + _BRUSH_M, yaw_terms(_yaw_of(state["brush_R"]), 2)),
        _at(middle, _TABLE_M, yaw_terms(azimuth, 2)),
    )


def _hand_over(state: State) -> tuple[np.ndarray, np.ndarray]:
    half, thing, palm = state["asked_half_m"], state["asked_m"], state["palm_m"]
    grip = _grip_m(half)
    fits = half[:2] < _FITS_HALF_M
    yaw = _FREE
    if abs(half[0] - half[1]) >= _ROUND_M:
        sideways = 0.0 if fits[0] else np.pi / 2
        yaw = yaw_terms(_yaw_of(state["asked_R"]) + sideways, 4 if fits.all() else 2)
    return _at(thing, thing[2] + grip - half[2], yaw), _at(palm, palm[2] + grip + _LAID_M)


def _grip_m(half_m: np.ndarray) -> float:
    """At what height the expert grips a thing that stands on the table, as ``HandOverExpert`` does."""
    gripped = 0.035 if half_m[:2].min() > 0.034 else 0.055
    return max(0.013, 2 * float(half_m[2]) - gripped)


_PLACES: dict[str, Callable[[State], tuple[np.ndarray, np.ndarray]]] = {
    "PressButton": _press_button,
    "PickPlace": _pick_place,
    "Towel": _towel,
    "Wipe": _wipe,
    "HandOver": _hand_over,
}
