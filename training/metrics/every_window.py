"""Every window judged that has a window ``REPEAT_S`` before it, so that all rivals stand on the same ones."""

from __future__ import annotations

from collections import Counter

import numpy as np

from gaze_vlm_ros import scoring
from gaze_vlm_ros.statistics import clustered_rate, paired_bootstrap
from gaze_vlm_ros.training.answers import Input
from gaze_vlm_ros.training.metrics.judged import Judged, one_phrasing, slot_of
from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.tokenizer import KINDS

_DIFFERENCES = {
    "gaze_minus_rgb": ("gaze", "rgb"),
    "shuffled_gaze_minus_rgb": ("shuffled_gaze", "rgb"),
    "rgb_minus_repeat": ("rgb", "repeat"),
    "rgb_minus_majority": ("rgb", "majority"),
}


def table(judged: Judged) -> dict:
    """input or rival -> exact activity, exact event, the event's object; then differences, window by window."""
    truth, earlier = judged.truth, _earlier(judged)
    which = np.flatnonzero((earlier >= 0) & (truth[PredictionKind.EVENT] != ""))
    episodes = judged.episode[which].tolist()
    columns = {source.value: {kind: judged.texts(source, kind) for kind in KINDS} for source in judged.said}
    rgb = columns[Input.RGB.value]
    greedy = judged.said[Input.RGB].greedy_texts
    columns["rgb_plain_greedy"] = {kind: one_phrasing(greedy(kind), kind) for kind in KINDS}
    columns["majority"] = {
        kind: np.full(len(judged.rows), Counter(truth[kind][which]).most_common(1)[0][0]) for kind in KINDS
    }
    columns["repeat"] = {kind: rgb[kind][earlier] for kind in KINDS}
    right = {name: _right(texts, truth, which) for name, texts in columns.items()}
    result = {name: {m: clustered_rate(v, episodes) for m, v in scores.items()} for name, scores in right.items()}
    for name, (ours, rival) in _DIFFERENCES.items():
        result[name] = {m: paired_bootstrap(right[ours][m], right[rival][m], episodes) for m in right["rgb"]}
    return result


def _right(texts: dict, truth: dict, which: np.ndarray) -> dict[str, np.ndarray]:
    """Which of the windows ``which`` have the exact activity, the exact event, the event's object."""
    scores = {kind.value: texts[kind][which] == truth[kind][which] for kind in KINDS}
    event = PredictionKind.EVENT
    wanted, named = ([slot_of(text, "object") for text in column[event][which]] for column in (truth, texts))
    scores["event_object"] = np.array([a == b for a, b in zip(wanted, named, strict=True)])
    return scores


def _earlier(judged: Judged) -> np.ndarray:
    """Index of the same episode's window that ended ``REPEAT_S`` before each one, or -1."""
    instants = list(zip(judged.episode.tolist(), judged.column("stamp_s").tolist(), strict=True))
    known = {(number, round(stamp_s, 2)): i for i, (number, stamp_s) in enumerate(instants)}
    return np.array([known.get((number, round(stamp_s - scoring.REPEAT_S, 2)), -1) for number, stamp_s in instants])
