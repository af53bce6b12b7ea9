"""Ways to look: the trained eye, and the rivals that it has to beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.sim.robot_eye import EYE_ACTIONS_RAD
from gaze_vlm_ros.sim.tasks.bench import EYE_M

EYE_STEP_RAD = float(np.radians(10.0))
_HELD_M, _BETWEEN = 0.05, (0.03, 0.9)
_SWEEP_S, _SWEEP_RAD, _SWEEP_DOWN_RAD = 6.0, np.radians(85.0), np.radians(-35.0)
CENTRE_RAD = (0.0, float(np.radians(-40.0)))


@dataclass(frozen=True)
class Situation:
    """What a way to look may know: time [s], the policy's action, where the eye looks [rad], and, for the oracle, the
    true places (2, 7), the tool (3,) and the gripper's opening."""

    time_s: float
    action: int
    eye_rad: np.ndarray
    places: np.ndarray
    tool_m: np.ndarray
    opening: float


Gaze = Callable[[Situation, np.random.Generator], np.ndarray]
"""By how much to turn azimuth and elevation (2,) [rad] in this step."""


def trained(situation: Situation, _: np.random.Generator) -> np.ndarray:
    return EYE_ACTIONS_RAD[situation.action]


def random(_: Situation, rng: np.random.Generator) -> np.ndarray:
    return EYE_ACTIONS_RAD[rng.integers(len(EYE_ACTIONS_RAD))]


def centre(situation: Situation, _: np.random.Generator) -> np.ndarray:
    return np.array(CENTRE_RAD) - situation.eye_rad


def sweep(situation: Situation, _: np.random.Generator) -> np.ndarray:
    """To and fro over the whole arc, as a schedule would."""
    wanted = np.array([_SWEEP_RAD * np.sin(2 * np.pi * situation.time_s / _SWEEP_S), _SWEEP_DOWN_RAD])
    return wanted - situation.eye_rad


def oracle(situation: Situation, _: np.random.Generator) -> np.ndarray:
    """At the place that the hand needs now, from the truth."""
    return looking_at(situation.places[int(is_held(situation))][:3]) - situation.eye_rad


def inspect_once(situation: Situation, rng: np.random.Generator) -> np.ndarray:
    """One look at each place from the truth in the first two seconds, then straight ahead: memory has to do."""
    if situation.time_s > 2.0:
        return centre(situation, rng)
    return looking_at(situation.places[int(situation.time_s > 1.0)][:3]) - situation.eye_rad


def fixed(azimuth_rad: float, elevation_rad: float) -> Gaze:
    """A camera that never turns."""
    return lambda situation, _: np.array([azimuth_rad, elevation_rad]) - situation.eye_rad


def is_held(situation: Situation) -> bool:
    near = float(np.linalg.norm(situation.places[0, :3] - situation.tool_m)) < _HELD_M
    return near and _BETWEEN[0] < situation.opening < _BETWEEN[1]


def looking_at(point_m: np.ndarray) -> np.ndarray:
    """Azimuth and elevation (2,) [rad] of a point (3,) [m, base frame] from the eye."""
    x, y, z = point_m - EYE_M
    return np.array([np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))])


GAZES: dict[str, Gaze] = {
    "trained": trained,
    "oracle": oracle,
    "centre": centre,
    "random": random,
    "sweep": sweep,
    "inspect_once": inspect_once,
}


def gaze_named(name: str) -> Gaze:
    """One of GAZES, or ``fixed:AZIMUTH,ELEVATION`` in degrees. Raises GazeVlmError that lists them."""
    if name.startswith("fixed:"):
        try:
            azimuth, elevation = (float(np.radians(float(part))) for part in name[6:].split(","))
        except ValueError:
            raise GazeVlmError(f"{name!r} is no fixed camera; write fixed:AZIMUTH,ELEVATION in degrees") from None
        return fixed(azimuth, elevation)
    if name not in GAZES:
        raise GazeVlmError(f"no way to look {name!r}; use one of: {', '.join(GAZES)}, fixed:AZIMUTH,ELEVATION")
    return GAZES[name]
