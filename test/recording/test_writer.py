import resource
import threading
import time

import pytest
from mcap.reader import make_reader
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.storage_mcap import McapReader

from gaze_vlm_ros.recording import writer as writer_module
from gaze_vlm_ros.recording.bag import write_metadata
from gaze_vlm_ros.recording.reader import iter_messages, summarize
from gaze_vlm_ros.recording.summary import RecordingError, TopicQos
from gaze_vlm_ros.recording.writer import McapWriter, WriterSettings

BOOL = "std_msgs/msg/Bool"
GAZE = "gaze_vlm_msgs/msg/GazeSample"
START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 5_000_000


def record(path, definitions, gaze_cdr, count=200, settings=None):
    writer = McapWriter(path, definitions, settings)
    for index in range(count):
        stamp_ns = START_NS + index * PERIOD_NS
        assert writer.write("/sim/gaze/sample", GAZE, gaze_cdr(index, stamp_ns), stamp_ns, stamp_ns + 1_000_000)
    return writer.close()


@pytest.mark.parametrize("compression", ["zstd", "lz4", "none"])
def test_everything_written_is_read_back(tmp_path, definitions, gaze_cdr, compression):
    path = tmp_path / "a.mcap"
    summary = record(path, definitions, gaze_cdr, settings=WriterSettings(compression=compression))
    assert (summary.messages, summary.dropped, summary.problem) == (200, 0, "")
    messages = list(iter_messages(path))
    assert [m.message.sequence for m in messages] == list(range(200))
    assert [m.sequence for m in messages] == list(range(200))
    assert [m.log_ns - m.stamp_ns for m in messages] == [1_000_000] * 200
    assert messages[3].message.header.stamp.nanosec == 3 * PERIOD_NS
    assert messages[0].message.distance_m != messages[0].message.distance_m
    assert summarize(path) == summary


def test_rosbags_reads_the_folder_with_the_included_definitions(tmp_path, definitions, gaze_cdr, bool_cdr):
    writer = McapWriter(tmp_path / "demo.mcap", definitions)
    writer.add_topic("/sim/protective_stop", BOOL, TopicQos(durability="transient_local", depth=1))
    writer.write("/sim/protective_stop", BOOL, bool_cdr[1], START_NS, START_NS)
    writer.write("/sim/gaze/sample", GAZE, gaze_cdr(7, START_NS), START_NS, START_NS + 5)
    write_metadata(writer.close())

    with AnyReader([tmp_path]) as bag:
        connections = {connection.topic: connection for connection in bag.connections}
        stop = connections["/sim/protective_stop"]
        assert stop.ext.offered_qos_profiles[0].durability is QosDurability.TRANSIENT_LOCAL
        read = {c.topic: bag.deserialize(raw, c.msgtype) for c, _, raw in bag.messages()}
    assert read["/sim/gaze/sample"].sequence == 7
    assert read["/sim/protective_stop"].data is True


def test_metadata_counts_and_span(tmp_path, definitions, gaze_cdr):
    write_metadata(record(tmp_path / "demo.mcap", definitions, gaze_cdr))
    with Reader(tmp_path) as bag:
        assert bag.message_count == 200
        assert bag.duration == 199 * PERIOD_NS + 1
        assert {c.topic: c.msgcount for c in bag.connections} == {"/sim/gaze/sample": 200}


def test_quality_of_service_is_kept_in_the_file_itself(tmp_path, definitions, bool_cdr):
    qos = TopicQos(reliability="best_effort", durability="transient_local", depth=3)
    writer = McapWriter(tmp_path / "a.mcap", definitions)
    writer.add_topic("/t", BOOL, qos)
    writer.write("/t", BOOL, bool_cdr[0], 1, 1)
    writer.close()
    assert summarize(tmp_path / "a.mcap").topics["/t"].qos == qos


def test_profile_schema_and_summary(tmp_path, definitions, gaze_cdr):
    record(tmp_path / "a.mcap", definitions, gaze_cdr)
    with (tmp_path / "a.mcap").open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        assert reader.get_header().profile == "ros2"
        summary = reader.get_summary()
        assert summary.statistics.message_count == 200
        (schema,) = summary.schemas.values()
        assert (schema.name, schema.encoding) == (GAZE, "ros2msg")
        assert b"MSG: gaze_vlm_msgs/Eye" in schema.data
        assert sum(1 for _ in reader.iter_messages()) == 200


def test_many_threads_may_write(tmp_path, definitions, bool_cdr):
    writer = McapWriter(tmp_path / "a.mcap", definitions)

    def work(number):
        for index in range(100):
            writer.write(f"/t{number % 2}", BOOL, bool_cdr[0], index, index)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: t.messages for name, t in writer.close().topics.items()} == {"/t0": 400, "/t1": 400}
    for topic in ("/t0", "/t1"):
        assert sorted(m.sequence for m in iter_messages(tmp_path / "a.mcap", [topic])) == list(range(400))


def test_slow_disk_drops_and_counts_instead_of_blocking(tmp_path, definitions, bool_cdr, monkeypatch):
    gate = threading.Event()
    real_add = writer_module.McapFile.add_message
    monkeypatch.setattr(writer_module.McapFile, "add_message", lambda self, m: (gate.wait(10), real_add(self, m)))
    writer = McapWriter(tmp_path / "a.mcap", definitions, WriterSettings(queue_bytes=10 * len(bool_cdr[0])))
    begin = time.monotonic()
    accepted = [writer.write("/t", BOOL, bool_cdr[0], index, index) for index in range(1000)]
    assert time.monotonic() - begin < 5.0
    gate.set()
    summary = writer.close()
    assert 10 <= sum(accepted) <= 12
    assert (summary.messages, summary.dropped) == (sum(accepted), 1000 - sum(accepted))
    kept = [m.sequence for m in iter_messages(tmp_path / "a.mcap")]
    assert kept == [index for index, taken in enumerate(accepted) if taken]


