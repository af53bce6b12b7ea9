"""The web page of a report: figures, charts and video in one file that needs nothing else."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gaze_vlm_ros.report import charts
from gaze_vlm_ros.report.collect import DIAGNOSTIC_LEVELS
from gaze_vlm_ros.report.rates import interval, percent, rate_rows
from gaze_vlm_ros.report.run import Run, State
from gaze_vlm_ros.report.summary import changes
from gaze_vlm_ros.report.timeline import timeline
from gaze_vlm_ros.report.video import Video
from gaze_vlm_ros.types import NS_PER_S, EyeMovementKind

MOST_ROWS = 200
"""Rows of a table; a longer one is cut and says so."""


def render(run: Run, figures: dict, video: Video | None, title: str) -> str:
    """The page's HTML."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(percent=percent, interval=interval, number=_number)
    return templates.get_template("template.html").render(
        title=title,
        run=run,
        figures=figures,
        video=_video(video),
        timeline=timeline(run),
        assist=_states(run, run.assist),
        governor=_states(run, run.governor),
        ages=_ages(figures),
        age_axis=charts.age_axis(),
        trace=charts.gaze_trace(run),
        fixation_map=charts.fixation_map(run),
        histograms=_histograms(run),
        rollouts=rate_rows(figures["rollouts"]),
        diagnostics=sorted(run.diagnostics.items()),
        levels=DIAGNOSTIC_LEVELS,
        markers=[(_second(run, stamp), words) for stamp, words in run.markers],
    )


def _number(value: float | None) -> str:
    """As many figures as matter, or a dash."""
    if value is None:
        return "–"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if abs(value) >= 1 else f"{value:.2g}"


def _second(run: Run, stamp_ns: int) -> str:
    # Adding zero turns the minus zero of what came just before the first frame into zero.
    return f"{round(run.seconds(stamp_ns), 1) + 0:.1f}"


def _video(video: Video | None) -> dict | None:
    if video is None or not video.mp4:
        return None
    return {
        "source": _data("video/mp4", video.mp4),
        "poster": _data("image/jpeg", video.poster),
        "width": video.size[0],
        "height": video.size[1],
        "slowdown": video.slowdown,
        "poster_s": round(video.poster_s, 3),
        "start": video.start_s,
        "stills": [(f"{second:.2f}", _data("image/jpeg", picture)) for second, picture in video.stills],
    }


def _data(kind: str, data: bytes) -> Markup:
    return Markup(f"data:{kind};base64,{b64encode(data).decode()}")


def _states(run: Run, states: list[State]) -> dict:
    kept = changes(states)
    rows = [
        {
            "at": _second(run, state.stamp_ns),
            "name": state.name,
            "target": state.target,
            "reason": state.reason,
            "limited_by": state.limited_by,
            "lag": f"{(state.stamp_ns - state.acted_on_ns) / NS_PER_S:.2f}" if state.acted_on_ns else "",
        }
        for state in kept[:MOST_ROWS]
    ]
    return {"rows": rows, "left_out": max(0, len(kept) - MOST_ROWS)}


def _ages(figures: dict) -> list[tuple[str, dict, float | None, Markup]]:
    """Oldest first, for that is where to look."""
    ages = sorted(figures["age_ms"].items(), key=lambda item: -item[1]["p50"])
    return [(name, age, figures["rate_hz"][name], charts.age_bar(age)) for name, age in ages]


def _histograms(run: Run) -> list[tuple[str, int, Markup]]:
    by_kind = {kind: [m for m in run.eye_movements if m.kind is kind] for kind in EyeMovementKind}
    fixations, saccades, blinks = (by_kind[kind] for kind in EyeMovementKind)
    amplitudes = [m.amplitude_rad * 57.29578 for m in saccades if m.amplitude_rad == m.amplitude_rad]
    rows = [
        ("fixation duration [ms]", [m.duration_s * 1e3 for m in fixations], 1000, 20, "ms", "fixation"),
        ("saccade amplitude [°]", amplitudes, 40, 20, "°", "saccade"),
        ("blink duration [ms]", [m.duration_s * 1e3 for m in blinks], 500, 20, "ms", "blink"),
    ]
    return [
        (name, len(values), charts.histogram(values, top, bins, unit, name, css))
        for name, values, top, bins, unit, css in rows
        if values
    ]
