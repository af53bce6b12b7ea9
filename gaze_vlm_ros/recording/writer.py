"""Recording without holding anybody up: messages are queued, a thread of its own writes them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gaze_vlm_ros.recording.backlog import Backlog, QueuedMessage
from gaze_vlm_ros.recording.definitions import MessageDefinitions
from gaze_vlm_ros.recording.mcap_file import COMPRESSIONS, McapFile
from gaze_vlm_ros.recording.summary import RecordingError, RecordingSummary, TopicQos, TopicSummary


@dataclass(frozen=True)
class WriterSettings:
    """How a recording is written.

    ``chunk_bytes`` and ``chunk_s`` end a chunk, whichever comes first: a crash loses at most one. ``queue_bytes``
    bounds what waits for the disk. ``reserve_bytes`` of the disk stay free: below, recording ends with an alarm.
    """

    compression: str = "zstd"
    chunk_bytes: int = 1 << 20
    chunk_s: float = 0.5
    queue_bytes: int = 64 << 20
    reserve_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        if self.compression not in COMPRESSIONS:
            raise ValueError(f"compression must be one of {', '.join(COMPRESSIONS)}, got {self.compression!r}")
        for name in ("chunk_bytes", "chunk_s", "queue_bytes"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.reserve_bytes < 0:
            raise ValueError(f"reserve_bytes must not be negative, got {self.reserve_bytes}")


class McapWriter:
    """Writes one new MCAP file of ROS 2 messages (profile ``ros2``, schemas ``ros2msg``).

    ``on_alarm`` is called once, from the writing thread, with one line for people when the disk is full or refuses;
    the file up to then is closed and readable, later messages count as dropped.
    """

    def __init__(
        self,
        path: Path | str,
        definitions: MessageDefinitions | None = None,
        settings: WriterSettings | None = None,
        on_alarm: Callable[[str], None] | None = None,
    ) -> None:
        """Create the file; raises :class:`RecordingError` where it exists or cannot be created."""
        self._path = Path(path)
        self._definitions = definitions or MessageDefinitions.installed()
        self._settings = settings or WriterSettings()
        self._on_alarm = on_alarm
        self._file = McapFile(self._path, self._settings.compression)
        self._backlog = Backlog(self._settings.queue_bytes)
        self._lock = threading.Lock()
        self._topics: dict[str, tuple[str, TopicQos]] = {}
        self._texts: dict[str, str] = {}
        self._offered: Counter[str] = Counter()
        self._refused = 0
        self._lost = 0
        self._kept = _Kept()
        self._problem = ""
        self._thread = threading.Thread(target=self._write_all, name="mcap-writer", daemon=True)
        self._thread.start()

    def add_topic(self, topic: str, ros_type: str, qos: TopicQos | None = None) -> None:
        """Make a topic known with its quality of service before its first message; harmless when repeated.

        Raises :class:`RecordingError` where the definition is missing or the topic has another type.
        """
        with self._lock:
            if topic in self._topics:
                known = self._topics[topic][0]
                if known != ros_type:
                    raise RecordingError(f"{topic}: comes as {known} and as {ros_type}; give one of them another name")
                return
            self._texts[ros_type] = self._definitions.full_text(ros_type)
            self._topics[topic] = (ros_type, qos or TopicQos())

    def write(self, topic: str, ros_type: str, cdr: bytes, stamp_ns: int, log_ns: int) -> bool:
        """Queue one serialized message and return at once; False where it was dropped (and counted).

        ``stamp_ns`` is the message's own stamp (MCAP's publish time), ``log_ns`` the time it was received. Sequence
        numbers rise by one per topic with every call, so that a gap in the file is a dropped message.
        """
        self.add_topic(topic, ros_type)
        with self._lock:
            sequence = self._offered[topic]
            self._offered[topic] += 1
            queued = self._backlog.put(QueuedMessage(topic, sequence, bytes(cdr), stamp_ns, log_ns))
            self._refused += not queued
            return queued

    @property
    def dropped(self) -> int:
        """Messages that came too fast for the disk, or after an alarm, or were lost with it."""
        return self._refused + self._lost

    @property
    def problem(self) -> str:
        """The alarm's line; empty while all is well."""
        return self._problem

    def close(self) -> RecordingSummary:
        """Write what is queued and the summary, and say what the file holds; harmless when repeated."""
        self._backlog.close()
        self._thread.join()
        kept = self._kept
        topics = {
            topic: TopicSummary(ros_type, kept.committed[topic], qos) for topic, (ros_type, qos) in self._topics.items()
        }
        return RecordingSummary(self._path, topics, kept.start_ns, kept.end_ns, self.dropped, self._problem)

    def _write_all(self) -> None:
        try:
            self._pump()
            self._commit()
            self._file.finish()
        except Exception as error:  # whatever it is, a recording must not end in silence
            why = getattr(error, "strerror", None) or repr(error)
            self._problem = f"{self._path}: recording ended ({why}); see to the disk"
            self._abandon()
        if self._problem:
            self._backlog.close()
            with self._lock:
                self._lost = self._offered.total() - self._refused - self._kept.committed.total()
            if self._on_alarm is not None:
                self._on_alarm(self._problem)

    def _pump(self) -> None:
        """Move messages from the queue to the file until the queue is closed or space runs short."""
        known: set[str] = set()
        waiting_bytes, commit_at = 0, time.monotonic() + self._settings.chunk_s
        while not self._backlog.finished:
            message = self._backlog.take(timeout_s=max(0.0, commit_at - time.monotonic()))
            if message is not None:
                self._add(message, known)
                waiting_bytes += len(message.data)
            if waiting_bytes >= self._settings.chunk_bytes or time.monotonic() >= commit_at:
                self._commit()
                waiting_bytes, commit_at = 0, time.monotonic() + self._settings.chunk_s
                if self._file.free_bytes() < self._settings.reserve_bytes:
                    self._problem = (
                        f"{self._path}: recording ended, less than {self._settings.reserve_bytes >> 20} MiB are left on"
                        " the disk; make room and start a new recording"
                    )
                    return

    def _add(self, message: QueuedMessage, known: set[str]) -> None:
        if message.topic not in known:
            ros_type, qos = self._topics[message.topic]
            self._file.add_channel(message.topic, ros_type, self._texts[ros_type], qos)
            known.add(message.topic)
        self._file.add_message(message)
        self._kept.add(message)

    def _commit(self) -> None:
        self._file.commit()
        self._kept.commit()

    def _abandon(self) -> None:
        try:
            self._file.abandon()
        except OSError as error:
            self._problem += f"; its end could not be written ({error.strerror})"


class _Kept:
    """What the file holds: counts by topic, committed and still in the chunk in progress, and the span of log times."""

    def __init__(self) -> None:
        self.committed: Counter[str] = Counter()
        self.pending: Counter[str] = Counter()
        self.start_ns = 0
        self.end_ns = 0
        self._span: tuple[int, int] | None = None

    def add(self, message: QueuedMessage) -> None:
        self.pending[message.topic] += 1
        first, last = self._span or (message.log_ns, message.log_ns)
        self._span = (min(first, message.log_ns), max(last, message.log_ns))

    def commit(self) -> None:
        self.committed.update(self.pending)
        self.pending.clear()
        if self._span is not None:
            self.start_ns, self.end_ns = self._span
