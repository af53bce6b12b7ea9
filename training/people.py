"""The simulated wearer's eyes beside those of people: ``python -m gaze_vlm_ros.training.people fixations.csv``.

Free viewing is compared with OSIE (Xu et al. 2014: 15 people, 500 photographs, 3 s each): the model is fitted to one
half of the people and tested on the other. Looking while doing things is compared with published moments; a recording
of a Pupil Labs Neon is shown beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.stats import exponnorm

from gaze_vlm_ros.environment import ROOT
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.sim.eyes import Eyes, EyeTraits
from gaze_vlm_ros.sim.eyes.free_viewing import FreeViewing, ViewingHabits, draw_durations_s, draw_scan_paths
from gaze_vlm_ros.sim.wearer.moments import TICK_S, measure_task
from gaze_vlm_ros.training.people_report import Fixations, Halving, draw_comparison, free_viewing_lines, task_lines

SIZE_PX = np.array([800.0, 600.0])
RAD_PER_PX = float(np.deg2rad(33.7 / 800.0))
"""OSIE's photographs were 33.7 degrees wide as seen (recalled from the paper). It scales people and model alike."""
HALF_SIZE_RAD = SIZE_PX * RAD_PER_PX / 2
OSIE_COLUMNS = "image,subject,index,x_px,y_px,duration_ms"
"""First line of the CSV: the person is 0..14, the number of a fixation on its photograph counts from 0."""
_PATHS, _LENGTH = 3000, 9
_HALVINGS = 20
HALVES = {
    "even -> odd numbers": np.arange(0, 15, 2),
    "odd -> even numbers": np.arange(1, 15, 2),
    "first 8 -> last 7": np.arange(8),
    "last 7 -> first 8": np.arange(8, 15),
}
"""People (0..14) that the model is fitted to; the others test it."""
SHIPPED = "even -> odd numbers"
"""The half to which the default ``ViewingHabits`` are fitted."""


def data_folder() -> Path:
    return Path(os.environ.get("GAZE_VLM_TEST_DATA", ROOT.parent / "shared" / "data"))


def load_osie(path: Path) -> Fixations:
    """The fixations of OSIE from a CSV with ``OSIE_COLUMNS``; GazeVlmError where it is missing or of another kind."""
    if not path.is_file():
        raise GazeVlmError(f"no {path}; it must be a CSV of OSIE's fixations, {OSIE_COLUMNS}")
    with open(path, encoding="utf-8", errors="replace") as file:
        if file.readline().strip() != OSIE_COLUMNS:
            raise GazeVlmError(f"{path} is no CSV of OSIE's fixations: its first line must be {OSIE_COLUMNS}")
    person, index, x, y, milliseconds = np.genfromtxt(path, delimiter=",", skip_header=1, usecols=range(1, 6)).T
    points = (np.column_stack([x, y]) - SIZE_PX / 2) * RAD_PER_PX
    return Fixations(person.astype(int), index.astype(int), points, milliseconds / 1e3)


def load_neon(folder: Path | None = None) -> np.ndarray:
    """Durations (N,) [s] of the fixations that a Neon found in 12 s of unknown activity; empty where it is missing."""
    path = (folder or data_folder()) / "neon_recording" / "fixations ps1.raw"
    if not path.is_file():
        return np.empty(0)
    numbers = ["start_x", "start_y", "end_x", "end_y", "mean_x", "mean_y", "px", "deg", "mean_speed", "max_speed"]
    kind = np.dtype([("type", "<i4"), ("start_ns", "<i8"), ("end_ns", "<i8"), *((name, "<f4") for name in numbers)])
    rows = np.fromfile(path, kind)
    rows = rows[rows["type"] == 1]
    return (rows["end_ns"] - rows["start_ns"]) / 1e9


