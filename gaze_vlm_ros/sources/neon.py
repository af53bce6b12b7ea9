"""Pupil Labs Neon native recordings: gaze at up to 200 Hz, eye state, the device's own eye movements, scene video."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gaze_vlm_ros.geometry.camera import unproject
from gaze_vlm_ros.sources.base import SCENE_CAMERA, SourceError, SourceInfo, SourceItem, in_stamp_order, rate_hz
from gaze_vlm_ros.sources.neon_eyes import eye_movements, eye_states
from gaze_vlm_ros.sources.neon_video import neon_eye_pictures
from gaze_vlm_ros.sources.vendor import require
from gaze_vlm_ros.types import CameraModel, EyePicture, Frame, GazeSample

WIDTH, HEIGHT = 1600, 1200
"""Size of the scene camera, fixed in Neon; its calibration refers to it."""
SIGMA_RAD = np.radians(1.8) / np.sqrt(np.pi / 2)
"""1-sigma of yaw and of pitch for a mean error of 1.8 degrees, the figure usually quoted for Neon without offset
correction (we have not measured it). Two equal normal errors give an angle of mean sigma * sqrt(pi / 2)."""
_log = logging.getLogger(__name__)


class NeonSource:
    """One native recording folder; see :class:`gaze_vlm_ros.sources.base.Source`. Works without the scene video.

    Frames are the scene camera's own (1600x1200, distorted), so that gaze points need no change. Confidence is the
    share of eyes that are open; a sample with both eyes shut is invalid (NaN).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        _check_folder(self._folder)
        self._recording = require("pupil_labs.neon_recording", "A Neon recording", "neon").open(self._folder)
        self._camera = _scene_camera(self._folder, self._recording)
        try:
            self._gaze = self._read_gaze()
            self._eye_movements = eye_movements(self._folder, self._recording, self._gaze)
        except (self._recording.SensorError, ValueError, KeyError, TypeError, OSError) as error:
            raise SourceError(
                f"{self._folder}: its gaze, eye state or eye movement files are missing or cut off"
                f" ({error.__cause__ or error}); export the recording from the Companion app again"
            ) from error
        self._video, note = self._open_video()
        self._info = self._describe((*self._gaze_note(), *((note,) if note else ())))

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def cameras(self) -> Mapping[str, CameraModel]:
        return {SCENE_CAMERA: self._camera}

    def __iter__(self) -> Iterator[SourceItem]:
        return in_stamp_order(self._gaze, self._eye_movements, self._frames())

    def eye_pictures(self) -> Iterator[EyePicture]:
        return neon_eye_pictures(self._folder, self._recording)

    @property
    def camera_T_rig(self) -> None:
        """Neon's calibration gives each eye camera's place, but not the eyes'."""

    def close(self) -> None:
        self._recording.close()

    def _read_gaze(self) -> list[GazeSample]:
        gaze = self._recording.gaze
        stamps_ns, points = np.asarray(gaze.time), np.asarray(gaze.point, dtype=np.float64)
        worn = _worn(self._recording, stamps_ns)
        left, right = eye_states(self._folder, self._recording, stamps_ns)
        if len(stamps_ns) == 0:
            raise SourceError(f"{self._folder}: holds no gaze; export the recording from the Companion app again")
        opened = np.array([(a.valid + b.valid) / 2 for a, b in zip(left, right, strict=True)])
        points[opened == 0.0] = np.nan
        rays = unproject(self._camera, points)
        opened[~np.isfinite(rays).all(axis=1)] = 0.0
        return [
            GazeSample(
                stamp_ns=int(stamps_ns[i]),
                point_px=points[i],
                ray=rays[i],
                sequence=int(i),
                sigma_rad=np.full(2, SIGMA_RAD),
                confidence=float(opened[i]),
                worn=bool(worn[i]),
                left=left[i],
                right=right[i],
            )
            for i in np.argsort(stamps_ns, kind="stable")
        ]

    def _gaze_note(self) -> tuple[str, ...]:
        """A note where the stamps promise more gaze than there is."""
        complete = self._folder / "gaze_200hz.time"
        files = [complete] if complete.is_file() else sorted(self._folder.glob("gaze ps*.time"))
        promised = sum(file.stat().st_size for file in files) // np.dtype(np.int64).itemsize
        if promised <= len(self._gaze):
            return ()
        note = f"{self._folder}: its gaze was cut off, {len(self._gaze)} of {promised} samples are there"
        _log.warning("%s", note)
        return (note,)

    def _open_video(self) -> tuple[Any, str]:
        """The scene video or None, with a note where it is missing; a broken one raises SourceError."""
        if not any(self._folder.glob("Neon Scene Camera v1 ps*.mp4")):
            return None, f"{self._folder}: has no scene video (Neon Scene Camera v1 ps1.mp4), so gaze only"
        try:
            video = self._recording.scene
            size = (video.width, video.height)
        except Exception as error:  # the video library has many errors of its own
            raise SourceError(
                f"{self._folder}: its scene video cannot be opened ({error.__cause__ or error}); export it again, or"
                " move it away to use the gaze alone"
            ) from error
        if size != (WIDTH, HEIGHT):
            raise SourceError(f"{self._folder}: its scene video is {size}, but Neon's is ({WIDTH}, {HEIGHT})")
        return video, ""

    def _frames(self) -> Iterator[Frame]:
        if self._video is None:
            return
        stamps_ns = self._video.time
        for index in range(len(self._video)):
            try:
                bgr = self._video[index].bgr
            except Exception as error:  # the video library has many errors of its own
                _log.warning("%s: the scene video ends after %d frames (%s)", self._folder, index, error)
                return
            yield Frame(int(stamps_ns[index]), np.ascontiguousarray(bgr[..., ::-1]), sequence=index)

    def _describe(self, notes: tuple[str, ...]) -> SourceInfo:
        gaze_ns = [sample.stamp_ns for sample in self._gaze]
        frames_ns = [] if self._video is None else [int(stamp) for stamp in self._video.time]
        stamps = [*gaze_ns, *frames_ns]
        return SourceInfo(
            name="neon",
            location=str(self._folder),
            frame_rate_hz=rate_hz(len(frames_ns), frames_ns[-1] - frames_ns[0] if frames_ns else 0),
            gaze_rate_hz=rate_hz(len(gaze_ns), gaze_ns[-1] - gaze_ns[0]),
            duration_s=(max(stamps) - min(stamps)) / 1e9,
            counts={"frames": len(frames_ns), "gaze": len(gaze_ns), "eye_movements": len(self._eye_movements)},
            has_depth=False,
            device_clock="Unix time of the Companion device",
            notes=notes,
        )


