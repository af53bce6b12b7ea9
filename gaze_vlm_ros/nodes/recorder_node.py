"""Writes the graph's topics to an MCAP file, as they come off the wire."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage

from gaze_vlm_msgs.msg import StudyMarker
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.graph import SCENE_IMAGE_KEPT
from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.common import header_message, stamp_of
from gaze_vlm_ros.nodes.conversions.images import jpeg_message, rgb_from
from gaze_vlm_ros.nodes.diagnostics import Numbering, number_of
from gaze_vlm_ros.nodes.frame_queue import FrameQueue
from gaze_vlm_ros.nodes.inbox import NeverCalled, take_all
from gaze_vlm_ros.nodes.parameters import ParameterError, Parameters, parameter
from gaze_vlm_ros.nodes.recorded_topics import message_class, qos_of, recorded
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.recording.bag import write_metadata
from gaze_vlm_ros.recording.privacy import FaceBlur, check_free_text, check_pseudonym
from gaze_vlm_ros.recording.recovery import is_cut_off
from gaze_vlm_ros.recording.summary import RecordingError, TopicQos
from gaze_vlm_ros.recording.writer import McapWriter

PERIOD_S = 0.05
UNCHECKED_AFTER_S = 0.8
"""A picture that has waited so long for the search for faces is left out: readers of a recording wait no longer."""


@dataclass(frozen=True)
class RecorderParameters(Parameters):
    """Parameters of the recorder; ParameterError also for a participant that is no pseudonym."""

    mode: str = parameter("live", "replay: nothing that comes of the recording may be lost", choices=("live", "replay"))
    path: str = parameter("", "the .mcap file to write; empty: recordings/<date and time>/<date and time>.mcap")
    scene_image: str = parameter(
        "as_is", "what is kept of the scene camera's pictures; depth only as_is", choices=SCENE_IMAGE_KEPT
    )
    participant: str = parameter("", "pseudonym of the wearer, such as P07, kept as a study marker; never a name")

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            check_pseudonym(self.participant)
        except RecordingError as error:
            raise ParameterError(f"parameter {error}") from None


class RecorderNode(ManagedNode):
    """Takes serialized messages in batches and hands them to the writer's thread."""

    Parameters = RecorderParameters
    _written: tuple[Path, ...] = ()

    def _setup(self) -> None:
        self._writer: McapWriter | None = None
        self._topics: list[tuple[str, str, str, Subscription, Numbering]] = []
        self._faces = FaceBlur() if self.parameters.scene_image == "faces_blurred" else None
        self._unchecked = FrameQueue(keep_all=True)
        self._faces_blurred = self._withheld = 0
        path = self._path()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = McapWriter(path, on_alarm=self.get_logger().error)
        self._written += (path,)
        for topic, kind in recorded(self.parameters.scene_image).items():
            qos = qos_of(topic, self.parameters.mode == "replay")
            full = self.resolve_topic_name(topic)
            latched = "transient_local" if topic in names.LATCHED else "volatile"
            self._writer.add_topic(full, kind, TopicQos(durability=latched, depth=qos.depth))
            subscription = self.create_subscription(
                message_class(kind), topic, lambda _: None, qos, raw=True, callback_group=NeverCalled()
            )
            self._owned.append(partial(self.destroy_subscription, subscription))
            self._topics.append((topic, full, kind, subscription, Numbering()))
        if self.parameters.participant:
            self._note_participant()
        self.worker(self._record)

    def _path(self) -> Path:
        """The file to write; a node that was brought back goes on in the next one, NAME-2.mcap and so on."""
        now = time.strftime("%Y-%m-%d_%H-%M-%S")
        wanted = path = Path(self.parameters.path or f"recordings/{now}/{now}.mcap").expanduser()
        number = 1
        while path in self._written or is_cut_off(path):
            number += 1
            path = wanted.with_stem(f"{wanted.stem}-{number}")
        return path

    def _note_participant(self) -> None:
        now_ns = self.now_ns()
        marker = StudyMarker(header=header_message(now_ns, ""), participant=self.parameters.participant)
        topic, kind = self.resolve_topic_name(names.STUDY_MARKER), names.RECORDED[names.STUDY_MARKER]
        self._writer.write(topic, kind, serialize_message(marker), now_ns, now_ns)

    def _record(self, halt: threading.Event) -> None:
        while not halt.wait(0.0 if len(self._unchecked) else PERIOD_S):
            self._take()
            self._blur_next()

    def _take(self) -> None:
        """Writes what came, but pictures only once their faces are blurred, and markers that name nobody."""
        for topic, full, kind, subscription, numbering in self._topics:
            for data, info in take_all(subscription):
                numbering.heard(number_of(topic, info))
                stamps_ns = info["source_timestamp"], info["received_timestamp"]
                if self._faces is not None and subscription.msg_type is CompressedImage:
                    self._unchecked.put((full, kind, data, stamps_ns))
                elif subscription.msg_type is not StudyMarker or self._names_nobody(data):
                    self._writer.write(full, kind, data, *stamps_ns)

    def _names_nobody(self, data: bytes) -> bool:
        marker = deserialize_message(data, StudyMarker)
        try:
            check_pseudonym(marker.participant)
            check_free_text(f"{marker.condition} {marker.text}")
        except RecordingError as error:
            self._withhold(f"a study marker was not recorded: {error}")
            return False
        return True

    def _blur_next(self) -> None:
        """Blurs and writes the oldest picture that waits; one that cannot be searched is not written."""
        item = self._unchecked.take(timeout_s=0.0)
        if item is None:
            return
        arrived_s, (topic, kind, data, stamps_ns) = item
        try:
            if time.monotonic() - arrived_s > UNCHECKED_AFTER_S:
                raise RecordingError("the search for faces is slower than the camera")
            picture = deserialize_message(data, CompressedImage)
            blurred, count = self._faces.blurred(rgb_from(picture))
        except (GazeVlmError, ValueError, cv2.error) as error:
            self._withhold(f"a picture was not recorded, for it could not be searched for faces: {error}")
            return
        safe = jpeg_message(blurred, stamp_of(picture) or 0, picture.header.frame_id)
        self._writer.write(topic, kind, serialize_message(safe), *stamps_ns)
        self._faces_blurred += count

    def _withhold(self, reason: str) -> None:
        self._withheld += 1
        self._withheld_for = reason
        self.refuse(None, reason)

    def _warnings(self) -> list[str]:
        if not self._configured or not self._withheld:
            return []
        return [f"{self._withheld} withheld, last because {self._withheld_for}"]

    def _stop(self) -> None:
        self._take()
        if left := len(self._unchecked):
            self._withheld += left
            self._withheld_for = "the recording ended before they were searched for faces"

    def _teardown(self) -> None:
        if self._writer is None:
            return
        summary = self._writer.close()
        self._writer = None
        write_metadata(summary, os.environ.get("ROS_DISTRO", "jazzy"))
        withheld = f", {self._withheld} withheld: {self._withheld_for}" if self._withheld else ""
        self.get_logger().info(f"{summary.path}: {summary.messages} messages, {summary.dropped} dropped{withheld}")

    def _figures(self) -> dict[str, str]:
        if not self._configured or self._writer is None:
            return {}
        figures = {"lost": str(sum(numbering.lost for *_, numbering in self._topics)), "withheld": str(self._withheld)}
        figures |= {"faces blurred": str(self._faces_blurred)} if self._faces is not None else {}
        return figures | ({"problem": self._writer.problem} if self._writer.problem else {})

    def _dropped(self) -> int:
        return 0 if self._writer is None else self._writer.dropped + self._withheld


def main() -> None:
    sys.exit(run(partial(RecorderNode, "recorder")))


if __name__ == "__main__":
    main()
