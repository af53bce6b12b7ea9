"""What a recording holds: the values that writer, reader and metadata share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from gaze_vlm_ros.errors import GazeVlmError


class RecordingError(GazeVlmError):
    """A recording cannot be written or read; the message names the file and the remedy."""


_RELIABILITY = ("reliable", "best_effort")
_DURABILITY = ("volatile", "transient_local")
_FOREVER = {"sec": 9223372036, "nsec": 854775807}
"""``RMW_DURATION_INFINITE``."""


@dataclass(frozen=True)
class TopicQos:
    """Quality of service that the publisher of a topic offered; ``ros2 bag play`` offers the same again."""

    reliability: str = "reliable"
    durability: str = "volatile"
    depth: int = 10

    def __post_init__(self) -> None:
        if self.reliability not in _RELIABILITY:
            raise ValueError(f"reliability must be one of {', '.join(_RELIABILITY)}, got {self.reliability!r}")
        if self.durability not in _DURABILITY:
            raise ValueError(f"durability must be one of {', '.join(_DURABILITY)}, got {self.durability!r}")
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, got {self.depth}")

    def as_rosbag2(self) -> dict:
        """The mapping that rosbag2 keeps for one profile (metadata version 9: policies by name)."""
        return {
            "history": "keep_last",
            "depth": self.depth,
            "reliability": self.reliability,
            "durability": self.durability,
            "deadline": dict(_FOREVER),
            "lifespan": dict(_FOREVER),
            "liveliness": "automatic",
            "liveliness_lease_duration": dict(_FOREVER),
            "avoid_ros_namespace_conventions": False,
        }

    @classmethod
    def from_rosbag2(cls, text: str) -> TopicQos:
        """Read the first profile of a channel's ``offered_qos_profiles``; the default where there is none."""
        try:
            profiles = yaml.safe_load(text) or [{}]
            first = profiles[0]
            return cls(first["reliability"], first["durability"], max(1, int(first["depth"])))
        except (yaml.YAMLError, LookupError, TypeError, ValueError, OverflowError, RecursionError):
            return cls()


@dataclass(frozen=True)
class TopicSummary:
    """One topic of a recording: its type (``std_msgs/msg/Header``), offered quality of service and message count."""

    ros_type: str
    messages: int
    qos: TopicQos = field(default_factory=TopicQos)


@dataclass(frozen=True)
class RecordingSummary:
    """What one file holds. ``start_ns`` and ``end_ns`` are log times, both 0 in an empty recording.

    ``dropped`` counts messages that came too fast or after an alarm; it is 0 when a file is read back.
    ``problem`` is one line for people, empty where nothing went wrong.
    """

    path: Path
    topics: Mapping[str, TopicSummary]
    start_ns: int
    end_ns: int
    dropped: int = 0
    problem: str = ""

    @property
    def messages(self) -> int:
        return sum(topic.messages for topic in self.topics.values())

    @property
    def duration_s(self) -> float:
        return (self.end_ns - self.start_ns) / 1e9
