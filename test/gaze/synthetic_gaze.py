"""Gaze with known eye movements: fixations, minimum-jerk saccades of the main sequence, blinks, white noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.types import NS_PER_S, CameraModel, EyeMovement, EyeMovementKind, EyeState, GazeSample

CAMERA = CameraModel(1600, 1200, np.array([[900.0, 0.0, 800.0], [0.0, 900.0, 600.0], [0.0, 0.0, 1.0]]))
FIRST_NS = 1_700_000_000 * NS_PER_S


@dataclass(frozen=True)
class Recording:
    samples: list[GazeSample]
    truth: list[EyeMovement]

    def of_kind(self, kind: EyeMovementKind) -> list[EyeMovement]:
        return [movement for movement in self.truth if movement.kind is kind]


def record(
    rate_hz: float,
    noise_deg: float,
    seed: int,
    *,
    duration_s: float = 30.0,
    blinks: bool = False,
    pupils: bool = False,
    drift_deg_s: float = 0.0,
) -> Recording:
    """A recording of ``duration_s``. With ``blinks``, every eighth fixation ends in one: NaN gaze, or with ``pupils``
    wild gaze from shrunken pupils. ``drift_deg_s`` lets gaze slide in the picture, as it does while the head turns.
    """
    rng = np.random.default_rng(seed)
    movements, path = _script(rng, duration_s, blinks, drift_deg_s)
    stamps = np.arange(0.0, duration_s, 1.0 / rate_hz) + rng.uniform(0.0, 1.0 / rate_hz)
    stamps = stamps[stamps < duration_s]
    angles = np.array([path(stamp) for stamp in stamps]) + rng.normal(0.0, noise_deg, (len(stamps), 2))
    shut = np.zeros(len(stamps), dtype=bool)
    for movement in movements:
        if movement.kind is EyeMovementKind.BLINK:
            shut |= (stamps >= _seconds(movement.start_ns)) & (stamps < _seconds(movement.end_ns))
    if pupils:
        angles[shut] += rng.normal(0.0, 8.0, (shut.sum(), 2))
    samples = []
    for number, (stamp, (yaw, pitch)) in enumerate(zip(stamps, np.radians(angles), strict=True)):
        ray = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        point = CAMERA.matrix[:2, :2] @ (ray[:2] / ray[2]) + CAMERA.matrix[:2, 2]
        eye = EyeState(ray, True, float("nan"))
        if shut[number] and not pupils:
            ray, point = np.full(3, np.nan), np.full(2, np.nan)
        if pupils:
            eye = EyeState(ray, True, 3.5 * (0.5 if shut[number] else 1.0) + rng.normal(0.0, 0.05))
        samples.append(GazeSample(FIRST_NS + round(stamp * NS_PER_S), point, ray, number, left=eye, right=eye))
    return Recording(samples, movements)


def overlap(a: EyeMovement, b: EyeMovement) -> float:
    """Temporal intersection over union of two eye movements."""
    both = min(a.end_ns, b.end_ns) - max(a.start_ns, b.start_ns)
    return max(0.0, both / (max(a.end_ns, b.end_ns) - min(a.start_ns, b.start_ns)))


def f1_score(found: list[EyeMovement], truth: list[EyeMovement], least: float) -> float:
    """F1 of a one-to-one match of movements whose overlap exceeds ``least``."""
    left, hits = list(found), 0
    for movement in truth:
        best = max(left, key=lambda other: overlap(movement, other), default=None)
        if best is not None and overlap(movement, best) > least:
            left.remove(best)
            hits += 1
    return 2.0 * hits / (len(found) + len(truth)) if found or truth else 1.0


def saccade_kappa(found: list[EyeMovement], recording: Recording) -> float:
    """Cohen's kappa of the samples' labels saccade / not saccade; edges of a saccade belong to its fixations."""
    stamps = np.array([sample.stamp_ns for sample in recording.samples])
    a, b = (_in_saccade(stamps, movements) for movements in (found, recording.truth))
    chance = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    return float((np.mean(a == b) - chance) / (1 - chance))


def _in_saccade(stamps: np.ndarray, movements: list[EyeMovement]) -> np.ndarray:
    inside = np.zeros(len(stamps), dtype=bool)
    for movement in movements:
        if movement.kind is EyeMovementKind.SACCADE:
            inside |= (stamps > movement.start_ns) & (stamps < movement.end_ns)
    return inside


def _script(rng, duration_s, blinks, drift_deg_s):
    """True eye movements, a fixation last, and the direction (yaw, pitch) [deg] as a function of time [s]."""
    movements, pieces, now, place, number = [], [], 0.0, rng.uniform(-10.0, 10.0, 2), 0
    while True:
        slide = rng.normal(0.0, drift_deg_s / np.sqrt(2.0), 2)
        end = now + rng.uniform(0.15, 0.6)
        end = end if end < duration_s - 0.5 else duration_s
        movements.append(_movement(EyeMovementKind.FIXATION, now, end))
        pieces.append((now, end, place, place + slide * (end - now), False))
        place, now, number = place + slide * (end - now), end, number + 1
        if now == duration_s:
            break
        if blinks and number % 8 == 0:
            end = now + rng.uniform(0.12, 0.3)
            movements.append(_movement(EyeMovementKind.BLINK, now, end))
            pieces.append((now, end, place, place, False))
        else:
            target = _next_place(rng, place)
            amplitude = float(np.linalg.norm(target - place))
            end = now + 0.021 + 0.0022 * amplitude
            movements.append(_movement(EyeMovementKind.SACCADE, now, end, np.radians(amplitude)))
            pieces.append((now, end, place, target, True))
            place = target
        now = end
    starts = np.array([piece[0] for piece in pieces])

    def path(stamp: float) -> np.ndarray:
        start, stop, here, there, jerk = pieces[int(np.searchsorted(starts, stamp, side="right")) - 1]
        share = np.clip((stamp - start) / (stop - start), 0.0, 1.0)
        share = share**3 * (10 - 15 * share + 6 * share**2) if jerk else share
        return here + share * (there - here)

    return movements, path


def _next_place(rng, place):
    while True:
        amplitude, way = rng.uniform(2.0, 20.0), rng.uniform(0.0, 2.0 * np.pi)
        target = place + amplitude * np.array([np.cos(way), np.sin(way)])
        if np.abs(target).max() < 25.0:
            return target


def _movement(kind: EyeMovementKind, start: float, end: float, amplitude: float = float("nan")) -> EyeMovement:
    start_ns, end_ns = (FIRST_NS + round(value * NS_PER_S) for value in (start, end))
    return EyeMovement(kind, start_ns, end_ns, amplitude_rad=amplitude)


def _seconds(stamp_ns: int) -> float:
    return (stamp_ns - FIRST_NS) / NS_PER_S
