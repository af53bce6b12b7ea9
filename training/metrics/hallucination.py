"""Hallucinated objects: the sentence of what happens now names a thing that no frame of the window shows."""

from __future__ import annotations

from collections import Counter

import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.statistics import Estimate, clustered_rate
from gaze_vlm_ros.training.metrics.judged import Judged, slot_of
from gaze_vlm_ros.types import PredictionKind


def is_unseen(kinds: list[str], visible: np.ndarray) -> np.ndarray:
    """Which of ``kinds`` (N) no frame of its window shows; ``visible`` (N, T, len(OBJECT_KINDS)) bool.

    One pixel is enough to be seen, so the share of unseen things is a lower bound.
    """
    column = np.array([OBJECT_KINDS.index(kind) for kind in kinds], dtype=int)
    return ~visible.any(axis=1)[np.arange(len(kinds)), column]


def table(judged: Judged) -> dict:
    """input or rival -> share of the sentences that name an object whose object is unseen.

    ``truth`` is the floor: a hand may reach for a thing outside the picture. ``majority`` names
    the most frequent true object in every window.
    """
    visible = judged.data.columns["visible"][judged.data.rows(judged.windows)]
    sentences = {source.value: judged.texts(source, PredictionKind.ACTIVITY) for source in judged.said}
    sentences["truth"] = judged.truth[PredictionKind.ACTIVITY]
    objects = {name: [slot_of(text, "object") for text in texts] for name, texts in sentences.items()}
    known = Counter(filter(None, objects["truth"])).most_common(1)
    objects["majority"] = [known[0][0] if known else None] * len(judged.rows)
    return {name: _share(named, visible, judged.episode) for name, named in objects.items()}


def unseen_objects(named: list[str | None], visible: np.ndarray, episode: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the windows (N) that name an object: whether it is unseen, and the window's episode."""
    naming = [i for i, kind in enumerate(named) if kind]
    return is_unseen([named[i] for i in naming], visible[naming]), episode[naming]


def _share(named: list[str | None], visible: np.ndarray, episode: np.ndarray) -> Estimate:
    unseen, episodes = unseen_objects(named, visible, episode)
    return clustered_rate(unseen, episodes.tolist())
