"""What a recording holds: topics, their types, and how they are listened to."""

from __future__ import annotations

import importlib

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.qos import REPLAYED_RESULT

_SENSORS = frozenset({names.SCENE_IMAGE_COMPRESSED, names.SCENE_DEPTH_COMPRESSED, names.SCENE_INFO})
_REPLAYED = _SENSORS | {
    names.GAZE_SAMPLE, names.SCENE_POSE, names.EYE_MOVEMENT, names.ACTIVITY, names.EVENT, names.ATTENTION,
    names.OBJECTS, names.GAZE_TARGET, names.MARKERS,
}  # fmt: skip
"""What comes of a recording, directly or not, and is kept by its publisher until the recorder was found."""


def recorded(scene_image: str) -> dict[str, str]:
    """Topics with their types; the shape of a face in depth is kept only where its picture is."""
    left_out = {
        "as_is": set(),
        "faces_blurred": {names.SCENE_DEPTH_COMPRESSED},
        "none": {names.SCENE_DEPTH_COMPRESSED, names.SCENE_IMAGE_COMPRESSED},
    }[scene_image]
    return {topic: kind for topic, kind in names.RECORDED.items() if topic not in left_out}


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
