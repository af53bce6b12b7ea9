"""The robot's eye on topics: one that a node turns, or cut out of the pictures of a camera that stands still."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from geometry_msgs.msg import Vector3Stamped
from sensor_msgs.msg import CameraInfo, Image

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.geometry.transforms import rotation_from_vector
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.common import header_message, stamp_of
from gaze_vlm_ros.nodes.conversions.images import camera_from, rgb_from
from gaze_vlm_ros.policies.skills import Look
from gaze_vlm_ros.sim.robot_eye import CameraViews, RobotEye
from gaze_vlm_ros.sim.robot_eye.eye import rotation
from gaze_vlm_ros.types import NS_PER_S

SOURCES = ("views", "camera")
_LEVELS = 3
_REMEMBERED = 8
"""Directions that wait for the views of their stamp."""


def direction_message(direction: np.ndarray, stamp_ns: int, frame_id: str) -> Vector3Stamped:
    """A unit vector (3,) of the frame ``frame_id``."""
    message = Vector3Stamped(header=header_message(stamp_ns, frame_id))
    message.vector.x, message.vector.y, message.vector.z = map(float, direction)
    return message


def direction_from(message: Vector3Stamped) -> np.ndarray:
    return np.array([message.vector.x, message.vector.y, message.vector.z])


class EyeLink:
    """Hands each look of the eye to ``seen``, and turns it by actions.

    ``views``: the topics of an eye that turns, three square pictures under one another with their direction.
    ``camera``: ``mount`` (6,) is where a wide camera is in the base, its position [m] and the rotation vector [rad] of
    its optical axes; its calibration comes by ``camera_info``.
    """

    def __init__(
        self,
        node: ManagedNode,
        source: str,
        mount: Sequence[float],
        rate_hz: float,
        base: str,
        seen: Callable[[Look], None],
    ) -> None:
        """Raises GazeVlmError where ``mount`` is not six numbers, or a camera's is not told."""
        if len(mount) != 6 or (source == "camera" and not any(mount)):
            raise GazeVlmError(
                f"parameter eye_at must be six numbers, position [m] and rotation vector [rad] of the eye, got {mount}"
            )
        self._node, self._base, self._seen = node, base, seen
        self._eye = RobotEye(elevation_rad=-0.6)
        self._directions: dict[int, np.ndarray] = {}
        self._period_ns, self._newest_ns = round(0.9 / rate_hz * NS_PER_S), 0
        self._camera: CameraViews | None = None
        self._base_R_camera = rotation_from_vector(np.array(mount[3:]))
        if source == "views":
            self._command = node.advertise(Vector3Stamped, names.ROBOT_EYE_COMMAND, qos.RESULT)
            self.inboxes = [
                node.inbox(Vector3Stamped, names.ROBOT_EYE_DIRECTION, self._on_direction, qos.RESULT),
                node.inbox(Image, names.ROBOT_EYE_VIEWS, self._on_views, qos.SENSOR, silent_after_s=0.5),
            ]
        else:
            self._command = None
            self.inboxes = [
                node.inbox(CameraInfo, names.ROBOT_INFO, self._on_info, qos.SENSOR),
                node.inbox(Image, names.ROBOT_IMAGE, self._on_picture, qos.SENSOR, silent_after_s=0.5),
            ]

    def act(self, action: int) -> None:
        """Turns the eye by one of its 25 actions."""
        self._eye.act(action)
        if self._command is not None:
            self._command.publish(direction_message(self._eye.direction, self._node.now_ns(), self._base))

    def _on_direction(self, message: Vector3Stamped) -> None:
        self._directions[stamp_of(message)] = direction_from(message)
        while len(self._directions) > _REMEMBERED:
            self._directions.pop(next(iter(self._directions)))

    def _on_views(self, message: Image) -> None:
        stamp_ns = stamp_of(message)
        if (direction := self._directions.get(stamp_ns)) is None:
            raise ValueError("views without the direction of their stamp; does robot_eye/direction come?")
        rgb = rgb_from(message)
        if rgb.shape[0] != _LEVELS * rgb.shape[1]:
            raise ValueError(f"the eye's views must be three squares under one another, got {rgb.shape}")
        self._seen(Look(stamp_ns, rgb.reshape(_LEVELS, rgb.shape[1], rgb.shape[1], 3), direction))

    def _on_info(self, message: CameraInfo) -> None:
        if self._camera is None:
            self._camera = CameraViews(camera_from(message), self._base_R_camera)

    def _on_picture(self, message: Image) -> None:
        stamp_ns = stamp_of(message)
        if self._camera is None:
            raise ValueError("pictures of the robot's camera without camera_info: they cannot be used")
        if 0 <= stamp_ns - self._newest_ns < self._period_ns:
            return
        self._newest_ns = stamp_ns
        turned = rotation(self._eye.azimuth_rad, self._eye.elevation_rad)
        self._seen(Look(stamp_ns, self._camera.cut(rgb_from(message), turned), self._eye.direction))
