"""What an estimator is worth on people whom no training has seen: generic, one offset, personal, and after a slip.

Every error is the angle between a direction and the eye's true visual axis in the rig frame [deg]. All ways get the
same pictures and the same five looks; trivial rivals say straight ahead (``zero_gaze``) or the mean of the very
directions that are asked for (``mean_gaze``).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from gaze_vlm_ros.gaze.eyes.checkpoint import SHIPPED, load_eye_checkpoint
from gaze_vlm_ros.gaze.eyes.estimator import EyeEstimator
from gaze_vlm_ros.gaze.eyes.frames import SIDES, direction_of, mirrored, network_picture, yaw_pitch_of
from gaze_vlm_ros.gaze.eyes.network import EyeNetConfig
from gaze_vlm_ros.gaze.eyes.personal import personalise
from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.statistics import cluster_bootstrap, paired_bootstrap
from gaze_vlm_ros.training.command import run_command
from gaze_vlm_ros.training.eyes.scores import estimate_all
from gaze_vlm_ros.training.eyes.sessions import Session, Shot, draw_session, unseen_people
from gaze_vlm_ros.training.eyes.weights import load_net

SLIPPED = "_slipped"


@dataclass
class Tally:
    """Errors [deg] by name, side by side, each with its person; 1-sigma hits by name; how many eyes were usable."""

    errors: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    people: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    within: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    usable: list[bool] = field(default_factory=list)

    def add(self, name: str, person: str, said: np.ndarray, true: np.ndarray) -> None:
        self.errors[name].append(float(np.degrees(angle_between(said, true))))
        self.people[name].append(person)

    def mean(self, name: str) -> float:
        return float(np.mean(self.errors[name]))


def evaluate(folder: Path | None, people: int, seed: int, teacher: Path | None = None) -> dict:
    """Means over ``people`` unseen people of the student in ``folder`` (None: the shipped one) [deg], with intervals.

    ``teacher``: where its network lies, by default beside the student; without one there ``student_over_teacher`` is
    None. Raises EyeNetError for a named one that is not there.
    """
    folder = Path(folder) if folder is not None else SHIPPED
    estimator, checkpoint = EyeEstimator.load(folder), load_eye_checkpoint(folder)
    beside = folder.parent / "teacher"
    rival = load_net(teacher or beside) if teacher or beside.is_dir() else None
    tally = Tally()
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("people", total=people)
        for number in unseen_people(people, seed):
            session = draw_session(number, seed)
            for side in SIDES:
                usable = [shot for shot in session.calibrate if estimate_of(estimator, shot, side).valid]
                looks = [shot.look(side) for shot in usable]
                own = estimator.with_adapters(personalise(checkpoint, looks)) if looks else estimator
                _judge_eye(tally, session, side, estimator, own)
                if rival is not None:
                    said = estimate_all(rival, _pictures(session.worn, side, rival.config))
                    for shot, angles in zip(session.worn, mirrored(said, side), strict=True):
                        tally.add("teacher", session.identity, direction_of(*angles), shot.directions[side])
            bar.advance(task)
    return _figures(tally, people, seed)


def _judge_eye(tally: Tally, session: Session, side: str, generic: EyeEstimator, own: EyeEstimator) -> None:
    """One eye's looks, as worn and slipped, by every way."""
    offset = one_offset(generic, session.calibrate, side)
    for shots, ending in ((session.worn, ""), (session.slipped, SLIPPED)):
        for shot in shots:
            said, adapted = (estimate_of(one, shot, side) for one in (generic, own))
            tally.usable.append(said.valid)
            if not said.valid:
                continue
            true, person = shot.directions[side], session.identity
            tally.add(f"generic{ending}", person, said.direction, true)
            tally.add(f"personal{ending}", person, adapted.direction, true)
            corrected = direction_of(*(yaw_pitch_of(said.direction) + offset))
            tally.add(f"one_offset{ending}", person, corrected, true)
            tally.add("zero_gaze", person, np.array([0.0, 0.0, 1.0]), true)
            if not ending:
                for name, estimate in (("generic", said), ("personal", adapted)):
                    missed = np.abs(yaw_pitch_of(estimate.direction) - yaw_pitch_of(true))
                    tally.within[name] += list(missed <= estimate.sigma_rad)
    tally.errors["_true"] += [list(yaw_pitch_of(s.directions[side])) for s in session.worn]


def estimate_of(estimator: EyeEstimator, shot: Shot, side: str):
    """What ``estimator`` says of one eye of ``shot``."""
    return getattr(estimator.estimate(*(shot.pictures[one] if one == side else None for one in SIDES)), side)


def one_offset(estimator: EyeEstimator, shots: list[Shot], side: str) -> np.ndarray:
    """The mean (2,) by which ``estimator`` misses yaw and pitch [rad] of one eye in ``shots``: what a Neon corrects."""
    missed = [
        yaw_pitch_of(shot.directions[side]) - yaw_pitch_of(said.direction)
        for shot in shots
        if (said := estimate_of(estimator, shot, side)).valid
    ]
    return np.mean(missed, axis=0) if missed else np.zeros(2)


def _pictures(shots: list[Shot], side: str, config: EyeNetConfig) -> np.ndarray:
    return np.stack([network_picture(shot.pictures[side], side, config.image_px, config.view) for shot in shots])


def _figures(tally: Tally, people: int, seed: int) -> dict:
    true = np.array(tally.errors.pop("_true"))
    mean = direction_of(*true.mean(axis=0))
    names = ("generic", "personal", "one_offset")
    paired = paired_bootstrap(tally.errors["personal"], tally.errors["one_offset"], tally.people["personal"])
    result = {f"{name}_deg": tally.mean(name) for name in names}
    result |= {f"slippage_{name}_deg": tally.mean(name + SLIPPED) for name in names}
    return {
        **result,
        "zero_gaze_deg": tally.mean("zero_gaze"),
        "mean_gaze_deg": float(np.degrees(angle_between(direction_of(*true.T), mean)).mean()),
        "teacher_deg": tally.mean("teacher") if tally.errors["teacher"] else None,
        "student_over_teacher": tally.mean("generic") / tally.mean("teacher") if tally.errors["teacher"] else None,
        "coverage_1sigma": float(np.mean(tally.within["generic"])),
        "coverage_1sigma_personal": float(np.mean(tally.within["personal"])),
        "usable_share": float(np.mean(tally.usable)),
        "personal_less_one_offset_deg": paired.as_dict(),
        "ci95": {
            f"{name}_deg": cluster_bootstrap(tally.errors[name], tally.people[name]).as_dict()["ci95"] for name in names
        },
        "people": people,
        "seed": seed,
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="of an estimator (default: the shipped one)")
    parser.add_argument("--people", type=int, default=30, help="whom no training has seen (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of people and looks (default %(default)s)")
    parser.add_argument("--teacher", type=Path, help="folder of the teacher's network (default: beside the estimator)")
    options = parser.parse_args(arguments)
    if options.people < 2 or options.seed < 0:
        parser.error("--people must be at least 2, for intervals, and --seed not negative")

    def action() -> None:
        result = evaluate(options.folder, options.people, options.seed, options.teacher)
        sys.stdout.write(json.dumps(result, indent=2) + "\n")

    return run_command(action, 1)


if __name__ == "__main__":
    raise SystemExit(main())
