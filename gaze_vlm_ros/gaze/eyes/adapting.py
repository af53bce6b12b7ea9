"""The calibration that learns: adapters of the estimator's last stage from one picture pair for each target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gaze_vlm_ros.gaze.eyes.calibration import ADAPTERS, Calibration, gaze_error_rad
from gaze_vlm_ros.gaze.eyes.estimator import EyeEstimator
from gaze_vlm_ros.gaze.eyes.looks import PicturedLook, TargetLook, usable_looks
from gaze_vlm_ros.gaze.eyes.personal import Adapters, Look, personalise

LEAST_LOOKS = 3


def fit_adapters(estimator: EyeEstimator, looks: Sequence[TargetLook], folder: Path | None = None) -> Calibration:
    """The adapters of one person, with their leave-one-target-out error; it takes a second or so for each look.

    ``folder`` is the checkpoint that ``estimator`` was loaded from, None for the shipped one. Raises CalibrationError
    where fewer than three looks, or not more than half, are usable.
    """
    pictured = [look.middle for look in usable_looks(looks, LEAST_LOOKS)]
    errors = []
    for index, left_out in enumerate(pictured):
        others = [look for number, look in enumerate(pictured) if number != index]
        found = estimator.with_adapters(_learnt(others, folder)).estimate(left_out.left, left_out.right)
        directions = [np.full(3, np.nan) if eye is None else eye.direction for eye in (found.left, found.right)]
        errors.append(gaze_error_rad(np.array(directions), left_out.true))
    error_rad = float(np.nanmean(errors)) if np.isfinite(errors).any() else float("nan")
    return Calibration(ADAPTERS, error_rad=error_rad, targets=len(pictured), adapters=_learnt(pictured, folder))


def _learnt(looks: Sequence[PicturedLook], folder: Path | None) -> Adapters:
    """Both eyes look at one target in directions of their own, so each picture is a look of its own."""
    lefts = [Look(look.left, None, look.true[0]) for look in looks]
    rights = [Look(None, look.right, look.true[1]) for look in looks]
    return personalise(folder, [*lefts, *rights])
