"""EyeGym as stable-baselines3 wants it: views become tokens, and the hand's prediction becomes the reward."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from gaze_vlm_ros.policies.foveated import FoveatedPolicy
from gaze_vlm_ros.policies.foveated.eye import BELIEF_NUMBERS
from gaze_vlm_ros.training.bc_rl.reward import joint_distance, path_distance
from gaze_vlm_ros.training.eye_gym.gym import EyeGym, Observation

REWARDS = {"search": 1.0, "follow": 1.0, "path": 0.03, "joint": 0.1}
"""What of each reward is much [1, m, rad]: in this unit the critic learns it."""


class TokenEnv(VecEnv):
    """An EyeGym whose observations hold ``tokens`` (N, dim) float32 of ``policy``'s patch encoder instead of views, and
    ``belief`` (14,), what ``policy``'s hand makes of them.

    ``reward`` is "search" or "follow" (the gym's own), "path" or "joint": minus the distance of the hand's prediction
    from the demonstration (``reward``), which needs ``policy``'s hand. Rewards are told times ``scale``.
    """

    def __init__(self, gym: EyeGym, policy: FoveatedPolicy, reward: str) -> None:
        self.gym, self.policy, self._kind, self.scale = gym, policy, reward, 1.0
        named = dict(gym.single_observation_space.spaces)
        del named["views"]
        tokens = len(policy.tokens.positions), policy.config.dim
        named["tokens"] = spaces.Box(-np.inf, np.inf, tokens, np.float32)
        named["belief"] = spaces.Box(-np.inf, np.inf, (BELIEF_NUMBERS,), np.float32)
        super().__init__(gym.num_envs, spaces.Dict(named), gym.single_action_space)
        self.last_path_m = np.zeros(gym.num_envs)

    def reset(self) -> Observation:
        seed = self._seeds[0]
        self._reset_seeds()
        return self._encoded(self.gym.reset(seed=seed)[0])

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[Observation, np.ndarray, np.ndarray, list[dict]]:
        """As VecEnv, but no episode is ever said to be done: a rollout is one whole episode of each environment, is
        bootstrapped at its end, and the next one begins with ``reset``."""
        seen, rewards, *_ = self.gym.step(self._actions)
        observation = self._encoded(seen)
        if self._kind in ("path", "joint"):
            rewards = self._distances(observation)
        nothing: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        return observation, (self.scale * rewards).astype(np.float32), np.zeros(self.num_envs, dtype=bool), nothing

    @torch.inference_mode()
    def _encoded(self, seen: Observation) -> Observation:
        """The hand sees before the eye decides; what it believes then belongs to the observation."""
        tokens = self.policy.tokens(torch.from_numpy(seen["views"]))
        told = {name: torch.from_numpy(rows) for name, rows in seen.items() if name != "views"}
        hand = self.policy.tell(told["proprio"], told["direction"], told["text"], told["position"])
        belief = self.policy.believe(*self.policy.see(tokens, hand), told["direction"])
        kept = {name: rows for name, rows in seen.items() if name != "views"}
        return kept | {"tokens": tokens.numpy(), "belief": belief.numpy()}

    @torch.inference_mode()
    def _distances(self, observation: Observation) -> np.ndarray:
        told = {name: torch.from_numpy(observation[name]) for name in observation}
        chunk = predicted_chunk(self.policy, told)
        if self._kind == "joint":
            return -joint_distance(told["chunk"], chunk).numpy()
        tool, _ = self.policy.kinematics(chunk[..., :-1])
        shown, _ = self.policy.kinematics(told["chunk"][..., :-1])
        self.last_path_m = path_distance(shown, tool).numpy()
        return -self.last_path_m

    def close(self) -> None:
        self.gym.close()

    def env_is_wrapped(self, wrapper_class, indices=None) -> list[bool]:
        return [False] * self.num_envs

    def get_attr(self, attr_name, indices=None) -> list:
        return [getattr(self.gym, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name, value, indices=None) -> None:
        raise AttributeError(f"{attr_name} of an EyeGym is not to be set")

    def env_method(self, method_name, *arguments, indices=None, **settings) -> list:
        raise AttributeError(f"an EyeGym has no method {method_name} for each of its episodes")


def predicted_chunk(policy: FoveatedPolicy, told: Observation) -> torch.Tensor:
    """The absolute chunk (B, A, J) that the hand predicts from one frame; ``told`` holds tokens and what is told."""
    hand = policy.tell(told["proprio"], told["direction"], told["text"], told["position"])
    chunk = policy.move(told["proprio"], *policy.see(told["tokens"], hand), told["text"], hand.tool)
    return policy.absolute(chunk, told["proprio"])
