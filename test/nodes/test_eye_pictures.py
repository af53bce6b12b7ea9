"""Pictures of eyes from a recording and from devices, as the graph gets them."""

from types import MappingProxyType

import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from gaze_vlm_msgs.msg import GazeSample
from gaze_vlm_ros import types
from gaze_vlm_ros.geometry.transforms import make_transform
from gaze_vlm_ros.nodes import eye_camera_node, names, qos, source_node
from gaze_vlm_ros.nodes.conversions.common import stamp_of, transform_from
from gaze_vlm_ros.nodes.conversions.images import grey_from
from gaze_vlm_ros.sources.base import SCENE_CAMERA, SourceError, SourceInfo
from gaze_vlm_ros.types import CameraModel, EyePicture

CAMERA = CameraModel(64, 48, np.array([[50.0, 0, 31.5], [0, 50.0, 23.5], [0, 0, 1]]))
RIG = make_transform(np.eye(3), np.array([0.01, 0.02, -0.03]))
PICTURES = 20


class Glasses:
    """A recording with frames, gaze and eye pictures."""

    info = SourceInfo("glasses", "here", 10.0, 50.0, 1.0, {}, False, "its own")
    cameras = MappingProxyType({SCENE_CAMERA: CAMERA})
    camera_T_rig = RIG

    def __iter__(self):
        for index in range(PICTURES):
            stamp_ns = 10**9 + index * 20_000_000
            yield types.GazeSample(stamp_ns, np.array([30.0, 20.0]), np.array([0.0, 0.0, 1.0]), index)
            if index % 5 == 0:
                yield types.Frame(stamp_ns, np.zeros((48, 64, 3), np.uint8), index)

    def eye_pictures(self):
        for index in range(PICTURES):
            for side in ("left", "right"):
                grey = np.full((32, 40), index if side == "left" else 100 + index, np.uint8)
                yield EyePicture(10**9 + index * 20_000_000, side, grey, index)

    def close(self):
        """Nothing to close."""


@pytest.fixture
def hear(spin):
    """``hear(node, **parameters)`` plays a node; returns eye pictures by side, rigs and gaze heard."""
    nodes = []

    def play(node, until, **parameters):
        nodes.append(node)
        other, heard = Node("lab"), {"left": [], "right": [], "rig": [], "gaze": []}
        reliable = qos.REPLAYED_EYE_PICTURES
        for side, topic in names.EYE_IMAGES.items():
            profile = reliable if isinstance(node, source_node.SourceNode) else qos.EYE_PICTURES
            other.create_subscription(Image, topic, heard[side].append, profile)
        other.create_subscription(PoseStamped, names.EYE_RIG, heard["rig"].append, qos.SENSOR)
        other.create_subscription(GazeSample, names.GAZE_SAMPLE, heard["gaze"].append, qos.SAMPLES)
        spin(node, seconds=0.0)
        node.set_parameters([Parameter(name, value=value) for name, value in parameters.items()])
        assert node.trigger_configure().name == "SUCCESS", node.failure
        assert node.trigger_activate().name == "SUCCESS", node.failure
        assert spin(other, lambda: until(heard)), {name: len(messages) for name, messages in heard.items()}
        return other, heard

    yield play
    for node in nodes:
        node.trigger_shutdown()


def test_a_recording_gives_its_eye_pictures_its_rig_and_not_its_gaze(hear, monkeypatch):
    monkeypatch.setattr(source_node, "open_source", lambda _: Glasses())
    node = source_node.SourceNode("source")
    other, heard = hear(
        node, lambda heard: len(heard["right"]) == PICTURES and heard["rig"], location="x", eyes="pictures"
    )
    assert [grey_from(message)[0, 0] for message in heard["left"]] == list(range(PICTURES))
    assert [stamp_of(a) for a in heard["left"]] == [stamp_of(b) for b in heard["right"]]
    assert set(np.diff([stamp_of(message) for message in heard["left"]])) == {20_000_000}
    np.testing.assert_allclose(transform_from(heard["rig"][0].pose), RIG, atol=1e-9)
    assert not heard["gaze"] and other.count_publishers(names.GAZE_SAMPLE) == 0


def test_a_recording_without_eye_cameras_is_refused_when_they_are_wanted(hear, monkeypatch, spin):
    class Plain:
        info, cameras = Glasses.info, Glasses.cameras
        __iter__, close = Glasses.__iter__, Glasses.close

    monkeypatch.setattr(source_node, "open_source", lambda _: Plain())
    node = source_node.SourceNode("source")
    spin(node, seconds=0.0)
    node.set_parameters([Parameter("location", value="x"), Parameter("eyes", value="pictures")])
    assert node.trigger_configure().name != "SUCCESS" and "have no eye cameras" in node.failure


class Device:
    """One eye camera that gives some pictures and then fails."""

    def __init__(self, side):
        self.side, self.device_clock, self.is_open = side, "its own", True

    def __iter__(self):
        for index in range(PICTURES):
            yield EyePicture(10**9 + index * 5_000_000, self.side, np.full((32, 40), index, np.uint8), index)
        raise SourceError("webcam:1: delivers no frames any more; plug the camera in again and restart")

    def close(self):
        self.is_open = False


def test_devices_are_played_with_their_stamps_and_a_lost_one_is_the_nodes_failure(hear, monkeypatch, spin):
    devices = [Device("left"), Device("right")]
    monkeypatch.setattr(eye_camera_node, "open_eye_devices", lambda *_: devices)
    node = eye_camera_node.EyeCameraNode("eye_camera")
    _, heard = hear(node, lambda _: bool(node.failure), location="webcam:1,webcam:2")
    assert "delivers no frames any more" in node.failure
    assert spin(node, lambda: not any(device.is_open for device in devices))
    assert set(np.diff([stamp_of(message) for message in heard["left"]])) <= {5_000_000 * k for k in range(1, 20)}


def test_pictures_of_eyes_are_none_of_what_a_recording_holds():
    assert not set(names.EYE_IMAGES.values()) & set(names.RECORDED)
    assert not [topic for topic in names.RECORDED if "eye_camera" in topic]
