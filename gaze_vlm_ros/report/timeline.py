"""The timeline of a run: what was predicted, what was true, and what the robot did, in strips of seconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from gaze_vlm_ros.language import OBJECT_KINDS, parse, plain
from gaze_vlm_ros.report import svg
from gaze_vlm_ros.report.accuracy import TruthLookup
from gaze_vlm_ros.report.run import Run, Said, State

WIDTH = 1040
LABEL = 128
ROW = 22
GAP = 5
STRIP_S = 20.0
MOST_STRIPS = 8
HELD_S = 1.0
"""A state or prediction counts until the next message, at most this long."""
PALETTE = (
    *("#8dd3c7", "#fdb462", "#bebada", "#fb8072", "#80b1d3", "#b3de69"),
    *("#fccde5", "#e0c38c", "#bc80bd", "#ccebc5", "#ffed6f", "#a6cee3"),
    *("#f4a582", "#92c5de", "#d9a6d9", "#a6d96a", "#e6ab02", "#66c2a5", "#cab2d6", "#f1b6da"),
    *("#9ecae1", "#c7e9b4", "#d8b365", "#9e9ac8", "#e7969c", "#7fcdbb", "#dadaeb", "#cedb9c"),
)
"""One colour for each of ``OBJECT_KINDS``, light enough for black words."""
_KIND = re.compile(rf"\b({'|'.join(sorted(OBJECT_KINDS, key=len, reverse=True))})\b")
"""A kind as whole words, the longest first: "open" holds no pen, and a "pill box" is no "box"."""
QUIET = "#c9ced6"
FOREIGN = "out of domain: "
STATE_COLOURS = {
    "pointing": "#b4c5d8",
    "moving": "#b4c5d8",
    "holding": "#e1e4e9",
    "yielding": "#e9dfae",
    "blocked": "#efb3b3",
    "protective stop": "#e57373",
}


@dataclass(frozen=True)
class Segment:
    """One stretch of a row, in seconds. ``right`` judges a prediction; None where nobody knows."""

    start_s: float
    end_s: float
    words: str
    colour: str
    right: bool | None = None


@dataclass(frozen=True)
class Row:
    label: str
    segments: list[Segment] = field(default_factory=list)


def timeline(run: Run) -> Markup:
    """Strips of rows below each other; empty where there is nothing to show."""
    rows = [row for row in rows_of(run) if row.segments]
    if not rows:
        return Markup("")
    end_s = max(run.duration_s, 0.1)
    count = min(max(1, round(end_s / STRIP_S)), MOST_STRIPS)
    return Markup("").join(_strip(rows, i * end_s / count, end_s / count) for i in range(count))


def rows_of(run: Run) -> list[Row]:
    """The rows in reading order: actual above predicted, then the robot."""
    lookup = TruthLookup(run.truth)

    def right(said: Said, what: str) -> bool | None:
        truth = lookup.at(said.stamp_ns)
        actual = getattr(truth, what) if truth else ""
        return plain(said.text, what) == plain(actual, what) if actual else None

    def predicted(series: Sequence[Said], what: str) -> list[Segment]:
        return merge([(run.seconds(said.stamp_ns), _words(said), right(said, what)) for said in series])

    def actual(what: str) -> list[Segment]:
        return merge([(run.seconds(truth.stamp_ns), getattr(truth, what), None) for truth in run.truth])

    return [
        Row("activity, actual", actual("activity")),
        Row("activity, model", predicted(run.activities, "activity")),
        Row("next event, actual", actual("event")),
        Row("next event, model", predicted(run.events, "event")),
        Row("robot's policy", merge([(run.seconds(state.stamp_ns), _doing(state), None) for state in run.assist])),
        Row("arm points at", actual("pointed_label")),
        Row("safety governor", merge([(run.seconds(state.stamp_ns), state.name, None) for state in run.governor])),
    ]


def merge(series: Sequence[tuple[float, str, bool | None]]) -> list[Segment]:
    """Stretches of equal words and verdict from ``(second, words, right)`` in order; empty words leave a gap."""
    segments: list[Segment] = []
    for i, (start, words, right) in enumerate(series):
        following = series[i + 1][0] if i + 1 < len(series) else start + 0.25
        end = min(following, start + HELD_S)
        if not words or end <= start:
            continue
        last = segments[-1] if segments else None
        if last and (last.words, last.right) == (words, right) and start - last.end_s < 1e-6:
            segments[-1] = Segment(last.start_s, end, words, last.colour, right)
        else:
            segments.append(Segment(start, end, words, colour_of(words), right))
    return segments


def colour_of(words: str) -> str:
    """One colour per kind of thing, so that a mug is the same in every row; states have their own."""
    if words.startswith(FOREIGN):
        return QUIET
    if words in STATE_COLOURS:
        return STATE_COLOURS[words]
    slots, mentioned = parse(words), _KIND.search(words)
    kind = slots.object if slots else mentioned.group() if mentioned else ""
    return PALETTE[OBJECT_KINDS.index(kind)] if kind else QUIET


def _words(said: Said) -> str:
    return (FOREIGN if said.out_of_domain else "") + (said.text or "(abstains)")


def _doing(state: State) -> str:
    return f"{state.name}: {state.target}" if state.target else state.name


def _strip(rows: Sequence[Row], start_s: float, length_s: float) -> Markup:
    scale = (WIDTH - LABEL) / length_s
    height = len(rows) * (ROW + GAP) + 20
    parts = []
    for second in svg.ticks(start_s, start_s + length_s, 10):
        x = LABEL + (second - start_s) * scale
        if x < WIDTH - 12:
            parts += [
                svg.line(x, 0, x, height - 16, "grid"),
                svg.text(x, height - 4, f"{second:g} s", "tick", "middle"),
            ]
    for number, row in enumerate(rows):
        y = number * (ROW + GAP)
        parts.append(svg.text(0, y + ROW * 0.7, row.label, "label"))
        for segment in row.segments:
            parts += _segment(segment, y, start_s, length_s, scale)
    label = f"Timeline from {start_s:.0f} to {start_s + length_s:.0f} seconds"
    return svg.svg(WIDTH, height, parts, label, {"start": start_s, "length": length_s, "left": LABEL / WIDTH})


def _segment(segment: Segment, y: float, start_s: float, length_s: float, scale: float) -> list[Markup]:
    left, right = max(segment.start_s, start_s), min(segment.end_s, start_s + length_s)
    if right <= left:
        return []
    x, width = LABEL + (left - start_s) * scale, (right - left) * scale
    verdict = {True: " (right)", False: " (wrong)", None: ""}[segment.right]
    tip = f"{segment.words}{verdict}, {segment.start_s:.1f} to {segment.end_s:.1f} s"
    parts = [svg.box(x, y, width - 0.6, ROW, "segment", segment.colour, tip)]
    if segment.right is not None:
        parts.append(svg.box(x, y + ROW, width - 0.6, 3, "right" if segment.right else "wrong"))
    words = svg.shortened(segment.words, width - 8)
    return [*parts, svg.text(x + 4, y + ROW * 0.7, words, "inside")] if words else parts
