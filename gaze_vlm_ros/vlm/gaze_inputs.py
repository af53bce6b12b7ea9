"""Ways to give a model the wearer's gaze, for comparison; the live node knows ``auto`` and ``off`` alone.

| mode | how gaze comes in | training of its own |
|---|---|---|
| ``auto`` | a bias on the block's attention in frames with valid gaze | the default, trained with gaze drop-out |
| ``off`` | not at all | the same checkpoint |
| ``heatmap`` | the heatmap takes the place of the attention in frames with valid gaze | none: the same checkpoint |
| ``text`` | words in the prompt: ``gaze_words``, or ``SpokenGaze`` where a tokenizer lacks them | yes: with the words |
| ``overlay`` | drawn into the picture, ``draw_gaze`` | yes: at least all that follows the encoder |
"""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np

ROWS, COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")
UNKNOWN_GAZE = "unknown"
GAZE_WORDS = (*(f"{row}-{column}" for row in ROWS for column in COLUMNS), UNKNOWN_GAZE)
"""The words that ``gaze_words`` is made of, to be added to the tokenizer's."""
_COLOUR = (255, 0, 0)
_RADIUS = 1 / 32
"""Radius of the ring as a share of the picture's width: 20 px, one sigma of the heatmap, at 640 px."""


class GazeMode(StrEnum):
    """How gaze is given; the table above says what each needs."""

    AUTO = "auto"
    OFF = "off"
    HEATMAP = "heatmap"
    TEXT = "text"
    OVERLAY = "overlay"


def gaze_words(points_px: np.ndarray, image_size: tuple[int, int]) -> str:
    """One of GAZE_WORDS for each frame, oldest first: the ninth of the picture in which its gaze lies.

    ``points_px`` (T, 2) in pictures of ``image_size`` (width, height); NaN or outside is UNKNOWN_GAZE.
    """
    points = np.asarray(points_px, dtype=np.float64).reshape(-1, 2)
    inside = _inside(points, image_size)
    share = np.where(inside[:, None], (points + 0.5) / image_size, 0.0)
    column, row = np.minimum((share * 3).astype(int), 2).T
    known = (f"{ROWS[r]}-{COLUMNS[c]}" for r, c in zip(row, column, strict=True))
    return " ".join(word if is_known else UNKNOWN_GAZE for word, is_known in zip(known, inside, strict=True))


def draw_gaze(rgb: np.ndarray, point_px: np.ndarray) -> np.ndarray:
    """A copy of a picture (H, W, 3) uint8 with a red ring about its gaze ``point_px`` (2,); without gaze as it is."""
    drawn = rgb.copy()
    height, width = rgb.shape[:2]
    if _inside(np.asarray(point_px, dtype=np.float64)[None], (width, height))[0]:
        centre = tuple(round(float(value)) for value in point_px)
        radius = max(2, round(width * _RADIUS))
        cv2.circle(drawn, centre, radius, _COLOUR, thickness=max(1, radius // 4), lineType=cv2.LINE_AA)
    return drawn


def _inside(points: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    width, height = image_size
    return ((points >= -0.5) & (points < (width - 0.5, height - 0.5))).all(axis=1)
