"""The simulated robot's eye on topics: turned by commands, drawn with each frame."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Vector3Stamped
from sensor_msgs.msg import Image

from gaze_vlm_ros.geometry.transforms import make_transform
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.images import rgb_message
from gaze_vlm_ros.nodes.eye_link import direction_from, direction_message
from gaze_vlm_ros.sim.robot_eye import RobotEye
from gaze_vlm_ros.sim.scene_camera import Snapshot
from gaze_vlm_ros.sim.simulation import Simulation


class RobotEyeTopics:
    """``at_m`` (3,) is where the eye is in the robot's base. ``publish`` belongs to the thread that draws."""

    def __init__(self, node: ManagedNode, simulation: Simulation, at_m: np.ndarray) -> None:
        self._simulation = simulation
        base_T_eye = make_transform(np.eye(3), at_m)
        self._eye = RobotEye(elevation_rad=-0.6, world_T_mount=simulation.arm.world_T_base() @ base_T_eye)
        self._wanted = self._eye.direction
        self._direction = node.advertise(Vector3Stamped, names.ROBOT_EYE_DIRECTION, qos.RESULT)
        self._views = node.advertise(Image, names.ROBOT_EYE_VIEWS, qos.SENSOR)
        node.subscribe(Vector3Stamped, names.ROBOT_EYE_COMMAND, self._on_command, qos.RESULT)

    def _on_command(self, message: Vector3Stamped) -> None:
        direction = direction_from(message)
        if not np.isfinite(direction).all() or not direction.any():
            raise ValueError("a direction for the eye must be a vector of finite length")
        self._wanted = direction

    def publish(self, snapshot: Snapshot, stamp_ns: int) -> None:
        """Looks where it was told to, and says what it sees."""
        self._eye.look_at(self._wanted)
        views = self._simulation.scene_camera.eye_views(snapshot, self._eye)
        self._direction.publish(direction_message(self._eye.direction, stamp_ns, self._simulation.base_frame))
        self._views.publish(rgb_message(views.reshape(-1, *views.shape[2:]), stamp_ns, "robot_eye"))
