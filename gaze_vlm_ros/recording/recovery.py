"""Makes a whole recording of one that was cut off: after a crash, a full disk, a kill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mcap.writer import MCAP0_MAGIC, CompressionType, Writer

from gaze_vlm_ros.recording.bag import write_metadata
from gaze_vlm_ros.recording.reader import Scan, has_summary, summarize
from gaze_vlm_ros.recording.summary import RecordingError, RecordingSummary

_CHUNK_BYTES = 1 << 20


def is_cut_off(path: Path) -> bool:
    """Whether ``path`` is an MCAP file that was not closed, as a kill leaves it."""
    if not path.is_file() or has_summary(path):
        return False
    with path.open("rb") as stream:
        return stream.read(len(MCAP0_MAGIC)) == MCAP0_MAGIC


def recover(
    path: Path | str, folder: Path | str | None = None, on_progress: Callable[[float], None] = lambda share: None
) -> RecordingSummary:
    """Copy every message that is whole in the .mcap file ``path`` into a new recording with summary and metadata.

    It is ``folder``/NAME.mcap, by default in NAME-recovered beside the file, and plays with ``ros2 bag play``. What
    was lost is in the summary's ``problem``. The file itself stays as it is. Raises :class:`RecordingError` where it
    has nothing to recover, is no recording, or the copy exists already or cannot be written.
    """
    path = Path(path)
    if not path.is_file():
        raise RecordingError(f"{path}: is no file; give the .mcap file that was cut off")
    if has_summary(path):
        raise RecordingError(f"{path}: is whole, so there is nothing to recover; use it as it is")
    folder = path.with_name(f"{path.stem}-recovered") if folder is None else Path(folder)
    target = folder / f"{path.stem}.mcap"
    if target.exists():
        raise RecordingError(f"{target}: exists already; remove it or name another folder")
    scan = Scan(path)
    part = target.with_suffix(".mcap.part")
    messages = scan.messages()
    first = next(messages, None)  # a file that is no recording is refused before anything is made
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as stream:
            writer = Writer(stream, chunk_size=_CHUNK_BYTES, compression=CompressionType.ZSTD)
            writer.start(profile="ros2", library="gaze-vlm-ros")
            _copy(writer, scan, messages, first, on_progress)
            writer.finish()
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RecordingError(f"{target}: cannot be written ({error.strerror}); make room or name another folder") from (
            error
        )
    found = summarize(target)
    summary = RecordingSummary(target, found.topics, found.start_ns, found.end_ns, problem=scan.problem)
    write_metadata(summary)
    return summary


def _copy(writer: Writer, scan: Scan, messages, first, on_progress: Callable[[float], None]) -> None:
    schemas: dict[int, int] = {}
    channels: dict[int, int] = {}
    item = first
    while item is not None:
        schema, channel, message = item
        if schema.id not in schemas:
            schemas[schema.id] = writer.register_schema(schema.name, schema.encoding, schema.data)
        if channel.id not in channels:
            channels[channel.id] = writer.register_channel(
                channel.topic, channel.message_encoding, schemas[schema.id], channel.metadata
            )
        writer.add_message(channels[channel.id], message.log_time, message.data, message.publish_time, message.sequence)
        on_progress(scan.share)
        item = next(messages, None)
    on_progress(1.0)
