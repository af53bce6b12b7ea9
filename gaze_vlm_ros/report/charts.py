"""Charts of the gaze signal, of eye movements and of ages."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from gaze_vlm_ros.report import svg
from gaze_vlm_ros.report.run import Run
from gaze_vlm_ros.types import EyeMovement, EyeMovementKind

WIDTH = 1040
LABEL = 76
OLDEST_MS = 10_000.0
FEW_SAMPLES = 120
"""So few gaze samples are drawn one by one."""


def gaze_trace(run: Run) -> Markup:
    """Gaze point against time, x above y, with the eye movements below; empty without gaze."""
    if not run.gaze.valid:
        return Markup("")
    order = np.argsort(run.gaze.stamp_ns, kind="stable")
    seconds = (np.asarray(run.gaze.stamp_ns)[order] - run.start_ns) / 1e9
    points = run.gaze.points()[order]
    end_s = max(run.duration_s, 1e-3)
    scale = (WIDTH - LABEL) / end_s
    parts = []
    for second in svg.ticks(0, end_s, 12):
        x = LABEL + second * scale
        parts += [
            svg.line(x, 0, x, 252, "grid"),
            svg.text(x, 266, f"{second:g} s", "tick", "end" if x > WIDTH - 20 else "middle"),
        ]
    for axis, (name, top) in enumerate((("x", 4), ("y", 114))):
        low, high = _limits(points[:, axis])
        # As seen by a reader: right is up in the trace of x, down is down in that of y.
        first, unit = (high, -96 / (high - low)) if name == "x" else (low, 96 / (high - low))
        for value in svg.ticks(low, high, 3):
            y = top + (value - first) * unit
            parts += [svg.line(LABEL, y, WIDTH, y, "grid"), svg.text(LABEL - 6, y + 4, f"{value:g}", "tick", "end")]
        parts.append(svg.text(0, top + 12, f"{name} [px]", "label"))
        heights = top + (np.clip(points[:, axis], low, high) - first) * unit
        across = LABEL + seconds * scale
        if len(across) <= FEW_SAMPLES:
            parts += [svg.circle(x, y, 3, "sample") for x, y in zip(across, heights, strict=True) if np.isfinite(y)]
        parts.append(svg.path(trace_path(across, heights), f"trace trace-{name}"))
    parts.append(svg.text(0, 244, "movements", "label"))
    parts += [_movement(run, movement, scale) for movement in run.eye_movements]
    return svg.svg(WIDTH, 272, parts, "Gaze point in the scene image against time, and the eye movements")


def trace_path(x: np.ndarray, y: np.ndarray, gap_px: float = 12.0) -> str:
    """SVG path through (x, y) px, broken where y is NaN or x jumps; dense traces keep each column's extremes."""
    commands, pen_down, last_x = [], False, -math.inf
    for at, value in _thinned(x, y):
        if not np.isfinite(value):
            pen_down = False
            continue
        commands.append(f"{'L' if pen_down and at - last_x < gap_px else 'M'}{at:.1f} {value:.1f}")
        pen_down, last_x = True, at
    return "".join(commands)


def fixation_map(run: Run) -> Markup:
    """Fixations over the scene image, area by duration, with the path between them; empty without fixations."""
    fixations = [
        m for m in run.eye_movements if m.kind is EyeMovementKind.FIXATION and np.isfinite(m.mean_point_px).all()
    ]
    if not fixations:
        return Markup("")
    points = np.array([fixation.mean_point_px for fixation in fixations])
    width, height = run.image_size or tuple(np.maximum(points.max(0) * 1.1, 1.0))
    scale = 420 / width
    steps = "".join(f"{'M' if i == 0 else 'L'}{x * scale:.1f} {y * scale:.1f}" for i, (x, y) in enumerate(points))
    parts = [svg.box(0.5, 0.5, 419, height * scale - 1, "frame"), svg.path(steps, "scan")]
    for number, (fixation, (x, y)) in enumerate(zip(fixations, points, strict=True), start=1):
        tip = f"fixation {number}: {fixation.duration_s * 1e3:.0f} ms at {run.seconds(fixation.start_ns):.1f} s"
        parts.append(
            svg.circle(x * scale, y * scale, 3 + 14 * math.sqrt(min(fixation.duration_s, 2.0) / 2.0), "fixation", tip)
        )
    return svg.svg(420, height * scale, parts, "Fixations over the scene image")


