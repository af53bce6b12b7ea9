"""Rates as a reader sees them: a name, a value, its interval and what it means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from gaze_vlm_ros.report.charts import interval_bar
from gaze_vlm_ros.scoring import REPEAT_S

NAMES = {
    "activity_accuracy": "activity: the model",
    "majority.activity": "activity: always the most frequent one",
    "repeat.activity": f"activity: what the model said {REPEAT_S:g} s earlier",
    "event_accuracy": "next event: the model",
    "majority.event": "next event: always the most frequent one",
    "repeat.event": f"next event: what the model said {REPEAT_S:g} s earlier",
    "assist.success": "assistance with the model's prediction",
    "assist.without_prediction": "assistance without prediction",
    "assist.with_truth": "assistance with the truth (upper bound)",
}


@dataclass(frozen=True)
class RateRow:
    """One row of a table of rates; ``bar`` is empty for what is no rate of 0..1, such as a difference."""

    name: str
    value: str
    interval: str
    n: int
    bar: Markup


def rate_rows(figures: dict | None) -> list[RateRow]:
    """A row for every ``{"value", "n", "ci95"}`` in the nested ``figures``, the known ones first."""
    found = dict(_estimates(figures or {}))
    order = [path for path in NAMES if path in found] + [path for path in found if path not in NAMES]
    return [_row(NAMES.get(path, path.replace("_", " ").replace(".", ": ")), found[path]) for path in order]


def percent(estimate: dict | None) -> str:
    """``64 %``, or a dash where nothing was measured."""
    return "–" if not estimate or estimate["value"] is None else f"{100 * estimate['value']:.0f} %"


def interval(estimate: dict | None) -> str:
    """``51 to 76 %``; empty where there is none."""
    if not estimate or not estimate.get("ci95"):
        return ""
    low, high = estimate["ci95"]
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def _estimates(figures: dict, prefix: str = "") -> Iterator[tuple[str, dict]]:
    for key, value in figures.items():
        if isinstance(value, dict):
            if "value" in value and "n" in value:
                yield prefix + key, value
            yield from _estimates(value, f"{prefix}{key}.")


def _row(name: str, estimate: dict) -> RateRow:
    ends = [estimate["value"], *(estimate.get("ci95") or [])]
    is_rate = len(ends) == 3 and None not in ends and all(0 <= end <= 1 for end in ends)
    bar = interval_bar(ends[1], ends[0], ends[2]) if is_rate else Markup("")
    return RateRow(name, percent(estimate), interval(estimate), estimate["n"], bar)
