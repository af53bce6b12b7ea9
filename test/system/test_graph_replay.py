"""A recording through the whole graph: nothing is lost, and the same comes out twice."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("rclpy")

import cv2
import numpy as np
from rclpy.serialization import serialize_message

from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.conversions.gaze import gaze_message
from gaze_vlm_ros.nodes.conversions.images import camera_info_message, jpeg_message
from gaze_vlm_ros.recording.reader import iter_messages
from gaze_vlm_ros.recording.writer import McapWriter
from gaze_vlm_ros.types import CameraModel, GazeSample

SECONDS, FRAME_HZ, GAZE_HZ = 4, 15, 200
FIRST_NS = 1_700_000_000_000_000_000
CAMERA = CameraModel(320, 240, np.array([[260.0, 0, 159.5], [0, 260.0, 119.5], [0, 0, 1]]))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Four seconds of a disc that wanders over the picture, and gaze that follows it with a jump each second."""
    path = tmp_path_factory.mktemp("recorded") / "recorded.mcap"
    writer = McapWriter(path)
    events = [(FIRST_NS + k * 10**9 // GAZE_HZ, "gaze", k) for k in range(SECONDS * GAZE_HZ)]
    events += [(FIRST_NS + k * 10**9 // FRAME_HZ, "frame", k) for k in range(SECONDS * FRAME_HZ)]
    for stamp_ns, what, number in sorted(events):
        seconds = (stamp_ns - FIRST_NS) / 1e9
        point = np.array([60.0 + 60.0 * int(seconds), 100.0 + 20.0 * seconds])
        if what == "gaze":
            ray = np.array([(point[0] - 159.5) / 260.0, (point[1] - 119.5) / 260.0, 1.0])
            message = gaze_message(GazeSample(stamp_ns, point, ray / np.linalg.norm(ray), number), CAMERA.frame_id)
            _write(writer, names.GAZE_SAMPLE, message, stamp_ns)
            continue
        picture = np.full((240, 320, 3), 90, np.uint8)
        cv2.circle(picture, tuple(int(value) for value in point), 25, (230, 40, 40), -1)
        _write(writer, names.SCENE_INFO, camera_info_message(CAMERA, stamp_ns), stamp_ns)
        _write(writer, names.SCENE_IMAGE_COMPRESSED, jpeg_message(picture, stamp_ns, CAMERA.frame_id), stamp_ns)
    writer.close()
    return path


def _write(writer, topic, message, stamp_ns):
    writer.write(f"/{topic}", names.RECORDED[topic], serialize_message(message), stamp_ns, stamp_ns)


def _replay(running, checkpoint, recorded, out, rate):
    """What was recorded while ``recorded`` was replayed: by topic, the messages."""
    with running("replay", checkpoint=checkpoint, path=str(recorded), record=str(out), rate=rate) as run:
        run.wait_ready()
        assert not run.graph.wait(60.0), "the replay did not end by itself"
    heard = {}
    for message in iter_messages(out):
        heard.setdefault(message.topic.removeprefix("/sim/"), []).append(message.message)
    return heard


def _stamps(messages):
    return [message.header.stamp.sec * 10**9 + message.header.stamp.nanosec for message in messages]


def _said(heard):
    """Every prediction: kind, time since the first frame, and everything in it that is a number or a word."""
    first = min(_stamps(heard[names.SCENE_INFO]))
    return sorted(
        (
            topic, stamp - first, message.text, message.confidence, message.used_gaze, message.out_of_domain,
            tuple((hypothesis.text, hypothesis.probability) for hypothesis in message.hypotheses),
        )
        for topic in (names.ACTIVITY, names.EVENT)
        for message, stamp in zip(heard[topic], _stamps(heard[topic]), strict=True)
    )  # fmt: skip


def test_a_replay_loses_nothing_ends_by_itself_and_repeats_itself(running, checkpoint, recorded, tmp_path):
    began_ns = time.time_ns()
    once = _replay(running, checkpoint, recorded, tmp_path / "once.mcap", "1.0")
    assert len(once[names.SCENE_IMAGE_COMPRESSED]) == SECONDS * FRAME_HZ
    assert [message.sequence for message in once[names.GAZE_SAMPLE]] == list(range(SECONDS * GAZE_HZ))
    stamps = np.array(_stamps(once[names.GAZE_SAMPLE]))
    assert (np.diff(stamps) == 10**9 // GAZE_HZ).all() and began_ns < stamps[0] < time.time_ns()
    said = _said(once)
    assert len(said) == 2 * SECONDS * 5 and all(item[4] for item in said)
    # The gaze jumps three times; the first stretch and the last are fixations as well.
    kinds = [message.kind for message in once[names.EYE_MOVEMENT]]
    assert kinds.count(1) == 3 and kinds.count(0) >= 3
    again = _replay(running, checkpoint, recorded, tmp_path / "again.mcap", "3.0")
    assert _said(again) == said
