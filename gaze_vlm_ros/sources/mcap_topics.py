"""Which topics of a recording are scene camera and gaze: by the ends of their names, under any namespace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gaze_vlm_ros.recording.summary import TopicSummary
from gaze_vlm_ros.sources.base import SourceError

FRAMES = ("scene_camera/image_raw", "scene_camera/image_raw/compressed")
DEPTH = ("scene_camera/depth/image_raw", "scene_camera/depth/image_raw/compressedDepth")
CAMERA_INFO = ("scene_camera/camera_info",)
GAZE = ("gaze/sample",)
POSE = ("scene_camera/pose",)
_TYPES = {
    FRAMES[0]: "sensor_msgs/msg/Image",
    FRAMES[1]: "sensor_msgs/msg/CompressedImage",
    DEPTH[0]: "sensor_msgs/msg/Image",
    DEPTH[1]: "sensor_msgs/msg/CompressedImage",
    CAMERA_INFO[0]: "sensor_msgs/msg/CameraInfo",
    GAZE[0]: "gaze_vlm_msgs/msg/GazeSample",
    POSE[0]: "geometry_msgs/msg/PoseWithCovarianceStamped",
}


@dataclass(frozen=True)
class Topics:
    """The topics to replay; None where the recording has no such stream."""

    frames: str | None
    depth: str | None
    camera_info: str | None
    gaze: str | None
    pose: str | None

    @property
    def played(self) -> frozenset[str]:
        return frozenset(topic for topic in (self.frames, self.depth, self.gaze, self.pose) if topic)


def choose_topics(path: Path, topics: Mapping[str, TopicSummary]) -> tuple[Topics, tuple[str, ...]]:
    """Topics of one namespace, and notes that name the choice and what was passed over.

    The namespace with the most messages of frames and gaze is taken; of raw and compressed pictures the kind with more
    messages, raw where they are equal. Raises :class:`SourceError` where there are neither frames nor gaze, naming
    what the recording has instead.
    """
    usable = {name: topic.messages for name, topic in topics.items() if topic.messages and _fits(name, topic.ros_type)}
    weight: dict[str, int] = {}
    for name, messages in usable.items():
        for ending in (*FRAMES, *GAZE):
            if _ends(name, ending):
                namespace = name.removesuffix(ending)
                weight[namespace] = weight.get(namespace, 0) + messages
    if not weight:
        raise SourceError(f"{path}: has no {GAZE[0]} and no {FRAMES[0]} with messages; it has {_listed(topics)}")
    namespace = max(sorted(weight), key=lambda name: weight[name])
    chosen = Topics(*(_fullest(namespace, endings, usable) for endings in (FRAMES, DEPTH, CAMERA_INFO, GAZE, POSE)))
    others = sorted(set(weight) - {namespace})
    notes = [f"{path}: replays {', '.join(sorted(chosen.played))}"]
    if others:
        notes.append(f"{path}: has such topics under {', '.join(others)} too; those were passed over")
    missing = [what for what, topic in (("frames", chosen.frames), ("gaze", chosen.gaze)) if topic is None]
    notes += [f"{path}: has no {what}" for what in missing]
    return chosen, tuple(notes)


def _ends(name: str, ending: str) -> bool:
    return name == ending or name.endswith("/" + ending)


def _fits(name: str, ros_type: str) -> bool:
    """Whether a topic's type is the one that its name promises."""
    return any(_ends(name, ending) and ros_type == expected for ending, expected in _TYPES.items())


def _fullest(namespace: str, endings: tuple[str, ...], usable: Mapping[str, int]) -> str | None:
    present = [namespace + ending for ending in endings if namespace + ending in usable]
    return max(present, key=lambda name: usable[name], default=None)


def _listed(topics: Mapping[str, TopicSummary]) -> str:
    if not topics:
        return "no topics at all"
    return ", ".join(f"{name} ({topic.ros_type}, {topic.messages})" for name, topic in sorted(topics.items()))
