"""What an episode says about the eye: how soon, how steadily, how early it looks at what the hand needs."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.sim.robot_eye import FIELDS_RAD
from gaze_vlm_ros.sim.tasks.terms import CONTROL_HZ
from gaze_vlm_ros.training.closed_loop.episode import Played, angle_between
from gaze_vlm_ros.training.closed_loop.gazes import looking_at

FOVEA_RAD = FIELDS_RAD[0] / 2
"""A thing nearer to the eye's direction lies in the fovea."""
_CAPTURED_RAD = float(np.radians(5.0))
_DWELL_STEPS = 5
_SETTLED_RAD_S, _SETTLED_S, _REFINED_RAD = 0.10, 0.080, 0.05
_BEFORE_S, _AFTER_S = 3.0, 0.5
_VALID_S = (-0.5, 4.0)


def measures_of(played: Played) -> dict[str, float]:
    """Figures of one episode; those that it cannot give are left out.

    ``fixate_s`` until the thing asked for is first in the fovea, ``in_fovea`` share of time in which the place that
    the hand needs is, ``place_cm`` median error of where the hand thinks that place is, ``stability_deg`` spread of
    the eye's direction within dwells on it, ``switch_s`` from the grasp until the second place is in the fovea,
    ``captured`` share of time spent on a thing of no use, ``galt_s`` how long the gaze arrives before the hand
    (``gaze_before_hand_s``).
    """
    first, second = played.angles_rad(0), played.angles_rad(1)
    held = np.array(played.held)
    needed = np.where(held, second, first)
    found: dict[str, float | None] = {
        "fixate_s": _first_s(first < FOVEA_RAD),
        "in_fovea": float((needed < FOVEA_RAD).mean()),
        "place_cm": _place_cm(played, held),
        "stability_deg": _stability_deg(np.array(played.eye_rad), needed < FOVEA_RAD),
        "switch_s": _first_s((second < FOVEA_RAD)[int(held.argmax()) :]) if held.any() else None,
        "captured": _captured(played, needed),
        "galt_s": gaze_before_hand_s(played),
    }
    return {name: value for name, value in found.items() if value is not None}


def gaze_before_hand_s(played: Played) -> float | None:
    """GALT (TAVIS, arXiv 2605.07943): when the hand closes or opens last, minus when the gaze settled before that.

    The gaze has arrived where its last settled stretch within 3 s before to 0.5 s after the hand begins, traced back
    while it was within 0.05 rad of where it settled. None where there is no such stretch or the value is outside
    -0.5..4 s.
    """
    opening = np.array(played.opening)
    changes = np.flatnonzero(np.diff(opening > 0.5))
    if not len(changes):
        return None
    hand = int(changes[-1]) + 1
    eye = np.array(played.eye_rad)
    slow = np.append(np.abs(np.diff(eye, axis=0)).max(axis=1) * CONTROL_HZ < _SETTLED_RAD_S, False)
    begin = max(0, hand - round(_BEFORE_S * CONTROL_HZ))
    end = min(len(eye), hand + round(_AFTER_S * CONTROL_HZ))
    starts = [s for s, e in _runs(slow[begin:end]) if (e - s) / CONTROL_HZ >= _SETTLED_S]
    if not starts:
        return None
    arrived = begin + starts[-1]
    pose = eye[arrived]
    while arrived > begin and np.abs(eye[arrived - 1] - pose).max() < _REFINED_RAD:
        arrived -= 1
    ahead = (hand - arrived) / CONTROL_HZ
    return ahead if _VALID_S[0] <= ahead <= _VALID_S[1] else None


def _first_s(holds: np.ndarray) -> float | None:
    return float(holds.argmax()) / CONTROL_HZ if holds.any() else None


def _runs(holds: np.ndarray) -> list[tuple[int, int]]:
    """Begin and end of each stretch in which ``holds`` (T,) is true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], holds, [False]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _stability_deg(eye_rad: np.ndarray, dwells: np.ndarray) -> float | None:
    spreads = [eye_rad[s:e].std(axis=0).max() for s, e in _runs(dwells) if e - s >= _DWELL_STEPS]
    return float(np.degrees(np.mean(spreads))) if spreads else None


def _place_cm(played: Played, held: np.ndarray) -> float:
    error = np.linalg.norm(np.array(played.seen)[:, :, :3] - np.array(played.places)[:, :, :3], axis=-1)
    return 100.0 * float(np.median(np.where(held, error[:, 1], error[:, 0])))


def _captured(played: Played, needed: np.ndarray) -> float | None:
    if not len(played.others_m):
        return None
    eye = np.array(played.eye_rad)
    away = np.stack([angle_between(eye, np.tile(looking_at(other), (len(eye), 1))) for other in played.others_m])
    return float(((away.min(axis=0) < _CAPTURED_RAD) & (needed > away.min(axis=0))).mean())
