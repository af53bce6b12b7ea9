"""Other simulators' environments as lanes: ``.venv-rivals/bin/python -m benchmarks.rivals fetch|aloha SEED SIZE``.

SIZE is WIDTHxHEIGHT. Each frame is a step with a random action, then one picture, with the quality that our own
pictures have: no shadows, reflections, sky or haze, no antialiasing, primitives of 14 by 6 facets.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

import gym_aloha  # noqa: F401 - registers itself
import gymnasium
import gymnasium_robotics
import mujoco

from benchmarks.lane import PHYSICS_STEP_S, serve, stay_on_one_core, steps_of_frame

SLICES, STACKS = 14, 6
OFF = ("shadow", "reflection", "skybox", "haze")


def plain_quality(model) -> None:
    """Before the first picture: the renderer copies these once."""
    quality = model.vis.quality
    quality.shadowsize = quality.offsamples = 0
    quality.numslices, quality.numstacks = SLICES, STACKS
    model.opt.timestep = PHYSICS_STEP_S


class Fetch:
    """FetchPickAndPlace of gymnasium-robotics: a bare scene of a table, an arm and a block."""

    def __init__(self, seed: int, width: int, height: int) -> None:
        gymnasium.register_envs(gymnasium_robotics)
        made = gymnasium.make(
            "FetchPickAndPlace-v4", render_mode="rgb_array", width=width, height=height, disable_env_checker=True
        )
        self._env = made.unwrapped
        self._seed = seed
        self._env.action_space.seed(seed)
        plain_quality(self._env.model)
        self._env.reset(seed=seed)
        self._env.render()
        flags = self._env.mujoco_renderer.viewer.scn.flags
        for name in OFF:
            flags[getattr(mujoco.mjtRndFlag, f"mjRND_{name.upper()}")] = 0

    def next_scene(self) -> Callable[[], None]:
        self._seed += 1
        self._env.reset(seed=self._seed)
        self._number = 0
        return self._frame

    def _frame(self) -> None:
        self._env.n_substeps = steps_of_frame(self._number)
        self._number += 1
        self._env.step(self._env.action_space.sample())
        self._env.render()


class Aloha:
    """AlohaTransferCube of gym-aloha: two arms over a table and a block.

    Of the three pictures that it draws in each step and the one that it gives out, only the last one is drawn.
    """

    def __init__(self, seed: int, width: int, height: int) -> None:
        made = gymnasium.make(
            "gym_aloha/AlohaTransferCube-v0", visualization_width=width, visualization_height=height,
            disable_env_checker=True,
        )  # fmt: skip
        self._env = made.unwrapped
        self._seed = seed
        self._env.action_space.seed(seed)
        self._inner = self._env._env
        physics = self._inner.physics
        plain_quality(physics.model)
        self._draw = functools.partial(physics.render, render_flag_overrides=dict.fromkeys(OFF, False))
        physics.render = lambda **how: self._picture
        self._size = {"width": width, "height": height}
        self._picture = self._draw(camera_id="top", **self._size)

    def next_scene(self) -> Callable[[], None]:
        self._seed += 1
        self._env.reset(seed=self._seed)
        self._number = 0
        return self._frame

    def _frame(self) -> None:
        self._inner._n_sub_steps = steps_of_frame(self._number)
        self._number += 1
        # Random actions shake the arms so hard that MuJoCo now and then starts its state anew; frames go on.
        with self._inner.physics.suppress_physics_errors():
            self._env.step(self._env.action_space.sample())
        self._picture = self._draw(camera_id="top", **self._size)


RIVALS = {"fetch": Fetch, "aloha": Aloha}


def main(name: str, seed: str, size: str) -> None:
    stay_on_one_core()
    serve(RIVALS[name](int(seed), *map(int, size.split("x"))).next_scene)


if __name__ == "__main__":
    main(*sys.argv[1:])
