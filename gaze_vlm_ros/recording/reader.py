"""Reading recordings back: decoded messages, also from files that were cut or damaged."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mcap.reader import make_reader
from mcap.records import Channel, Chunk, Footer, Header, McapRecord, Message, Schema
from mcap.stream_reader import StreamReader, breakup_chunk
from mcap_ros2.decoder import DecoderFactory

from gaze_vlm_ros.recording.bag import recording_files
from gaze_vlm_ros.recording.summary import RecordingError, RecordingSummary, TopicQos, TopicSummary

LARGEST_CHUNK_BYTES = 1 << 30
UNFINISHED_BYTES = 4_000_000
"""More than a chunk that was being written holds: so much unread is damage, and no end that is missing."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordedMessage:
    """One message of a recording.

    ``log_ns`` is when it was received, ``stamp_ns`` the publish time that the recorder noted, ``message`` the decoded
    object with the fields of its definition.
    """

    topic: str
    ros_type: str
    log_ns: int
    stamp_ns: int
    sequence: int
    message: Any


def iter_messages(path: Path | str, topics: Collection[str] | None = None) -> Iterator[RecordedMessage]:
    """Decoded messages of an MCAP file or rosbag2 folder in the order of the file, sorted by log time in each chunk.

    ``topics`` keeps only those topics. A file that was cut or damaged yields what is whole and then logs one warning.
    Raises :class:`RecordingError` for a file that is no MCAP recording of ROS 2 or a message that does not fit its
    definition.
    """
    for file in recording_files(path):
        scan = Scan(file)
        decoders = DecoderFactory()
        for schema, channel, message in scan.messages():
            if topics is None or channel.topic in topics:
                decoded = _decode(file, decoders, schema, channel, message)
                yield RecordedMessage(
                    channel.topic, schema.name, message.log_time, message.publish_time, message.sequence, decoded
                )
        if scan.problem:
            _log.warning("%s", scan.problem)


def summarize(path: Path | str) -> RecordingSummary:
    """What a recording holds: by the file's own summary, or for a cut file by reading it, whose ``problem`` says so.

    For a folder of several files the path is that of the first. Raises as :func:`iter_messages`.
    """
    parts = [_by_index(file) or _by_reading(file) for file in recording_files(path)]
    topics: dict[str, TopicSummary] = {}
    for part in parts:
        for name, topic in part.topics.items():
            before = topics[name].messages if name in topics else 0
            topics[name] = replace(topic, messages=before + topic.messages)
    filled = [part for part in parts if part.messages]
    return RecordingSummary(
        parts[0].path,
        topics,
        min((part.start_ns for part in filled), default=0),
        max((part.end_ns for part in filled), default=0),
        problem="; ".join(part.problem for part in parts if part.problem),
    )


def has_summary(file: Path) -> bool:
    """Whether an MCAP file was closed with a summary, as players need it."""
    return _by_index(file) is not None


def _by_index(file: Path) -> RecordingSummary | None:
    """What the summary at the end of a file says; None where there is none."""
    try:
        with file.open("rb") as stream:
            summary = make_reader(stream).get_summary()
    except Exception:  # the library has no error of its own for every damage
        return None
    if summary is None or summary.statistics is None:
        return None
    counts = summary.statistics.channel_message_counts
    topics = {
        channel.topic: _topic(summary.schemas[channel.schema_id], channel, counts.get(channel.id, 0))
        for channel in summary.channels.values()
        if channel.schema_id in summary.schemas
    }
    return RecordingSummary(file, topics, summary.statistics.message_start_time, summary.statistics.message_end_time)


def _by_reading(file: Path) -> RecordingSummary:
    topics: dict[str, TopicSummary] = {}
    counts: Counter[str] = Counter()
    start_ns, end_ns = 0, 0
    scan = Scan(file)
    for schema, channel, message in scan.messages():
        topics.setdefault(channel.topic, _topic(schema, channel, 0))
        start_ns = min(start_ns, message.log_time) if counts else message.log_time
        end_ns = max(end_ns, message.log_time)
        counts[channel.topic] += 1
    counted = {name: replace(topic, messages=counts[name]) for name, topic in topics.items()}
    return RecordingSummary(file, counted, start_ns, end_ns, problem=scan.problem)


def _topic(schema: Schema, channel: Channel, messages: int) -> TopicSummary:
    qos = TopicQos.from_rosbag2(channel.metadata.get("offered_qos_profiles", ""))
    return TopicSummary(schema.name, messages, qos)


