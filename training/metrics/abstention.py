"""What abstaining gains: the share of wrong sentences among those said, against how many are said."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.statistics import NO_CASES, Estimate, clustered_rate
from gaze_vlm_ros.training.answers import Input
from gaze_vlm_ros.training.metrics.judged import Judged
from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.calibration import Calibration
from gaze_vlm_ros.vlm.tokenizer import KINDS


def risk_at_coverage(probability: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The risk-coverage curve (El-Yaniv and Wiener 2010) of N cases: threshold, coverage, risk, each (M,).

    One point for each of the M values of ``probability`` (N,), from the highest: those cases are said that are no less
    probable. ``right`` (N,) 0 or 1.
    """
    order = np.argsort(-probability, kind="stable")
    threshold, wrong = probability[order], np.cumsum(1.0 - right[order])
    said = np.arange(1, len(order) + 1)
    last_of_its_value = np.r_[threshold[1:] != threshold[:-1], True][: len(order)]
    points = [values[last_of_its_value] for values in (threshold, said / max(len(order), 1), wrong / said)]
    return tuple(points)


def area_under_curve(probability: np.ndarray, right: np.ndarray) -> float:
    """Mean risk over all coverages (AURC, Geifman et al., arXiv 1805.08206); equally probable cases share theirs."""
    _, coverage, risk = risk_at_coverage(probability, right)
    return float((risk * np.diff(coverage, prepend=0.0)).sum())


def table(judged: Judged, calibration: Calibration | None) -> dict:
    """input -> task -> coverage and risk at the threshold, risk of saying everything, area under the curve.

    Every window with a true sentence is a case. Without a ``calibration`` everything is said.
    """
    return {
        source.value: {kind.value: _figures(judged, calibration, source, kind) for kind in KINDS}
        for source in (Input.RGB, Input.GAZE)
    }


def _figures(judged: Judged, calibration: Calibration | None, source: Input, kind: PredictionKind) -> dict:
    told = judged.truth[kind] != ""
    probability, episodes = judged.said[source].probabilities(kind)[told], judged.episode[told]
    right = (judged.texts(source, kind) == judged.truth[kind])[told].astype(float)
    used_gaze = source is not Input.RGB
    said = np.array([calibration is None or calibration.speaks(kind, p, used_gaze) for p in probability], dtype=bool)
    wrong, number = 1.0 - right, episodes.tolist()
    return {
        "coverage": clustered_rate(said, number),
        "risk": clustered_rate(wrong[said], episodes[said].tolist()) if said.any() else NO_CASES,
        "risk_of_saying_everything": clustered_rate(wrong, number),
        "area_under_risk_coverage": Estimate(area_under_curve(probability, right), len(right)) if number else NO_CASES,
    }
