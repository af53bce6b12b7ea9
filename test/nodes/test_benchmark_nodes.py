"""The nodes of the benchmarks write down what they hear and ask."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory

from gaze_vlm_msgs.msg import GazeSample
from gaze_vlm_ros import types
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.conversions.common import camera_pose_message, time_message
from gaze_vlm_ros.nodes.conversions.gaze import gaze_message
from gaze_vlm_ros.nodes.conversions.images import camera_info_message, jpeg_message
from gaze_vlm_ros.nodes.source_node import SourceNode


@pytest.fixture
def up(spin, tmp_path):
    """Brings a node up whose notes go to ``tmp_path``/notes."""

    def bring(make, name):
        node = make(name)
        node.set_parameters([Parameter("path", value=str(tmp_path / "notes"))])
        spin(node, seconds=0.0)
        assert node.trigger_configure().name == "SUCCESS" and node.trigger_activate().name == "SUCCESS"
        return node

    return bring


def test_a_listener_notes_every_message_that_it_hears_until_it_ends(benchmark, spin, up, tmp_path):
    listener = benchmark("listener")
    node, other = up(listener.ListenerNode, "listener"), Node("other")
    frames = other.create_publisher(Image, names.SCENE_IMAGE, qos.SENSOR)
    gaze = other.create_publisher(GazeSample, names.GAZE_SAMPLE, qos.SAMPLES)
    assert spin(other, lambda: all(p.get_subscription_count() == 1 for p in (frames, gaze)))
    for number in range(1, 41):
        gaze.publish(GazeSample(header=_header(number), sequence=number))
    frames.publish(Image(header=_header(7)))
    assert spin(node, lambda: (tmp_path / "notes").stat().st_size >= 24)
    spin(node, seconds=0.5)
    node.trigger_shutdown()
    heard = benchmark("notes").read_notes(tmp_path / "notes", tuple(listener.HEARD))
    assert heard[names.SCENE_IMAGE][:, 0].tolist() == [7]
    assert heard[names.GAZE_SAMPLE][:, 0].tolist() == list(range(1, 41))
    assert (heard[names.GAZE_SAMPLE][:, 1] > 10**18).all()


def _header(stamp_ns):
    return Header(stamp=time_message(stamp_ns))


def test_a_prober_commands_and_is_silent_and_notes_what_is_answered(benchmark, spin, up, tmp_path):
    prober, asked = benchmark("prober"), []
    other = Node("other")
    answers = other.create_publisher(JointTrajectory, names.CONTROLLER_TRAJECTORY, qos.RESULT)
    other.create_subscription(JointTrajectory, names.POLICY_TRAJECTORY, asked.append, qos.RESULT)
    spin(other, seconds=0.0)
    node = up(prober.ProberNode, "prober")
    assert spin(other, lambda: len(asked) >= 3 and answers.get_subscription_count() == 1)
    answers.publish(JointTrajectory())
    assert spin(other, lambda: len(asked) >= 5)
    node.trigger_shutdown()
    heard = benchmark("notes").read_notes(tmp_path / "notes", ("commands", "answers"))
    stamps = heard["commands"][:, 1]
    assert len(stamps) >= 5 and np.diff(stamps).min() > 0.17e9
    assert len(heard["answers"]) == 1 and stamps[0] < heard["answers"][0, 1]


def small_clip(seed, seconds):
    """As ``load_replay.clip``, with small pictures of noise."""
    camera = types.CameraModel(64, 48, np.array([[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]))
    noise, ray = np.random.default_rng(seed).integers(0, 255, (48, 64, 3), np.uint8), np.array([0.0, 0.0, 1.0])
    items = []
    for number in range(30 * seconds):
        at_ns = number * 10**9 // 30
        items += [
            (at_ns, names.SCENE_INFO, camera_info_message(camera, at_ns)),
            (at_ns, names.SCENE_POSE, camera_pose_message(at_ns, np.eye(4), np.eye(6), "base")),
            (at_ns, names.SCENE_IMAGE_COMPRESSED, jpeg_message(noise, at_ns, camera.frame_id)),
        ]
    for number in range(200 * seconds):
        sample = types.GazeSample(number, np.array([32.0, 24.0]), ray)
        items.append((number * 5 * 10**6, names.GAZE_SAMPLE, gaze_message(sample, camera.frame_id, 0)))
    return sorted(items, key=lambda item: item[0])


def test_what_a_source_plays_a_listener_hears_or_counts(benchmark, spin, up, tmp_path, monkeypatch):
    replay, listener = benchmark("load_replay"), benchmark("listener")
    monkeypatch.setattr(replay, "clip", small_clip)
    written = replay.write(tmp_path / "replayed.mcap", 2, 0, clip_s=1)
    reader, source = up(listener.ListenerNode, "listener"), SourceNode("source")
    source.set_parameters([Parameter("location", value=str(tmp_path / "replayed.mcap"))])
    spin(source, seconds=0.0)
    assert source.trigger_configure().name == "SUCCESS" and source.trigger_activate().name == "SUCCESS"
    assert spin(source, lambda: (source._frames, source._samples) == (60, 300), seconds=60.0)
    spin(source, seconds=1.0)
    reader.trigger_deactivate()
    lost = {stream.topic: stream.numbering.lost for stream in reader._streams}
    reader.trigger_shutdown()
    source.trigger_shutdown()
    heard = benchmark("notes").read_notes(tmp_path / "notes", tuple(listener.HEARD))
    for topic, count in ((names.SCENE_IMAGE, 60), (names.GAZE_SAMPLE, 300)):
        assert len(np.unique(heard[topic][:, 0])) + lost[topic] == count
    stamps = heard[names.SCENE_IMAGE][:, 0]
    offset_ns = heard[names.GAZE_SAMPLE][0, 0] - replay.FIRST_NS
    assert set(stamps - offset_ns) <= set(written.frame_stamps_ns.tolist()) and len(stamps)
