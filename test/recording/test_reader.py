import logging
import sqlite3

import pytest
import yaml
from mcap.stream_reader import StreamReader

from gaze_vlm_ros.recording.bag import recording_files, write_metadata
from gaze_vlm_ros.recording.reader import iter_messages, summarize
from gaze_vlm_ros.recording.summary import RecordingError
from gaze_vlm_ros.recording.writer import McapWriter, WriterSettings

BOOL = "std_msgs/msg/Bool"
GAZE = "gaze_vlm_msgs/msg/GazeSample"


@pytest.fixture
def recording(tmp_path, definitions, gaze_cdr, bool_cdr):
    """300 gaze samples and 30 booleans in many chunks."""
    path = tmp_path / "bag" / "a.mcap"
    writer = McapWriter(path, definitions, WriterSettings(chunk_bytes=2000))
    for index in range(300):
        writer.write("/gaze/sample", GAZE, gaze_cdr(index, index), index, index)
        if index % 10 == 0:
            writer.write("/stop", BOOL, bool_cdr[1], index, index)
    write_metadata(writer.close())
    return path


def chunk_spans(path):
    """Offsets (start, end) of the chunks of a file, found without an index."""
    with path.open("rb") as stream:
        reader = StreamReader(stream, emit_chunks=True)
        spans, begin = [], 8
        for record in reader.records:
            end = stream.tell()
            if type(record).__name__ == "Chunk":
                spans.append((begin, end))
            begin = end
    return spans


def test_topics_select(recording):
    assert len(list(iter_messages(recording, ["/stop"]))) == 30
    assert len(list(iter_messages(recording, ["/absent"]))) == 0


def test_folder_is_read_as_its_files(recording):
    assert [m.log_ns for m in iter_messages(recording.parent, ["/gaze/sample"])] == list(range(300))
    (recording.parent / "metadata.yaml").unlink()
    assert recording_files(recording.parent) == [recording]


def test_summary_by_index_is_that_by_reading(recording):
    indexed = summarize(recording)
    assert (indexed.messages, indexed.start_ns, indexed.end_ns, indexed.problem) == (330, 0, 299, "")
    shorter = recording.with_name("shorter.mcap")
    shorter.write_bytes(recording.read_bytes()[:-8])
    read = summarize(shorter)
    assert (read.topics, read.start_ns, read.end_ns) == (indexed.topics, indexed.start_ns, indexed.end_ns)


def test_folder_of_two_files_is_read_as_one(recording, definitions, bool_cdr):
    writer = McapWriter(recording.with_name("b.mcap"), definitions)
    writer.write("/stop", BOOL, bool_cdr[0], 500, 500)
    writer.close()
    metadata = recording.with_name("metadata.yaml")
    text = yaml.safe_load(metadata.read_text())
    text["rosbag2_bagfile_information"]["relative_file_paths"] = ["a.mcap", "b.mcap"]
    metadata.write_text(yaml.safe_dump(text))
    summary = summarize(recording.parent)
    assert (summary.topics["/stop"].messages, summary.messages, summary.end_ns) == (31, 331, 500)
    assert [m.message.data for m in iter_messages(recording.parent, ["/stop"])] == [True] * 30 + [False]


def test_log_times_rise(recording):
    times = [m.log_ns for m in iter_messages(recording)]
    assert times == sorted(times)


@pytest.mark.parametrize("part", [0.3, 0.5, 0.7, 0.9])
def test_cut_file_yields_what_is_whole_and_warns_once(recording, caplog, part):
    spans = chunk_spans(recording)
    assert len(spans) > 10
    cut = recording.with_name("cut.mcap")
    data = recording.read_bytes()
    size = int(part * spans[-1][1])
    cut.write_bytes(data[:size])
    whole = sum(end <= size for _, end in spans)
    with caplog.at_level(logging.WARNING):
        read = [m.message.sequence for m in iter_messages(cut, ["/gaze/sample"])]
    assert read == list(range(len(read)))
    assert 0 < whole <= len(read)
    (record,) = caplog.records
    assert str(cut) in record.message and "too early" in record.message and "\n" not in record.message
    assert "too early" in summarize(cut).problem


