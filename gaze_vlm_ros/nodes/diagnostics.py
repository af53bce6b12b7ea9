"""What a node tells of its streams once a second: rates, ages, losses, silence, doubled publishers."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.types import NS_PER_S

CLOCK_AHEAD_S = 0.2
"""Stamps so far in the future come of a clock that is ahead; simulated time may be late by half of it."""
REMEMBERED_PUBLISHERS = 4
GHOSTS_FOR_S = 30.0
"""So long, and some more, Fast DDS takes to forget a killed participant (20 s by default)."""
_NUMBER = re.compile(r"\d+(\.\d+)?")


def alike(one: str, other: str) -> bool:
    """Whether two reasons differ in their numbers alone."""
    return _NUMBER.sub("#", one) == _NUMBER.sub("#", other)


def number_of(topic: str, info: Mapping[str, int]) -> int | None:
    """The publisher's number of a message with this ``info``; None where ``topic`` has several publishers."""
    return None if topic in names.SHARED else info["publication_sequence_number"]


class Numbering:
    """Counts what the middleware lost, by the numbers that it gives to the messages of each publisher.

    A number does not say whose it is: it belongs to the publisher whose last one is next below, and one below all is
    the first of another publisher. What went before the first number, or follows the last, is not known.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._newest: list[int] = []

    def heard(self, number: int | None) -> None:
        """The next message that arrived carries ``number``; None tells nothing."""
        if number is None:
            return
        before = max((newest for newest in self._newest if newest < number), default=None)
        if before is not None:
            self.lost += number - before - 1
            self._newest.remove(before)
        self._newest = [*self._newest, number][-REMEMBERED_PUBLISHERS:]

    def forget(self) -> None:
        """What comes next is the first that counts."""
        self._newest = []


@dataclass
class StreamStatistics:
    """Counts of one topic, in or out. ``silent_after_s``: silence that is worth a warning; 0 = none.

    The sender's clock is ahead of ours by no less than minus ``least_age_s``, the least age since the last report.
    """

    topic: str
    silent_after_s: float = 0.0
    count: int = 0
    refused: int = 0
    refusal: str = ""
    publishers: int = 1
    newest_age_s: float = float("nan")
    least_age_s: float = float("inf")
    heard_at_s: float = field(default_factory=time.monotonic)
    numbering: Numbering = field(default_factory=Numbering)
    _more_since_s: float | None = None
    _reported: tuple[int, float] = field(default_factory=lambda: (0, time.monotonic()))

    def heard(self, stamp_ns: int | None, now_ns: int, number: int | None = None) -> None:
        """One more message, stamped ``stamp_ns`` (None: unstamped), at ROS time ``now_ns``.

        ``number`` is that of ``number_of``.
        """
        self.count += 1
        self.numbering.heard(number)
        self.heard_at_s = time.monotonic()
        if stamp_ns is not None:
            self.newest_age_s = (now_ns - stamp_ns) / NS_PER_S
            self.least_age_s = min(self.least_age_s, self.newest_age_s)

    def refuse(self, reason: str) -> bool:
        """One message that was no good. True where this reason is new and worth a line in the log."""
        self.refused += 1
        new, self.refusal = not alike(reason, self.refusal), reason
        return new

    def living(self, count: int, nodes: int) -> int:
        """How many of ``count`` publishers of ``nodes`` different nodes there really are: the middleware counts a node
        that was killed and came back twice for a while.
        """
        now_s = time.monotonic()
        self._more_since_s = (self._more_since_s or now_s) if count > nodes else None
        return count if self._more_since_s and now_s - self._more_since_s > GHOSTS_FOR_S else nodes

    @property
    def silent_s(self) -> float:
        return time.monotonic() - self.heard_at_s

    def report(self) -> tuple[list[str], dict[str, str]]:
        """Warnings and figures since the last report."""
        now = time.monotonic()
        before, at = self._reported
        self._reported = self.count, now
        lost = self.numbering.lost
        figures = {
            f"{self.topic} rate [Hz]": f"{(self.count - before) / max(now - at, 1e-3):.1f}",
            f"{self.topic} messages": str(self.count),
        } | ({f"{self.topic} lost": str(lost)} if lost else {})
        if self.newest_age_s == self.newest_age_s:
            figures[f"{self.topic} age [ms]"] = f"{self.newest_age_s * 1e3:.0f}"
        warnings = []
        if self.least_age_s < float("inf"):
            figures[f"{self.topic} least age [ms]"] = f"{self.least_age_s * 1e3:.0f}"
            if self.least_age_s < -CLOCK_AHEAD_S:
                warnings.append(
                    f"{self.topic}: stamps lie {-self.least_age_s:.2f} s in the future; do the clocks agree?"
                )
            self.least_age_s = float("inf")
        if self.refused:
            figures[f"{self.topic} refused"] = str(self.refused)
            warnings.append(f"{self.topic}: {self.refused} refused, last because {self.refusal}")
        if self.publishers > 1:
            warnings.append(f"{self.topic} has {self.publishers} publishers; stop all but one")
        if self.silent_after_s and self.silent_s > self.silent_after_s:
            warnings.append(f"{self.topic}: silent for {self.silent_s:.1f} s")
        return warnings, figures


def status(
    name: str,
    state: str,
    failure: str,
    streams: list[StreamStatistics],
    extra: dict[str, str],
    warnings: Sequence[str] = (),
) -> DiagnosticStatus:
    """The node's status; ``failure`` is why it failed, empty while it is well."""
    warnings, figures = list(warnings), {}
    for stream in streams:
        stream_warnings, stream_figures = stream.report()
        warnings += stream_warnings
        figures |= stream_figures
    level = DiagnosticStatus.ERROR if failure else DiagnosticStatus.WARN if warnings else DiagnosticStatus.OK
    values = [KeyValue(key=key, value=value) for key, value in ({"state": state} | figures | extra).items()]
    return DiagnosticStatus(level=level, name=name, message=failure or "; ".join(warnings) or state, values=values)
