"""Settings of the eye's training, with EyeRobot's as they stand in its release where they are not ours."""

from __future__ import annotations

from dataclasses import dataclass, field

from gaze_vlm_ros.errors import GazeVlmError


@dataclass(frozen=True)
class AsReleased:
    """Switches that bring back what EyeRobot's release does and its authors may not have meant; all off.

    ``cached_pixels``: pictures are never changed (its augmentation did not reach the network); ``truncated_context``:
    rollouts see another context than the training; ``look_ahead``: reward and imitation begin a step after the picture;
    ``kl_stops_imitation``: the bound on PPO's change ends imitation too.
    """

    cached_pixels: bool = False
    truncated_context: bool = False
    look_ahead: bool = False
    kl_stops_imitation: bool = False


@dataclass(frozen=True)
class EyeSettings:
    """PPO of the eye and imitation of the hand, over ``steps`` of the environments together.

    A rollout is one episode of ``episode_steps`` at 15 Hz in each of ``environments``, of which ``pause_steps`` stand
    still; a minibatch is a share of the environments with whole episodes, ``epochs`` times. ``reward`` "search" is
    visual search in stills, "follow" asks to look where the expert will work, "path" and "joint" how well the hand
    predicts. ``entropy`` falls to ``entropy_last`` over the last fifth. ``guide`` weighs imitation of an eye that knows
    the way, which falls to ``guide_last`` over the first half: without any, an eye that finds all may still drift
    away to where there is no reward to lead it back.
    """

    steps: int = 200_000
    reward: str = "search"
    environments: int = 12
    episode_steps: int = 130
    pause_steps: int = 30
    epochs: int = 4
    minibatches: int = 3
    eye_rate: float = 5e-4
    hand_rate: float = 2e-4
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip: float = 0.2
    value_weight: float = 0.5
    entropy: float = 0.01
    entropy_last: float = 0.003
    target_kl: float = 0.02
    gradient_clip: float = 1.0
    weight_decay: float = 0.01
    imitation: float = 1.0
    guide: float = 0.0
    guide_last: float = 0.0
    seed: int = 0
    as_released: AsReleased = field(default_factory=AsReleased)

    def __post_init__(self) -> None:
        if self.reward not in ("search", "follow", "path", "joint"):
            raise GazeVlmError(f"reward must be search, follow, path or joint, got {self.reward!r}")
        if self.environments % self.minibatches:
            raise GazeVlmError(f"minibatches must divide environments = {self.environments}, got {self.minibatches}")

    @property
    def rollout_steps(self) -> int:
        return self.environments * self.episode_steps

    @property
    def iterations(self) -> int:
        return max(1, round(self.steps / self.rollout_steps))

    @classmethod
    def search(cls, **changes) -> EyeSettings:
        """Phase 1, active visual pretraining: stills, 60 steps, more entropy, a guide, no imitation by the hand."""
        values = {
            "reward": "search",
            "episode_steps": 60,
            "pause_steps": 0,
            "entropy": 0.02,
            "imitation": 0.0,
            "guide": 1.0,
            "guide_last": 0.05,
        }
        return cls(**values | changes)

    @classmethod
    def follow(cls, **changes) -> EyeSettings:
        """Phase 2: as phase 1 where demonstrations play, ahead of what the expert works at."""
        return cls.search(**{"reward": "follow", "entropy": 0.01} | changes)

    @classmethod
    def bc_rl(cls, **changes) -> EyeSettings:
        """Phase 3: the eye looks so that the hand predicts well, and the hand learns from what it sees then."""
        return cls(**{"reward": "path"} | changes)
