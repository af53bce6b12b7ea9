"""Which thing will the hand set out for? Asked a fixed time before it does, answered by the event's object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.statistics import clustered_rate
from gaze_vlm_ros.training.metrics.judged import Judged, slot_of
from gaze_vlm_ros.types import PredictionKind

LEADS_S = (2.0, 1.0, 0.5, 0.25)
"""How long before the hand starts."""
SLACK = 0.25
"""A window stands for a lead if its true lead is less than this share longer; so no window stands for two leads."""
_ROUNDING_S = 0.01
"""Stamps are rounded to a tick of the simulation."""


@dataclass(frozen=True)
class Reach:
    """A reach that began at ``start_s`` for a kind of thing; ``event_time_s``: when it ends in the next event."""

    start_s: float
    object: str
    event_time_s: float


def reaches(activity: Sequence[str], start_s: np.ndarray, event_time_s: np.ndarray) -> list[Reach]:
    """The reaches that began within one episode of N frames, in order.

    ``start_s`` (N,) is when each frame's activity began, NaN where that was before the recording; ``event_time_s`` (N,)
    when the next event happens.
    """
    found = {
        float(start): Reach(float(start), slot_of(text, "object"), float(event))
        for text, start, event in zip(activity, start_s, event_time_s, strict=True)
        if slot_of(text, "verb") == "reach" and np.isfinite(start)
    }
    return list(found.values())


def window_before(reach: Reach, lead_s: float, stamp_s: np.ndarray) -> int | None:
    """Index of an episode's newest window, ending at ``stamp_s`` (N,), that ends at least ``lead_s`` before ``reach``.

    None where that is too early to stand for this lead.
    """
    before = np.flatnonzero(stamp_s <= reach.start_s - lead_s + _ROUNDING_S)
    if not len(before):
        return None
    index = int(before[stamp_s[before].argmax()])
    return index if reach.start_s - stamp_s[index] < lead_s * (1 + SLACK) - _ROUNDING_S else None


def table(judged: Judged) -> dict:
    """lead [s] -> number of reaches ``n``, the median of their true leads, accuracy of each input and of the most
    frequent of these very reaches' things.

    A window before whose reach another event is still to come is left out: the model is asked about that one. How
    many there are says ``other_event_first``. The start of a reach is the first frame of the recording that shows it,
    so true leads are too long by up to one of its periods.
    """
    return {f"{lead_s:g}": _at_lead(judged, lead_s) for lead_s in LEADS_S}


def asked_before(judged: Judged, lead_s: float) -> tuple[list[tuple[int, Reach]], int]:
    """The reaches that are asked for ``lead_s`` before they begin, each behind its window's index, and how many are
    left out because another event came first.
    """
    found, event_time_s = _windows_before(judged, lead_s), judged.column("event_time_s")
    asked = [(i, reach) for i, reach in found if abs(event_time_s[i] - reach.event_time_s) < _ROUNDING_S]
    return asked, len(found) - len(asked)


def _windows_before(judged: Judged, lead_s: float) -> list[tuple[int, Reach]]:
    """Each reach of all episodes that has a window ``lead_s`` before it, behind that window's index."""
    stamp_s, found = judged.column("stamp_s"), []
    times = [judged.column(name) for name in ("activity_start_s", "event_time_s")]
    for _, own in judged.by_episode():
        for reach in reaches(judged.truth[PredictionKind.ACTIVITY][own], *(column[own] for column in times)):
            index = window_before(reach, lead_s, stamp_s[own])
            if index is not None:
                found.append((int(own[index]), reach))
    return found


def _at_lead(judged: Judged, lead_s: float) -> dict:
    stamp_s, (asked, others) = judged.column("stamp_s"), asked_before(judged, lead_s)
    numbers, truths = [int(judged.episode[i]) for i, _ in asked], [reach.object for _, reach in asked]
    majority = Counter(truths).most_common(1)[0][0] if truths else ""
    named = {
        source.value: [slot_of(text, "object") for text in judged.texts(source, PredictionKind.EVENT)]
        for source in judged.said
    }
    said = {source: [column[i] for i, _ in asked] for source, column in named.items()}
    said["majority"] = [majority] * len(truths)
    true_leads_s = [reach.start_s - stamp_s[i] for i, reach in asked]
    return {
        "n": len(asked),
        "other_event_first": others,
        "median_lead_s": round(float(np.median(true_leads_s)), 3) if asked else None,
        "accuracy": {
            source: clustered_rate([a == b for a, b in zip(objects, truths, strict=True)], numbers)
            for source, objects in said.items()
        },
    }
