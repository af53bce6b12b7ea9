"""Writes the graph's topics to an MCAP file, as they come off the wire."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.diagnostics import Numbering, number_of
from gaze_vlm_ros.nodes.inbox import NeverCalled, take_all
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.qos import REPLAYED_RESULT
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.recording.bag import write_metadata
from gaze_vlm_ros.recording.recovery import is_cut_off
from gaze_vlm_ros.recording.summary import TopicQos
from gaze_vlm_ros.recording.writer import McapWriter

PERIOD_S = 0.05
_SENSORS = frozenset({names.SCENE_IMAGE_COMPRESSED, names.SCENE_DEPTH_COMPRESSED, names.SCENE_INFO})
_REPLAYED = _SENSORS | {
    names.GAZE_SAMPLE, names.SCENE_POSE, names.EYE_MOVEMENT, names.ACTIVITY, names.EVENT, names.ATTENTION,
    names.OBJECTS, names.GAZE_TARGET, names.MARKERS,
}  # fmt: skip
"""What comes of a recording, directly or not, and is kept by its publisher until the recorder was found."""


@dataclass(frozen=True)
class RecorderParameters(Parameters):
    """Parameters of the recorder."""

    mode: str = parameter("live", "replay: nothing that comes of the recording may be lost", choices=("live", "replay"))
    path: str = parameter("", "the .mcap file to write; empty: recordings/<date and time>/<date and time>.mcap")


class RecorderNode(ManagedNode):
    """Takes serialized messages in batches and hands them to the writer's thread."""

    Parameters = RecorderParameters
    _written: tuple[Path, ...] = ()

    def _setup(self) -> None:
        self._writer: McapWriter | None = None
        self._topics: list[tuple[str, str, str, Subscription, Numbering]] = []
        path = self._path()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = McapWriter(path, on_alarm=self.get_logger().error)
        self._written += (path,)
        for topic, kind in names.RECORDED.items():
            qos = qos_of(topic, self.parameters.mode == "replay")
            full = self.resolve_topic_name(topic)
            latched = "transient_local" if topic in names.LATCHED else "volatile"
            self._writer.add_topic(full, kind, TopicQos(durability=latched, depth=qos.depth))
            subscription = self.create_subscription(
                message_class(kind), topic, lambda _: None, qos, raw=True, callback_group=NeverCalled()
            )
            self._owned.append(partial(self.destroy_subscription, subscription))
            self._topics.append((topic, full, kind, subscription, Numbering()))
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

    def _record(self, halt: threading.Event) -> None:
        while not halt.wait(PERIOD_S):
            self._take()

    def _take(self) -> None:
        for topic, full, kind, subscription, numbering in self._topics:
            for data, info in take_all(subscription):
                numbering.heard(number_of(topic, info))
                self._writer.write(full, kind, data, info["source_timestamp"], info["received_timestamp"])

    def _stop(self) -> None:
        self._take()

    def _teardown(self) -> None:
        if self._writer is None:
            return
        summary = self._writer.close()
        self._writer = None
        write_metadata(summary, os.environ.get("ROS_DISTRO", "jazzy"))
        self.get_logger().info(f"{summary.path}: {summary.messages} messages, {summary.dropped} dropped")

    def _figures(self) -> dict[str, str]:
        if not self._configured or self._writer is None:
            return {}
        lost = {"lost": str(sum(numbering.lost for *_, numbering in self._topics))}
        return lost | ({"problem": self._writer.problem} if self._writer.problem else {})

    def _dropped(self) -> int:
        return 0 if self._writer is None else self._writer.dropped


def message_class(kind: str) -> type:
    """The class of a type such as ``std_msgs/msg/Bool``."""
    package, _, name = kind.split("/")
    return getattr(importlib.import_module(f"{package}.msg"), name)


def qos_of(topic: str, is_replay: bool) -> QoSProfile:
    """Pictures come from drivers that may offer best effort; everything else must be complete."""
    if is_replay and topic in _REPLAYED:
        return REPLAYED_RESULT
    reliability = ReliabilityPolicy.BEST_EFFORT if topic in _SENSORS else ReliabilityPolicy.RELIABLE
    durability = DurabilityPolicy.TRANSIENT_LOCAL if topic in names.LATCHED else DurabilityPolicy.VOLATILE
    return QoSProfile(depth=200, reliability=reliability, durability=durability)


def main() -> None:
    sys.exit(run(partial(RecorderNode, "recorder")))


if __name__ == "__main__":
    main()
