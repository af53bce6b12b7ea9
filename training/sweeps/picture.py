"""Every sweep as curves, drawn with OpenCV: a row per figure, a column per sweep, a colour per data set.

The horizontal line of a colour is its score from frames alone; bars are 95 % intervals.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from gaze_vlm_ros.training.arms.picture import INK, LINE, end_of, write_text
from gaze_vlm_ros.training.sweeps.disturbance import SWEEPS
from gaze_vlm_ros.training.sweeps.scores import FIGURES, NEXT

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 330, 230, 44, 30, 36
COLOURS = ((160, 80, 10), (30, 110, 220), (60, 140, 40), (150, 40, 140))
"""Of the data sets in turn, as OpenCV orders colours."""
TITLES = {"event": "event, exact", "activity": "activity, exact", NEXT: "next object, 0.5 s before"}
SHORT = {"noise": "noise", "bias": "bias", "dropout": "frames without gaze", "latency": "age of gaze"}
_DODGE, _DASH, _STEP = 4, 5, 0.2


def draw_sweeps(result: dict, path: Path) -> None:
    """Writes a PNG of the tree of ``robustness.json``."""
    rows = [np.hstack([_panel(result["sets"], name, figure) for name in SWEEPS]) for figure in FIGURES]
    cv2.imwrite(str(path), np.vstack([_legend(result["sets"], rows[0].shape[1]), *rows]))


def _panel(sets: dict, name: str, figure: str) -> np.ndarray:
    picture, sweep = np.full((HEIGHT, WIDTH, 3), 255, np.uint8), SWEEPS[name]
    levels = [f"{level:g}" for level in (0.0, *sweep.levels)]
    columns = np.linspace(LEFT + 20, WIDTH - 24, len(levels)).round().astype(int)
    top = _top(sets, figure)
    write_text(picture, f"{TITLES[figure]}: {SHORT[name]}", (LEFT, 18), 0.42)
    for tick in np.arange(0.0, top + 1e-6, _STEP):
        y = _height(tick, top)
        cv2.line(picture, (LEFT, y), (WIDTH - 8, y), LINE, 1)
        write_text(picture, f"{tick:.1f}", (14, y + 4), 0.34)
    for x, level in zip(columns.tolist(), levels, strict=True):
        write_text(picture, level, (x - 4 * len(level), HEIGHT - 20), 0.36)
    write_text(picture, sweep.unit, (WIDTH // 2, HEIGHT - 5), 0.36)
    for number, own in enumerate(sets.values()):
        colour, aside = COLOURS[number % len(COLOURS)], round(_DODGE * (number - (len(sets) - 1) / 2))
        _floor(picture, _height(own["undisturbed"]["rgb"][figure]["value"], top), colour)
        found = [own["sweeps"][name][level] for level in levels]
        at = [(int(x) + aside, level["scores"][figure]) for x, level in zip(columns, found, strict=True) if level]
        _curve(picture, at, top, colour)
    return picture


def _curve(picture: np.ndarray, at: list[tuple[int, dict]], top: float, colour: tuple[int, int, int]) -> None:
    known = [(x, estimate) for x, estimate in at if estimate["value"] is not None]
    line = np.array([(x, _height(estimate["value"], top)) for x, estimate in known], np.int32)
    cv2.polylines(picture, [line.reshape(-1, 1, 2)], False, colour, 1, cv2.LINE_AA)
    for (x, estimate), point in zip(known, line.tolist(), strict=True):
        low, high = (_height(end_of(estimate, which), top) for which in (0, 1))
        cv2.line(picture, (x, low), (x, high), colour, 1, cv2.LINE_AA)
        cv2.circle(picture, tuple(point), 3, colour, -1, cv2.LINE_AA)


def _floor(picture: np.ndarray, y: int, colour: tuple[int, int, int]) -> None:
    for x in range(LEFT, WIDTH - 8, 2 * _DASH):
        cv2.line(picture, (x, y), (x + _DASH, y), colour, 1)


def _legend(sets: dict, width: int) -> np.ndarray:
    strip = np.full((30, width, 3), 255, np.uint8)
    for number, (name, own) in enumerate(sets.items()):
        x = LEFT + number * (width - LEFT) // (len(sets) + 1)
        cv2.circle(strip, (x, 16), 4, COLOURS[number % len(COLOURS)], -1, cv2.LINE_AA)
        write_text(strip, f"{name} ({own['episodes']} episodes)", (x + 10, 20), 0.42)
    write_text(strip, "dashed: frames alone", (LEFT + len(sets) * (width - LEFT) // (len(sets) + 1), 20), 0.42)
    cv2.line(strip, (0, 29), (width, 29), INK, 1)
    return strip


def _top(sets: dict, figure: str) -> float:
    ends = [
        end_of(level["scores"][figure], 1)
        for own in sets.values()
        for levels in own["sweeps"].values()
        for level in levels.values()
        if level
    ]
    return max(1.0, np.ceil(max(ends, default=1.0) / _STEP)) * _STEP


def _height(value: float | None, top: float) -> int:
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (value or 0.0) / top)
