"""What a load run is judged by: every message is counted, memory that grows and ages that drift are seen."""

import subprocess
import sys
import time

import numpy as np
import pytest

FRAMES, GAZE, EVENT = "scene_camera/image_raw", "gaze/sample", "gaze_vlm/event"
SENT = {FRAMES: ("source", 300), GAZE: ("source", 2000), EVENT: ("vlm", 50)}
TOPICS = {"frames": FRAMES, "events": EVENT, "samples": GAZE, "filtered": "gaze/filtered"}
LEAK = "import time; held = []\nwhile True: held.append(bytearray(1 << 18)); time.sleep(0.01)"
STEADY = "import time; held = bytearray(1 << 24)\nwhile True: time.sleep(0.01)"


@pytest.fixture
def judgement(benchmark):
    return benchmark("load_judgement")


def notes(count, step_ns=10**7, age_ns=0, missing=()):
    """``count`` messages, each heard ``age_ns`` (a number or one for each) after its stamp."""
    stamps = np.arange(count) * step_ns
    rows = np.stack([stamps, stamps + age_ns], axis=1)
    return np.delete(rows, list(missing), axis=0)


class TestCounting:
    def told(self, frames=300, lost=0):
        return {"vlm": {f"{FRAMES} messages": str(frames), f"{EVENT} messages": "50"} | {f"{FRAMES} lost": str(lost)}}

    def test_what_arrives_or_is_counted_is_in_order(self, judgement):
        assert judgement.on_the_way(SENT, self.told(), {}) == {}
        assert judgement.on_the_way(SENT, self.told(frames=290, lost=10), {}) == {}

    @pytest.mark.parametrize(("frames", "lost", "uncounted"), [(290, 0, 10), (290, 9, 1), (300, 4, 4), (301, 0, 1)])
    def test_what_is_lost_uncounted_or_counted_without_loss_is_named(self, judgement, frames, lost, uncounted):
        found = judgement.on_the_way(SENT, self.told(frames, lost), {})
        assert found == {f"vlm: {FRAMES}": uncounted}

    def test_a_listener_is_believed_by_its_notes_and_not_by_its_count(self, judgement):
        nodes = {"listener_1": {f"{FRAMES} messages": "300"}}
        one = {"listener_1": {FRAMES: notes(300, missing=[7, 8])}}
        assert judgement.on_the_way(SENT, nodes, one) == {f"listener_1: {FRAMES}": 2}
        doubled = {"listener_1": {FRAMES: np.concatenate([notes(298), notes(2)])}}
        assert judgement.on_the_way(SENT, nodes, doubled) == {f"listener_1: {FRAMES}": 2}
        assert judgement.on_the_way(SENT, nodes, {"listener_1": {FRAMES: notes(300)}}) == {}

    def test_the_recording_lacks_what_the_recorder_counts_and_no_more(self, judgement):
        recorded = {GAZE: 1990, EVENT: 50}
        assert judgement.in_the_recording(SENT, recorded, {"lost": "6", "dropped": "4"}) == {}
        assert judgement.in_the_recording(SENT, recorded, {"lost": "6"}) == {"recorder": 4}

    def test_the_source_plays_all_that_was_written(self, judgement):
        assert judgement.in_the_source({GAZE: 2000}, {f"{GAZE} messages": "2000"}) == {}
        assert judgement.in_the_source({GAZE: 2000}, {f"{GAZE} messages": "1999"}) == {f"source: {GAZE}": 1}

    @pytest.mark.parametrize(
        ("events", "replaced", "filtered", "found"),
        [
            (50, 0, 2000, {}),
            (45, 5, 2000, {}),
            (45, 0, 2000, {"vlm: frames": 5}),
            (50, 0, 1960, {"gaze: samples": 40}),
        ],
    )
    def test_work_that_was_taken_in_comes_out_or_is_counted(self, judgement, events, replaced, filtered, found):
        stamps = np.arange(294) * 10**9 // 30
        vlm = {f"{EVENT} messages": str(events), "frames replaced": str(replaced)}
        gaze = {f"{GAZE} messages": "2000", "gaze/filtered messages": str(filtered)}
        assert judgement.in_the_nodes(stamps, 5.0, vlm, gaze, TOPICS) == found


