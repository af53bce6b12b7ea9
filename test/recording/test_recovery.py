"""Recordings cut at any byte become whole recordings again, and lose no more than the last chunk."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mcap.reader import make_reader
from rosbags.rosbag2 import Reader

from gaze_vlm_ros.recording.reader import iter_messages, summarize
from gaze_vlm_ros.recording.recovery import recover
from gaze_vlm_ros.recording.summary import RecordingError
from gaze_vlm_ros.recording.writer import McapWriter, WriterSettings

GAZE = "gaze_vlm_msgs/msg/GazeSample"
BOOL = "std_msgs/msg/Bool"
MESSAGES = 600


@pytest.fixture(scope="module")
def whole(tmp_path_factory, definitions, gaze_cdr, bool_cdr):
    """A recording of two topics in many chunks."""
    path = tmp_path_factory.mktemp("whole") / "run.mcap"
    writer = McapWriter(path, definitions, WriterSettings(chunk_bytes=4000))
    for index in range(MESSAGES):
        writer.write("/gaze/sample", GAZE, gaze_cdr(index, index * 5_000_000), index * 5_000_000, index * 5_000_000)
        if index % 10 == 0:
            writer.write("/stop", BOOL, bool_cdr[0], index, index * 5_000_000)
    writer.close()
    return path


def sequences(path):
    return [item.sequence for item in iter_messages(path, ["/gaze/sample"])]


def test_cut_at_any_byte_it_keeps_every_whole_chunk(whole, tmp_path):
    data = whole.read_bytes()
    random_ = random.Random(1)
    offsets = [*range(40), *(random_.randrange(len(data)) for _ in range(60)), len(data) - 1]
    kept = []
    for number, offset in enumerate(sorted(offsets)):
        cut = tmp_path / f"{number}.mcap"
        cut.write_bytes(data[:offset])
        try:
            summary = recover(cut)
        except RecordingError:
            assert offset < 100, "only what lacks its very beginning cannot be read"
            continue
        found = sequences(summary.path)
        assert found == list(range(len(found)))
        assert make_reader(summary.path.open("rb")).get_summary().statistics.message_count == summary.messages
        assert summary.problem or len(found) == MESSAGES
        assert summarize(summary.path).problem == ""
        kept.append(len(found))
    assert kept == sorted(kept) and kept[-1] == MESSAGES
    assert len(kept) > 50 and len(set(kept)) > 10


def test_the_copy_is_a_bag(whole, tmp_path):
    cut = tmp_path / "run.mcap"
    cut.write_bytes(whole.read_bytes()[:-500])
    summary = recover(cut, tmp_path / "again")
    assert summary.path == tmp_path / "again" / "run.mcap"
    with Reader(summary.path.parent) as reader:
        assert reader.message_count == summary.messages
        assert {connection.topic for connection in reader.connections} == {"/gaze/sample", "/stop"}


def test_a_killed_process_loses_less_than_a_second(tmp_path):
    """A real process, a real kill."""
    path = tmp_path / "live.mcap"
    writes = (
        "import sys, time; from pathlib import Path; from gaze_vlm_ros.recording.writer import McapWriter\n"
        "from gaze_vlm_ros.recording.definitions import MessageDefinitions\n"
        "folder = Path(sys.argv[2]) / 'std_msgs' / 'msg'; folder.mkdir(parents=True)\n"
        "(folder / 'Bool.msg').write_text('bool data')\n"
        "writer = McapWriter(sys.argv[1], MessageDefinitions([Path(sys.argv[2])]))\n"
        "while True:\n"
        "    writer.write('/t', 'std_msgs/msg/Bool', b'\\0\\1\\0\\0\\1', 0, time.time_ns()); time.sleep(0.01)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", writes, str(path), str(tmp_path / "share")])
    end = time.monotonic() + 60
    while time.monotonic() < end and (not path.exists() or path.stat().st_size < 2000):
        time.sleep(0.05)
    killed_ns = time.time_ns()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not path.read_bytes().endswith(b"\x89MCAP0\r\n")
    assert killed_ns - recover(path).end_ns < 1e9


class TestRefusals:
    def test_a_whole_file(self, whole):
        with pytest.raises(RecordingError, match=r"run\.mcap: is whole"):
            recover(whole)

    def test_what_is_no_recording_leaves_nothing_behind(self, tmp_path):
        (tmp_path / "a.mcap").write_bytes(b"hello" * 100)
        with pytest.raises(RecordingError, match="no MCAP recording"):
            recover(tmp_path / "a.mcap")
        assert [path.name for path in tmp_path.iterdir()] == ["a.mcap"]

    def test_what_is_not_there(self):
        with pytest.raises(RecordingError, match="is no file"):
            recover(Path("/nowhere.mcap"))

    def test_a_copy_is_never_overwritten(self, whole, tmp_path):
        cut = tmp_path / "run.mcap"
        cut.write_bytes(whole.read_bytes()[:-500])
        recover(cut)
        with pytest.raises(RecordingError, match="exists already"):
            recover(cut)

    def test_a_full_disk_is_named_and_leaves_nothing_half(self, whole, tmp_path, monkeypatch):
        cut = tmp_path / "run.mcap"
        cut.write_bytes(whole.read_bytes()[:-500])

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("gaze_vlm_ros.recording.recovery.Writer.finish", full)
        with pytest.raises(RecordingError, match="No space left"):
            recover(cut)
        assert not list((tmp_path / "run-recovered").iterdir())
