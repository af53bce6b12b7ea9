"""A run's curve as a picture, drawn with OpenCV: one panel per column, steps to the right."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

from gaze_vlm_ros.training.run_state import Curve

PANEL_WIDTH, PANEL_HEIGHT, COLUMNS, MARGIN = 420, 260, 2, 48
LINE, INK, FRAME = (180, 90, 20), (40, 40, 40), (200, 200, 200)
_HIDDEN = ("step", "elapsed_s")


def draw_chart(curve: Curve, path: Path) -> None:
    """Writes a PNG of every column of ``curve`` but the step and the time."""
    keys = [key for key in dict.fromkeys(k for row in curve.rows for k in row) if key not in _HIDDEN]
    panels = [_panel(key, *curve.series(key)) for key in keys]
    panels += [np.full((PANEL_HEIGHT, PANEL_WIDTH, 3), 255, np.uint8)] * (-len(panels) % COLUMNS)
    rows = [np.hstack(panels[i : i + COLUMNS]) for i in range(0, len(panels), COLUMNS)]
    if rows:
        cv2.imwrite(str(path), np.vstack(rows))


def _panel(title: str, steps: list[float], values: list[float]) -> np.ndarray:
    panel = np.full((PANEL_HEIGHT, PANEL_WIDTH, 3), 255, np.uint8)
    left, right, top, bottom = MARGIN, PANEL_WIDTH - 12, 28, PANEL_HEIGHT - 28
    cv2.rectangle(panel, (left, top), (right, bottom), FRAME)
    finite = [(step, value) for step, value in zip(steps, values, strict=True) if math.isfinite(value)]
    steps, values = zip(*finite, strict=True) if finite else ((0.0,), (0.0,))
    low, high = min(values), max(values)
    high = high if high > low else low + 1.0
    x = np.interp(steps, [0, max(*steps, 1.0)], [left, right])
    y = np.interp(values, [low, high], [bottom, top])
    cv2.polylines(panel, [np.stack([x, y], 1).round().astype(np.int32)], False, LINE, 1, cv2.LINE_AA)
    for text, at in (
        (title, (left, 18)),
        (f"{high:.3g}", (4, top + 8)),
        (f"{low:.3g}", (4, bottom)),
        (f"{max(steps):.0f} steps", (right - 90, PANEL_HEIGHT - 10)),
    ):
        cv2.putText(panel, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
    return panel