def ks_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Largest distance (0..1) between the distribution functions of two samples (Kolmogorov and Smirnov)."""
    a, b = np.sort(a), np.sort(b)
    at = np.concatenate([a, b])
    return float(np.abs(np.searchsorted(a, at, "right") / len(a) - np.searchsorted(b, at, "right") / len(b)).max())


def fit(people: Fixations) -> ViewingHabits:
    """The habits whose distribution functions lie nearest to those of ``people`` in the mean square."""
    start = ViewingHabits()
    durations, amplitudes = np.sort(people.duration_s), np.sort(people.amplitudes_rad())
    at_s, at_rad = np.linspace(0.03, 0.8, 150), np.deg2rad(np.linspace(0.2, 28.0, 150))
    wanted_s = np.searchsorted(durations, at_s) / len(durations)
    wanted_rad = np.searchsorted(amplitudes, at_rad) / len(amplitudes)

    def duration_cost(three: np.ndarray) -> float:
        decide, spread, linger = np.abs(three)
        return float(np.mean((exponnorm.cdf(at_s, linger / spread, decide, spread) - wanted_s) ** 2))

    def amplitude_cost(three: np.ndarray) -> float:
        share, near_deg, spread = three
        if not (0.0 < share < 1.0 and 0.1 < near_deg < 6.0 and 0.05 < spread < 3.0):
            return 1.0
        habits = replace(start, near_share=share, near_rad=float(np.deg2rad(near_deg)), spread=spread)
        drawn = np.sort(_amplitudes_rad(habits, seed=0))
        return float(np.mean((np.searchsorted(drawn, at_rad) / len(drawn) - wanted_rad) ** 2))

    near_deg = float(np.rad2deg(start.near_rad))
    durations_fit = minimize(
        duration_cost, [start.decide_s, start.decide_spread_s, start.linger_s], method="Nelder-Mead"
    )
    amplitudes_fit = minimize(
        amplitude_cost,
        [start.near_share, near_deg, start.spread],
        method="Nelder-Mead",
        options={"maxiter": 80, "xatol": 2e-3, "fatol": 1e-8},
    )
    decide, spread, linger = (float(value) for value in np.abs(durations_fit.x))
    share, near_deg, wide = (float(value) for value in amplitudes_fit.x)
    return ViewingHabits(decide, spread, linger, share, float(np.deg2rad(near_deg)), wide)


def _amplitudes_rad(habits: ViewingHabits, seed: int) -> np.ndarray:
    paths = draw_scan_paths(np.random.default_rng(seed), HALF_SIZE_RAD, _PATHS, _LENGTH, habits)
    return np.linalg.norm(np.diff(paths, axis=1), axis=2).ravel()


def held_out(habits: ViewingHabits, fitted: Fixations, tested: Fixations) -> Halving:
    """How far ``habits``, fitted to one half of the people, are from the other half."""
    durations = draw_durations_s(np.random.default_rng(1), 30_000, habits)
    return Halving(
        ks_distance(durations, tested.duration_s),
        ks_distance(fitted.duration_s, tested.duration_s),
        ks_distance(_amplitudes_rad(habits, seed=1), tested.amplitudes_rad()),
        ks_distance(fitted.amplitudes_rad(), tested.amplitudes_rad()),
    )


def watch_pictures(seed: int, pictures: int, habits: ViewingHabits) -> np.ndarray:
    """Durations (N,) [s] of true fixations while simulated eyes look at pictures of OSIE's size for 3 s each."""
    rng, durations = np.random.default_rng(seed), []
    seat_m, picture = np.array([0.0, -0.57, 1.2]), np.eye(4)
    picture[:3, :3], picture[:3, 3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]], [0.0, 0.0, 1.2]
    for _ in range(pictures):
        eyes = Eyes(rng, seat_m, picture[:3, 3], EyeTraits.sample(rng))
        viewing = FreeViewing(rng, eyes, picture, 2 * 0.57 * np.tan(HALF_SIZE_RAD), habits)
        since_s, jumping = None, False
        for tick in range(round(3.0 / TICK_S)):
            viewing.advance(tick * TICK_S, TICK_S)
            if eyes.saccading() and not jumping and since_s is not None:
                durations.append(tick * TICK_S - since_s)
            if jumping and not eyes.saccading():
                since_s = tick * TICK_S
            jumping = eyes.saccading()
    return np.array(durations)


def halve(people: Fixations, half: np.ndarray) -> Halving:
    """Fits to the people of ``half`` and tests on the others."""
    fitted, tested = people.of(half), people.of(np.setdiff1d(people.person, half))
    return held_out(fit(fitted), fitted, tested)


def halvings(people: Fixations) -> dict[str, Halving]:
    """Two ways of halving the people, both directions each, and twenty at random: their mean and the worst."""
    rng = np.random.default_rng(0)
    many = [halve(people, rng.permutation(15)[:8]) for _ in range(_HALVINGS)]
    pooled = {
        name: Halving(*(float(of([getattr(one, key.name) for one in many])) for key in fields(Halving)))
        for name, of in ((f"mean of {_HALVINGS} at random", np.mean), ("worst of these", np.max))
    }
    named = {name: halve(people, half) for name, half in HALVES.items()}
    return {**named, **pooled}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("osie", type=Path, help=f"CSV of OSIE's fixations: {OSIE_COLUMNS}")
    parser.add_argument(
        "--fit", action="store_true", help="only fit to the people of even number, and print the habits"
    )
    parser.add_argument("--people", type=int, default=12, help="simulated people at a table (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=90.0, help="how long each lives there (default %(default)s)")
    parser.add_argument("--picture", type=Path, help="writes the distributions to this PNG")
    options = parser.parse_args(arguments)
    try:
        people = load_osie(options.osie)
    except GazeVlmError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.fit:
        print(fit(people.of(HALVES[SHIPPED])))
        return 0
    print("\n".join(free_viewing_lines(halvings(people))))
    habits, tested = ViewingHabits(), people.of(np.setdiff1d(people.person, HALVES[SHIPPED]))
    watched_s = watch_pictures(0, 150, habits)
    distance = ks_distance(watched_s, tested.duration_s)
    print(f"  true fixations of simulated eyes on 150 pictures, shipped numbers, from the tested half: {distance:.3f}")
    moments, neon_s = measure_task(range(options.people), options.seconds), load_neon()
    print("\n".join(task_lines(moments, neon_s)))
    if options.picture:
        amplitudes = _amplitudes_rad(habits, seed=2)
        draw_comparison(options.picture, people.of(HALVES[SHIPPED]), tested, watched_s, amplitudes, moments, neon_s)
    return 0


if __name__ == "__main__":
    sys.exit(main())
