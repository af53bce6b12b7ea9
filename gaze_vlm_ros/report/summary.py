"""The figures of a run, in the form of ``report.json``."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from importlib import metadata

import numpy as np

from gaze_vlm_ros.report.accuracy import activity_accuracy, event_accuracy, pointed_in_time, target_accuracy
from gaze_vlm_ros.report.run import Run
from gaze_vlm_ros.types import NS_PER_S, EyeMovementKind

_NO_RIVALS = {"activity": None, "event": None}
_NO_ASSIST = {"success": None, "without_prediction": None, "with_truth": None}


def summarise(run: Run, extra: dict) -> dict:
    """The figures of ``run``; ``extra["rollouts"]`` gives the rivals, which one run is too short to measure.

    Rates are ``{"value", "n", "ci95"}``, ages ``{"p50", "p95", "max", "n"}`` [ms]; what was not measured is None.
    """
    rollouts = extra.get("rollouts") or {}
    activity, event, target = activity_accuracy(run), event_accuracy(run), target_accuracy(run)
    brought = _brought(run)
    pointed = None if brought else pointed_in_time(run)
    ages = {name: percentiles(np.array(log.age_ns) / 1e6) for name, log in sorted(run.topics.items()) if log.same_clock}
    movements = Counter(movement.kind for movement in run.eye_movements)
    return {
        "namespace": run.namespace,
        "duration_s": round(run.duration_s, 3),
        "predictions": {"activity": len(run.activities), "event": len(run.events)},
        "frames": len(run.frame_stamps),
        "gaze_samples": len(run.gaze.stamp_ns),
        "gaze_targets": len(run.targets),
        "eye_movements": {kind.value: movements[kind] for kind in EyeMovementKind},
        "age_ms": ages,
        "rate_hz": {name: _rounded(log.rate_hz) for name, log in sorted(run.topics.items())},
        "messages": {name: len(log.log_ns) for name, log in sorted(run.topics.items())},
        "activity_accuracy": activity and activity.as_dict(),
        "event_accuracy": event and event.as_dict(),
        "majority": rollouts.get("majority", _NO_RIVALS),
        "repeat": rollouts.get("repeat", _NO_RIVALS),
        "assist": rollouts.get("assist", _NO_ASSIST),
        "rollouts": rollouts or None,
        "gaze_target": target and {"label": target[0].as_dict(), "error_mm": percentiles(np.array(target[1]) * 1e3)},
        "pointed_in_time": pointed and pointed.as_dict(),
        "brought": brought,
        "drops": drops(run),
        "robot": _robot(run),
        "versions": {**_versions(run), **extra.get("versions", {})},
    }


_BROUGHT = {
    "waited_for": "things waited for",
    "by_robot": "brought by the robot",
    "by_somebody_else": "given by somebody else",
    "ahead": "brought ahead",
}
"""Figure of the report -> what the simulator calls it in its diagnostics."""


def percentiles(values: Sequence[float]) -> dict | None:
    """``{"p50", "p95", "max", "n"}``; None without values."""
    if not len(values):
        return None
    p50, p95, largest = np.percentile(values, [50, 95, 100])
    return {"p50": _rounded(p50), "p95": _rounded(p95), "max": _rounded(largest), "n": len(values)}


def drops(run: Run) -> dict:
    """What went missing: gaze samples by the device's numbering, frames by gaps in the stamps, refused commands."""
    return {
        "gaze_samples_lost": run.gaze.lost,
        "gaze_samples_invalid": len(run.gaze.stamp_ns) - run.gaze.valid,
        "frames_missing": frames_missing(run),
        "commands_refused": run.commands[1] if run.commands else None,
    }


def frames_missing(run: Run) -> int:
    """Frames that a camera with the median interval of the stamps would have given in the gaps, but for those of the
    time for which a simulated world stood still.
    """
    steps = np.diff(np.unique(run.frame_stamps))
    if len(steps) < 2:
        return 0
    usual_ns = np.median(steps)
    gaps = np.maximum(np.rint(steps / usual_ns) - 1, 0).sum()
    return max(0, int(gaps - round(run.stood_still_s * NS_PER_S / usual_ns)))


def changes(states: Sequence) -> list:
    """The first of each stretch of states that agree in name, target and what limits them."""
    kept: list = []
    for state in states:
        if not kept or (state.name, state.target, state.limited_by) != (
            kept[-1].name,
            kept[-1].target,
            kept[-1].limited_by,
        ):
            kept.append(state)
    return kept


def _brought(run: Run) -> dict | None:
    """What a simulated wearer could not reach and what became of it; None where it was not counted."""
    said = run.diagnostics.get("simulator", {}).get("values", {})
    if not set(_BROUGHT.values()) <= said.keys():
        return None
    return {key: int(said[name]) for key, name in _BROUGHT.items()} | {"waited_s": float(said["waited [s]"])}


def _robot(run: Run) -> dict:
    return {
        "assist_changes": len(changes(run.assist)),
        "governor_changes": len(changes(run.governor)),
        "commands_passed": run.commands[0] if run.commands else None,
        "commands_refused": run.commands[1] if run.commands else None,
        "protective_stops": len(run.protective_stops),
    }


def _versions(run: Run) -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in ("gaze_vlm_ros", "torch", "transformers", "mujoco"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions | {f"model {name}": version for name, version in run.models.items() if name}


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(float(value), digits)
