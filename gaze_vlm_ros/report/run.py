"""What happened in a run: the light series that a recording's messages are boiled down to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gaze_vlm_ros.types import NS_PER_S, EyeMovement

SAME_CLOCK_NS = 10 * NS_PER_S
"""Stamps further than this from the time of recording come from another clock; they give no age."""


@dataclass
class TopicLog:
    """Times of one topic's messages: when recorded, and recorded minus stamped for those that carry a stamp."""

    log_ns: list[int] = field(default_factory=list)
    age_ns: list[int] = field(default_factory=list)

    @property
    def rate_hz(self) -> float | None:
        """Mean rate between the first and the last message; None for fewer than two."""
        span = max(self.log_ns) - min(self.log_ns) if self.log_ns else 0
        return (len(self.log_ns) - 1) * NS_PER_S / span if span > 0 else None

    @property
    def same_clock(self) -> bool:
        """Whether stamps and times of recording are of one clock."""
        return bool(self.age_ns) and abs(float(np.median(self.age_ns))) < SAME_CLOCK_NS


@dataclass(frozen=True)
class Said:
    """One prediction. ``known_ns`` is when it was there to be acted on, on the clock of the stamps."""

    stamp_ns: int
    known_ns: int
    text: str
    confidence: float
    out_of_domain: bool = False


@dataclass(frozen=True)
class Truth:
    """What the simulated wearer was really doing at one instant."""

    stamp_ns: int
    activity: str
    event: str
    event_ns: int
    event_object: str
    gaze_label: str
    gaze_position_m: tuple[float, float, float]
    pointed_label: str


@dataclass(frozen=True)
class Target:
    """One gaze target that the run located."""

    stamp_ns: int
    label: str
    position_m: tuple[float, float, float]


@dataclass(frozen=True)
class State:
    """State of the robot's policy or governor from ``stamp_ns`` on; ``acted_on_ns`` is 0 where no prediction was."""

    stamp_ns: int
    name: str
    reason: str = ""
    target: str = ""
    limited_by: str = ""
    acted_on_ns: int = 0


@dataclass(frozen=True)
class Attention:
    """Attention (rows, cols) of the model over the frame stamped ``stamp_ns``."""

    stamp_ns: int
    grid: np.ndarray


@dataclass
class GazeTrace:
    """The gaze signal: stamps, pixels (NaN where invalid) and the device's sequence numbers."""

    stamp_ns: list[int] = field(default_factory=list)
    point_px: list[tuple[float, float]] = field(default_factory=list)
    sequence: list[int] = field(default_factory=list)

    @property
    def valid(self) -> int:
        """How many samples carry a usable direction."""
        return int(np.isfinite(self.points()).all(1).sum())

    @property
    def lost(self) -> int:
        """Samples that the device numbered but that are not in the recording."""
        if not self.sequence:
            return 0
        return max(0, max(self.sequence) - min(self.sequence) + 1 - len(set(self.sequence)))

    @property
    def rate_hz(self) -> float | None:
        """Rate of the device: the inverse median interval of the stamps; None for fewer than two."""
        steps = np.diff(np.sort(self.stamp_ns))
        steps = steps[steps > 0]
        return NS_PER_S / float(np.median(steps)) if len(steps) else None

    def points(self) -> np.ndarray:
        """The gaze points, (n, 2) float64 px."""
        return np.asarray(self.point_px, dtype=np.float64).reshape(-1, 2)


@dataclass
class Run:
    """Everything the report shows, of one ROS namespace; times in nanoseconds of the stamps' clock."""

    namespace: str = ""
    topics: dict[str, TopicLog] = field(default_factory=dict)
    image_topics: dict[str, list[int]] = field(default_factory=dict)
    image_size: tuple[int, int] | None = None
    gaze: GazeTrace = field(default_factory=GazeTrace)
    eye_movements: list[EyeMovement] = field(default_factory=list)
    activities: list[Said] = field(default_factory=list)
    events: list[Said] = field(default_factory=list)
    attention: list[Attention] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    assist: list[State] = field(default_factory=list)
    governor: list[State] = field(default_factory=list)
    commands: tuple[int, int] | None = None
    protective_stops: list[int] = field(default_factory=list)
    truth: list[Truth] = field(default_factory=list)
    markers: list[tuple[int, str]] = field(default_factory=list)
    diagnostics: dict[str, dict] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        return sum(len(log.log_ns) for log in self.topics.values())

    @property
    def stood_still_s(self) -> float:
        """For how long a simulated world stood still because the machine was too slow; 0 in the real one."""
        return float(self.diagnostics.get("simulator", {}).get("values", {}).get("world stood still [s]", 0.0))

    @property
    def image_topic(self) -> str | None:
        """The scene camera's topic with the most frames; None for a recording without video."""
        return max(self.image_topics, key=lambda name: len(self.image_topics[name]), default=None)

    @property
    def frame_stamps(self) -> list[int]:
        return self.image_topics.get(self.image_topic, [])

    @cached_property
    def start_ns(self) -> int:
        """Time zero of every chart: the earliest thing sensed; to be asked only once all is collected."""
        return min(self._sensed(), default=0)

    @property
    def duration_s(self) -> float:
        """From the first to the last thing sensed [s]."""
        sensed = self._sensed()
        return (max(sensed) - min(sensed)) / NS_PER_S if sensed else 0.0

    def seconds(self, stamp_ns: int) -> float:
        """Seconds since :attr:`start_ns`."""
        return (stamp_ns - self.start_ns) / NS_PER_S

    def _sensed(self) -> list[int]:
        truth = [truth.stamp_ns for truth in self.truth]
        return [*self.frame_stamps, *self.gaze.stamp_ns, *truth] or [
            said.stamp_ns for said in self.activities + self.events
        ]
