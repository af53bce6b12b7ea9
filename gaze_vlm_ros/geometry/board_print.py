"""A marker board as a file that prints true to scale: PNG that states its resolution, or PDF that states its size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from gaze_vlm_ros.geometry.registration import MarkerBoard

MM_PER_INCH = 25.4
_CAPTION_MM = 10.0
_BAR_MM = 100.0


def caption(board: MarkerBoard) -> str:
    """The board in one line, with the names of the registration node's parameters."""
    return (
        f"columns {board.columns}, rows {board.rows}, marker_m {board.marker_m:g}, gap_m {board.gap_m:g}, "
        f"{board.dictionary}; the bar is {_BAR_MM:.0f} mm long"
    )


def printed(board: MarkerBoard, dpi: int) -> np.ndarray:
    """The board with its caption and a bar to check the scale by, (H, W) uint8 at ``dpi`` dots per inch."""
    per_mm = dpi / MM_PER_INCH
    picture = board.image(round(board.size_m[0] * 1e3 * per_mm))
    foot = np.full((round(_CAPTION_MM * per_mm), picture.shape[1]), 255, np.uint8)
    left, top = round(board.gap_m * 1e3 * per_mm), round(1.0 * per_mm)
    length = min(round(_BAR_MM * per_mm), foot.shape[1] - left)
    foot[top : top + max(1, round(0.6 * per_mm)), left : left + length] = 0
    words, font, size = caption(board), cv2.FONT_HERSHEY_SIMPLEX, 1.0
    room = foot.shape[1] - 2 * left
    size = min(room / cv2.getTextSize(words, font, 1.0, 1)[0][0], 3.0 * per_mm / 22.0)
    cv2.putText(foot, words, (left, round(7.0 * per_mm)), font, size, 0, max(1, round(1.2 * size)), cv2.LINE_AA)
    return np.vstack([picture, foot])


def save(picture: np.ndarray, dpi: int, path: Path) -> None:
    """Writes (H, W) uint8 as a PNG that states its resolution, or as a PDF whose page has its size, by the suffix.

    In a PDF every pixel is black or white, without loss. Raises OSError where ``path`` cannot be written.
    """
    page = Image.fromarray(picture)
    if path.suffix.lower() == ".pdf":
        page = page.convert("1", dither=Image.Dither.NONE)
    page.save(path, dpi=(dpi, dpi), resolution=dpi)
