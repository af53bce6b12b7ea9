"""Stamps, points, vectors and poses."""

from __future__ import annotations

from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, PoseWithCovariance, PoseWithCovarianceStamped, Quaternion
from std_msgs.msg import Header

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.geometry.transforms import make_transform, matrix_from_quaternion, quaternion_from_matrix
from gaze_vlm_ros.types import NS_PER_S


class ConversionError(GazeVlmError):
    """A message that holds what it must not."""


def time_message(stamp_ns: int) -> Time:
    seconds, nanoseconds = divmod(int(stamp_ns), NS_PER_S)
    return Time(sec=seconds, nanosec=nanoseconds)


def nanoseconds(time: Time) -> int:
    """ConversionError where the nanoseconds are a second or more: such a stamp could not be passed on."""
    if time.nanosec >= NS_PER_S:
        raise ConversionError(f"a stamp has {time.nanosec} nanoseconds; fewer than {NS_PER_S} are possible")
    return time.sec * NS_PER_S + time.nanosec


def header_message(stamp_ns: int, frame_id: str) -> Header:
    return Header(stamp=time_message(stamp_ns), frame_id=frame_id)


def stamp_of(message: Any) -> int | None:
    """The header's stamp [ns]; None for a message without one, or whose stamp was never set or is none."""
    header = getattr(message, "header", None)
    if header is None or header.stamp.nanosec >= NS_PER_S:
        return None
    return nanoseconds(header.stamp) or None


def point_message(position_m: np.ndarray) -> Point:
    x, y, z = (float(value) for value in position_m)
    return Point(x=x, y=y, z=z)


def position_from(point: Point) -> np.ndarray:
    return np.array([point.x, point.y, point.z])


def pose_message(transform: np.ndarray) -> Pose:
    """The pose of a transform (4, 4)."""
    x, y, z, w = (float(value) for value in quaternion_from_matrix(transform[:3, :3]))
    return Pose(position=point_message(transform[:3, 3]), orientation=Quaternion(x=x, y=y, z=z, w=w))


def transform_from(pose: Pose) -> np.ndarray:
    """The transform (4, 4) of a pose; ConversionError unless it is finite and its quaternion has a length."""
    turn, position = pose.orientation, position_from(pose.position)
    if not np.isfinite(position).all():
        raise ConversionError(f"the pose's position is not finite: {position.tolist()}")
    try:
        return make_transform(matrix_from_quaternion(np.array([turn.x, turn.y, turn.z, turn.w])), position)
    except ValueError as error:
        raise ConversionError(str(error)) from error


def camera_pose_message(
    stamp_ns: int, base_T_camera: np.ndarray, covariance: np.ndarray, base_frame: str
) -> PoseWithCovarianceStamped:
    """Where the scene camera's optical frame is in the robot's base; ``covariance`` is (6, 6)."""
    pose = PoseWithCovariance(
        pose=pose_message(base_T_camera), covariance=np.asarray(covariance, dtype=np.float64).ravel()
    )
    return PoseWithCovarianceStamped(header=header_message(stamp_ns, base_frame), pose=pose)


def camera_pose_from(message: PoseWithCovarianceStamped) -> tuple[int, np.ndarray, np.ndarray, str]:
    """Stamp [ns], base_T_camera (4, 4), covariance (6, 6) and the base frame's name."""
    covariance = np.array(message.pose.covariance).reshape(6, 6)
    if not np.isfinite(covariance).all():
        raise ConversionError("the pose's covariance is not finite; use zeros where it is unknown")
    return nanoseconds(message.header.stamp), transform_from(message.pose.pose), covariance, message.header.frame_id
