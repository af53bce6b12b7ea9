"""What the recorder lets into its file."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CompressedImage

from gaze_vlm_msgs.msg import StudyMarker
from gaze_vlm_ros.nodes import names, qos, recorder_node
from gaze_vlm_ros.nodes.conversions.images import jpeg_message, rgb_from
from gaze_vlm_ros.nodes.parameters import ParameterError
from gaze_vlm_ros.nodes.recorded_topics import recorded
from gaze_vlm_ros.nodes.recorder_node import RecorderNode, RecorderParameters
from gaze_vlm_ros.recording.reader import iter_messages
from gaze_vlm_ros.recording.summary import RecordingError

FIRST_NS = 10**18
WHITE, BLACK = np.full((48, 64, 3), 255, np.uint8), np.zeros((48, 64, 3), np.uint8)


class Blackens:
    """Blurs a whole picture to black; a dark one it cannot search."""

    def blurred(self, rgb):
        if rgb.mean() < 100:
            raise RecordingError("too dark to see a face")
        return np.zeros_like(rgb), 1


@pytest.fixture
def record(spin, tmp_path, monkeypatch):
    """``record(messages, **parameters)`` publishes (topic, message)s to a recorder and returns what its file holds."""
    monkeypatch.setattr(recorder_node, "FaceBlur", Blackens)
    monkeypatch.setattr(recorder_node, "UNCHECKED_AFTER_S", 600.0)

    def run(messages, heard, **parameters):
        path = tmp_path / "run.mcap"
        node, other = RecorderNode("recorder"), Node("lab")
        node.set_parameters([Parameter(k, value=v) for k, v in {"path": str(path), **parameters}.items()])
        spin(node, seconds=0.0)
        assert node.trigger_configure().name == node.trigger_activate().name == "SUCCESS", node.failure
        kinds = {names.SCENE_IMAGE_COMPRESSED: CompressedImage, names.STUDY_MARKER: StudyMarker}
        to = {topic: other.create_publisher(kinds[topic], topic, qos.RESULT) for topic, _ in messages}
        assert spin(other, lambda: all(publisher.get_subscription_count() for publisher in to.values()))
        for topic, message in messages:
            to[topic].publish(message)
        assert spin(node, lambda: heard(node)), node._figures()
        figures = node._figures() | {"dropped": node._dropped()}
        node.trigger_deactivate()
        node.trigger_cleanup()
        return list(iter_messages(path)), figures

    return run


def pictures(*rgbs):
    return [
        (names.SCENE_IMAGE_COMPRESSED, jpeg_message(rgb, FIRST_NS + index, "camera")) for index, rgb in enumerate(rgbs)
    ]


def offered(node, topic):
    return node._writer._offered[f"/{topic}"]


def kept(messages, topic):
    return [item for item in messages if item.topic == f"/{topic}"]


def test_only_pictures_that_were_searched_reach_the_file(record):
    messages, figures = record(
        pictures(WHITE, BLACK, WHITE), lambda node: node._faces_blurred == 2 and node._withheld == 1,
        scene_image="faces_blurred",
    )  # fmt: skip
    images = kept(messages, names.SCENE_IMAGE_COMPRESSED)
    assert [rgb_from(item.message).max() < 30 for item in images] == [True, True]
    assert [item.message.header.stamp.nanosec for item in images] == [0, 2]
    assert (figures["withheld"], figures["dropped"]) == ("1", 1)


def test_a_picture_that_waited_too_long_is_left_out_and_counted(record, monkeypatch):
    monkeypatch.setattr(recorder_node, "UNCHECKED_AFTER_S", -1.0)
    messages, figures = record(pictures(WHITE), lambda node: node._withheld == 1, scene_image="faces_blurred")
    assert not kept(messages, names.SCENE_IMAGE_COMPRESSED) and figures["faces blurred"] == "0"


def test_as_is_keeps_pictures_as_they_are(record):
    messages, _ = record(pictures(WHITE), lambda node: offered(node, names.SCENE_IMAGE_COMPRESSED) == 1)
    assert rgb_from(kept(messages, names.SCENE_IMAGE_COMPRESSED)[0].message).min() > 225


def test_a_marker_that_names_somebody_is_not_kept(record):
    marks = [
        StudyMarker(participant="P07", text="begin"),
        StudyMarker(participant="Anna Smith"),
        StudyMarker(participant="P07", text="ask a.smith@example.org"),
    ]
    sent = [(names.STUDY_MARKER, mark) for mark in marks]
    messages, _ = record(sent, lambda node: node._withheld == 2, participant="P07")
    said = [(item.message.participant, item.message.text) for item in kept(messages, names.STUDY_MARKER)]
    assert said == [("P07", ""), ("P07", "begin")]


def test_a_name_as_participant_is_refused_in_one_line():
    with pytest.raises(ParameterError, match="participant must be a pseudonym") as refusal:
        RecorderParameters(participant="Anna Smith")
    assert "Smith" not in str(refusal.value) and "\n" not in str(refusal.value)


def test_what_is_not_wanted_is_not_subscribed_to_and_eye_images_never_are():
    pictures_of_the_scene = {names.SCENE_IMAGE_COMPRESSED, names.SCENE_DEPTH_COMPRESSED}
    assert set(recorded("as_is")) == set(names.RECORDED)
    assert set(recorded("as_is")) - set(recorded("none")) == pictures_of_the_scene
    assert names.SCENE_DEPTH_COMPRESSED not in recorded("faces_blurred")
    assert not [topic for topic in names.RECORDED if "eye_camera" in topic]
    assert {topic for topic, kind in names.RECORDED.items() if kind.endswith("Image")} - pictures_of_the_scene == {
        names.ATTENTION
    }
