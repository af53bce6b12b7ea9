"""Stage 2: the hand's sight. Demonstrations say where the places were."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from gaze_vlm_ros.policies.foveated import FoveatedPolicy
from gaze_vlm_ros.policies.foveated.sight import Votes
from gaze_vlm_ros.training.demonstrations.sight_set import SightSet
from gaze_vlm_ros.training.loop import LoopSettings, train
from gaze_vlm_ros.training.run_state import Position, weights_digest

SIGHT_LOOP = LoopSettings(minutes=12.0, learning_rate=1.5e-3, weight_decay=0.01)
SEEN = ("tokens.", "proprio.", "direction.", "sight.")
"""The parts of a policy that this stage trains."""
_CHECKED = 768


@dataclass(frozen=True)
class SightSettings:
    """``text_dropout`` and ``position_dropout``: shares of looks without words or without the target's position, whose
    error has the standard deviation ``position_noise_m`` per axis, or ``wrong_by_m`` in a share ``position_wrong`` of
    them, as when the thing has been moved since; ``brightness`` and ``tint``: how far the pictures'
    light is changed, by factors.
    """

    batch: int = 96
    text_dropout: float = 0.05
    position_dropout: float = 0.75
    position_noise_m: float = 0.015
    position_wrong: float = 0.1
    wrong_by_m: float = 0.1
    brightness: float = 0.4
    tint: float = 0.15
    yaw_weight: float = 10.0


def told(looks: SightSet, picked: Tensor, settings: SightSettings) -> tuple[Tensor, Tensor]:
    """Text (B, D) and position (B, 3) of targets, disturbed, NaN where they are withheld."""
    count = len(picked)
    text = looks.text[picked].masked_fill(torch.rand(count, 1) < settings.text_dropout, torch.nan)
    off_m = torch.where(torch.rand(count, 1) < settings.position_wrong, settings.wrong_by_m, settings.position_noise_m)
    position = looks.asked_m[picked] + off_m * torch.randn(count, 3)
    return text, position.masked_fill(torch.rand(count, 1) < settings.position_dropout, torch.nan)


def relit(views: Tensor, settings: SightSettings) -> Tensor:
    """Views (B, 3, S, S, 3) uint8 under other light, float 0..255."""
    factors = 1.0 + settings.tint * (2 * torch.rand(len(views), 1, 1, 1, 3) - 1)
    factors = factors * torch.exp(settings.brightness * (2 * torch.rand(len(views), 1, 1, 1, 1) - 1))
    return (views.float() * factors).clamp(max=255.0)


def sight_losses(votes: Votes, places: Tensor, yaw_weight: float) -> dict[str, Tensor]:
    """The negative logarithm of the likelihood of the true places (B, 2, 7), under all votes and under those of the
    patches alone, and the yaws' squared error.

    The second part makes the patches learn where a guess from the posture does well, too.
    """
    likelihood = -votes.log_likelihood(places[..., :3]).mean()
    seen = -votes.of_patches().log_likelihood(places[..., :3]).mean()
    yaw = (votes.yaw - places[..., 3:]).square().sum(-1).mean()
    return {"loss": likelihood + seen + yaw_weight * yaw, "likelihood": likelihood, "seen": seen, "yaw": yaw}


def train_sight(
    policy: FoveatedPolicy,
    training: SightSet,
    validation: SightSet,
    loop: LoopSettings,
    folder: Path,
    settings: SightSettings = SightSettings(),
    about: dict | None = None,
) -> Position:
    """Trains the parts SEEN of ``policy``; resumes what ``folder`` holds. The hand's motion stays as it is."""
    for name, parameter in policy.named_parameters():
        parameter.requires_grad = name.startswith(SEEN)
    checked = torch.linspace(0, len(validation) - 1, min(_CHECKED, len(validation))).long()

    def losses(_step: int, _progress: float) -> dict[str, Tensor]:
        picked = torch.randint(len(training), (settings.batch,)).sort().values
        text, position = told(training, picked, settings)
        proprio, direction = training.proprio[picked], training.direction[picked]
        images = policy.tokens(relit(training.pictures(picked), settings))
        hand = policy.tell(proprio, direction, text, position)
        return sight_losses(policy.votes(images, hand), training.places[picked], settings.yaw_weight)

    def evaluate() -> dict[str, float]:
        images = policy.tokens(validation.pictures(checked))
        by_words = validation.text[checked], torch.full((len(checked), 3), torch.nan)
        hand = policy.tell(validation.proprio[checked], validation.direction[checked], *by_words)
        return sight_scores(policy.votes(images, hand), validation.places[checked])

    settings_now = {"stage": "hand sight", "begins_from": weights_digest(policy), **asdict(settings), **(about or {})}
    return train(policy, losses, evaluate, loop, folder, settings_now | {"config": policy.config.to_dict()})


def sight_scores(votes: Votes, places: Tensor) -> dict[str, float]:
    """The likelihood; median error [cm] and the yaws' error of the third of the places of which it is surest."""
    seen, spread = votes.joined()
    error = (seen[..., :3] - places[..., :3]).norm(dim=-1)
    sure = spread <= spread.flatten().quantile(1 / 3)
    return {
        "loss": float(sight_losses(votes, places, 0.0)["likelihood"]),
        "error_cm": 100.0 * float(error[sure].median()),
        "spread_cm": 100.0 * float(spread[sure].exp().median()),
        "yaw": float((seen[..., 3:] - places[..., 3:]).square().sum(-1)[sure].mean()),
    }
