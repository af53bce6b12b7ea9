"""How sentences are judged against what was really the case: one point per phase, never one per overlapping window.

Times are seconds on one clock. The rivals get the same points: ``majority`` always says the most frequent truth
of the very points that are judged (which favours it), ``repeat`` says what the model itself said ``REPEAT_S`` earlier.
Sentences are compared by what they mean: any phrasing of the truth is right.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gaze_vlm_ros.language import plain
from gaze_vlm_ros.statistics import Estimate, wilson

REPEAT_S = 2.0
EVENT_LEAD_S = 0.5
"""An event is judged by what was said at least this long before it happened."""


@dataclass(frozen=True)
class Said:
    """A sentence of the model about the instant ``time_s``."""

    time_s: float
    text: str


@dataclass(frozen=True)
class Actual:
    """What was the case at ``time_s``: the activity, and the next event with its time."""

    time_s: float
    activity: str
    event: str
    event_time_s: float


@dataclass(frozen=True)
class Point:
    """One judged instant: the truth, what the model said, and what it had said ``REPEAT_S`` before ("" = nothing)."""

    truth: str
    said: str
    repeated: str


@dataclass(frozen=True)
class Scores:
    """Accuracy of the model and of its two trivial rivals on the same points."""

    model: Estimate
    majority: Estimate
    repeat: Estimate


def activity_points(said: Sequence[Said], truth: Sequence[Actual]) -> list[Point]:
    """One point per phase (a run of one true activity), judged by the last sentence about an instant inside it."""
    points = []
    said = _plain(said, "activity")
    for start_s, end_s, label in _runs([(moment.time_s, plain(moment.activity, "activity")) for moment in truth]):
        point = _point(said, label, start_s, end_s)
        if point:
            points.append(point)
    return points


def event_points(said: Sequence[Said], truth: Sequence[Actual]) -> list[Point]:
    """One point per event, judged by the last sentence that came while it was the next one, 0.5 s before it at
    the latest.
    """
    points = []
    said = _plain(said, "event")
    for start_s, end_s, (label, event_s) in _runs(
        [(moment.time_s, (plain(moment.event, "event"), moment.event_time_s)) for moment in truth]
    ):
        point = _point(said, label, start_s, min(end_s, event_s - EVENT_LEAD_S))
        if point:
            points.append(point)
    return points


def score(points: Sequence[Point]) -> Scores:
    """Rates with Wilson intervals; n = 0 where there is no point."""
    majority = Counter(point.truth for point in points).most_common(1)[0][0] if points else ""
    return Scores(
        *(
            wilson(sum(point.truth == guess(point) for point in points), len(points))
            for guess in (lambda point: point.said, lambda point: majority, lambda point: point.repeated)
        )
    )


def _plain(said: Sequence[Said], kind: str) -> list[Said]:
    return [Said(sentence.time_s, plain(sentence.text, kind)) for sentence in said]


def _runs(labelled: Sequence[tuple[float, object]]) -> list[tuple[float, float, object]]:
    """(start, end, label) of each maximal run of one label; the last run is cut off where the data end."""
    runs: list[list] = []
    for time_s, label in labelled:
        if runs and runs[-1][2] == label:
            runs[-1][1] = time_s
        else:
            runs.append([time_s, time_s, label])
    return [(start, end, label) for start, end, label in runs]


def _point(said: Sequence[Said], label: str, start_s: float, end_s: float) -> Point | None:
    index = _last_before(said, end_s)
    if index < 0 or said[index].time_s < start_s:
        return None
    earlier = _last_before(said, said[index].time_s - REPEAT_S)
    return Point(label, said[index].text, said[earlier].text if earlier >= 0 else "")


def _last_before(said: Sequence[Said], time_s: float) -> int:
    return bisect_right(said, time_s + 1e-6, key=lambda sentence: sentence.time_s) - 1