class Scan:
    """One pass over a file, chunk by chunk, that needs no index. ``problem`` is set when the pass is over, ``share`` is
    the part of the file that was read. Messages are raw and sorted by log time in each chunk.
    """

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self.share = 0.0
        self._path = path
        self._schemas: dict[int, Schema] = {}
        self._channels: dict[int, Channel] = {}
        self._damaged = 0
        self._whole_bytes = 0

    def messages(self) -> Iterator[tuple[Schema, Channel, Message]]:
        try:
            size = self._path.stat().st_size
            stream = self._path.open("rb")
        except OSError as error:
            raise RecordingError(f"{self._path}: cannot be read ({error.strerror}); check its permissions") from error
        with stream:
            ended = False
            reader = StreamReader(stream, emit_chunks=True, record_size_limit=size)
            for record in self._records(reader, size):
                ended = ended or isinstance(record, Footer)
                self._whole_bytes = stream.tell()
                self.share = self._whole_bytes / size
                yield from self._messages_of(record)
        self.problem = self._in_words(size, ended)

    def _in_words(self, size: int, ended: bool) -> str:
        """What is wrong with a file that was read to where it could be."""
        found = []
        if self._damaged:
            found.append(f"{self._damaged} damaged chunk{'s were' if self._damaged > 1 else ' was'} left out")
        behind = size - self._whole_bytes
        if not ended and behind > UNFINISHED_BYTES:
            found.append(f"damaged at byte {self._whole_bytes}; the {behind / 1e6:.1f} MB behind it were not read")
        elif not ended:
            found.append("ends too early (cut off, or still being written); what is whole was read")
        return f"{self._path}: {'; '.join(found)}" if found else ""

    def _records(self, reader: StreamReader, size: int) -> Iterator[McapRecord]:
        records = reader.records
        first = True
        while True:
            try:
                record = next(records)
            except StopIteration:
                return
            except Exception as error:  # as above
                if first:
                    raise RecordingError(self._foreign(size)) from error
                return
            if first and not (isinstance(record, Header) and record.profile in ("", "ros2")):
                raise RecordingError(self._foreign(size))
            first = False
            yield record

    def _foreign(self, size: int) -> str:
        if size == 0:
            return f"{self._path}: is empty; nothing was recorded, record again"
        return f"{self._path}: is no MCAP recording of ROS 2; give one of `ros2 bag record` or of this package"

    def _messages_of(self, record: McapRecord) -> Iterator[tuple[Schema, Channel, Message]]:
        if not isinstance(record, Chunk):
            self._note(record)
            if isinstance(record, Message):
                yield from self._named([record])
            return
        try:
            if record.uncompressed_size > LARGEST_CHUNK_BYTES:
                raise ValueError("a chunk that is meant to exhaust the memory")
            records = breakup_chunk(record, validate_crc=True)
        except Exception:  # the decompressors have errors of their own
            self._damaged += 1
            return
        for inner in records:
            self._note(inner)
        messages = [inner for inner in records if isinstance(inner, Message)]
        yield from self._named(sorted(messages, key=lambda message: message.log_time))

    def _note(self, record: McapRecord) -> None:
        if isinstance(record, Schema):
            self._schemas[record.id] = record
        elif isinstance(record, Channel):
            self._channels[record.id] = record

    def _named(self, messages: list[Message]) -> Iterator[tuple[Schema, Channel, Message]]:
        for message in messages:
            channel = self._channels.get(message.channel_id)
            schema = self._schemas.get(channel.schema_id) if channel else None
            if channel and schema:
                yield schema, channel, message


def _decode(file: Path, decoders: DecoderFactory, schema: Schema, channel: Channel, message: Message) -> Any:
    try:
        decode = decoders.decoder_for(channel.message_encoding, schema)
    except Exception as error:  # the library's parser of definitions has no error of its own
        raise RecordingError(f"{file}: the definition of {schema.name} is damaged; record it again") from error
    if decode is None:
        raise RecordingError(
            f"{file}: {channel.topic} is kept as {channel.message_encoding} with {schema.encoding} definitions;"
            " only cdr with ros2msg can be read, leave this topic out"
        )
    try:
        return decode(message.data)
    except Exception as error:  # as above
        raise RecordingError(
            f"{file}: a message on {channel.topic} does not fit its definition {schema.name}; record it again"
        ) from error
