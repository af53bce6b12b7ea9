"""The VLM node in life: what it publishes rests on fresh frames, or it is silent."""

import pytest

pytest.importorskip("rclpy")

from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from tiny import frame_at, tiny_model

from gaze_vlm_msgs.msg import Prediction
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.conversions.images import rgb_message
from gaze_vlm_ros.nodes.vlm_node import VlmNode
from gaze_vlm_ros.types import NS_PER_S
from gaze_vlm_ros.vlm.checkpoint import save_checkpoint

MAX_AGE_S = 30
"""So long that no busy machine makes a fresh frame old."""


@pytest.fixture
def lab(spin, tmp_path):
    """The node; ``publish(age_s)`` a frame, whose stamp it returns; the stamps of predictions; ``wait(until)``."""
    save_checkpoint(tmp_path, *tiny_model())
    node, other = VlmNode("vlm"), Node("lab")
    settings = {"checkpoint": str(tmp_path), "max_age_s": float(MAX_AGE_S)}
    spin(node, seconds=0.0)
    node.set_parameters([Parameter(name, value=value) for name, value in settings.items()])
    assert node.trigger_configure().name == "SUCCESS" and node.trigger_activate().name == "SUCCESS"
    publisher = other.create_publisher(Image, names.SCENE_IMAGE, qos.NEWEST)
    heard = []
    other.create_subscription(
        Prediction, names.EVENT, lambda m: heard.append(m.header.stamp.sec * NS_PER_S + m.header.stamp.nanosec), 10
    )
    assert spin(other, lambda: publisher.get_subscription_count() and other.count_publishers(names.EVENT))

    def publish(age_s):
        stamp_ns = node.now_ns() - round(age_s * NS_PER_S)
        publisher.publish(rgb_message(frame_at(0.0).rgb, stamp_ns, "camera"))
        return stamp_ns

    return node, publish, heard, lambda until: spin(other, until)


def test_nothing_is_published_from_a_frame_that_is_old(lab):
    node, publish, heard, wait = lab
    first = publish(0.0)
    assert wait(lambda: heard == [first])
    publish(2 * MAX_AGE_S)
    assert wait(lambda: node._too_old == 1)
    last = publish(0.0)
    assert wait(lambda: heard == [first, last]), "the old frame in between gave nothing"
    assert node._figures()["frames too old"] == "1"


def test_a_frame_that_grew_old_while_the_model_ran_gives_nothing(lab, monkeypatch):
    node, publish, heard, wait = lab
    predict, late = node.predictor.predict, []

    def slow():
        output = predict()
        monkeypatch.setattr(node, "now_ns", lambda: 2**62)
        late.append(output)
        return output

    monkeypatch.setattr(node.predictor, "predict", slow)
    publish(0.0)
    assert wait(lambda: late and node._too_old == 1)
    assert heard == []


def test_without_memory_for_a_frame_the_node_fails_with_the_reason(lab, monkeypatch):
    node, publish, heard, wait = lab

    def encode(pixels):
        raise MemoryError

    monkeypatch.setattr(node.predictor._encoder._model, "encode", encode)
    publish(0.0)
    assert wait(lambda: not node.active)
    assert "not enough memory to encode a single frame" in node.failure and not heard


def test_what_was_given_up_for_lack_of_memory_is_a_warning(lab):
    node, publish, heard, wait = lab
    assert node._warnings() == []
    node.predictor._encoder._at_once, node.predictor._encoder.notice = 1, "out of memory on cuda: frames one at a time"
    first = publish(0.0)
    assert wait(lambda: heard == [first]), "the node goes on"
    assert node._warnings() == ["out of memory on cuda: frames one at a time"]
