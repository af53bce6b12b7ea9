"""How sure an estimate is once a person's adapters are in: from validation people with five looks each."""

from __future__ import annotations

import numpy as np
import torch

from gaze_vlm_ros.gaze.eyes.heads import EyeHeads, summary
from gaze_vlm_ros.gaze.eyes.last_stage import LastStage
from gaze_vlm_ros.gaze.eyes.network import EyeNet
from gaze_vlm_ros.gaze.eyes.personal import Lesson, learn
from gaze_vlm_ros.training.eyes.fit_heads import NOMINAL
from gaze_vlm_ros.training.eyes.lessons import calibration_looks, gather
from gaze_vlm_ros.training.eyes.renders import EyeRenders


def personal_sigma_scale(net: EyeNet, heads: EyeHeads, lesson: Lesson, validation: EyeRenders) -> tuple[float, float]:
    """By what the sigmas of yaw and pitch are multiplied, so that NOMINAL of the errors after five looks lie within."""
    stage, looks = LastStage(net), gather(net, validation)
    ratios = []
    for eye in looks.eyes:
        own = calibration_looks(looks.gaze.numpy(), eye.worn, None)
        rest = np.setdiff1d(eye.worn, own)
        learnt = learn(stage, lesson, looks.third[own][None], looks.gaze[own][None])
        with torch.no_grad():
            error = stage(looks.third[rest][None], learnt)[0] - looks.gaze[rest]
            ratios.append((error.abs() / heads(summary(looks.third[rest])).log_sigma.exp()).numpy())
    return tuple(float(scale) for scale in np.quantile(np.concatenate(ratios), NOMINAL, axis=0))
