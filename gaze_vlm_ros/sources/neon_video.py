"""The eye cameras of a Neon recording: one video with both eyes side by side, at 200 Hz."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gaze_vlm_ros.sources.base import SourceError
from gaze_vlm_ros.sources.eye_pictures import halves
from gaze_vlm_ros.types import EyePicture

_log = logging.getLogger(__name__)


def neon_eye_pictures(folder: Path, recording: Any) -> Iterator[EyePicture]:
    """Both eyes (192, 192) uint8; the left half of the video's picture is the left eye.

    Raises SourceError where the video is missing, as in recordings exported without it, or cannot be opened.
    """
    if not any(folder.glob("Neon Sensor Module v1 ps*.mp4")):
        raise SourceError(
            f"{folder}: has no eye video (Neon Sensor Module v1 ps1.mp4); export the recording with its videos, or use "
            "its own gaze, without eye_cameras"
        )
    try:
        video = recording.eye
        stamps_ns = np.asarray(video.time)
        size = (video.width, video.height)
    except Exception as error:  # the video library has many errors of its own
        raise SourceError(
            f"{folder}: its eye video cannot be opened ({error.__cause__ or error}); export it again"
        ) from error
    if size[0] < 2 * size[1]:
        raise SourceError(f"{folder}: its eye video is {size[0]}x{size[1]}, but both eyes lie side by side in Neon's")
    return _pictures(folder, video, stamps_ns)


def _pictures(folder: Path, video: Any, stamps_ns: np.ndarray) -> Iterator[EyePicture]:
    for index, stamp_ns in enumerate(stamps_ns):
        try:
            both = np.ascontiguousarray(video[index].gray)
        except Exception as error:  # likewise
            _log.warning("%s: the eye video ends after %d pictures (%s)", folder, index, error)
            return
        yield from halves(int(stamp_ns), both, index)
