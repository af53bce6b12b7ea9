"""One MCAP file that grows chunk by chunk and stays readable whatever happens to the disk."""

from __future__ import annotations

import os
import shutil
from io import FileIO
from pathlib import Path

import yaml
from mcap.data_stream import RecordBuilder
from mcap.records import DataEnd, Footer
from mcap.writer import MCAP0_MAGIC, CompressionType, Writer

from gaze_vlm_ros.recording.backlog import QueuedMessage
from gaze_vlm_ros.recording.summary import RecordingError, TopicQos

COMPRESSIONS = {"zstd": CompressionType.ZSTD, "lz4": CompressionType.LZ4, "none": CompressionType.NONE}
_NEVER_BY_SIZE = 1 << 62


class McapFile:
    """Writes ROS 2 messages in chunks. Not thread-safe: it belongs to the writing thread.

    Chunks end only in :meth:`commit`, so that after an error the file can be cut back to the last whole one.
    """

    def __init__(self, path: Path, compression: str) -> None:
        try:
            if path.exists():
                raise RecordingError(f"{path}: exists already; remove it or record under another name")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _Appender(path)
        except OSError as error:
            raise RecordingError(f"{path}: cannot be created ({error.strerror}); choose another folder") from error
        self._path = path
        self._schemas: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self._writer = Writer(self._file, chunk_size=_NEVER_BY_SIZE, compression=COMPRESSIONS[compression])
        self._writer.start(profile="ros2", library="gaze-vlm-ros")
        self._whole_bytes = self._file.tell()

    def add_channel(self, topic: str, ros_type: str, definition: str, qos: TopicQos) -> None:
        """Make a topic known, with the full text of its definition."""
        if ros_type not in self._schemas:
            self._schemas[ros_type] = self._writer.register_schema(ros_type, "ros2msg", definition.encode())
        profiles = yaml.safe_dump([qos.as_rosbag2()], sort_keys=False)
        self._channels[topic] = self._writer.register_channel(
            topic, "cdr", self._schemas[ros_type], metadata={"offered_qos_profiles": profiles}
        )

    def add_message(self, message: QueuedMessage) -> None:
        """Put a message of a known topic into the chunk in progress."""
        self._writer.add_message(
            channel_id=self._channels[message.topic],
            log_time=message.log_ns,
            publish_time=message.stamp_ns,
            sequence=message.sequence,
            data=message.data,
        )

    def commit(self) -> None:
        """End the chunk in progress and hand it to the operating system. Raises OSError where the disk refuses."""
        self._writer.flush()
        self._whole_bytes = self._file.tell()

    def free_bytes(self) -> int:
        """Space left on the disk [bytes]."""
        return shutil.disk_usage(self._path.parent).free

    def finish(self) -> None:
        """Write the summary and close. Raises OSError where the disk refuses; then :meth:`abandon` it."""
        self._writer.finish()
        self._file.close()

    def abandon(self) -> None:
        """Cut the file back to its last whole chunk and end it without a summary, as MCAP allows."""
        try:
            self._file.cut(self._whole_bytes)
            tail = RecordBuilder()
            DataEnd(data_section_crc=0).write(tail)
            Footer(summary_start=0, summary_offset_start=0, summary_crc=0).write(tail)
            self._file.write(tail.end() + MCAP0_MAGIC)
        finally:
            self._file.close()


class _Appender:
    """An unbuffered new file: what ``write`` took is with the operating system, or OSError is raised."""

    def __init__(self, path: Path) -> None:
        self._raw = FileIO(path, "xb")

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        while left:
            left = left[self._raw.write(left) :]
        return len(data)

    def tell(self) -> int:
        return self._raw.tell()

    def flush(self) -> None:
        """Nothing is held back here."""

    def cut(self, size: int) -> None:
        os.ftruncate(self._raw.fileno(), size)
        self._raw.seek(size)

    def close(self) -> None:
        self._raw.close()
