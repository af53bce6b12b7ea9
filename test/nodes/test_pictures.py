"""Pictures are made for those who listen, or in any case for those who will be found late."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.pictures import Pictures
from gaze_vlm_ros.types import Frame

FRAME = Frame(10**18, np.full((12, 16, 3), 90, np.uint8), depth_m=np.ones((12, 16), np.float32))
TOPICS = {
    names.SCENE_IMAGE: Image,
    names.SCENE_IMAGE_COMPRESSED: CompressedImage,
    names.SCENE_DEPTH: Image,
    names.SCENE_DEPTH_COMPRESSED: CompressedImage,
}


@pytest.mark.parametrize(
    ("always", "expected"),
    [
        ({}, set()),
        ({"always_raw": True}, {names.SCENE_IMAGE, names.SCENE_DEPTH}),
        ({"always_raw": True, "always_compressed": True}, set(TOPICS)),
    ],
)
def test_who_is_found_late_gets_what_was_always_made(spin, always, expected):
    node, late = ManagedNode("camera"), Node("late")
    spin(node, seconds=0.0)
    node.trigger_configure()
    pictures = Pictures(node, qos.REPLAYED_FRAMES, **always)
    node.trigger_activate()
    for publisher in pictures.publishers:
        publisher.on_activate(None)
    pictures.publish(FRAME, FRAME.stamp_ns, "camera")
    heard = set()
    for topic, kind in TOPICS.items():
        late.create_subscription(kind, topic, lambda _, topic=topic: heard.add(topic), qos.REPLAYED_FRAMES)
    spin(late, lambda: heard == expected and bool(expected), seconds=3.0)
    assert heard == expected
