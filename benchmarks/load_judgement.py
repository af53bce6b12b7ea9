"""Whether every message of a load run arrived or was counted as lost, how old results were. No ROS.

What a node says of itself is the last of its ``diagnostics``, by key; what a listener heard are its notes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.nodes.frame_queue import FrameGrid
from gaze_vlm_ros.report.summary import percentiles
from gaze_vlm_ros.statistics import trend
from gaze_vlm_ros.types import NS_PER_S

Told = Mapping[str, str]
Heard = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Replayed:
    """What the recording holds: the stamps of its frames (n,) int64 [ns], by topic the count of messages."""

    frame_stamps_ns: np.ndarray
    messages: dict[str, int]


def told(values: Told, key: str) -> int:
    """A count of ``diagnostics``; one that is not named is zero."""
    return int(values.get(key, "0"))


def on_the_way(sent: Mapping[str, tuple[str, int]], nodes: Mapping[str, Told], notes: Mapping[str, Heard]) -> dict:
    """By reader and topic, how many messages neither arrived nor were counted as lost; what is in order is left out.

    ``sent`` gives, by topic, who publishes it and how often. What a node received is its own count, but for those
    that took ``notes``: there it is the number of different stamps. More than was sent is as wrong as less.
    """
    found = {}
    for name, values in nodes.items():
        for topic, (publisher, count) in sent.items():
            if name == publisher or f"{topic} messages" not in values:
                continue
            received = told(values, f"{topic} messages")
            if name in notes and topic in notes[name]:
                received = len(np.unique(notes[name][topic][:, 0]))
            if missing := count - received - told(values, f"{topic} lost"):
                found[f"{name}: {topic}"] = abs(missing)
    return found


def in_the_recording(sent: Mapping[str, tuple[str, int]], recorded: Mapping[str, int], recorder: Told) -> dict:
    """As ``on_the_way`` for the recorder, over all topics that it holds: it counts what it lost and dropped as one."""
    expected = sum(count for topic, (_, count) in sent.items() if topic in recorded)
    kept = sum(recorded[topic] for topic in sent if topic in recorded)
    missing = expected - kept - told(recorder, "lost") - told(recorder, "dropped")
    return {"recorder": abs(missing)} if missing else {}


def in_the_source(written: Mapping[str, int], source: Told) -> dict:
    """What the source was to play and did not publish, by topic."""
    gaps = {topic: count - told(source, f"{topic} messages") for topic, count in written.items()}
    return {f"source: {topic}": abs(gap) for topic, gap in gaps.items() if gap}


def in_the_nodes(frame_stamps_ns: np.ndarray, rate_hz: float, vlm: Told, gaze: Told, topics: Mapping[str, str]) -> dict:
    """Work that was taken in and neither came out nor was counted: frames of the VLM's grid, samples of the filter.

    ``topics`` names ``frames``, ``events``, ``samples`` and ``filtered``.
    """
    grid = FrameGrid(rate_hz)
    due = sum(grid.accepts(int(stamp)) for stamp in frame_stamps_ns)
    done = told(vlm, f"{topics['events']} messages")
    left_out = told(vlm, "frames replaced") + told(vlm, "frames too old")
    missing = max(0, due - done - left_out - told(vlm, f"{topics['frames']} lost"))
    passed = told(gaze, f"{topics['filtered']} messages")
    late = told(gaze, "gaze samples late") + told(gaze, "gaze samples duplicates")
    unfiltered = abs(told(gaze, f"{topics['samples']} messages") - passed - late)
    return {name: count for name, count in (("vlm: frames", missing), ("gaze: samples", unfiltered)) if count}


def ages(notes: Sequence[Heard], topics: Sequence[str], since_ns: int) -> dict:
    """The keys ``age_ms`` and ``age_drift_ms_per_min`` of what was heard from ``since_ns`` on, by topic."""
    found: dict = {"age_ms": {}, "age_drift_ms_per_min": {}}
    for topic in topics:
        rows = np.concatenate([heard[topic] for heard in notes])
        rows = rows[rows[:, 1] >= since_ns]
        age_ms = (rows[:, 1] - rows[:, 0]) / 1e6
        minutes = (rows[:, 1] - since_ns) / (60.0 * NS_PER_S)
        found["age_ms"][topic] = percentiles(age_ms)
        found["age_drift_ms_per_min"][topic] = trend(minutes, age_ms).as_dict()
    return found


def rates_hz(notes: Sequence[Heard], topics: Sequence[str]) -> dict[str, float | None]:
    """By topic, messages per second at the listener that heard the fewest."""

    def rate(rows: np.ndarray) -> float:
        return (len(rows) - 1) * NS_PER_S / np.ptp(rows[:, 1]) if len(rows) > 1 else 0.0

    return {topic: round(min(rate(heard[topic]) for heard in notes), 2) for topic in topics}
