"""How alike the words are, for comparison with published figures; no bar is set on them.

Sentences that differ in the one word that matters are still alike, so these say less than the exact accuracies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from gaze_vlm_ros.statistics import Estimate, cluster_bootstrap
from gaze_vlm_ros.training.metrics.embedding import load_embedder
from gaze_vlm_ros.training.metrics.judged import Judged, Points
from gaze_vlm_ros.vlm.tokenizer import KINDS

Likeness = Callable[[Sequence[str], Sequence[str]], np.ndarray]
"""Two lists of N sentences -> how alike each pair is, (N,)."""


def rouge_l_f(said: str, truth: str) -> float:
    """ROUGE-L F (Lin 2004) with precision and recall of equal weight, 0..1: from the longest common subsequence of
    words, lower case.
    """
    a, b = said.lower().split(), truth.lower().split()
    row = [0] * (len(b) + 1)
    for word in a:
        above, row = row, [0]
        for j, other in enumerate(b):
            row.append(above[j] + 1 if word == other else max(above[j + 1], row[-1]))
    return 2 * row[-1] / (len(a) + len(b)) if row[-1] else 0.0


def _rouge_l(said: Sequence[str], truth: Sequence[str]) -> np.ndarray:
    return np.array([rouge_l_f(a, b) for a, b in zip(said, truth, strict=True)])


def likeness(points: Points, alike: Likeness) -> dict[str, Estimate]:
    """Mean likeness to the truth of the model's sentences and of the most frequent truth, once per phase or event."""
    truths = [point.truth for point in points.judged]
    majority = Counter(truths).most_common(1)[0][0] if truths else ""
    said = {"model": [point.said for point in points.judged], "majority": [majority] * len(truths)}
    return {name: cluster_bootstrap(alike(texts, truths), points.episodes) for name, texts in said.items()}


def table(judged: Judged) -> dict:
    """measure -> input -> task -> :func:`likeness`; ``semantic`` is None where its package is not installed."""
    embedder = load_embedder()
    measures = {"rouge_l_f": _rouge_l, "semantic": embedder.cosine if embedder else None}
    return {measure: _by_input(judged, alike) if alike else None for measure, alike in measures.items()}


def _by_input(judged: Judged, alike: Likeness) -> dict:
    return {
        source.value: {kind.value: likeness(judged.points(source, kind), alike) for kind in KINDS}
        for source in judged.said
    }