def _check_folder(folder: Path) -> None:
    try:
        about = json.loads((folder / "info.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SourceError(f"{folder}: has no info.json; give the folder of a native Neon recording") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{folder / 'info.json'}: cannot be read ({error}); export the recording again") from error
    if not isinstance(about, dict) or "gaze_frequency" not in about:
        raise SourceError(f"{folder / 'info.json'}: is not that of a Neon recording; give the folder of a native one")


def _scene_camera(folder: Path, recording: Any) -> CameraModel:
    try:
        calibration = recording.calibration
        if calibration is None:
            raise SourceError(f"{folder}: has no calibration.bin, so gaze has no direction; export it again")
        return CameraModel(WIDTH, HEIGHT, calibration.scene_camera_matrix, calibration.scene_distortion_coefficients)
    except (ValueError, IndexError, OSError) as error:
        raise SourceError(f"{folder / 'calibration.bin'}: cannot be read ({error}); export it again") from error


def _worn(recording: Any, stamps_ns: np.ndarray) -> np.ndarray:
    """Whether the glasses were worn at each stamp (N,) bool; recordings without the flag count as worn."""
    try:
        worn = recording.worn
    except recording.SensorError:
        return np.ones(len(stamps_ns), dtype=bool)
    if len(worn) == 0:
        return np.ones(len(stamps_ns), dtype=bool)
    nearest = np.searchsorted(worn.time, stamps_ns, side="right") - 1
    return np.asarray(worn.worn)[np.clip(nearest, 0, None)] > 0
