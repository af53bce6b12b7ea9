"""How far pye3d is off after the alignment that a user would do, on the sequences that it has followed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.eye_sequences import CALIBRATE, SLIPPED, WORN, LookSequence, load
from gaze_vlm_ros.gaze.eyes.frames import direction_of, yaw_pitch_of
from gaze_vlm_ros.geometry.transforms import angle_between

CONFIDENT = 0.8
"""Answers below are left out, of the calibration and of the judgement alike; its makers advise 0.6."""
_LEAST_FOR_AFFINE = 4


def judge(folder: Path) -> dict[str, float | None]:
    """Means over all eyes [deg]: ``pye3d_deg``, ``pye3d_slippage_deg``, each by the alignment that serves it best,
    ``raw_deg`` without any; ``answered``: the share of looks that it answered with confidence.
    """
    errors: dict[str, list[np.ndarray]] = {}
    answered = []
    for path in sorted(folder.glob("*.npz")):
        sequence = load(path)
        with np.load(path.with_suffix(".pye3d")) as file:
            axes, confidence = file["axes"], file["confidence"]
        for eye in range(2):
            sure = (confidence[eye] >= CONFIDENT) & np.isfinite(axes[eye]).all(axis=1)
            answered.append(sure[np.isin(sequence.stages, (WORN, SLIPPED))])
            for name, found in eye_errors(sequence, eye, axes[eye], sure).items():
                errors.setdefault(name, []).append(found)
    means = {name: float(np.degrees(np.concatenate(found).mean())) for name, found in errors.items()}
    best = min(("offset", "affine"), key=lambda way: means.get(f"{way} {WORN}", np.inf))
    return {
        "pye3d_deg": means.get(f"{best} {WORN}"),
        "pye3d_slippage_deg": means.get(f"{best} {SLIPPED}"),
        "raw_deg": means.get(f"none {WORN}"),
        "answered": float(np.concatenate(answered).mean()),
    }


def eye_errors(sequence: LookSequence, eye: int, axes: np.ndarray, sure: np.ndarray) -> dict[str, np.ndarray]:
    """Angles (M,) [rad] of one eye's sure answers, by alignment and stage; none where no look calibrates.

    ``axes`` (N, 3) are in the camera's frame, the true ones in the rig's.
    """
    found, true = yaw_pitch_of(axes @ sequence.rig_R_camera[eye].T), yaw_pitch_of(sequence.axes[eye])
    learnt = (sequence.stages == CALIBRATE) & sure
    if not learnt.any():
        return {}
    ways = {"none": found, "offset": found + (true[learnt] - found[learnt]).mean(axis=0)}
    ways["affine"] = ways["offset"]
    if learnt.sum() >= _LEAST_FOR_AFFINE:
        design = np.column_stack([found, np.ones(len(found))])
        ways["affine"] = design @ np.linalg.lstsq(design[learnt], true[learnt])[0]
    return {
        f"{way} {stage}": angle_between(direction_of(*said[judged].T), sequence.axes[eye][judged])
        for way, said in ways.items()
        for stage in (WORN, SLIPPED)
        if (judged := (sequence.stages == stage) & sure).any()
    }
