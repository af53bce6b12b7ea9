"""Policies in LeRobot's layout: those that LeRobot saved run through its own package, ours are written so too.

A folder holds ``config.json`` (``type``, ``input_features``, ``output_features``, each feature with ``type`` and
``shape``), ``model.safetensors`` and, for LeRobot's own, ``policy_preprocessor.json`` and
``policy_postprocessor.json`` with their statistics (LeRobot 0.4, ``lerobot.policies``).
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gaze_vlm_ros.policies.skills.skill import VIEWS_SHAPE, Look, Skill, SkillError
from gaze_vlm_ros.robots.description import RobotDescription

if TYPE_CHECKING:
    from gaze_vlm_ros.policies.foveated import FoveatedPolicy

OURS = "gaze_vlm_foveated"
"""``type`` of our own policies; LeRobot leaves a type that it does not know to whoever registers it."""
TYPES = ("act", "diffusion")
STATE, TARGET, ACTION = "observation.state", "observation.environment_state", "action"
EYE_KEYS = tuple(f"observation.images.eye_{level}" for level in ("fine", "middle", "coarse"))
ACTION_HZ = 30.0
_AHEAD = 2
"""So many actions are known ahead of the present."""
_MOST_STEPS = 8
"""After a pause of more steps of the policy it goes on where it was."""


class LeRobotSkill(Skill):
    """An ACT or diffusion policy that LeRobot saved, fed with the eye's levels, joints and the thing's position.

    Its features have to be among ``observation.state`` (joints, or joints and opening), ``observation.images.eye_*``
    (3, 64, 64) and ``observation.environment_state`` (3: the thing's position in the base); its actions are absolute
    joints, with or without the opening, at 30 Hz. Raises SkillError that names what differs, and where the package
    ``lerobot`` is missing.
    """

    def __init__(self, folder: Path, config: dict[str, Any], robot: RobotDescription) -> None:
        self.name = f"{config['type']} of {folder.name}"
        if config["type"] not in TYPES:
            raise SkillError(f"{self.name} is of a type that is not known here; use {', '.join((*TYPES, OURS))}")
        self._inputs = _shapes(config, "input_features", self.name)
        self._check(_shapes(config, "output_features", self.name), robot)
        self.eye_m = np.full(3, np.nan) if any(key in self._inputs for key in EYE_KEYS) else None
        self._policy, self._before, self._after = _opened(folder, config["type"])
        self._target_m = np.full(3, np.nan)
        self._actions: list[tuple[float, np.ndarray]] = []

    def _check(self, outputs: dict[str, tuple[int, ...]], robot: RobotDescription) -> None:
        joints = len(robot.joint_names)
        for key, shape in self._inputs.items():
            wanted = {STATE: ((joints,), (joints + 1,)), TARGET: ((3,),)} | dict.fromkeys(
                EYE_KEYS, ((3, *VIEWS_SHAPE[1:3]),)
            )
            if key not in wanted:
                known = ", ".join((STATE, TARGET, *EYE_KEYS))
                raise SkillError(f"{self.name} wants {key}, another camera or sensor; here are {known}")
            if shape not in wanted[key]:
                told = " or ".join(map(str, wanted[key]))
                raise SkillError(f"{self.name} wants {key} of shape {shape}, robot {robot.name} gives {told}")
        self._action_size = outputs.get(ACTION, (0,))[0]
        if self._action_size not in (joints, joints + 1):
            raise SkillError(
                f"{self.name} commands {self._action_size} joints, robot {robot.name} has {joints}; "
                "it is for another robot"
            )
        self._joints = joints

    def reset(self, label: str, position_m: np.ndarray, goal_m: np.ndarray | None = None) -> None:
        self._policy.reset()
        self._target_m = np.asarray(position_m, dtype=np.float32)
        self._actions = []

    def step(self, look: Look | None, joints: np.ndarray, time_s: float) -> int | None:
        import torch  # noqa: PLC0415 - slow to import, and checking a folder needs none

        given = {STATE: joints[: self._inputs.get(STATE, (0,))[0]], TARGET: self._target_m}
        if look is not None:
            given |= {key: look.views[level].transpose(2, 0, 1) / 255.0 for level, key in enumerate(EYE_KEYS)}
        if missing := [key for key in self._inputs if key not in given]:
            raise SkillError(f"{self.name} needs {', '.join(missing)}; is the robot's eye there?")
        batch = {key: torch.tensor(np.asarray(given[key], np.float32))[None] for key in self._inputs}
        with torch.inference_mode():
            for at_s in self._due(time_s):
                action = self._after(self._policy.select_action(self._before(dict(batch))))
                values = np.asarray(action, dtype=float).reshape(-1)[: self._action_size]
                opening = values[self._joints :] if self._action_size > self._joints else joints[self._joints :]
                self._actions.append((at_s, np.append(values[: self._joints], opening)))
        return None

    def _due(self, time_s: float) -> list[float]:
        """When the actions are to be done that are drawn in this step, so that two are known ahead whatever the rate of
        the steps; those that lie behind are forgotten."""
        drawn_s = self._actions[-1][0] if self._actions else time_s
        if drawn_s < time_s - _MOST_STEPS / ACTION_HZ:
            drawn_s = time_s
        self._actions = [one for one in self._actions if one[0] >= time_s]
        count = max(round((time_s - drawn_s) * ACTION_HZ) + _AHEAD, 0)
        return [drawn_s + number / ACTION_HZ for number in range(1, count + 1)]

    def joints_at(self, time_s: float) -> np.ndarray:
        if not self._actions:
            raise SkillError(f"{self.name} has nothing to command yet: call reset and step first")
        return min(self._actions, key=lambda one: abs(one[0] - time_s))[1].copy()


def export_policy(policy: FoveatedPolicy, folder: Path) -> None:
    """Writes our policy in LeRobot's layout; ``load_skill`` opens it again. It runs with this package alone."""
    policy.save(folder)
    config = policy.config
    features = {
        STATE: {"type": "STATE", "shape": [config.outputs]},
        **{key: {"type": "VISUAL", "shape": [3, config.window_px, config.window_px]} for key in EYE_KEYS},
        TARGET: {"type": "ENV", "shape": [3]},
    }
    told = {
        "type": OURS,
        "n_obs_steps": 1,
        "chunk_size": config.chunk_steps,
        "n_action_steps": 1,
        "temporal_ensemble_coeff": config.ensemble_rate,
        "input_features": features,
        "output_features": {ACTION: {"type": "ACTION", "shape": [config.outputs]}},
        "normalization_mapping": dict.fromkeys(("VISUAL", "STATE", "ENV", "ACTION"), "IDENTITY"),
        "foveated": config.to_dict(),
    }
    (folder / "config.json").write_text(json.dumps(told, indent=2) + "\n")


def load_export(folder: Path, config: dict[str, Any], robot: RobotDescription) -> Skill:
    """A policy that ``export_policy`` wrote. Raises SkillError for another robot or where it is damaged."""
    from safetensors import SafetensorError  # noqa: PLC0415
    from safetensors.torch import load_file  # noqa: PLC0415 - torch is slow to import

    from gaze_vlm_ros.policies.foveated import FoveatedConfig, FoveatedPolicy  # noqa: PLC0415
    from gaze_vlm_ros.policies.skills.bring import skill_of  # noqa: PLC0415

    policy = FoveatedPolicy(FoveatedConfig.from_dict(config.get("foveated")))
    try:
        policy.load_state_dict(load_file(folder / "model.safetensors"))
    except (OSError, SafetensorError, RuntimeError) as error:
        said = " ".join(str(error).split())[:200]
        raise SkillError(f"{folder} holds no weights that fit its config.json ({said}); export it anew") from None
    return skill_of(policy.eval(), robot)


def _shapes(config: dict[str, Any], which: str, name: str) -> dict[str, tuple[int, ...]]:
    try:
        return {key: tuple(int(size) for size in feature["shape"]) for key, feature in config[which].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SkillError(f"{name}: {which} in config.json are not as LeRobot saves them; save it with 0.4") from None


def _opened(folder: Path, kind: str) -> tuple[Any, Any, Any]:
    """The policy and what goes before and after it."""
    try:
        factory = importlib.import_module("lerobot.policies.factory")
    except ImportError:
        raise SkillError(
            f"{folder} was saved by LeRobot, whose package is not installed; pip install 'gaze_vlm_ros[lerobot]'"
        ) from None
    try:
        policy = factory.get_policy_class(kind).from_pretrained(str(folder))
        before, after = factory.make_pre_post_processors(
            policy.config,
            pretrained_path=str(folder),
            preprocessor_overrides={"device_processor": {"device": "cpu"}},
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        said = " ".join(str(error).split())[:200]
        raise SkillError(f"{folder} cannot be opened by LeRobot ({said}); save it with the installed version") from None
    return policy.to("cpu").eval(), before, after
