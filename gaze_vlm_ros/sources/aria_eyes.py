"""The eye cameras of a Project Aria recording: one stream with both eyes side by side."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gaze_vlm_ros.sources.base import SourceError
from gaze_vlm_ros.sources.eye_pictures import halves
from gaze_vlm_ros.sources.vendor import captured_output, require
from gaze_vlm_ros.types import EyePicture

_STREAM = "camera-et"
_log = logging.getLogger(__name__)


def aria_eye_pictures(path: Path, provider: Any) -> Iterator[EyePicture]:
    """Both eyes (240, 320) uint8 at the recording's rate; the left half of the stream's picture is the left eye.

    Raises SourceError for a recording whose profile had no eye cameras.
    """
    time_domain = require("projectaria_tools.core.sensor_data", "An Aria recording", "aria").TimeDomain.DEVICE_TIME
    stream = provider.get_stream_id_from_label(_STREAM)
    stamps_ns = [] if stream is None else provider.get_timestamps_ns(stream, time_domain)
    if not stamps_ns:
        raise SourceError(f"{path}: holds no {_STREAM} stream; record with a profile that has the eye cameras")
    return _pictures(path, provider, stream, stamps_ns)


def _pictures(path: Path, provider: Any, stream: Any, stamps_ns: list[int]) -> Iterator[EyePicture]:
    for index, stamp_ns in enumerate(stamps_ns):
        image = None
        with captured_output(), contextlib.suppress(RuntimeError):
            image, _ = provider.get_image_data_by_index(stream, index)
        if image is None or not image.is_valid():
            _log.warning("%s: eye picture %d is damaged and was left out", path, index)
            continue
        yield from halves(stamp_ns, image.to_numpy_array(), index)
