"""One function per figure of ``make bench-eyes``: each measures now, and returns some keys of the JSON line.

What cannot be measured here raises GazeVlmError with the reason and the remedy; its keys are then null.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.eye_judgement import judge
from benchmarks.eye_sequences import render_sequences
from benchmarks.lane import ROOT
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.gaze.eyes.checkpoint import load_eye_checkpoint
from gaze_vlm_ros.gaze.eyes.estimator import EyeEstimator
from gaze_vlm_ros.gaze.eyes.network import EyeNet, EyeNetConfig
from gaze_vlm_ros.gaze.eyes.one_eye.store import load_ensemble
from gaze_vlm_ros.training.eyes.adaptation.domains import render_domain
from gaze_vlm_ros.training.eyes.adaptation.store import load_networks
from gaze_vlm_ros.training.eyes.adaptation.study import figures as adaptation_figures
from gaze_vlm_ros.training.eyes.evaluate import evaluate
from gaze_vlm_ros.training.eyes.latency import both_eyes_ms
from gaze_vlm_ros.training.eyes.one_eye.evaluate import evaluate as evaluate_one_eye
from gaze_vlm_ros.training.eyes.one_eye.sessions import record
from gaze_vlm_ros.training.eyes.sessions import draw_session, unseen_people

RIVALS_READY = ROOT / ".venv-eye-rivals" / "installed"
_WORKERS = 2
_DIGITS = 3
Report = Callable[[float], None]
"""Is told the share 0..1 of the work that is done."""


class Unavailable(GazeVlmError):
    """Why a figure cannot be measured here, and what helps."""


@dataclass(frozen=True)
class Counts:
    """People of each figure; estimates of a burst, and bursts, that are timed."""

    people: int = 20
    one_eye_people: int = 12
    adaptation_people: int = 60
    burst: int = 300
    bursts: int = 5


QUICK = Counts(2, 1, 2, 10, 1)
"""Shows that everything runs; the figures mean nothing."""


def estimator(seed: int, counts: Counts, report: Report, console: Console) -> dict:
    """The shipped student on people never seen: generic, five looks, one offset, slipped, beside trivial rivals."""
    found = evaluate(None, counts.people, seed)
    report(1.0)
    console.print(f"evaluation: {found}", markup=False, soft_wrap=True)
    if found["student_over_teacher"] is None:
        told = "no teacher beside the student: `python -m gaze_vlm_ros.training.eyes.train` leaves it in its --out"
        console.print(f"student_over_teacher: null, {told}", markup=False, soft_wrap=True)
    names = ("generic_deg", "personal_deg", "one_offset_deg", "zero_gaze_deg", "mean_gaze_deg")
    return {
        **{name: _rounded(found[name]) for name in names},
        "slippage_deg": _rounded(found["slippage_personal_deg"]),
        "student_over_teacher": _rounded(found["student_over_teacher"]),
        "coverage_1sigma": _rounded(found["coverage_1sigma"]),
    }


def rivals(seed: int, counts: Counts, report: Report, console: Console) -> dict:
    """pupil-detectors and pye3d on the very same sessions, aligned by the same five looks."""
    if not RIVALS_READY.exists():
        raise Unavailable("no .venv-eye-rivals, in which pye3d runs: `make bench-eyes` makes it")
    python = RIVALS_READY.parent / "bin" / "python"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        render_sequences(folder, unseen_people(counts.people, seed), seed, _WORKERS, lambda share: report(0.7 * share))
        command = [str(python), "-m", "benchmarks.eye_rivals", name]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as rival:
            for done, _ in enumerate(rival.stdout, start=1):
                report(0.7 + 0.3 * done / counts.people)
            said = rival.stderr.read()
        if rival.returncode:
            raise Unavailable(f"pye3d failed: {said.strip().splitlines()[-1:]}; delete .venv-eye-rivals, then again")
        found = judge(folder)
    console.print(f"pye3d without alignment: {found['raw_deg']} deg; sure of {found['answered']} of the looks")
    return {name: _rounded(found[name]) for name in ("pye3d_deg", "pye3d_slippage_deg")}


def speed(seed: int, counts: Counts, report: Report, console: Console) -> dict:
    """Pictures of 192 x 192 px of both eyes to estimates, on one core and one thread."""
    estimator = EyeEstimator.load(threads=1)
    shots = draw_session(unseen_people(1, seed)[0], seed).worn
    with _one_core():
        bursts = [_burst_ms(estimator, shots, counts.burst, report, share) for share in _shares(counts.bursts)]
    console.print(f"both eyes [ms], median of each burst: {[round(float(np.median(b)), 2) for b in bursts]}")
    return {
        "rate_hz_two_eyes_one_core": _rounded(float(np.median([1e3 / burst.mean() for burst in bursts]))),
        "p99_ms": _rounded(float(np.median([np.percentile(burst, 99) for burst in bursts]))),
    }


def speedup(seed: int, counts: Counts, report: Report, console: Console) -> dict:
    """The student's network against the teacher's, both in ONNX Runtime on one core, taking turns."""
    student = load_eye_checkpoint().config
    nets = {"student": EyeNet(student), "teacher": EyeNet(EyeNetConfig.teacher(student.image_px))}
    with _one_core():
        times = both_eyes_ms(nets, counts.burst)
    report(1.0)
    console.print(f"both eyes [ms]: { ({name: round(float(np.median(t)), 2) for name, t in times.items()}) }")
    return {"student_speedup": _rounded(float(np.median(times["teacher"] / times["student"])))}


def one_eye(seed: int, counts: Counts, report: Report, console: Console) -> dict:
    """One Eye's ensemble on people never seen before a phone or tablet, calibrated by 13 dots."""
    ensemble = load_ensemble()
    with tempfile.TemporaryDirectory() as folder:
        people = unseen_people(counts.one_eye_people, seed)
        sessions = record(Path(folder), "test", "test", people, ensemble.image_size, _WORKERS)
    report(0.7)
    found = evaluate_one_eye(ensemble, sessions, seed)
    report(1.0)
    console.print(f"One Eye [cm], random_split leaks: {found}", markup=False, soft_wrap=True)
    return {
        "one_eye": {
            "uncalibrated_cm": _rounded(found["one"]["uncalibrated"]),
            "calibrated_cm": _rounded(found["one"]["calibrated"]),
        }
    }


