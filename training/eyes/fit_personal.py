"""How sure an estimate is once a person's adapters are in: from validation people with five looks each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from gaze_vlm_ros.gaze.eyes.heads import EyeHeads, summary
from gaze_vlm_ros.gaze.eyes.network import EyeNet
from gaze_vlm_ros.gaze.eyes.personal import PersonalSettings, adapted
from gaze_vlm_ros.training.eyes.batches import to_pixels
from gaze_vlm_ros.training.eyes.fit_heads import NOMINAL
from gaze_vlm_ros.training.eyes.renders import EyeRenders

LOOKS = 5


def personal_sigma_scale(
    net: EyeNet, heads: EyeHeads, replay: dict[str, np.ndarray], validation: EyeRenders
) -> tuple[float, float]:
    """By what the sigmas of yaw and pitch are multiplied, so that NOMINAL of the errors after five looks lie within."""
    replayed = torch.from_numpy(replay["third"]).float(), torch.from_numpy(replay["gaze"])
    ratios = []
    for chosen in eyes_of(validation):
        one = validation.subset(chosen)
        with torch.no_grad():
            third = net.stage_features(to_pixels(torch.from_numpy(one.pictures)), stages=3)[-1]
            sigma = heads(summary(third)).log_sigma.exp()[LOOKS:]
        gaze = torch.from_numpy(one.gaze)
        own = adapted(net, third[:LOOKS], gaze[:LOOKS], *replayed, PersonalSettings())
        with torch.no_grad():
            error = own.head(own.pooled(own.last_stage(third[LOOKS:]))) - gaze[LOOKS:]
        ratios.append((error / sigma).abs().numpy())
    return tuple(float(scale) for scale in np.quantile(np.concatenate(ratios), NOMINAL, axis=0))


def eyes_of(renders: EyeRenders) -> Iterator[np.ndarray]:
    """For each eye of each person with more than LOOKS usable looks as worn: their indices."""
    usable = renders.open & ~renders.slipped
    for person in np.unique(renders.person):
        for right in (False, True):
            chosen = np.flatnonzero(usable & (renders.person == person) & (renders.right == right))
            if len(chosen) > LOOKS:
                yield chosen
