"""The scene camera's four image topics."""

from __future__ import annotations

from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image

from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.images import depth_png_message, float_message, jpeg_message, rgb_message
from gaze_vlm_ros.types import Frame


class Pictures:
    """Colour and depth, raw and compressed; each is made only where somebody listens, for encoding takes long.

    ``always_raw``, ``always_compressed``: made in any case, for readers that will be found late and must miss nothing.
    """

    def __init__(
        self, node: ManagedNode, profile: QoSProfile, always_raw: bool = False, always_compressed: bool = False
    ) -> None:
        self._always = always_raw, always_compressed
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
        for image, kinds in ((frame.rgb, self._colour), (frame.depth_m, self._depth)):
            for (publisher, to_message), always in zip(kinds, self._always, strict=True):
                if image is not None and (always or publisher.get_subscription_count()):
                    publisher.publish(to_message(image, stamp_ns, frame_id))
