"""The scene camera's four image topics."""

from __future__ import annotations

from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image

from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.images import depth_png_message, float_message, jpeg_message, rgb_message
from gaze_vlm_ros.types import Frame


class Pictures:
    """Colour and depth, raw and compressed; each is made only where somebody listens, for encoding takes long."""

    def __init__(self, node: ManagedNode, profile: QoSProfile) -> None:
        self._colour = [
            (node.advertise(Image, names.SCENE_IMAGE, profile), rgb_message),
            (node.advertise(CompressedImage, names.SCENE_IMAGE_COMPRESSED, profile), jpeg_message),
        ]
        self._depth = [
            (node.advertise(Image, names.SCENE_DEPTH, profile), float_message),
            (node.advertise(CompressedImage, names.SCENE_DEPTH_COMPRESSED, profile), depth_png_message),
        ]

    @property
    def publishers(self) -> list:
        return [publisher for publisher, _ in self._colour + self._depth]

    def publish(self, frame: Frame, stamp_ns: int, frame_id: str) -> None:
        for publisher, to_message in self._colour:
            if publisher.get_subscription_count():
                publisher.publish(to_message(frame.rgb, stamp_ns, frame_id))
        for publisher, to_message in self._depth if frame.depth_m is not None else ():
            if publisher.get_subscription_count():
                publisher.publish(to_message(frame.depth_m, stamp_ns, frame_id))
