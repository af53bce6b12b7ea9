"""How soon a slipped eye tracker is noticed, and how often wrongly: ``python -m benchmarks.slip`` prints one JSON line.

Simulated wearers at work, with the default eye tracker and its errors, but without pictures. Half-way through, the
recorded gaze is turned by one angle in one direction, four directions for each wearer, and stays so.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import replace

import numpy as np

from gaze_vlm_ros.gaze.reaches import SlipWatch
from gaze_vlm_ros.geometry.transforms import rotation_from_vector
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig
from gaze_vlm_ros.types import NS_PER_S, GazeSample, WearerState

Stream = list[tuple[list[GazeSample], WearerState]]
TICK_S = 0.05
SLIPS_DEG = (3, 5, 8)
HAND_ERRORS_M = (0.0, 0.02)
DIRECTIONS = 4
TOLD_WITHIN_DEG = 3.0
"""A slip is found when what is told lies so near to it."""


def stream_of(seed: int, seconds: float) -> Stream:
    """What eye tracker and hand tracker say in ``seconds`` of a wearer's work."""
    with contextlib.closing(Simulation(SimulationConfig(seed=seed, split="test"))) as simulation:
        said: Stream = []
        while simulation.time_s < seconds:
            simulation.advance(TICK_S)
            said.append((simulation.gaze_samples(), simulation.wearer_state()))
    return said


def turned(sample: GazeSample, by: np.ndarray) -> GazeSample:
    return replace(sample, ray=by @ sample.ray)


def watch(stream: Stream, hand_error_m: float, slip_deg: float = 0.0, direction_rad: float = 0.0) -> dict:
    """Plays ``stream`` to a SlipWatch; the slip begins half-way. Reaches, false alarms, and the delay [s] if found."""
    slip = np.radians(slip_deg) * np.array([np.cos(direction_rad), np.sin(direction_rad)])
    by = rotation_from_vector(np.array([-slip[1], slip[0], 0.0]))
    random, one = np.random.default_rng(0), SlipWatch()
    begins_ns = stream[len(stream) // 2][1].stamp_ns if slip_deg else 2**63
    told, false, delay_s = False, 0, None
    for samples, wearer in stream:
        slipped = wearer.stamp_ns >= begins_ns
        one.on_gaze(turned(sample, by) for sample in samples) if slipped else one.on_gaze(samples)
        error = random.normal(0.0, hand_error_m, (2, 3))
        one.on_wearer(
            replace(wearer, left_hand_m=wearer.left_hand_m + error[0], right_hand_m=wearer.right_hand_m + error[1])
        )
        told, before = one.shift_rad is not None, told
        if not slipped:
            false += told and not before
        elif told and delay_s is None and np.linalg.norm(one.shift_rad - slip) < np.radians(TOLD_WITHIN_DEG):
            delay_s = (wearer.stamp_ns - begins_ns) / NS_PER_S
    return {"reaches": one.reaches, "false": int(false), "delay_s": delay_s}


def measure(seed: int, people: int, seconds: float) -> dict:
    streams = []
    with contextlib.redirect_stdout(sys.stderr), Progress() as progress:
        task = progress.add_task("slip", total=people * (1 + len(HAND_ERRORS_M) * (1 + len(SLIPS_DEG))))
        for person in range(people):
            streams.append(stream_of(10_000 * (seed + 1) + person, seconds))
            progress.advance(task)
        hours = people * seconds / 3600
        result: dict = {"hours": round(hours, 2)}
        for error_m in HAND_ERRORS_M:
            calm = []
            for stream in streams:
                calm.append(watch(stream, error_m))
                progress.advance(task)
            row = {
                "reaches_per_min": round(sum(run["reaches"] for run in calm) / hours / 60, 1),
                "false_per_h": round(sum(run["false"] for run in calm) / hours, 2),
            }
            for degrees in SLIPS_DEG:
                delays = []
                for stream in streams:
                    angles = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
                    delays += [watch(stream, error_m, degrees, angle)["delay_s"] for angle in angles]
                    progress.advance(task)
                found = [delay for delay in delays if delay is not None]
                row[f"slip_{degrees}_deg"] = {
                    "found": round(len(found) / len(delays), 2),
                    "delay_s_p50": round(float(np.median(found)), 0) if found else None,
                    "delay_s_p90": round(float(np.quantile(found, 0.9)), 0) if found else None,
                }
            result[f"hand_error_{error_m * 1e3:.0f}_mm"] = row
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=180.0, help="of each; the slip begins half-way")
    args = parser.parse_args()
    print(json.dumps(measure(args.seed, args.people, args.seconds)))


if __name__ == "__main__":
    main()
