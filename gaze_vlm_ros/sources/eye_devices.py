"""Live eye cameras: one UVC device with both eyes side by side, or one for each eye."""

from __future__ import annotations

import re
from collections.abc import Iterator

import cv2
import numpy as np

from gaze_vlm_ros.sources.base import SourceError
from gaze_vlm_ros.sources.eye_pictures import halves
from gaze_vlm_ros.sources.webcam import CaptureSettings, WebcamSource
from gaze_vlm_ros.types import EyePicture

_LOCATION = re.compile(r"(webcam:\d+)?(,(webcam:\d+)?)?")
SIDES = ("left", "right")


class EyeDevice:
    """One camera: of one eye (``side`` "left" or "right"), or of both, side by side (``side`` "both")."""

    def __init__(self, uri: str, side: str, settings: CaptureSettings, upside_down: bool = False) -> None:
        self.side, self._turned = side, upside_down
        self._camera = WebcamSource(uri, settings)

    @property
    def device_clock(self) -> str:
        return self._camera.info.device_clock

    def __iter__(self) -> Iterator[EyePicture]:
        """Pictures as they are taken. Raises SourceError when the device delivers none any more."""
        for frame in self._camera:
            grey = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY)
            grey = np.ascontiguousarray(grey[::-1, ::-1]) if self._turned else grey
            if self.side == "both":
                yield from halves(frame.stamp_ns, grey, frame.sequence)
            else:
                yield EyePicture(frame.stamp_ns, self.side, grey, frame.sequence)

    def close(self) -> None:
        self._camera.close()


def open_eye_devices(location: str, settings: CaptureSettings, upside_down: str = "none") -> list[EyeDevice]:
    """``webcam:N`` shows both eyes side by side; ``webcam:L,webcam:R`` are left and right, of which one may be missing.

    ``upside_down``: which camera is mounted so ("none", "left", "right", "both"). Raises SourceError with the remedy;
    then no device is left open.
    """
    if not location or not _LOCATION.fullmatch(location) or location == ",":
        raise SourceError(
            f"eye cameras {location!r}: write webcam:N for both eyes side by side, or webcam:L,webcam:R for the left "
            "and the right eye"
        )
    names, opened = location.split(","), []
    sides = ("both",) if len(names) == 1 else SIDES
    if len(set(filter(None, names))) < len(list(filter(None, names))):
        raise SourceError(
            f"eye cameras {location!r}: both eyes name the same device; write it once for both side by side"
        )
    try:
        for uri, side in zip(names, sides, strict=True):
            if uri:
                opened.append(EyeDevice(uri, side, settings, upside_down in (side, "both")))
    except SourceError:
        for device in opened:
            device.close()
        raise
    return opened