def histogram(values: Sequence[float], top: float, bins: int, unit: str, label: str, css: str) -> Markup:
    """Counts of ``values`` in ``bins`` of 0..``top``; the last bar also holds everything above."""
    counts, edges = np.histogram(np.clip(values, 0, top * (1 - 1e-9)), bins=bins, range=(0, top))
    width, height, base = 320, 130, 104
    bar, peak = width / bins, max(int(counts.max()), 1)
    parts = [svg.line(0, base, width, base, "axis")]
    for i, count in enumerate(counts):
        more = " and more" if i == bins - 1 else ""
        tip = f"{count}: {edges[i]:g} to {edges[i + 1]:g} {unit}{more}"
        tall = 86 * count / peak
        parts.append(svg.box(i * bar + 1, base - tall, bar - 2, tall, css, title=tip))
        if count == peak:
            parts.append(svg.text((i + 0.5) * bar, base - tall - 4, str(count), "tick", "middle"))
    for i in range(0, bins + 1, max(1, bins // 4)):
        anchor = "start" if i == 0 else "end" if i == bins else "middle"
        end = "+ " + unit if i == bins else ""
        parts.append(svg.text(i * bar, base + 16, f"{edges[i]:g}{end}", "tick", anchor))
    return svg.svg(width, height, parts, label)


def age_bar(age: dict) -> Markup:
    """p50 to p95 as a bar and the maximum as a mark, on a logarithmic axis of 1 ms to 10 s."""
    x50, x95, largest = (_log_x(age[key]) for key in ("p50", "p95", "max"))
    grid = [svg.line(_log_x(ms), 0, _log_x(ms), 18, "grid") for ms in (1, 10, 100, 1000, OLDEST_MS)]
    bar = [svg.box(x50, 5, max(x95 - x50, 2), 8, "age"), svg.line(x95, 9, largest, 9, "age-tail")]
    tip = f"half below {age['p50']:.1f} ms, 95 % below {age['p95']:.1f} ms, all below {age['max']:.1f} ms"
    return svg.svg(240, 18, [*grid, *bar, svg.line(largest, 4, largest, 14, "age-tail")], tip)


def age_axis() -> Markup:
    """The axis of :func:`age_bar`."""
    marks = (
        (1, "1 ms", "start"),
        (10, "10", "middle"),
        (100, "100", "middle"),
        (1000, "1 s", "middle"),
        (OLDEST_MS, "10 s", "end"),
    )
    return svg.svg(
        240, 14, [svg.text(_log_x(ms), 11, words, "tick", anchor) for ms, words, anchor in marks], "1 ms to 10 s"
    )


def interval_bar(low: float, value: float, high: float) -> Markup:
    """A rate with its interval on 0..1."""
    parts = [svg.line(4, 9, 156, 9, "axis"), svg.box(4 + 152 * low, 5, 152 * (high - low), 8, "interval")]
    parts.append(svg.circle(4 + 152 * value, 9, 4, "dot"))
    return svg.svg(160, 18, parts, f"{value:.2f}, between {low:.2f} and {high:.2f}")


def _log_x(ms: float) -> float:
    return 2 + 236 * math.log10(min(max(ms, 1.0), OLDEST_MS)) / 4


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Limits that show all but the farthest percent, which glints and blinks throw about."""
    low, high = np.nanpercentile(values, [0.5, 99.5])
    margin = 0.05 * (high - low) + 1.0
    return float(low - margin), float(high + margin)


def _thinned(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    if len(x) <= 3 * WIDTH:
        return list(zip(x, y, strict=True))
    kept: list[tuple[float, float]] = []
    column = x.astype(int)
    for start, end in zip(*_runs(column), strict=True):
        values = y[start:end]
        if not np.isfinite(values).any():
            kept.append((float(x[start]), math.nan))
            continue
        ends = sorted({start + int(np.nanargmin(values)), start + int(np.nanargmax(values))})
        kept += [(float(x[i]), float(y[i])) for i in ends]
    return kept


def _runs(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    starts = np.concatenate([[0], np.flatnonzero(np.diff(column)) + 1])
    return starts, np.concatenate([starts[1:], [len(column)]])


def _movement(run: Run, movement: EyeMovement, scale: float) -> Markup:
    start = run.seconds(movement.start_ns)
    tip = f"{movement.kind.value}, {movement.duration_s * 1e3:.0f} ms at {start:.2f} s"
    y, height = {
        EyeMovementKind.FIXATION: (232, 16),
        EyeMovementKind.SACCADE: (226, 22),
        EyeMovementKind.BLINK: (232, 16),
    }[movement.kind]
    return svg.box(LABEL + start * scale, y, movement.duration_s * scale, height, movement.kind.value, title=tip)
