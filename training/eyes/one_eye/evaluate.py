"""How far off the screen's dot a One Eye ensemble is, before and after calibration, for people never seen.

Two ways to calibrate: on the 13 dots that a person would look at first; and as in the paper, on a random 70 % of the
very frames that are judged, whose neighbours at the same dot are then in the other 30 %: a leak, shown as such.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gaze_vlm_ros.gaze.eyes.one_eye.ensemble import OneEyeEnsemble, PersonalRegressor
from gaze_vlm_ros.sim.eye_images.anatomy import SIDES
from gaze_vlm_ros.training.eyes.one_eye.sessions import CALIBRATION, Session

VARIANTS = ("left", "right", "one", "mean", "concatenated")
"""``one``: mean error of the left and the right eye alone; ``mean``: of both eyes' points; ``concatenated``: one
regressor on both eyes' activations, which exists calibrated only."""
_LEARNT_SHARE = 0.7


def evaluate(ensemble: OneEyeEnsemble, sessions: Sequence[Session], seed: int = 0) -> dict[str, dict[str, float]]:
    """Mean error [cm] over people, by variant: ``uncalibrated``, ``calibrated`` (13 dots), ``random_split``.

    ``sessions`` are test sessions. For an ensemble that sees two eyes at once the only variant is ``two``.
    """
    rng = np.random.default_rng([seed, 13])
    rows = [judge(ensemble, session, rng) for session in sessions]
    return {
        variant: {key: float(np.mean([row[variant][key] for row in rows])) for key in rows[0][variant]}
        for variant in rows[0]
    }


def judge(ensemble: OneEyeEnsemble, session: Session, rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """The same of one person."""
    views = [session.both()] if ensemble.eyes == 2 else [session.eye(side) for side in SIDES]
    features = [ensemble.activations(*view) for view in views]
    first = session.dot < CALIBRATION
    later = np.flatnonzero(~first)
    chosen = rng.permutation(later)
    cut = round(_LEARNT_SHARE * len(chosen))
    splits = {
        "calibrated": (np.flatnonzero(first), later),
        "random_split": (chosen[:cut], chosen[cut:]),
    }
    plain = [ensemble.uncalibrated_cm(part) for part in features]
    found = {name: {"uncalibrated": _error(points, session, later)} for name, points in _named(plain).items()}
    for key, (learnt, judged) in splits.items():
        own = [_fitted(part, session, learnt) for part in features]
        if len(features) == 2:
            both = np.concatenate(features, axis=1)
            found.setdefault("concatenated", {})[key] = _error(_fitted(both, session, learnt), session, judged)
        for name, points in _named(own).items():
            found[name][key] = _error(points, session, judged)
    if len(features) == 2:
        found["one"] = {k: 0.5 * (found["left"][k] + found["right"][k]) for k in found["left"]}
    return found


def _named(points: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    if len(points) == 1:
        return {"two": points[0]}
    return {"left": points[0], "right": points[1], "mean": 0.5 * (points[0] + points[1])}


def _fitted(features: np.ndarray, session: Session, learnt: np.ndarray) -> np.ndarray:
    return PersonalRegressor(features[learnt], session.dots_cm[learnt]).points_cm(features)


def _error(points: np.ndarray, session: Session, judged: np.ndarray) -> float:
    return float(np.linalg.norm(points[judged] - session.dots_cm[judged], axis=1).mean())
