"""BcPPO: stable-baselines3's PPO whose minibatches are whole episodes, with the hand's imitation in the same step."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import DictRolloutBuffer
from stable_baselines3.common.utils import explained_variance
from torch import Tensor, nn

from gaze_vlm_ros.policies.foveated import FoveatedPolicy
from gaze_vlm_ros.sim.robot_eye import EYE_ACTIONS_RAD
from gaze_vlm_ros.training.bc_rl.baselines_env import REWARDS, TokenEnv
from gaze_vlm_ros.training.bc_rl.eye_actor import EyeActorCritic
from gaze_vlm_ros.training.bc_rl.hand_motion import imitation
from gaze_vlm_ros.training.bc_rl.hand_sight import sight_losses
from gaze_vlm_ros.training.bc_rl.settings import EyeSettings

HAND = ("proprio.", "direction.", "sight.", "motion.")
"""The parts that imitation trains here; the patch encoder is frozen, as EyeRobot's is."""
_OPENING_WEIGHT, _SIGHT_WEIGHT, _YAW_WEIGHT = 0.1, 0.2, 0.5


class BcPPO(PPO):
    """Rollout, then ``epochs`` passes; eye and hand have parameter groups, rates and gradient norms of their own.

    With an ``accelerator`` of several processes each of them rolls out environments of its own; gradients, the
    advantages' mean and spread, and the bound on the change are those of all together.
    """

    policy: EyeActorCritic

    def __init__(
        self, env: TokenEnv, foveated: FoveatedPolicy, settings: EyeSettings, accelerator: Accelerator | None = None
    ) -> None:
        self.settings, self.foveated, self.iteration = settings, foveated, 0
        self.accelerator = accelerator
        # Returns of about one: larger ones would make the critic's gradient all of what clipping leaves.
        env.scale = (1.0 - settings.gamma) / REWARDS[settings.reward]
        super().__init__(
            EyeActorCritic,
            env,
            n_steps=settings.episode_steps,
            batch_size=settings.rollout_steps // settings.minibatches,
            n_epochs=settings.epochs,
            gamma=settings.gamma,
            gae_lambda=settings.gae_lambda,
            clip_range=settings.clip,
            vf_coef=settings.value_weight,
            max_grad_norm=settings.gradient_clip,
            target_kl=settings.target_kl,
            learning_rate=settings.eye_rate,
            rollout_buffer_class=DictRolloutBuffer,
            policy_kwargs={"policy": foveated, "truncated_context": settings.as_released.truncated_context},
            device="cpu",
        )
        self.eye_parameters = list(foveated.eye.parameters())
        self.hand_parameters = [p for name, p in foveated.named_parameters() if name.startswith(HAND)]
        for name, parameter in foveated.named_parameters():
            parameter.requires_grad = name.startswith("eye.") or (settings.imitation > 0 and name.startswith(HAND))
        groups = [{"params": self.eye_parameters, "lr": settings.eye_rate}]
        if settings.imitation:
            groups.append({"params": self.hand_parameters, "lr": settings.hand_rate})
        self.policy.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=settings.weight_decay)
        self.scores: dict[str, float] = {}
        _, self._callback = self._setup_learn(settings.steps)

    def iterate(self) -> dict[str, float]:
        """One rollout and the training on it. What is drawn depends on the seed and the iteration alone."""
        rank = self.accelerator.process_index if self.accelerator else 0
        seed = [self.settings.seed, self.iteration, rank]
        drawn = int(np.random.default_rng(seed).integers(2**31))
        torch.manual_seed(drawn)
        self.env.seed(drawn)
        self._last_obs = self.env.reset()
        self._last_episode_starts = np.ones(self.env.num_envs, dtype=bool)
        self.policy.begin()
        self._current_progress_remaining = 1.0 - self.iteration / self.settings.iterations
        self._vary()
        self.collect_rollouts(self.env, self._callback, self.rollout_buffer, self.n_steps)
        self.train()
        self.iteration += 1
        return self.scores

    def _vary(self) -> None:
        """Rates warm up over the first twentieth and fall over the last third; entropy falls over the last fifth."""
        left, settings = self._current_progress_remaining, self.settings
        share = min((1.0 - left) / 0.05 + 0.1, 1.0) * (
            0.5 * (1 - np.cos(np.pi * min(3 * left, 1.0))) if left < 1 / 3 else 1.0
        )
        for group, rate in zip(self.policy.optimizer.param_groups, self._rates(), strict=False):
            group["lr"] = rate * max(share, 0.02)
        fade = min(left / 0.2, 1.0)
        self.ent_coef = settings.entropy_last + fade * (settings.entropy - settings.entropy_last)

    def _rates(self) -> tuple[float, float]:
        return self.settings.eye_rate, self.settings.hand_rate

    def train(self) -> None:
        """PPO's clipped loss and imitation on the same whole episodes; too large a change ends PPO's part alone."""
        settings, buffer = self.settings, self.rollout_buffer
        self.policy.set_training_mode(True)
        episodes = _whole_episodes(buffer)
        advantages = episodes["advantages"]
        episodes["advantages"] = self.normalised(advantages)
        sums: dict[str, list[float]] = {}
        ppo_goes_on = True
        for _ in range(settings.epochs):
            order = torch.randperm(self.env.num_envs).chunk(settings.minibatches)
            for picked in order:
                batch = {name: rows[picked] for name, rows in episodes.items()}
                eye, parts = self._ppo_loss(batch)
                if parts["kl"] > 1.5 * settings.target_kl:
                    ppo_goes_on = False
                loss = eye if ppo_goes_on else 0.0 * eye.detach()
                stopped = not ppo_goes_on and settings.as_released.kl_stops_imitation
                if settings.imitation and not stopped:
                    hand, copied = self._imitation_loss(batch)
                    loss, parts = loss + settings.imitation * hand, parts | copied
                if loss.requires_grad:
                    self._descend(loss)
                for name, value in parts.items():
                    sums.setdefault(name, []).append(float(value))
        self.scores = {name: float(np.mean(values)) for name, values in sums.items()}
        rewards = buffer.rewards / self.env.scale
        self.scores["reward"] = float(rewards.mean())
        self.scores["reward_last"] = float(rewards[-settings.episode_steps // 3 :].mean())
        self.scores["explained"] = float(explained_variance(buffer.values.flatten(), buffer.returns.flatten()))

    def normalised(self, advantages: Tensor) -> Tensor:
        """Over the whole rollout of all processes, not over a minibatch."""
        every = self.accelerator.gather(advantages) if self.accelerator else advantages
        return (advantages - every.mean()) / (every.std() + 1e-8)

    def _ppo_loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        values, log_prob, entropy = self.policy.evaluate_sequences(batch, batch["actions"].long())
        ratio = torch.exp(log_prob - batch["log_probs"])
        clipped = ratio.clamp(1 - self.settings.clip, 1 + self.settings.clip)
        gain = torch.min(batch["advantages"] * ratio, batch["advantages"] * clipped).mean()
        value = nn.functional.mse_loss(values, batch["returns"])
        loss = -gain + self.settings.value_weight * value - self.ent_coef * entropy.mean()
        fading = self.settings.guide * (2.0 * self._current_progress_remaining - 1.0)
        if guide := max(fading, self.settings.guide_last):
            loss = loss - guide * self.policy.log_prob_of(wise_actions(batch["direction"], batch["towards"])).mean()
        with torch.no_grad():
            change = log_prob - batch["log_probs"]
            kl = self._mean_of_all((change.exp() - 1 - change).mean())
        return loss, {"kl": kl, "value": value.detach(), "entropy": entropy.mean().detach()}

    def _imitation_loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """L1 of the chunk and the places' likelihood, in the steps after the pause."""
        playing = batch["playing"][..., 0] > 0.5
        told = {name: batch[name][playing] for name in ("tokens", "proprio", "direction", "text", "position")}
        hand = self.foveated.tell(told["proprio"], told["direction"], told["text"], told["position"])
        votes = self.foveated.votes(told["tokens"], hand)
        chunk = self.foveated.move(told["proprio"], *votes.joined(), told["text"], hand.tool)
        copied = imitation(self.foveated, chunk, batch["chunk"][playing], told["proprio"], _OPENING_WEIGHT)
        sight = sight_losses(votes, batch["places"][playing], _YAW_WEIGHT)
        loss = copied["loss"] + _SIGHT_WEIGHT * sight["loss"]
        return loss, {"imitation": copied["joints"].detach(), "sight": sight["loss"].detach()}

    def _descend(self, loss: Tensor) -> None:
        self.policy.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for parameter in self.foveated.parameters():
            if parameter.grad is not None:
                parameter.grad = self._mean_of_all(parameter.grad)
        for group in self.policy.optimizer.param_groups:
            nn.utils.clip_grad_norm_(group["params"], self.settings.gradient_clip)
        self.policy.optimizer.step()

    def _mean_of_all(self, tensor: Tensor) -> Tensor:
        """Over the processes; the tensor itself where there is but one."""
        return self.accelerator.reduce(tensor, "mean") if self.accelerator else tensor


def wise_actions(direction: Tensor, towards: Tensor) -> Tensor:
    """The action (...) after which an eye that looks along ``direction`` (..., 3) looks best ``towards`` (..., 3)."""
    turns = torch.tensor(EYE_ACTIONS_RAD, dtype=direction.dtype)
    angles = [torch.stack([torch.atan2(ray[..., 1], ray[..., 0]), torch.asin(ray[..., 2].clamp(-1, 1))], -1)
              for ray in (direction, towards)]  # fmt: skip
    left = (angles[1] - angles[0])[..., None, :] - turns
    left = left * torch.stack([torch.cos(angles[1][..., 1]), torch.ones_like(angles[1][..., 1])], -1)[..., None, :]
    return left.square().sum(-1).argmin(-1)


def _whole_episodes(buffer: DictRolloutBuffer) -> dict[str, Tensor]:
    """Everything of a rollout as (E, T, ...)."""
    arrays: dict[str, Any] = dict(buffer.observations)
    for name in ("actions", "advantages", "returns", "log_probs", "values"):
        arrays[name] = getattr(buffer, name)
    tensors = {name: torch.from_numpy(np.ascontiguousarray(rows.swapaxes(0, 1))) for name, rows in arrays.items()}
    return tensors | {"actions": tensors["actions"][..., 0]}
