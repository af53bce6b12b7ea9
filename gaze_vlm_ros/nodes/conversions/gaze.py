"""Gaze samples and eye movements."""

from __future__ import annotations

import numpy as np

from gaze_vlm_msgs.msg import Eye
from gaze_vlm_msgs.msg import EyeMovement as EyeMovementMsg
from gaze_vlm_msgs.msg import GazeSample as GazeSampleMsg
from gaze_vlm_ros.nodes.conversions.common import ConversionError, header_message, nanoseconds, time_message
from gaze_vlm_ros.types import EyeMovement, EyeMovementKind, EyeState, GazeSample

_KINDS = {
    EyeMovementKind.FIXATION: EyeMovementMsg.FIXATION,
    EyeMovementKind.SACCADE: EyeMovementMsg.SACCADE,
    EyeMovementKind.BLINK: EyeMovementMsg.BLINK,
}
_KIND_OF = {number: kind for kind, number in _KINDS.items()}
_UNIT_TOLERANCE = 1e-2


def gaze_message(sample: GazeSample, frame_id: str, stamp_ns: int | None = None) -> GazeSampleMsg:
    """``stamp_ns``: the sample's stamp in ROS time, where its own is of another clock."""
    message = GazeSampleMsg(
        header=header_message(sample.stamp_ns if stamp_ns is None else stamp_ns, frame_id),
        sequence=sample.sequence % 2**32,
        point_px=_floats(sample.point_px),
        ray=_floats(sample.ray),
        distance_m=float(sample.distance_m),
        sigma_rad=_floats(sample.sigma_rad),
        confidence=float(sample.confidence),
        worn=bool(sample.worn),
    )
    _fill_eye(message.left, sample.left)
    _fill_eye(message.right, sample.right)
    return message


def gaze_from(message: GazeSampleMsg) -> GazeSample:
    """Invalid samples (NaN) pass; ConversionError for a ray of another length than 1 and a confidence outside 0..1."""
    ray = np.array(message.ray, dtype=np.float64)
    length = float(np.sqrt(ray @ ray))
    if abs(length - 1.0) > _UNIT_TOLERANCE:  # false for NaN
        raise ConversionError(f"the gaze ray must have length 1, got {length:.3f}")
    if not 0.0 <= message.confidence <= 1.0:
        raise ConversionError(f"the gaze confidence must be 0..1, got {message.confidence}")
    stamp_ns = nanoseconds(message.header.stamp)
    if stamp_ns == 0:
        raise ConversionError("a gaze sample needs the stamp at which the eyes were imaged, got 0")
    return GazeSample(
        stamp_ns,
        np.array(message.point_px, dtype=np.float64),
        ray / length,
        message.sequence,
        message.distance_m,
        np.array(message.sigma_rad, dtype=np.float64),
        message.confidence,
        message.worn,
        _eye_from(message.left),
        _eye_from(message.right),
    )


def movement_message(movement: EyeMovement, stamp_ns: int, frame_id: str) -> EyeMovementMsg:
    """``stamp_ns`` is that of the sample that ended the movement."""
    return EyeMovementMsg(
        header=header_message(stamp_ns, frame_id),
        kind=_KINDS[movement.kind],
        start=time_message(movement.start_ns),
        end=time_message(movement.end_ns),
        mean_point_px=_floats(movement.mean_point_px),
        amplitude_rad=float(movement.amplitude_rad),
        peak_velocity_rad_s=float(movement.peak_velocity_rad_s),
    )


def movement_from(message: EyeMovementMsg) -> EyeMovement:
    if message.kind not in _KIND_OF:
        raise ConversionError(f"eye movement kind {message.kind} is unknown")
    return EyeMovement(
        _KIND_OF[message.kind],
        nanoseconds(message.start),
        nanoseconds(message.end),
        np.array(message.mean_point_px, dtype=np.float64),
        message.amplitude_rad,
        message.peak_velocity_rad_s,
    )


def _floats(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)


def _fill_eye(message: Eye, eye: EyeState) -> None:
    message.ray, message.valid = _floats(eye.ray), bool(eye.valid)
    message.pupil_diameter_mm = float(eye.pupil_diameter_mm)


def _eye_from(message: Eye) -> EyeState:
    return EyeState(np.array(message.ray, dtype=np.float64), message.valid, message.pupil_diameter_mm)
