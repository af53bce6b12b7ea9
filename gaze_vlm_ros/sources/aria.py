"""Project Aria recordings (VRS with the gaze of Machine Perception Services), upright and undistorted.

The RGB camera is a fisheye (Fisheye624) mounted turned by 90 degrees. Frames are resampled, with the device's own
calibration, to an upright pinhole of 75 degrees at 640x480: the scene camera of the simulator.
"""

from __future__ import annotations

import contextlib
import logging
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gaze_vlm_ros.sources.aria_eyes import aria_eye_pictures
from gaze_vlm_ros.sources.aria_gaze import find_gaze_table, read_gaze_table
from gaze_vlm_ros.sources.base import SCENE_CAMERA, SourceError, SourceInfo, SourceItem, in_stamp_order, rate_hz
from gaze_vlm_ros.sources.vendor import captured_output, require
from gaze_vlm_ros.types import CameraModel, EyePicture, Frame

WIDTH, HEIGHT = 640, 480
FIELD_OF_VIEW_DEG = 75.0
_RGB = "camera-rgb"
_CPF_T_RIG = np.diag([-1.0, -1.0, 1.0, 1.0])
"""The central pupil frame has x to the left and y up."""
_DROPPED = re.compile(r"(\d+) records are beyond the end of the file")
_log = logging.getLogger(__name__)