def adaptation(seed: int, counts: Counts, report: Report, console: Console) -> dict:
    """Which part of the gap between source-only and target-trained the unlabelled adaptation closes."""
    networks = load_networks()
    image_px = next(iter(networks.values())).encoder.config.image_px
    with tempfile.TemporaryDirectory() as folder:
        people = unseen_people(counts.adaptation_people, seed)
        looks = render_domain(Path(folder), "target", "test", people, image_px, _WORKERS)
    report(0.7)
    found = adaptation_figures(networks, looks)
    report(1.0)
    console.print(f"adaptation: {found}", markup=False, soft_wrap=True)
    return {"adaptation_gap_closed": _rounded(found["gap_closed"])}


KEYS = (
    "generic_deg", "personal_deg", "one_offset_deg", "slippage_deg", "zero_gaze_deg", "mean_gaze_deg", "pye3d_deg",
    "pye3d_slippage_deg", "student_over_teacher", "student_speedup", "rate_hz_two_eyes_one_core", "p99_ms", "one_eye",
    "adaptation_gap_closed", "coverage_1sigma",
)  # fmt: skip
"""Of the JSON line, in this order."""
FIGURES: dict[str, tuple[Callable[[int, Counts, Report, Console], dict], tuple[str, ...]]] = {
    "estimator": (estimator, (*KEYS[:6], "student_over_teacher", "coverage_1sigma")),
    "rivals": (rivals, ("pye3d_deg", "pye3d_slippage_deg")),
    "speed": (speed, ("rate_hz_two_eyes_one_core", "p99_ms")),
    "speedup": (speedup, ("student_speedup",)),
    "one_eye": (one_eye, ("one_eye",)),
    "adaptation": (adaptation, ("adaptation_gap_closed",)),
}
"""What measures, and the keys that it gives."""


def _burst_ms(estimator: EyeEstimator, shots: list, count: int, report: Report, share: float) -> np.ndarray:
    times = np.zeros(count)
    for number in range(-len(shots), count):
        pictures = shots[number % len(shots)].pictures
        began = time.perf_counter()
        estimator.estimate(pictures["left"], pictures["right"])
        times[max(number, 0)] = 1e3 * (time.perf_counter() - began)
    report(share)
    return times


def _shares(parts: int) -> list[float]:
    return [(part + 1) / parts for part in range(parts)]


@contextmanager
def _one_core() -> Iterator[None]:
    """Binds this process to one core of those it may use, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
