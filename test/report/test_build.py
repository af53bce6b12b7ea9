"""The report of a recording whose every figure is known."""

import json
import math
import re
from html.parser import HTMLParser
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from synthetic_run import PREDICTION_AGE_S, Recording, picture, write_run

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.recording.images import encode_jpeg
from gaze_vlm_ros.report import ReportError, build_report, summary


class Page(HTMLParser):
    """Tags, their attributes and the words of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def all(self, name: str) -> list[dict]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def page(report):
    return Page((report[1] / "report.html").read_text())


def test_counts(report):
    figures, _ = report
    assert figures["predictions"] == {"activity": 96, "event": 96}
    assert figures["frames"] == 360
    assert figures["gaze_samples"] == 24 * 200 - 1
    assert figures["gaze_targets"] == 96
    assert figures["eye_movements"] == {"fixation": 60, "saccade": 60, "blink": 1}
    assert figures["drops"]["gaze_samples_lost"] == 1
    assert figures["drops"]["gaze_samples_invalid"] == 30
    assert figures["drops"]["frames_missing"] == 0
    assert figures["drops"]["commands_refused"] == 3
    assert figures["duration_s"] == pytest.approx(24.0, abs=0.01)


def test_accuracy_counts_each_phase_and_each_event_once(report):
    figures, _ = report
    # 14 phases and 8 events; in the second cycle the model takes the bowl for a bottle: two of each are wrong.
    assert (figures["activity_accuracy"]["value"], figures["activity_accuracy"]["n"]) == (pytest.approx(12 / 14), 14)
    assert (figures["event_accuracy"]["value"], figures["event_accuracy"]["n"]) == (pytest.approx(6 / 8), 8)
    assert figures["activity_accuracy"]["per_prediction"]["n"] == 96
    # Each change is noticed 0.3 s late, so single predictions are right less often.
    assert figures["activity_accuracy"]["per_prediction"]["value"] < 12 / 14


def test_arm_and_gaze_targets_against_the_truth(report):
    figures, _ = report
    assert (figures["pointed_in_time"]["value"], figures["pointed_in_time"]["n"]) == (0.5, 4)
    assert figures["gaze_target"]["label"]["value"] == 1.0
    assert figures["gaze_target"]["error_mm"]["p50"] == pytest.approx(10.0, abs=0.01)


def test_ages_are_time_of_recording_minus_stamp(report):
    age = report[0]["age_ms"]["gaze_vlm/activity"]
    assert age == {"p50": 1e3 * PREDICTION_AGE_S, "p95": 1e3 * PREDICTION_AGE_S, "max": 1e3 * PREDICTION_AGE_S, "n": 96}
    assert report[0]["rate_hz"]["gaze_vlm/activity"] == pytest.approx(4.0)


def test_rivals_come_from_the_rollouts(report):
    figures, _ = report
    for rival in ("majority", "repeat"):
        assert {kind: figures[rival][kind]["n"] for kind in ("activity", "event")} == {"activity": 30, "event": 30}
    assert set(figures["assist"]) == {"success", "without_prediction", "with_truth"}
    assert all(figures["assist"][name]["ci95"] for name in figures["assist"])


def test_the_file_holds_what_is_returned(report):
    figures, folder = report
    assert json.loads((folder / "report.json").read_text()) == figures
    assert figures["versions"]["dataset"] == "7"
    assert figures["versions"]["model synthetic"] == "1"


def test_the_page_needs_nothing_from_elsewhere(page, report):
    html = (report[1] / "report.html").read_text()
    sources = [
        value for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href", "poster")
    ]
    assert len(sources) == 2
    assert all(source.startswith("data:") for source in sources)
    assert not re.search(r"https?://|@import|url\(", html)
    assert len(html) < 11e6


def test_the_page_shows_video_timeline_reasons_and_ages(page):
    assert len(page.all("video")) == 1
    assert "next event, model" in page.words
    assert "The wearer will pick up the bowl." in page.words
    assert "hand within 0.2 m" in page.words
    assert "gaze_vlm/activity" in page.words
    assert "A · P7 · start" in page.words
    assert "frames dropped 2" in page.words


def test_every_chart_is_well_formed(report):
    html = (report[1] / "report.html").read_text()
    charts = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(charts) > 10
    for chart in charts:
        ElementTree.fromstring(chart)
        assert "nan" not in re.sub(r"<title>.*?</title>", "", chart).lower()


def test_notes_name_what_a_reader_must_know(report):
    notes = " ".join(report[0]["notes"])
    assert "1 of 4800 gaze samples were lost" in notes
    assert "8 of 192 predictions are marked out of domain" in notes
    assert "sim/truth" not in notes


def test_the_same_recording_gives_the_same_report(recording, report, tmp_path):
    again = build_report(recording, tmp_path, {"rollouts": report[0]["rollouts"], "versions": {"dataset": "7"}})
    assert again == report[0]


def test_gaze_alone_gives_a_report_without_video(tmp_path):
    recording = write_run(tmp_path / "gaze.mcap", 6.0, namespace="", video=False, truth=False)
    figures = build_report(recording, tmp_path / "out")
    assert figures["frames"] == 0
    assert figures["activity_accuracy"] is None
    assert figures["majority"] == {"activity": None, "event": None}
    assert figures["assist"]["success"] is None
    assert any("no video" in note for note in figures["notes"])
    assert any("no accuracy" in note for note in figures["notes"])
    page = Page((tmp_path / "out" / "report.html").read_text())
    assert not page.all("video")
    assert "Fixations over the scene image" in page.words
    assert not (tmp_path / "out" / "preview.png").exists()


def test_a_few_frames_are_slowed_down_and_shown_one_by_one(tmp_path):
    recording = write_run(tmp_path / "short.mcap", 0.4, truth=False)
    figures = build_report(recording, tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert figures["frames"] == 6
    assert len(page.all("img")) == 6
    assert float(page.all("video")[0]["data-slowdown"]) > 10


def test_words_of_a_recording_cannot_become_code(tmp_path):
    evil = "<script>alert(1)</script>"
    recording = Recording(tmp_path / "evil.mcap", evil)
    recording.put("gaze_vlm/activity", "gaze_vlm_msgs/msg/Prediction", 1.0, 0.1, text=evil, model_name=evil)
    recording.put("governor/state", "gaze_vlm_msgs/msg/GovernorState", 1.0, 0.1, state=9, reason=evil)
    recording.close()
    build_report(tmp_path / "evil.mcap", tmp_path, {"title": evil, "notes": [evil]})
    html = (tmp_path / "report.html").read_text()
    assert len(Page(html).all("script")) == 1
    assert evil not in html


def test_the_busiest_namespace_is_shown_and_the_others_named(tmp_path):
    recording = Recording(tmp_path / "two.mcap", "")
    for number in range(5):
        recording.put("left/gaze/sample", "gaze_vlm_msgs/msg/GazeSample", 0.1 * number, 0.0, sequence=number)
    recording.put("right/gaze/sample", "gaze_vlm_msgs/msg/GazeSample", 0.0, 0.0)
    recording.close()
    figures = build_report(tmp_path / "two.mcap", tmp_path)
    assert (figures["namespace"], figures["gaze_samples"]) == ("left", 5)
    assert any("also holds right" in note for note in figures["notes"])


def test_stamps_of_another_clock_give_no_age(tmp_path):
    recording = Recording(tmp_path / "clock.mcap", "sim")
    for number in range(5):
        recording.put("gaze/sample", "gaze_vlm_msgs/msg/GazeSample", 0.1 * number, 3600.0, sequence=number)
    recording.close()
    figures = build_report(tmp_path / "clock.mcap", tmp_path)
    assert figures["age_ms"] == {}
    assert any("another clock" in note and "gaze/sample" in note for note in figures["notes"])


def test_frames_that_are_no_pictures_are_left_out_and_counted(tmp_path):
    recording = Recording(tmp_path / "broken.mcap", "sim")
    for number in range(40):
        data = b"no picture" if number % 10 == 5 else encode_jpeg(picture(number / 15))
        kind = "sensor_msgs/msg/CompressedImage"
        recording.put("scene_camera/image_raw/compressed", kind, number / 15, 0.01, format="jpeg", data=data)
    recording.close()
    figures = build_report(tmp_path / "broken.mcap", tmp_path)
    assert figures["frames"] == 40
    assert any("4 frames were left out" in note for note in figures["notes"])


def test_a_recording_without_our_topics_is_refused(tmp_path):
    recording = Recording(tmp_path / "foreign.mcap", "")
    recording.put("chatter", "std_msgs/msg/String", 0.0, 0.0, data="hello")
    recording.close()
    with pytest.raises(ReportError, match=r"foreign\.mcap has no topic of this package"):
        build_report(tmp_path / "foreign.mcap", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_recording_is_refused(tmp_path):
    with pytest.raises(GazeVlmError, match=r"missing\.mcap"):
        build_report(tmp_path / "missing.mcap", tmp_path / "out")


def test_no_figure_is_nan(report):
    def leaves(value):
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]
        return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]

    assert all(math.isfinite(leaf) for leaf in leaves(report[0]) if isinstance(leaf, float))


def test_what_a_simulated_wearer_was_brought_is_read_from_the_simulators_words():
    counts = {
        "things waited for": "3",
        "brought by the robot": "2",
        "given by somebody else": "1",
        "brought ahead": "1",
    }
    run = SimpleNamespace(diagnostics={"simulator": {"values": {**counts, "waited [s]": "24.6"}}})
    wanted = {"waited_for": 3, "by_robot": 2, "by_somebody_else": 1, "ahead": 1, "waited_s": 24.6}
    assert summary._brought(run) == wanted
    assert summary._brought(SimpleNamespace(diagnostics={"simulator": {"values": {"frames not drawn": "0"}}})) is None
