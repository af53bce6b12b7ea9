"""Each phase and each event judged once: exact sentences, and their verb, object and place one by one."""

from __future__ import annotations

from collections import Counter

from gaze_vlm_ros.scoring import Point
from gaze_vlm_ros.statistics import Estimate, clustered_rate
from gaze_vlm_ros.training.metrics.judged import SLOTS, Judged, Points, slot_of
from gaze_vlm_ros.vlm.tokenizer import KINDS


def accuracy(points: Points) -> dict[str, Estimate]:
    """Share of ``points`` whose sentence is exactly right: the model, the most frequent truth of the very points that
    are judged, and what the model itself had said 2 s before.
    """
    truths = [point.truth for point in points.judged]
    majority = Counter(truths).most_common(1)[0][0] if truths else ""
    said = {
        "model": [point.said for point in points.judged],
        "majority": [majority] * len(truths),
        "repeat": [point.repeated for point in points.judged],
    }
    return {
        name: clustered_rate([a == b for a, b in zip(texts, truths, strict=True)], points.episodes)
        for name, texts in said.items()
    }


def slot_accuracy(points: Points, slot: str) -> dict[str, Estimate]:
    """:func:`accuracy` of one of SLOTS, on the points whose true sentence fills it.

    A sentence outside the grammar is wrong in every slot. A slot filled where the truth has none is not counted here:
    it makes the sentence wrong as a whole.
    """
    filled = [i for i, point in enumerate(points.judged) if slot_of(point.truth, slot)]
    return accuracy(
        Points([_slot_only(points.judged[i], slot) for i in filled], [points.episodes[i] for i in filled]),
    )


def _slot_only(point: Point, slot: str) -> Point:
    return Point(*(slot_of(text, slot) or "" for text in (point.truth, point.said, point.repeated)))


def table(judged: Judged) -> dict:
    """input -> task -> :func:`accuracy`."""
    return {
        source.value: {kind.value: accuracy(judged.points(source, kind)) for kind in KINDS} for source in judged.said
    }


def slot_table(judged: Judged) -> dict:
    """input -> task -> slot -> :func:`slot_accuracy`."""
    return {
        source.value: {
            kind.value: {slot: slot_accuracy(points, slot) for slot in SLOTS}
            for kind, points in ((kind, judged.points(source, kind)) for kind in KINDS)
        }
        for source in judged.said
    }
