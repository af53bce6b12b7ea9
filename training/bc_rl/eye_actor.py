"""EyeActorCritic: the eye as a policy of stable-baselines3, for whole sequences."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import CategoricalDistribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor

from gaze_vlm_ros.policies.foveated import FoveatedPolicy

TOLD = ("proprio", "direction", "text", "position")
"""What of an observation the eye is told beside its picture. The rest is for the reward and for imitation."""


class EyeActorCritic(ActorCriticPolicy):
    """Steps with memory in rollouts, and goes through whole sequences in training, with the same outcome.

    Observations hold ``tokens`` (N, dim) of the frozen patch encoder instead of views, and the hand's ``belief`` (14,).
    ``truncated_context``: in rollouts the memory is made anew from the last ``memory_steps`` observations, as
    EyeRobot's release does; then what was decided in a rollout is not what the training computes for it.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        policy: FoveatedPolicy,
        truncated_context: bool = False,
        **settings: Any,
    ) -> None:
        # In a tuple: torch takes no module before its own constructor has run.
        self._given, self._truncated = (policy,), truncated_context
        settings["features_extractor_class"] = FlattenExtractor
        super().__init__(observation_space, action_space, lr_schedule, **settings)

    def _build(self, lr_schedule: Schedule) -> None:
        (self.foveated,) = self._given
        self.action_dist = CategoricalDistribution(int(self.action_space.n))
        self.optimizer = torch.optim.AdamW(self.foveated.eye.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)
        self.begin()

    def begin(self) -> None:
        """New episodes begin in all environments."""
        self._memory, self._seen = None, []

    def forward(self, obs: dict[str, Tensor], deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Actions (E,), values (E, 1) and their log-probabilities (E,) of the next step."""
        logits, values = self._next(obs)
        distribution = self.action_dist.proba_distribution(logits)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, values[:, None], distribution.log_prob(actions)

    def predict_values(self, obs: dict[str, Tensor]) -> Tensor:
        """(E, 1) of the step after the last one, at which the episodes end."""
        return self._next(obs)[1][:, None]

    def evaluate_sequences(self, obs: dict[str, Tensor], actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values, log-probabilities, entropies (B, T) of whole episodes: observations (B, T, ...), actions (B, T)."""
        images, own = self._tokens(obs)
        logits, values = self.foveated.eye(images, self.foveated.tokens.positions, own)
        distribution = self.action_dist.proba_distribution(logits)
        return values, distribution.log_prob(actions), distribution.entropy()

    def log_prob_of(self, actions: Tensor) -> Tensor:
        """Of other actions (B, T) in the sequences that were evaluated last."""
        return self.action_dist.log_prob(actions)

    def _next(self, obs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        images, own = self._tokens(obs)
        eye, positions = self.foveated.eye, self.foveated.tokens.positions
        if self._truncated:
            self._seen = [*self._seen, (images, own)][-eye.window :]
            images, own = (torch.stack(part, 1) for part in zip(*self._seen, strict=True))
            logits, values = eye(images, positions, own)
            return logits[:, -1], values[:, -1]
        if self._memory is None:
            self._memory = eye.empty_memory(len(images))
        return eye.step(images, positions, own, self._memory)

    def _tokens(self, obs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            hand = self.foveated.tell(*(obs[name] for name in TOLD))
        return obs["tokens"], self.foveated.eye_tokens(hand, obs["belief"])

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {"policy": self.foveated, "truncated_context": self._truncated}