def test_every_cut_is_either_read_or_refused_in_one_line(recording):
    data = recording.read_bytes()
    cut = recording.with_name("cut.mcap")
    for size in [*range(0, 200, 7), *range(200, len(data), 997)]:
        cut.write_bytes(data[:size])
        try:
            read = [m.log_ns for m in iter_messages(cut)]
        except RecordingError as error:
            assert size < 100 and "\n" not in str(error)
        else:
            assert read == sorted(read)


def test_damaged_chunk_is_left_out(recording, caplog):
    begin, end = chunk_spans(recording)[4]
    data = bytearray(recording.read_bytes())
    for offset in range(begin + 80, end - 20, 3):
        data[offset] ^= 0x5A
    broken = recording.with_name("broken.mcap")
    broken.write_bytes(data)
    read = [m.message.sequence for m in iter_messages(broken, ["/gaze/sample"])]
    assert 250 < len(read) < 300
    assert read == sorted(read)
    assert "1 damaged chunk was left out" in caplog.text


def test_how_much_was_not_read_behind_a_damage_is_said(recording, caplog, monkeypatch):
    monkeypatch.setattr("gaze_vlm_ros.recording.reader.UNFINISHED_BYTES", 1000)
    begin, _ = chunk_spans(recording)[4]
    data = recording.read_bytes()
    broken = recording.with_name("broken.mcap")
    broken.write_bytes(data[:begin] + b"\xff" * 9 + data[begin + 9 :])
    assert 0 < len(list(iter_messages(broken, ["/gaze/sample"]))) < 250
    lost = f"damaged at byte {begin}; the {(len(data) - begin) / 1e6:.1f} MB behind it were not read"
    assert lost in caplog.text and "the rest" not in caplog.text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"this is a text file\n" * 50, "no MCAP recording"),
        (b"\x89MCAP0\r\n" + b"\xff" * 100, "no MCAP recording"),
        (b"\x89MCAP0\r\n", "no MCAP recording"),
    ],
)
def test_foreign_file_is_named(tmp_path, content, words):
    path = tmp_path / "a.mcap"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=words) as caught:
        list(iter_messages(path))
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(RecordingError, match=r"none\.mcap: no such file"):
        list(iter_messages(tmp_path / "none.mcap"))


def test_message_that_does_not_fit_its_definition_is_named(tmp_path, definitions):
    writer = McapWriter(tmp_path / "a.mcap", definitions)
    writer.write("/gaze/sample", GAZE, b"\x00\x01\x00\x00\x01", 1, 1)
    writer.close()
    with pytest.raises(RecordingError, match="/gaze/sample does not fit"):
        list(iter_messages(tmp_path / "a.mcap"))


def test_sqlite_bag_is_refused_with_the_command_that_converts_it(tmp_path):
    sqlite3.connect(tmp_path / "a.db3").close()
    information = {"storage_identifier": "sqlite3", "relative_file_paths": ["a.db3"], "compression_mode": ""}
    (tmp_path / "metadata.yaml").write_text(yaml.safe_dump({"rosbag2_bagfile_information": information}))
    with pytest.raises(RecordingError, match=r"rosbags-convert --src .* --dst-storage mcap"):
        list(iter_messages(tmp_path))


@pytest.mark.parametrize("text", ["", "{", "a: 1", "rosbag2_bagfile_information: 3"])
def test_foreign_metadata_is_named(tmp_path, text):
    (tmp_path / "metadata.yaml").write_text(text)
    with pytest.raises(RecordingError, match=r"metadata\.yaml: is no rosbag2 metadata"):
        list(iter_messages(tmp_path))


def test_file_named_by_metadata_but_absent_is_named(recording):
    recording.unlink()
    with pytest.raises(RecordingError, match=r"lacks a\.mcap"):
        list(iter_messages(recording.parent))