def test_each_second_is_on_disk_before_the_next(tmp_path, definitions, bool_cdr):
    writer = McapWriter(tmp_path / "a.mcap", definitions, WriterSettings(chunk_s=0.05))
    writer.write("/t", BOOL, bool_cdr[0], 1, 1)
    deadline = time.monotonic() + 10
    while not list(iter_messages(tmp_path / "a.mcap")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(list(iter_messages(tmp_path / "a.mcap"))) == 1, "a crash now would lose the message"
    writer.close()


def test_low_space_ends_the_recording_with_an_alarm_and_a_summary(tmp_path, definitions, bool_cdr, monkeypatch):
    monkeypatch.setattr(writer_module.McapFile, "free_bytes", lambda self: 1000)
    alarms = []
    settings = WriterSettings(chunk_bytes=len(bool_cdr[0]), reserve_bytes=1 << 20)
    writer = McapWriter(tmp_path / "a.mcap", definitions, settings, on_alarm=alarms.append)
    while not alarms:
        writer.write("/t", BOOL, bool_cdr[0], 1, 1)
    offered = writer._offered.total()
    assert writer.write("/t", BOOL, bool_cdr[0], 1, 1) is False
    summary = writer.close()
    assert len(alarms) == 1 and "less than 1 MiB" in alarms[0] and str(tmp_path / "a.mcap") in alarms[0]
    assert summary.problem == alarms[0]
    assert summary.messages + summary.dropped == offered + 1
    assert summarize(tmp_path / "a.mcap").problem == ""
    assert summarize(tmp_path / "a.mcap").messages == summary.messages


def test_refusing_disk_leaves_a_readable_file(tmp_path, definitions, gaze_cdr):
    """A real refusal of the operating system: the file may not grow beyond a limit."""
    path = tmp_path / "a.mcap"
    alarms = []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        settings = WriterSettings(compression="none", chunk_bytes=20_000, reserve_bytes=0)
        writer = McapWriter(path, definitions, settings, on_alarm=alarms.append)
        for index in range(2000):
            writer.write("/gaze/sample", GAZE, gaze_cdr(index, index), index, index)
        summary = writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(alarms) == 1 and str(path) in alarms[0]
    assert path.stat().st_size <= 100_000
    assert summary.messages + summary.dropped == 2000
    read = [m.message.sequence for m in iter_messages(path)]
    assert len(read) == summary.messages > 100
    assert read == list(range(len(read)))
    storage = McapReader(path)
    storage.open()
    assert storage.metadata.message_count == summary.messages
    storage.close()


def test_a_bug_in_the_writing_thread_is_an_alarm_too(tmp_path, definitions, bool_cdr, monkeypatch):
    def fail(self, message):
        raise RuntimeError("broken")

    monkeypatch.setattr(writer_module.McapFile, "add_message", fail)
    alarms = []
    writer = McapWriter(tmp_path / "a.mcap", definitions, on_alarm=alarms.append)
    writer.write("/t", BOOL, bool_cdr[0], 1, 1)
    assert writer.close().dropped == 1
    assert "broken" in alarms[0]


def test_empty_recording_is_a_whole_file(tmp_path, definitions):
    summary = McapWriter(tmp_path / "a.mcap", definitions).close()
    assert summary.messages == 0
    assert summarize(tmp_path / "a.mcap") == summary


def test_close_may_be_repeated_and_later_writes_are_dropped(tmp_path, definitions, bool_cdr):
    writer = McapWriter(tmp_path / "a.mcap", definitions)
    writer.close()
    assert writer.write("/t", BOOL, bool_cdr[0], 1, 1) is False
    assert writer.close().dropped == 1


def test_existing_recording_is_never_overwritten(tmp_path, definitions):
    (tmp_path / "a.mcap").write_bytes(b"precious")
    with pytest.raises(RecordingError, match=r"a\.mcap: exists already"):
        McapWriter(tmp_path / "a.mcap", definitions)
    assert (tmp_path / "a.mcap").read_bytes() == b"precious"


def test_folder_that_cannot_be_made_is_named(tmp_path, definitions):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="cannot be created"):
        McapWriter(tmp_path / "file" / "a.mcap", definitions)


def test_one_topic_has_one_type(tmp_path, definitions, bool_cdr):
    writer = McapWriter(tmp_path / "a.mcap", definitions)
    writer.add_topic("/t", BOOL)
    with pytest.raises(RecordingError, match="/t: comes as std_msgs/msg/Bool and as std_msgs/msg/Header"):
        writer.write("/t", "std_msgs/msg/Header", bool_cdr[0], 1, 1)
    writer.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [("compression", "zip"), ("chunk_bytes", 0), ("chunk_s", -1.0), ("queue_bytes", 0), ("reserve_bytes", -1)],
)
def test_settings_name_the_wrong_field(name, value):
    with pytest.raises(ValueError, match=f"{name}.*{value}"):
        WriterSettings(**{name: value})


@pytest.mark.parametrize(("name", "value"), [("reliability", "x"), ("durability", "x"), ("depth", 0)])
def test_qos_names_the_wrong_field(name, value):
    with pytest.raises(ValueError, match=name):
        TopicQos(**{name: value})
