"""How an eye looks in stored demonstrations: does it find what is asked for, and does the hand predict well then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from gaze_vlm_ros.policies.foveated import FoveatedPolicy
from gaze_vlm_ros.sim.robot_eye import FIELDS_RAD
from gaze_vlm_ros.training.bc_rl.baselines_env import TokenEnv
from gaze_vlm_ros.training.bc_rl.eye_actor import EyeActorCritic
from gaze_vlm_ros.training.bc_rl.settings import EyeSettings
from gaze_vlm_ros.training.eye_gym.footage import Footage
from gaze_vlm_ros.training.eye_gym.gym import EyeGym, GymSettings

EPISODES = 24
FOVEA_RAD = FIELDS_RAD[0] / 2
"""What is nearer to the eye's direction lies in the fovea."""
AHEAD_S = 1.0
"""Eyes lead hands, by about 0.6 s where people make tea (Land and Hayhoe, 2001); this one has to search first, too."""


def gym_settings(settings: EyeSettings) -> GymSettings:
    """What the training of ``settings`` shows."""
    released = settings.as_released
    light = {"brightness": 0.0, "tint": 0.0} if released.cached_pixels else {}
    return GymSettings(
        episode_steps=settings.episode_steps,
        pause_steps=settings.pause_steps,
        still=settings.reward == "search",
        ahead_s=AHEAD_S if settings.reward == "follow" else None,
        look_ahead=released.look_ahead,
        **light,
    )


@torch.inference_mode()
def looking_scores(
    policy: FoveatedPolicy, footage: list[Footage], settings: EyeSettings, episodes: int = EPISODES, seed: int = 1234
) -> dict[str, float]:
    """Deterministic looks at words alone: mean reward, share of time with the thing in the fovea, median angle [deg]
    in the last second, and for the hand the path error [cm] while the demonstration plays."""
    asked = replace(gym_settings(settings), text=1.0, position=0.0, brightness=0.0, tint=0.0)
    env = TokenEnv(EyeGym(footage, episodes, policy.config, asked), policy, settings.reward)
    env.seed(seed)
    observation = env.reset()
    actor = EyeActorCritic(env.observation_space, env.action_space, lambda _: 0.0, policy)
    angles, rewards, paths = [], [], []
    for _ in range(settings.episode_steps):
        told = {name: torch.from_numpy(rows) for name, rows in observation.items()}
        actions, _, _ = actor(told, deterministic=True)
        env.step_async(actions.numpy())
        observation, reward, _, _ = env.step_wait()
        cosine = (observation["direction"] * observation["towards"]).sum(-1)
        angles.append(np.arccos(np.clip(cosine, -1.0, 1.0)))
        rewards.append(reward)
        if settings.reward == "path":
            paths += env.last_path_m[observation["playing"][:, 0] > 0.5].tolist()
    angle = np.array(angles)
    scores = {
        "reward": float(np.mean(rewards)),
        "in_fovea": float((angle < FOVEA_RAD).mean()),
        "angle_deg": float(np.degrees(np.median(angle[-15:]))),
    }
    return scores | ({"path_cm": 100.0 * float(np.mean(paths))} if paths else {})
