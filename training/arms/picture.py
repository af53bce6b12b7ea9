"""The arms as a picture, drawn with OpenCV: a panel per figure, a row per arm, a dot with its interval per share."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

LABELS, PLOT, ROW, TOP, BOTTOM = 150, 360, 34, 34, 30
INK, LINE = (40, 40, 40), (225, 225, 225)
SHADES = ((205, 175, 140), (190, 130, 60), (140, 60, 10))
"""Of the shares, the smallest first, as OpenCV orders colours."""
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""Between two ticks of an axis that ends at 1 at most."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
TITLES = {
    "event": "event, exact",
    "activity": "activity, exact",
    "next_object_0.5s": "next object 0.5 s before the hand",
    "mass_near_gaze": "attention within 2 patches of gaze",
}


def draw_arms(summary: dict, path: Path) -> None:
    """Writes a PNG of ``summarize``'s tree."""
    panels = [_panel(title, figure, summary["scores"]) for figure, title in TITLES.items()]
    cv2.imwrite(str(path), np.vstack([np.hstack(panels[:2]), np.hstack(panels[2:]), _legend(summary["scores"])]))


def _panel(title: str, figure: str, scores: dict) -> np.ndarray:
    picture = np.full((TOP + BOTTOM + ROW * len(scores), LABELS + PLOT + 20, 3), 255, np.uint8)
    write_text(picture, title, (LABELS, 20), 0.5)
    shares = _shares(scores)
    top = max((end_of(own[figure], 1) for of in scores.values() for own in of.values()), default=1.0) or 1.0
    step = next(step for step in STEPS if top / step <= 6)
    for tick in np.arange(0.0, top + 1e-9, step):
        x = round(LABELS + PLOT * tick / top)
        cv2.line(picture, (x, TOP), (x, picture.shape[0] - BOTTOM), LINE, 1)
        write_text(picture, f"{tick:.2f}", (x - 14, picture.shape[0] - 10), 0.38)
    for row, (arm, of) in enumerate(scores.items()):
        y = TOP + ROW * row + ROW // 2
        write_text(picture, arm, (6, y + 4), 0.42)
        for share, own in of.items():
            number = shares.index(share)
            _dot(
                picture, own[figure], y + round(8 * (number - (len(shares) - 1) / 2)), top, _shade(number, len(shares))
            )
    return picture


def _dot(picture: np.ndarray, estimate: dict, y: int, top: float, colour: tuple[int, int, int]) -> None:
    if estimate["value"] is None:
        return
    low, value, high = (
        round(LABELS + PLOT * x / top) for x in (end_of(estimate, 0), estimate["value"], end_of(estimate, 1))
    )
    cv2.line(picture, (low, y), (high, y), colour, 1, cv2.LINE_AA)
    cv2.circle(picture, (value, y), 3, colour, -1, cv2.LINE_AA)


def _legend(scores: dict) -> np.ndarray:
    shares = _shares(scores)
    strip = np.full((28, 2 * (LABELS + PLOT + 20), 3), 255, np.uint8)
    for number, share in enumerate(shares):
        x = LABELS + 230 * number
        cv2.circle(strip, (x, 12), 4, _shade(number, len(shares)), -1, cv2.LINE_AA)
        write_text(strip, f"{float(share):.0%} of training episodes", (x + 10, 16), 0.42)
    return strip


def _shares(scores: dict) -> list[str]:
    return sorted({share for of in scores.values() for share in of}, key=float)


def _shade(number: int, shares: int) -> tuple[int, int, int]:
    return SHADES[max(len(SHADES) - shares + number, 0)]


def end_of(estimate: dict, which: int) -> float:
    """The lower (0) or upper (1) end of an estimate's interval; its value where it has none."""
    return estimate["ci95"][which] if estimate["ci95"] else estimate["value"] or 0.0


def write_text(picture: np.ndarray, text: str, at: tuple[int, int], size: float) -> None:
    """``text`` with the left end of its base line at (x, y)."""
    cv2.putText(picture, text, at, FONT, size, INK, 1, cv2.LINE_AA)