class AriaSource:
    """RGB frames and gaze of one ``.vrs`` file; see :class:`gaze_vlm_ros.sources.base.Source`.

    Gaze comes from ``mps/eye_gaze/personalized_eye_gaze.csv`` or ``general_eye_gaze.csv`` beside the file; without
    one there are frames only, and a note says so.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._provider, notes = _open(self._path)
        self._stream = self._provider.get_stream_id_from_label(_RGB)
        device = self._provider.get_device_calibration()
        if self._stream is None or device is None or device.get_camera_calib(_RGB) is None:
            raise SourceError(f"{self._path}: holds no calibrated {_RGB} stream; record with a profile that has RGB")
        time_domain = require("projectaria_tools.core.sensor_data", "An Aria recording", "aria").TimeDomain.DEVICE_TIME
        self._stamps_ns = self._provider.get_timestamps_ns(self._stream, time_domain)
        self._view = UprightView(device)
        table = find_gaze_table(self._path)
        self._gaze, gaze_notes = read_gaze_table(table, self._view) if table else ([], _no_gaze(self._path))
        if not self._stamps_ns and not self._gaze:
            raise SourceError(f"{self._path}: holds neither frames nor gaze; was it cut off? copy it again")
        self._info = self._describe((*notes, *gaze_notes))

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def cameras(self) -> Mapping[str, CameraModel]:
        return {SCENE_CAMERA: self._view.camera}

    def __iter__(self) -> Iterator[SourceItem]:
        return in_stamp_order(self._gaze, self._frames())

    def eye_pictures(self) -> Iterator[EyePicture]:
        return aria_eye_pictures(self._path, self._provider)

    @property
    def camera_T_rig(self) -> np.ndarray:
        return self._view.camera_T_cpf @ _CPF_T_RIG

    def close(self) -> None:
        """Nothing is held open that is not freed with the object."""

    def _frames(self) -> Iterator[Frame]:
        for index, stamp_ns in enumerate(self._stamps_ns):
            image = None
            with captured_output(), contextlib.suppress(RuntimeError):
                image, _ = self._provider.get_image_data_by_index(self._stream, index)
            if image is None or not image.is_valid():
                _log.warning("%s: frame %d is damaged and was left out", self._path, index)
                continue
            yield Frame(stamp_ns, self._view.image(image.to_numpy_array()), sequence=index)

    def _describe(self, notes: tuple[str, ...]) -> SourceInfo:
        frames, gaze = self._stamps_ns, [sample.stamp_ns for sample in self._gaze]
        stamps = [*frames, *gaze]
        return SourceInfo(
            name="aria",
            location=str(self._path),
            frame_rate_hz=rate_hz(len(frames), frames[-1] - frames[0] if frames else 0),
            gaze_rate_hz=rate_hz(len(gaze), gaze[-1] - gaze[0] if gaze else 0),
            duration_s=(max(stamps) - min(stamps)) / 1e9,
            counts={"frames": len(frames), "gaze": len(gaze), "eye_movements": 0},
            has_depth=False,
            device_clock="Aria device time, from the start of the glasses",
            notes=notes,
        )


class UprightView:
    """The upright pinhole camera at the place of the RGB camera, and where the central pupil frame (CPF) lies in it."""

    def __init__(self, device: Any) -> None:
        calibration = require("projectaria_tools.core.calibration", "An Aria recording", "aria")
        lens = device.get_camera_calib(_RGB)
        focal_px = WIDTH / 2 / math.tan(math.radians(FIELD_OF_VIEW_DEG) / 2)
        turned = calibration.get_linear_camera_calibration(
            HEIGHT, WIDTH, focal_px, _RGB, lens.get_transform_device_camera()
        )
        upright = calibration.rotate_camera_calib_cw90deg(turned)
        matrix = np.diag([*upright.get_focal_lengths(), 1.0])
        matrix[:2, 2] = upright.get_principal_point()
        self.camera = CameraModel(WIDTH, HEIGHT, matrix)
        device_T_cpf = device.get_transform_device_cpf()
        self.camera_T_cpf = (upright.get_transform_device_camera().inverse() @ device_T_cpf).to_matrix()
        self._size = tuple(int(side) for side in lens.get_image_size())
        self._maps = _sampling_maps(calibration, turned, lens, self._size)

    def image(self, fisheye: np.ndarray) -> np.ndarray:
        """The upright picture (480, 640, 3) uint8 RGB of a fisheye picture; black where the lens sees nothing."""
        if fisheye.shape[1::-1] != self._size:
            raise SourceError(f"a frame of {fisheye.shape[1::-1]} does not fit the calibration of {self._size}")
        if fisheye.ndim == 2:
            fisheye = cv2.cvtColor(fisheye, cv2.COLOR_GRAY2RGB)
        return cv2.remap(fisheye, *self._maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def _sampling_maps(calibration: Any, turned: Any, lens: Any, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Where each upright pixel lies in the fisheye picture, for ``cv2.remap``.

    The vendor's resampling of two coordinate ramps gives the exact map once; per frame it would cost 15 times more.
    """
    ramps = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in size))
    outside = calibration.distort_by_calibration(np.ones(size[::-1], np.float32), turned, lens) < 0.5
    x, y = (np.where(outside, -1e4, calibration.distort_by_calibration(ramp, turned, lens)) for ramp in ramps)
    return cv2.convertMaps(*(np.rot90(side, -1).astype(np.float32).copy() for side in (x, y)), cv2.CV_16SC2)


def _open(path: Path) -> tuple[Any, tuple[str, ...]]:
    """The vendor's reader of a file, and what it had to say about a file that was cut."""
    data_provider = require("projectaria_tools.core.data_provider", "An Aria recording", "aria")
    if not path.is_file():
        raise SourceError(f"{path}: no such file; check the path")
    with captured_output() as said:
        try:
            provider = data_provider.create_vrs_data_provider(str(path))
        except RuntimeError:
            provider = None
    if provider is None:
        size = path.stat().st_size
        why = "is empty" if size == 0 else f"is no VRS recording, or was cut off near its beginning ({size} bytes)"
        raise SourceError(f"{path}: {why}; copy it from the glasses again")
    dropped = next((match[1] for match in map(_DROPPED.search, said) if match), None)
    if dropped is None:
        return provider, ()
    note = f"{path}: was cut off, {dropped} records are missing; what is there is read"
    _log.warning("%s", note)
    return provider, (note,)


def _no_gaze(path: Path) -> tuple[str, ...]:
    return (f"{path}: no mps/eye_gaze/general_eye_gaze.csv beside it, so frames only; request gaze from Aria MPS",)
