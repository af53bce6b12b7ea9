"""Does anything leave the room? Random kitchens, each settled, then a hand that carries things about at random.

python -m gaze_vlm_ros.sim.kitchen.stability --episodes 100
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass

import mujoco
import numpy as np

from gaze_vlm_ros.language import PLACES, ROBOT, TABLE
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.sim import kitchen

SETTLE_S = 2.0
CARRIES = 3
_CARRY_S = 0.8
_REST_S = 0.6
_LIFT_M = 0.15
_STILL_M_S = 0.05
_GONE_M = 0.08
"""Lower than this under the table's top a thing has fallen off it."""


@dataclass
class Tally:
    """Counts over things and episodes."""

    episodes: int = 0
    things: int = 0
    carries: int = 0
    escapes: int = 0
    falls: int = 0
    restless: int = 0
    toppled: int = 0
    missed: int = 0
    largest_start_motion_m: float = 0.0


def start(layout: kitchen.Layout, robot: RobotDescription) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """The kitchen at rest with the arm at home."""
    model = kitchen.build_kitchen(layout, robot, 64, 64)
    data = mujoco.MjData(model)
    for name, angle in robot.initial_positions.items():
        data.joint(kitchen.ROBOT_PREFIX + name).qpos = angle
        data.ctrl[model.actuator(kitchen.ROBOT_PREFIX + name).id] = angle
    mujoco.mj_forward(model, data)
    return model, data


def run_episode(seed: int, robot: RobotDescription, tally: Tally) -> None:
    """One random kitchen; adds to ``tally``."""
    rng = np.random.default_rng(seed)
    layout = kitchen.sample_layout(rng)
    model, data = start(layout, robot)
    things = [look.kind for look in layout.looks]
    before = _centres(data, things)
    _run(model, data, SETTLE_S)
    moved = max(float(np.linalg.norm(now - before[thing])) for thing, now in _centres(data, things).items())
    tally.largest_start_motion_m = max(tally.largest_start_motion_m, moved)
    for _ in range(CARRIES):
        thing = str(rng.choice(things))
        place = str(rng.choice([*PLACES, ROBOT, TABLE]))
        goal = carry(model, data, layout, thing, place)
        offset = data.body(thing).xpos - goal
        tally.missed += bool(np.hypot(*offset[:2]) > 0.03 or abs(offset[2]) > 0.02)
        tally.carries += 1
    tally.episodes += 1
    tally.things += len(things)
    for thing in things:
        _judge(data, thing, tally)


def carry(model: mujoco.MjModel, data: mujoco.MjData, layout: kitchen.Layout, thing: str, place: str) -> np.ndarray:
    """The hand takes ``thing``, brings it over ``place`` and lets go where it is freest; returns that spot (3,)."""
    look = layout.look_of(thing)
    hand = model.body("hand").mocapid[0]
    grip = kitchen.grip_pose(look)
    _set_hand(data, hand, data.body(thing).xpos + grip[:3, 3], grip[:3, :3])
    mujoco.mj_forward(model, data)
    kitchen.grasp(model, data, thing)
    goal = kitchen.free_spot(layout, place, thing, poses_of(data, layout))
    begin, end = data.mocap_pos[hand].copy(), goal + grip[:3, 3]
    steps = round(_CARRY_S / model.opt.timestep)
    for step in range(steps):
        share = 0.5 - 0.5 * np.cos(np.pi * (step + 1) / steps)
        data.mocap_pos[hand] = begin + share * (end - begin) + [0, 0, _LIFT_M * np.sin(np.pi * share)]
        mujoco.mj_step(model, data)
    _run(model, data, 0.1)
    kitchen.release(model, data)
    data.mocap_pos[hand] = end + [0, -0.1, 0.2]
    _run(model, data, _REST_S)
    return goal


def poses_of(data: mujoco.MjData, layout: kitchen.Layout) -> dict[str, np.ndarray]:
    """Pose (4, 4) of each thing in the world."""
    poses = {}
    for look in layout.looks:
        poses[look.kind] = np.eye(4)
        poses[look.kind][:3, :3] = data.body(look.kind).xmat.reshape(3, 3)
        poses[look.kind][:3, 3] = data.body(look.kind).xpos
    return poses


def _set_hand(data: mujoco.MjData, hand: int, position: np.ndarray, rotation: np.ndarray) -> None:
    data.mocap_pos[hand] = position
    quat = np.empty(4)
    mujoco.mju_mat2Quat(quat, np.ascontiguousarray(rotation).ravel())
    data.mocap_quat[hand] = quat


def _run(model: mujoco.MjModel, data: mujoco.MjData, seconds: float) -> None:
    mujoco.mj_step(model, data, round(seconds / model.opt.timestep))


def _centres(data: mujoco.MjData, things: list[str]) -> dict[str, np.ndarray]:
    return {thing: data.body(thing).xpos.copy() for thing in things}


def _judge(data: mujoco.MjData, thing: str, tally: Tally) -> None:
    position, speed = data.body(thing).xpos, np.abs(data.joint(f"{thing}/free").qvel[:3]).max()
    gone = not np.isfinite(position).all() or np.abs(position[:2]).max() > 2.6 or not -0.05 < position[2] < 2.6
    tally.escapes += bool(gone)
    tally.falls += bool(position[2] < kitchen.TABLE_TOP_M - _GONE_M)
    tally.restless += bool(speed > _STILL_M_S)
    tally.toppled += bool(data.body(thing).xmat[8] < 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="seed of the first episode")
    parser.add_argument("--robot", default="jaco")
    options = parser.parse_args()
    robot, tally, begin = RobotDescription.load(options.robot), Tally(), time.monotonic()
    for seed in range(options.seed, options.seed + options.episodes):
        run_episode(seed, robot, tally)
    print(json.dumps(vars(tally) | {"wall_s": round(time.monotonic() - begin, 1)}))


if __name__ == "__main__":
    main()
