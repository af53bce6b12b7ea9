"""Visual search: how often, and how soon, the eye finds the thing named, wherever on 210 degrees it begins."""

from __future__ import annotations

import gymnasium
import numpy as np
import torch

from gaze_vlm_ros.policies.foveated import FoveatedPolicy, Runner, TargetToken, instruction
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.robot_eye import EYE_ACTIONS_RAD
from gaze_vlm_ros.sim.tasks import environment_id
from gaze_vlm_ros.sim.tasks.terms import CONTROL_HZ
from gaze_vlm_ros.statistics import wilson_of
from gaze_vlm_ros.training.closed_loop.episode import angle_between
from gaze_vlm_ros.training.closed_loop.gazes import looking_at
from gaze_vlm_ros.training.closed_loop.measures import FOVEA_RAD
from gaze_vlm_ros.training.demonstrations.places import places_of
from gaze_vlm_ros.training.demonstrations.schema import SPLITS

WITHIN_S = 2.0
_ARC_RAD = np.radians(105.0)
_ELEVATION_RAD = np.radians([-60.0, -15.0])
_HELD_STEPS = 3
"""A fixation: so many steps in a row with the thing in the fovea."""


def search_score(policy: FoveatedPolicy, tasks: list[str], searches: int, seed: int) -> dict:
    """Share of searches, with Wilson's interval, in which the thing named, told by words alone, was fixated within 2 s,
    and the median time until then, of all searches (infinite where most fail: then None)."""
    runner, times = Runner(policy), []
    with Progress() as bar:
        line = bar.add_task("searches", total=searches)
        for number in range(searches):
            times.append(_search(runner, tasks[number % len(tasks)], SPLITS["test"] + seed + 500_000 + number))
            bar.advance(line)
    median = float(np.median(times))
    rate = wilson_of([time_s <= WITHIN_S for time_s in times])
    return {"rate": rate.as_dict(), "median_s": median if np.isfinite(median) else None, "n": searches}


@torch.inference_mode()
def _search(runner: Runner, task: str, seed: int) -> float:
    """Seconds until the fixation begins, infinite where there is none in 2 s. The arm stands still."""
    rng = np.random.default_rng([seed, 13])
    environment = gymnasium.make(environment_id(task), eye=True).unwrapped
    _, info = environment.reset(seed=seed)
    episode = environment.episode
    episode.eye.look(rng.uniform(-_ARC_RAD, _ARC_RAD), rng.uniform(*_ELEVATION_RAD))
    runner.reset(TargetToken.of(instruction(task, info["asked_for"])))
    wanted = looking_at(places_of(task, info["state"])[0, :3])
    proprio = np.append(info["state"]["joint_rad"], info["state"]["opening"])
    held, found_s = 0, np.inf
    for step in range(round(WITHIN_S * CONTROL_HZ) + _HELD_STEPS):
        away = angle_between(np.array([episode.eye.azimuth_rad, episode.eye.elevation_rad]), wanted)
        held = held + 1 if away < FOVEA_RAD else 0
        if held == _HELD_STEPS:
            found_s = (step - _HELD_STEPS + 1) / CONTROL_HZ
            break
        views = episode.eye.render(episode.model, episode.world.data)
        action = runner.step(views, episode.eye.direction, proprio, step / CONTROL_HZ).eye_action
        episode.eye.turn(*EYE_ACTIONS_RAD[action])
    environment.close()
    return float(found_s)
