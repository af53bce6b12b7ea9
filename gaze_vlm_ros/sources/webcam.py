"""A webcam as scene camera, without gaze: for trying things out."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from gaze_vlm_ros.sources.base import SCENE_CAMERA, SourceError, SourceInfo, SourceItem
from gaze_vlm_ros.types import CameraModel, Frame

WIDTH, HEIGHT = 640, 480
NOMINAL_FIELD_OF_VIEW_DEG = 65.0
"""Horizontal, of a common webcam; used because a webcam brings no calibration."""
_URI = re.compile(r"webcam:(\d+)")


@dataclass(frozen=True)
class CaptureSettings:
    """What is asked of the driver, which may do otherwise; a ``rate_hz`` of 0 leaves it to the driver."""

    width: int = WIDTH
    height: int = HEIGHT
    rate_hz: float = 0.0


class WebcamSource:
    """Live frames of ``webcam:N``; see :class:`gaze_vlm_ros.sources.base.Source`.

    Stamps are the driver's where it gives them (V4L2: the monotonic clock at capture), else the monotonic time at which
    the frame was received. Which of the two is decided by the first frame.
    """

    def __init__(self, uri: str, settings: CaptureSettings | None = None) -> None:
        match = _URI.fullmatch(uri)
        if match is None:
            raise SourceError(f"{uri}: write webcam:N with the number of the camera, for example webcam:0")
        self._uri = uri
        self._capture = cv2.VideoCapture(int(match[1]))
        if not self._capture.isOpened():
            raise SourceError(f"{uri}: cannot be opened; see that the camera is plugged in and nobody else uses it")
        settings = settings or CaptureSettings()
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height)
        if settings.rate_hz:
            self._capture.set(cv2.CAP_PROP_FPS, settings.rate_hz)
        first = self._grab()
        self._has_device_stamps = self._capture.get(cv2.CAP_PROP_POS_MSEC) > 0.0
        height, width = first.shape[:2]
        self._camera = _nominal_camera(width, height)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self._info = SourceInfo(
            name="webcam",
            location=uri,
            frame_rate_hz=rate if rate > 0.0 else float("nan"),
            gaze_rate_hz=float("nan"),
            duration_s=float("inf"),
            counts={},
            has_depth=False,
            device_clock="the driver's capture time" if self._has_device_stamps else "monotonic time of arrival",
            live=True,
            notes=(
                f"{uri}: is not calibrated; {NOMINAL_FIELD_OF_VIEW_DEG:.0f} degrees are assumed across",
                f"{uri}: has no gaze",
            ),
        )

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def cameras(self) -> Mapping[str, CameraModel]:
        return {SCENE_CAMERA: self._camera}

    def __iter__(self) -> Iterator[SourceItem]:
        sequence, last_ns = 0, -1
        while self._capture.isOpened():
            bgr = self._grab()
            stamp_ns = self._stamp_ns()
            if stamp_ns > last_ns:
                yield Frame(stamp_ns, cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), sequence=sequence)
                sequence, last_ns = sequence + 1, stamp_ns

    def close(self) -> None:
        self._capture.release()

    def _grab(self) -> np.ndarray:
        taken, bgr = self._capture.read()
        if not taken:
            raise SourceError(f"{self._uri}: delivers no frames any more; plug the camera in again and restart")
        return bgr

    def _stamp_ns(self) -> int:
        if self._has_device_stamps:
            return round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return time.monotonic_ns()


def _nominal_camera(width: int, height: int) -> CameraModel:
    focal_px = width / 2 / math.tan(math.radians(NOMINAL_FIELD_OF_VIEW_DEG) / 2)
    matrix = np.array([[focal_px, 0.0, (width - 1) / 2], [0.0, focal_px, (height - 1) / 2], [0.0, 0.0, 1.0]])
    return CameraModel(width, height, matrix)
