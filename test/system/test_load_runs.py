"""The load run: its recording, what is said of a run, and short runs of the real graph."""

import json

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.serialization import serialize_message

from gaze_vlm_ros.cli.processes import command
from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.recording.writer import McapWriter
from gaze_vlm_ros.sources.base import open_source

FRAMES, GAZE, EVENT = names.SCENE_IMAGE, names.GAZE_SAMPLE, names.EVENT
PLAYED = {names.SCENE_INFO: 180, names.SCENE_POSE: 180, names.SCENE_IMAGE_COMPRESSED: 180, GAZE: 1200}


def test_the_loaded_graph_has_readers_and_a_recording_in_place_of_the_simulator(benchmark, tmp_path):
    runs = benchmark("load_runs")
    deployment = runs.loaded(tmp_path)
    names = [node.name for node in deployment.nodes]
    assert names[-1] == "lifecycle_manager" and names[-2] == "source" and "simulator" not in names
    assert deployment.nodes[-1].given["nodes"] == tuple(names[:-1]) and set(runs.LISTENERS) < set(names)
    listener = next(node for node in deployment.nodes if node.name == "listener_1")
    assert "benchmarks.listener" in command(listener, deployment)


class TestRecording:
    """Frames at 30 Hz and gaze at 200 Hz without a gap, also where the clip begins again."""

    def test_it_holds_the_clip_again_and_again_at_the_rates_asked_for(self, benchmark, tmp_path):
        written = benchmark("load_replay").write(tmp_path / "replayed.mcap", 2, 2_000_001, clip_s=1)
        source = open_source(tmp_path / "replayed.mcap")
        frames, samples, poses = [], [], 0
        for item in source:
            kind = type(item).__name__
            frames += [item] if kind == "Frame" else []
            samples += [item] if kind == "GazeSample" else []
            poses += kind == "CameraPose"
        assert [frame.stamp_ns for frame in frames] == written.frame_stamps_ns.tolist() and len(frames) == 60
        assert frames[0].rgb.shape == (480, 640, 3) and (frames[0].rgb == frames[30].rgb).all()
        assert (frames[0].rgb != frames[15].rgb).any()
        assert np.ptp(np.diff(written.frame_stamps_ns)) <= 1
        assert [sample.sequence for sample in samples] == list(range(300)) and poses == 60
        assert np.ptp(np.diff([sample.stamp_ns for sample in samples])) == 0
        assert written.messages == {topic: count // 3 for topic, count in PLAYED.items()} | {GAZE: 300}


class TestJudging:
    """A run of 6 s that was made up: what is said of it is what was put into it."""

    def folder(self, benchmark, tmp_path, frames_heard=180):
        results = {topic: 31 for topic in (EVENT, names.ACTIVITY, names.OBJECTS, names.ATTENTION)}
        targets, filtered = {names.GAZE_TARGET: 31}, {names.GAZE_FILTERED: 1200, names.EYE_MOVEMENT: 9}
        readers = {FRAMES: 180, GAZE: 1200, EVENT: 31} | targets
        nodes = {
            "source": PLAYED | {FRAMES: 180}, "gaze": {GAZE: 1200} | filtered,
            "vlm": {FRAMES: 178, GAZE: 1200} | results, "gaze_target": {names.OBJECTS: 31} | targets, "recorder": {},
        } | dict.fromkeys(benchmark("load_runs").LISTENERS, readers)  # fmt: skip
        recorded = PLAYED | results | targets | {names.EYE_MOVEMENT: 9}
        lost = {"vlm": {f"{FRAMES} lost": "2", "lost": "2"}, "recorder": {"dropped": "3"}}
        writer = McapWriter(tmp_path / "run" / "run.mcap")
        for topic, count in recorded.items():
            for number in range(count - (3 if topic == GAZE else 0)):
                writer.write(f"/sim/{topic}", "std_msgs/msg/Empty", b"\0\1\0\0\0", number, number)
        for name, counts in nodes.items():
            values = {f"{topic} messages": str(count) for topic, count in counts.items()} | lost.get(name, {})
            status = DiagnosticStatus(name=f"sim/{name}", values=[KeyValue(key=k, value=v) for k, v in values.items()])
            data = serialize_message(DiagnosticArray(status=[status]))
            writer.write(f"/sim/{names.DIAGNOSTICS}", names.RECORDED[names.DIAGNOSTICS], data, 10**10, 10**10)
        writer.close()
        for name in benchmark("load_runs").LISTENERS:
            taken, topics = benchmark("notes").Notes(str(tmp_path / name)), tuple(benchmark("listener").HEARD)
            for topic, count in (readers | {FRAMES: frames_heard}).items():
                for number in range(count):
                    stamp_ns = number * 6 * 10**9 // count
                    taken.add(topics.index(topic), stamp_ns, stamp_ns + 10**8)
            taken.close()
        return tmp_path

    def judged(self, benchmark, folder):
        replay = benchmark("load_replay")
        written = replay.Replayed(np.arange(180) * 10**9 // 30, PLAYED)
        memory = {"vlm": [(second, 300.0) for second in np.arange(0.0, 6.0, 0.2)]}
        return benchmark("load_runs").judge(folder, written, memory)

    def test_what_is_counted_is_in_order(self, benchmark, tmp_path):
        found = self.judged(benchmark, self.folder(benchmark, tmp_path))
        assert found["uncounted_in"] == {} and found["uncounted_drops"] == 0
        assert found["counted"] == {"lost": 2, "dropped": 3}
        assert found["rates_hz"][FRAMES] == pytest.approx(30.0, rel=0.02)
        assert found["age_ms"][EVENT]["p50"] == pytest.approx(100.0)
        assert found["rss_growth_pct_per_h"] == 0.0 and found["rss_growth_process"] == "vlm"

    def test_a_listener_that_loses_without_a_word_is_found(self, benchmark, tmp_path):
        found = self.judged(benchmark, self.folder(benchmark, tmp_path, frames_heard=175))
        assert found["uncounted_in"] == {f"listener_{number}: {FRAMES}": 5 for number in range(1, 5)}
        assert found["uncounted_drops"] == 20


@pytest.mark.slow
def test_every_message_of_a_short_run_is_accounted_for(benchmark, checkpoint):
    found = benchmark("load_runs").measure(6, 0, checkpoint=checkpoint, clip_s=1)["load"]
    assert found["uncounted_drops"] == 0, found["uncounted_in"]
    assert found["rates_hz"][FRAMES] > 0.0 and found["rates_hz"][GAZE] > 0.0
    assert {"rss_growth_pct_per_h", "rss_growth_ci95", "age_ms", "age_drift_ms_per_min"} < set(found)
    json.dumps(found)


@pytest.mark.slow
def test_the_governor_of_a_running_graph_answers(benchmark, checkpoint):
    found = benchmark("end_to_end").measure(10.0, 0, checkpoint=checkpoint)
    assert found["end_to_end_commands"] > 0 and 0.0 < found["end_to_end_ms_p50"] <= found["end_to_end_ms_p99"]
    assert isinstance(found["end_to_end_fifo"], bool)
