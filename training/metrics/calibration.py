"""Whether the best sentence's probability is how often it is right."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.statistics import Estimate, cluster_bootstrap, clustered_rate
from gaze_vlm_ros.training.answers import Input
from gaze_vlm_ros.training.metrics.judged import Judged
from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.tokenizer import KINDS

BINS = 10


def equal_mass_bins(probability: np.ndarray, bins: int = BINS) -> list[np.ndarray]:
    """Indices into ``probability`` (N,) in up to ``bins`` bins of equal numbers (to one) of rising probability."""
    return [part for part in np.array_split(np.argsort(probability, kind="stable"), bins) if len(part)]


def expected_calibration_error(probability: np.ndarray, right: np.ndarray, bins: int = BINS) -> Estimate:
    """Mean over the cases of |accuracy - mean probability| of their bin (Guo et al. 2017), bins of equal mass (Nguyen
    and O'Connor 2015).

    ``probability`` and ``right`` (N,). It has no interval: resampling makes every bin noisier, and noise adds to this
    figure, so the interval would lie above it.
    """
    if not len(probability):
        return Estimate(None, 0)
    parts = equal_mass_bins(probability, bins)
    gaps = [abs(right[part].mean() - probability[part].mean()) * len(part) for part in parts]
    return Estimate(float(sum(gaps) / len(probability)), len(probability))


def reliability(probability: np.ndarray, right: np.ndarray, episodes: np.ndarray) -> list[dict]:
    """For each equal-mass bin the mean probability and the accuracy, by rising probability."""
    return [
        {
            "probability": float(probability[part].mean()),
            "accuracy": clustered_rate(right[part], episodes[part].tolist()),
        }
        for part in equal_mass_bins(probability)
    ]


def table(judged: Judged) -> dict:
    """input -> task -> error, mean of probability minus accuracy (above 0: too sure), and the bins; every window with
    a true sentence is a case.
    """
    return {
        source.value: {kind.value: _calibration(judged, source, kind) for kind in KINDS}
        for source in (Input.RGB, Input.GAZE)
    }


def _calibration(judged: Judged, source: Input, kind: PredictionKind) -> dict:
    told = judged.truth[kind] != ""
    probability = judged.said[source].probabilities(kind)[told]
    right = (judged.texts(source, kind) == judged.truth[kind])[told].astype(float)
    episodes = judged.episode[told]
    return {
        "expected_calibration_error": expected_calibration_error(probability, right),
        "overconfidence": cluster_bootstrap(probability - right, episodes.tolist()),
        "bins": reliability(probability, right, episodes),
    }