class TestAges:
    def test_ages_that_grow_have_a_slope_whose_interval_leaves_out_nothing(self, judgement):
        growing = notes(1800, 10**8, np.arange(1800) * 10**5 + 10**8)
        found = judgement.ages([{EVENT: growing}], [EVENT], 0)["age_drift_ms_per_min"][EVENT]
        assert found["value"] == pytest.approx(60.0, rel=0.02) and found["ci95"][0] > 50.0

    def test_ages_that_scatter_do_not_drift(self, judgement):
        scatter = np.random.default_rng(0).integers(0, 10**8, 1800)
        found = judgement.ages([{EVENT: notes(1800, 10**8, scatter)}], [EVENT], 0)
        low, high = found["age_drift_ms_per_min"][EVENT]["ci95"]
        assert low < 0.0 < high and found["age_ms"][EVENT]["p50"] == pytest.approx(50.0, abs=5.0)

    def test_the_rate_is_that_of_the_slowest_listener(self, judgement):
        fast, slow = {EVENT: notes(100, 10**8)}, {EVENT: notes(50, 2 * 10**8)}
        assert judgement.rates_hz([fast, slow], [EVENT]) == {EVENT: 5.0}


class TestMemory:
    def test_a_process_that_leaks_is_seen_and_one_that_does_not_is_not(self, benchmark):
        memory, samples = benchmark("memory"), {"leaks": [], "steady": []}
        processes = {
            name: subprocess.Popen([sys.executable, "-c", code]) for name, code in (("leaks", LEAK), ("steady", STEADY))
        }
        try:
            end = time.monotonic() + 60.0
            while memory.resident_mib(processes["leaks"].pid) < 30.0 and time.monotonic() < end:
                time.sleep(0.05)
            for _ in range(30):
                for name, process in processes.items():
                    samples[name].append((time.monotonic(), memory.resident_mib(process.pid)))
                time.sleep(0.05)
        finally:
            for process in processes.values():
                process.kill()
                process.wait()
        found = memory.largest_growth(samples)
        assert found["rss_growth_process"] == "leaks" and found["rss_growth_pct_per_h"] > 1000.0
        assert found["rss_growth_each"]["steady"] == 0.0 and not found["rss_growth_resolved"]

    def series(self, seconds, mib_per_h=0.0):
        times = np.arange(float(seconds))
        return list(zip(times, 200.0 + mib_per_h * times / 3600.0, strict=True))

    def test_three_minutes_do_not_resolve_a_percent_and_half_an_hour_of_a_large_process_does(self, benchmark):
        memory = benchmark("memory")
        short, long = (memory.largest_growth({"vlm": self.series(s)}) for s in (150, 1801))
        assert not short["rss_growth_resolved"] and short["rss_growth_ci95"] == pytest.approx([-12.1, 12.1], abs=0.1)
        assert long["rss_growth_ci95"] == pytest.approx([-1.0, 1.0], abs=0.01)
        assert memory.largest_growth({"vlm": self.series(3600)})["rss_growth_resolved"]

    def test_the_growth_is_in_percent_of_the_process_per_hour(self, benchmark):
        found = benchmark("memory").largest_growth({"a": self.series(3600, 10.0), "b": self.series(3600)})
        assert found["rss_growth_pct_per_h"] == pytest.approx(4.9, abs=0.1) and found["rss_growth_process"] == "a"

    def test_too_short_a_run_has_no_growth(self, benchmark):
        found = benchmark("memory").largest_growth({"vlm": self.series(3)})
        assert found["rss_growth_pct_per_h"] is None and not found["rss_growth_resolved"]


def test_a_command_is_answered_by_what_the_governor_says_next_and_only_after_silence(benchmark):
    answers_ms = benchmark("end_to_end").answers_ms
    commands = np.array([0, 200, 400, 600, 800, 1000]) * 10**6
    answers = np.array([212, 232, 252, 390, 410, 1003]) * 10**6
    # 0: not armed yet; 400: answered while the one before was still being followed; 600: never; 1000: the last one.
    took, without = answers_ms(commands, answers)
    assert took == [12.0] and without == 3
    assert answers_ms(commands, np.array([], np.int64)) == ([], 0)


def test_notes_are_read_as_they_were_written_though_cut_off(benchmark, tmp_path):
    module = benchmark("notes")
    writer = module.Notes(str(tmp_path / "notes"))
    for number in range(5):
        writer.add(number % 2, number, 10 * number)
    writer.close()
    with (tmp_path / "notes").open("ab") as file:
        file.write(b"\1\2\3")
    found = module.read_notes(tmp_path / "notes", ("a", "b", "c"))
    assert found["a"].tolist() == [[0, 0], [2, 20], [4, 40]] and found["b"].tolist() == [[1, 10], [3, 30]]
    assert found["c"].shape == (0, 2)
