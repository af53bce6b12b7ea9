"""How sure an estimate is once a person's adapters are in: from validation people with five looks each."""

from __future__ import annotations

import numpy as np
import torch

from gaze_vlm_ros.gaze.eyes.heads import summary
from gaze_vlm_ros.gaze.eyes.last_stage import LastStage
from gaze_vlm_ros.gaze.eyes.network import EyeNet
from gaze_vlm_ros.gaze.eyes.personal import Lesson, learn
from gaze_vlm_ros.training.eyes.fit_heads import NOMINAL
from gaze_vlm_ros.training.eyes.lessons import calibration_looks, gather
from gaze_vlm_ros.training.eyes.renders import EyeRenders

_RIDGE = 0.01
_LEAST_RAD = 1e-4


def fit_sigma(net: EyeNet, lesson: Lesson, validation: EyeRenders) -> dict[str, np.ndarray]:
    """As ``fit_log_sigma``, of ``validation`` people after five looks."""
    return fit_log_sigma(*_after_five_looks(net, lesson, validation))


def fit_log_sigma(summaries: np.ndarray, errors: np.ndarray) -> dict[str, np.ndarray]:
    """``sigma_weight`` (2, 4 C) and ``sigma_bias`` (2,): the logarithm of the 1-sigma of yaw and pitch [rad] is linear
    in a picture's summary. NOMINAL of absolute ``errors`` (N, 2) of pictures with ``summaries`` (N, 4 C) lie within.
    """
    mean, spread = summaries.mean(0), summaries.std(0) + 1e-6
    known, wanted = (summaries - mean) / spread, np.log(np.maximum(errors, _LEAST_RAD))
    ridge = _RIDGE * len(known) * np.eye(known.shape[1])
    weight = np.linalg.solve(known.T @ known + ridge, known.T @ (wanted - wanted.mean(0))).T / spread
    bias = np.quantile(np.log(np.maximum(errors, _LEAST_RAD)) - summaries @ weight.T, NOMINAL, axis=0)
    return {"sigma_weight": weight.astype(np.float32), "sigma_bias": bias.astype(np.float32)}


def _after_five_looks(net: EyeNet, lesson: Lesson, validation: EyeRenders) -> tuple[np.ndarray, np.ndarray]:
    """Summaries (N, 4 C) and absolute errors (N, 2) [rad] of each eye's other looks."""
    stage, looks = LastStage(net), gather(net, validation)
    summaries, errors = [], []
    for eye in looks.eyes:
        own = calibration_looks(looks.gaze.numpy(), eye.worn, None)
        rest = np.setdiff1d(eye.worn, own)
        learnt = learn(stage, lesson, looks.third[own][None], looks.gaze[own][None])
        with torch.no_grad():
            errors.append((stage(looks.third[rest][None], learnt)[0] - looks.gaze[rest]).abs().numpy())
            summaries.append(summary(looks.third[rest]).numpy())
    return np.concatenate(summaries).astype(np.float64), np.concatenate(errors).astype(np.float64)
