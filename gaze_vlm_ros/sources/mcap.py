"""Replaying recordings of ROS 2 graphs (MCAP file or rosbag2 folder): gaze, scene camera, its depth and its pose."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gaze_vlm_ros.geometry.transforms import make_transform, matrix_from_quaternion
from gaze_vlm_ros.recording.images import decode_depth, decode_rgb
from gaze_vlm_ros.recording.reader import RecordedMessage, iter_messages, summarize
from gaze_vlm_ros.recording.summary import RecordingError, RecordingSummary
from gaze_vlm_ros.sources.base import SCENE_CAMERA, SourceError, SourceInfo, SourceItem, rate_hz
from gaze_vlm_ros.sources.mcap_topics import choose_topics
from gaze_vlm_ros.sources.reordering import Reorderer
from gaze_vlm_ros.types import CameraKind, CameraModel, CameraPose, EyeState, Frame, GazeSample

_KINDS = {
    "plumb_bob": CameraKind.PINHOLE,
    "rational_polynomial": CameraKind.PINHOLE,
    "equidistant": CameraKind.FISHEYE,
    "": CameraKind.PINHOLE,
}
_log = logging.getLogger(__name__)


class McapSource:
    """Frames (with depth), camera poses and gaze of one recording; see :class:`gaze_vlm_ros.sources.base.Source`.

    Topics are found by the end of their names under any namespace (:func:`choose_topics`); the choice is in
    ``info.notes``. The recording's own ``gaze/eye_movement`` is not replayed: it was computed from this gaze.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        try:
            summary = summarize(self._path)
            self._topics, notes = choose_topics(self._path, summary.topics)
            self._camera = self._read_camera()
        except RecordingError as error:
            raise SourceError(str(error)) from error
        if self._topics.frames and self._camera is None:
            raise SourceError(
                f"{self._path}: has {self._topics.frames} without {self._topics.camera_info}; record the camera's"
                " calibration too"
            )
        self._info = self._describe(summary, (*notes, *([summary.problem] if summary.problem else [])))

    @property
    def info(self) -> SourceInfo:
        return self._info

    @property
    def cameras(self) -> Mapping[str, CameraModel]:
        return {} if self._camera is None else {SCENE_CAMERA: self._camera}

    def __iter__(self) -> Iterator[SourceItem]:
        order = Reorderer()
        try:
            for recorded in iter_messages(self._path, self._topics.played):
                self._put(order, recorded)
                yield from order.ready()
        except RecordingError as error:
            raise SourceError(str(error)) from error
        yield from order.rest()
        if order.late:
            _log.warning("%s: %d messages came too late for their stamps and were left out", self._path, order.late)

    def close(self) -> None:
        """Files are open only while iterating."""

    def _put(self, order: Reorderer, recorded: RecordedMessage) -> None:
        stamp_ns = _stamp_ns(recorded)
        if recorded.topic == self._topics.frames:
            order.add(Frame(stamp_ns, decode_rgb(recorded.message), sequence=recorded.sequence))
        elif recorded.topic == self._topics.depth:
            order.add_depth(stamp_ns, decode_depth(recorded.message))
        elif recorded.topic == self._topics.pose:
            order.add(_camera_pose(self._path, stamp_ns, recorded.message))
        else:
            order.add(_gaze_sample(stamp_ns, recorded.message))

    def _read_camera(self) -> CameraModel | None:
        if self._topics.camera_info is None:
            return None
        for recorded in iter_messages(self._path, [self._topics.camera_info]):
            return _camera_model(self._path, recorded.message)
        return None

    def _describe(self, summary: RecordingSummary, notes: tuple[str, ...]) -> SourceInfo:
        counts = {
            name: summary.topics[topic].messages if topic else 0
            for name, topic in (("frames", self._topics.frames), ("gaze", self._topics.gaze))
        }
        span_ns = summary.end_ns - summary.start_ns
        return SourceInfo(
            name="mcap",
            location=str(self._path),
            frame_rate_hz=rate_hz(counts["frames"], span_ns),
            gaze_rate_hz=rate_hz(counts["gaze"], span_ns),
            duration_s=summary.duration_s,
            counts={**counts, "eye_movements": 0},
            has_depth=self._topics.depth is not None,
            device_clock="header stamps of the recording",
            notes=notes,
            has_poses=self._topics.pose is not None,
        )


def _stamp_ns(recorded: RecordedMessage) -> int:
    """The header's stamp; the log time where the publisher left it at zero."""
    stamp = recorded.message.header.stamp
    return stamp.sec * 1_000_000_000 + stamp.nanosec or recorded.log_ns


def _gaze_sample(stamp_ns: int, message: Any) -> GazeSample:
    return GazeSample(
        stamp_ns=stamp_ns,
        point_px=np.array(message.point_px, dtype=np.float64),
        ray=np.array(message.ray, dtype=np.float64),
        sequence=message.sequence,
        distance_m=message.distance_m,
        sigma_rad=np.array(message.sigma_rad, dtype=np.float64),
        confidence=message.confidence,
        worn=message.worn,
        left=_eye_state(message.left),
        right=_eye_state(message.right),
    )


def _camera_pose(path: Path, stamp_ns: int, message: Any) -> CameraPose:
    pose, turn = message.pose.pose.position, message.pose.pose.orientation
    try:
        rotation = matrix_from_quaternion(np.array([turn.x, turn.y, turn.z, turn.w]))
    except ValueError as error:
        raise SourceError(f"{path}: a pose of the scene camera is not usable: {error}") from error
    covariance = np.array(message.pose.covariance, dtype=np.float64).reshape(6, 6)
    base_T_camera = make_transform(rotation, np.array([pose.x, pose.y, pose.z]))
    return CameraPose(stamp_ns, base_T_camera, covariance, message.header.frame_id)


def _eye_state(message: Any) -> EyeState:
    return EyeState(np.array(message.ray, dtype=np.float64), message.valid, message.pupil_diameter_mm)


def _camera_model(path: Path, info: Any) -> CameraModel:
    if info.distortion_model not in _KINDS:
        known = ", ".join(name for name in _KINDS if name)
        raise SourceError(f"{path}: its camera_info has distortion model {info.distortion_model!r}; known are {known}")
    matrix = np.array(info.k, dtype=np.float64).reshape(3, 3)
    try:
        return CameraModel(info.width, info.height, matrix, np.array(info.d), _KINDS[info.distortion_model])
    except ValueError as error:
        raise SourceError(f"{path}: its camera_info is not usable: {error}") from error
