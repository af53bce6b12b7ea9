"""Judges bringing in the kitchen: python -m gaze_vlm_ros.training.evaluate_bring --policy bring.

An idle wearer who cannot reach everything; the policy is told to bring what lies out of reach, one thing after another,
by where gazes would say it is. Hands and joint states are those of the graph, the choice is not, and the robot's eye
sees nothing: the hand works without it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from gaze_vlm_ros.policies.arm import ArmModel, PointingSettings
from gaze_vlm_ros.policies.choice import Choice
from gaze_vlm_ros.policies.skills import Look, SkillAssist, SkillSettings, load_skill
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.assistance import LiveKitchen, Scenario
from gaze_vlm_ros.sim.simulation import SimulationConfig
from gaze_vlm_ros.statistics import wilson
from gaze_vlm_ros.training.command import run_command
from gaze_vlm_ros.types import NS_PER_S, AssistMode, GazeTarget

HAND_HZ, EYE_EVERY = 30, 2
FIRST_SEED = 20_000_000
"""No demonstration was recorded in these kitchens."""
_FIXATION_S, _AHEAD = 0.3, np.array([1.0, 0.0, 0.0])
_SAID_M = 0.015
"""How wrong a gaze target says that it may be, however wrong it is."""


@dataclass(frozen=True)
class BringTrial:
    """``gaze_m``: standard deviation per axis of where a gaze says that a thing is, half of its variance drawn once per
    thing and half for each fixation. ``things`` are asked for in each kitchen at most, each for ``longest_s``."""

    policy: str = "bring"
    things: int = 3
    longest_s: float = 25.0
    gaze_m: float = 0.035


@dataclass(frozen=True)
class Fetch:
    """One thing asked for: where it lay (3,) [m, base frame], whether it came to stand within the wearer's reach, after
    how long [s] (NaN where it did not), and what kept the policy from it most of the time ("" for nothing)."""

    seed: int
    thing: str
    at_m: tuple[float, ...]
    brought: bool
    took_s: float
    kept_by: str


class _Asked:
    """A chooser that is told."""

    label = ""

    def on_prediction(self, prediction: object) -> None: ...

    def choose(self, now_ns: int, memory: object, wearer: object) -> Choice:
        return Choice(self.label, f"The {self.label} was asked for.")


def fetch_all(seed: int, trial: BringTrial) -> list[Fetch]:
    """Up to ``trial.things`` fetches in the kitchen of ``seed``."""
    kitchen = LiveKitchen(SimulationConfig(seed=FIRST_SEED + seed), Scenario(idle=True))
    try:
        return _Round(kitchen, seed, trial).play()
    finally:
        kitchen.close()


class _Round:
    def __init__(self, kitchen: LiveKitchen, seed: int, trial: BringTrial) -> None:
        self._kitchen, self._seed, self._trial = kitchen, seed, trial
        self._rng = np.random.default_rng([seed, 11])
        self._chooser = _Asked()
        arm = ArmModel(kitchen.robot, PointingSettings(table_clearance_m=0.0))
        self._assist = SkillAssist(load_skill(trial.policy, kitchen.robot), arm, self._chooser, SkillSettings())
        self._fixates_until_s = 0.0
        self._views = np.zeros((3, 64, 64, 3), np.uint8)

    def play(self) -> list[Fetch]:
        self._kitchen.advance(1.0)
        low, high = self._kitchen.robot.workspace.lower_m[:2], self._kitchen.robot.workspace.upper_m[:2]
        at = {thing: self._middle(thing) for thing in self._kitchen.far_things()}
        asked = [thing for thing, place in at.items() if (low < place[:2]).all() and (place[:2] < high).all()]
        fetches = []
        for thing in self._rng.permutation(asked)[: self._trial.things]:
            if self._kitchen.in_reach(str(thing)):
                continue  # it was pushed there
            fetches.append(self._fetch(str(thing)))
            self._chooser.label = ""
            self._run(6.0)
        return fetches

    def _fetch(self, thing: str) -> Fetch:
        at_m, began_s = self._middle(thing), self._kitchen.time_s
        off_m = self._draw_off()
        self._chooser.label = thing
        problems: dict[str, int] = {}
        self._fixates_until_s = 0.0

        def stands_there() -> bool:
            away = np.linalg.norm(self._kitchen.arm.world_T_tool()[:3, 3] - self._kitchen.scene.position_of(thing))
            return bool(self._kitchen.in_reach(thing) and not self._kitchen.lifted and away > 0.1)

        while not stands_there() and self._kitchen.time_s - began_s < self._trial.longest_s:
            if self._kitchen.time_s >= self._fixates_until_s:
                self._fixates_until_s = self._kitchen.time_s + _FIXATION_S
                fixated_m = self._draw_off()
            self._tell(thing, off_m + fixated_m)
            problem = self._step()
            problems[problem] = problems.get(problem, 0) + 1
        brought = stands_there()
        kept_by = "" if brought else max(problems, key=problems.get)
        took_s = self._kitchen.time_s - began_s if brought else float("nan")
        return Fetch(self._seed, thing, tuple(at_m.round(3).tolist()), brought, took_s, kept_by)

    def _draw_off(self) -> np.ndarray:
        return self._rng.normal(0.0, self._trial.gaze_m / np.sqrt(2.0), 3)

    def _run(self, seconds: float) -> None:
        for _ in range(round(seconds * HAND_HZ)):
            self._step()

    def _tell(self, thing: str, off_m: np.ndarray) -> None:
        """The wearer looks at the thing."""
        place = self._middle(thing) + off_m
        now_ns = self._now_ns()
        target = GazeTarget(now_ns, place, _SAID_M**2 * np.eye(3), thing, frame_id=self._kitchen.base_frame)
        self._assist.on_gaze_target(target)

    def _step(self) -> str:
        kitchen, assist, now_ns = self._kitchen, self._assist, self._now_ns()
        assist.on_joint_state(kitchen.joint_state(now_ns))
        assist.on_wearer(kitchen.wearer_state())
        if round(kitchen.time_s * HAND_HZ) % EYE_EVERY == 0:
            assist.on_look(Look(now_ns, self._views, _AHEAD))
        decision = assist.step(now_ns)
        if decision.trajectory is not None:
            kitchen.set_joint_trajectory(decision.trajectory)
        if assist.opening is not None:
            kitchen.open_gripper(assist.opening)
        kitchen.advance(1.0 / HAND_HZ)
        return decision.state.limited_by if decision.state.mode is not AssistMode.HELPING else ""

    def _middle(self, thing: str) -> np.ndarray:
        return self._kitchen.in_base(self._kitchen.scene.position_of(thing))

    def _now_ns(self) -> int:
        return round(self._kitchen.time_s * NS_PER_S)


def evaluate_bring(trial: BringTrial, kitchens: int, seed: int = 0, workers: int = 1) -> dict:
    """Success over all things asked for in ``kitchens``, with Wilson's interval, and every fetch."""
    seeds = range(seed * 1_000_000, seed * 1_000_000 + kitchens)
    fetches: list[Fetch] = []
    with Progress() as bar, ProcessPoolExecutor(workers, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        line = bar.add_task("kitchens", total=kitchens)
        for done in [pool.submit(fetch_all, one, trial) for one in seeds]:
            fetches += done.result()
            bar.advance(line)
    brought = sum(fetch.brought for fetch in fetches)
    took = [fetch.took_s for fetch in fetches if fetch.brought]
    return {
        "success": wilson(brought, len(fetches)).as_dict(),
        "median_s": float(np.median(took)) if took else None,
        "trial": asdict(trial),
        "fetches": [asdict(fetch) for fetch in fetches],
    }


def main(arguments: list[str] | None = None) -> int:
    default = BringTrial()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--policy", default=default.policy, help="name or folder (default %(default)s)")
    parser.add_argument("--kitchens", type=int, default=40, help="(default %(default)s)")
    parser.add_argument("--gaze-error", type=float, default=default.gaze_m, help="[m] per axis (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of kitchens and gazes (default %(default)s)")
    parser.add_argument(
        "--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes (default %(default)s)"
    )
    parser.add_argument("--out", type=Path, help="JSON file with every fetch")
    options = parser.parse_args(arguments)
    if options.kitchens < 1 or options.workers < 1 or options.seed < 0 or not options.gaze_error >= 0.0:
        parser.error("--kitchens and --workers must be at least 1, --seed and --gaze-error not negative")
    trial = BringTrial(options.policy, gaze_m=options.gaze_error)

    def action() -> None:
        found = evaluate_bring(trial, options.kitchens, options.seed, options.workers)
        if options.out:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(found, indent=2) + "\n")
        sys.stdout.write(json.dumps({key: found[key] for key in ("success", "median_s")}) + "\n")

    return run_command(action, 1)


if __name__ == "__main__":
    raise SystemExit(main())
