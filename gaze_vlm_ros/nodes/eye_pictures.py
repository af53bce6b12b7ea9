"""The topics of the eye cameras: a picture for each eye, and where the glasses' rig is."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.common import header_message, pose_message
from gaze_vlm_ros.nodes.conversions.images import grey_message
from gaze_vlm_ros.types import EyePicture


class EyePictures:
    """Publishers of a node that has eye cameras."""

    def __init__(self, node: ManagedNode, pictures: QoSProfile, rig: QoSProfile) -> None:
        self.publishers = {side: node.advertise(Image, topic, pictures) for side, topic in names.EYE_IMAGES.items()}
        self._rig = node.advertise(PoseStamped, names.EYE_RIG, rig)

    def publish(self, picture: EyePicture, stamp_ns: int) -> None:
        frame_id = f"{picture.side}_eye_camera_optical"
        self.publishers[picture.side].publish(grey_message(picture.grey, stamp_ns, frame_id))

    def publish_rig(self, camera_T_rig: np.ndarray, stamp_ns: int, frame_id: str) -> None:
        """``camera_T_rig`` (4, 4) [m] in the scene camera's optical frame ``frame_id``."""
        self._rig.publish(PoseStamped(header=header_message(stamp_ns, frame_id), pose=pose_message(camera_T_rig)))
