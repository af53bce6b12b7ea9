"""In a replay, whoever is found late still gets everything that comes of the recording."""

import pytest

pytest.importorskip("rclpy")

from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSCompatibility, ReliabilityPolicy, qos_check_compatible

from gaze_vlm_msgs.msg import EyeMovement, GazeSample
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.conversions import gaze
from gaze_vlm_ros.nodes.gaze_node import GazeNode
from gaze_vlm_ros.nodes.gaze_target_node import GazeTargetNode
from gaze_vlm_ros.nodes.recorded_topics import qos_of
from gaze_vlm_ros.nodes.vlm_node import VlmNode
from gaze_vlm_ros.types import GazeSample as Sample

MADE_BY = {
    GazeNode: {names.EYE_MOVEMENT},
    GazeTargetNode: {names.GAZE_TARGET, names.MARKERS},
    VlmNode: {names.ACTIVITY, names.EVENT, names.ATTENTION, names.OBJECTS},
}


def replaying(spin, kind, name):
    node = kind(name)
    node.set_parameters([Parameter("mode", value="replay")])
    spin(node, seconds=0.0)
    assert node.trigger_configure().name == "SUCCESS"
    return node


@pytest.mark.parametrize(("kind", "topics"), MADE_BY.items(), ids=lambda item: getattr(item, "__name__", ""))
def test_results_wait_for_a_recorder_and_it_asks_for_them(spin, kind, topics):
    name = kind.__name__.lower()
    node = replaying(spin, kind, name)

    def recorded():
        published = {topic.lstrip("/") for topic, _ in node.get_publisher_names_and_types_by_node(name, "/")}
        return published & set(names.RECORDED) - {names.DIAGNOSTICS}

    assert spin(node, lambda: recorded() == topics), recorded()
    for topic in topics:
        (offered,) = (info.qos_profile for info in node.get_publishers_info_by_topic(topic))
        wanted = qos_of(topic, is_replay=True)
        for profile in (offered, wanted):
            assert profile.reliability is ReliabilityPolicy.RELIABLE
            assert profile.durability is DurabilityPolicy.TRANSIENT_LOCAL
        assert qos_check_compatible(offered, wanted)[0] is not QoSCompatibility.ERROR and wanted.depth >= 1000
        # The live nodes offer less, and a recorder of a live graph asks for no more than that.
        assert qos_check_compatible(qos.RESULT, qos_of(topic, is_replay=False))[0] is not QoSCompatibility.ERROR


def test_a_late_subscriber_gets_the_eye_movements_of_the_beginning(spin):
    node, other = replaying(spin, GazeNode, "gaze"), Node("lab")
    node.trigger_activate()
    publisher = other.create_publisher(GazeSample, names.GAZE_SAMPLE, qos.REPLAYED_SAMPLES)
    assert spin(other, publisher.get_subscription_count)
    for number in range(400):
        side = 0.2 if number // 100 % 2 else -0.2
        norm = (1 + side**2) ** 0.5
        sample = Sample(10**18 + number * 5_000_000, [320 + 500 * side, 240], [side / norm, 0, 1 / norm], number)
        publisher.publish(gaze.gaze_message(sample, "camera"))
        spin(other, seconds=0.0)
    assert spin(other, lambda: node._done_ns >= 10**18 + 399 * 5_000_000)
    late = []
    other.create_subscription(EyeMovement, names.EYE_MOVEMENT, late.append, qos_of(names.EYE_MOVEMENT, is_replay=True))
    assert spin(other, lambda: len(late) >= 6), [message.kind for message in late]
    assert [message.kind for message in late[:3]] == [0, 1, 0]
