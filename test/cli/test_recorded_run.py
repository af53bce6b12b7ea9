"""The last lines of a demo say what it measured."""

import pytest

from gaze_vlm_ros.cli.recorded_run import headline, print_summary

RATE = {"value": 0.5, "n": 12, "ci95": [0.25, 0.75]}
OTHER = {"value": 0.13, "n": 300, "ci95": [0.09, 0.17]}
SAID, OTHER_SAID = "0.50 [0.25, 0.75], n = 12", "0.13 [0.09, 0.17], n = 300"
REPORT = {
    "frames": 600,
    "gaze_samples": 4000,
    "predictions": {"activity": 100, "event": 99},
    "activity_accuracy": RATE,
    "event_accuracy": RATE,
    "pointed_in_time": {"value": None, "n": 0, "ci95": None},
    "majority": {"activity": OTHER, "event": OTHER},
    "assist": {"success": RATE, "without_prediction": OTHER, "with_truth": RATE},
    "rollouts": {"activity_accuracy": OTHER, "event_accuracy": OTHER},
    "brought": None,
    "age_ms": {"gaze_vlm/activity": {"p50": 90.0, "p95": 123.4, "max": 200.0, "n": 100}, "sim/truth": None},
}


def test_the_headline_holds_run_rollouts_rivals_and_age(tmp_path, capsys):
    rows = {row[0]: row[1:] for row in headline(REPORT)}
    assert rows["activity right"] == (SAID, OTHER_SAID, f"majority {OTHER_SAID}")
    assert rows["pointed in time"] == ("", SAID, f"without prediction {OTHER_SAID}, with the truth {SAID}")
    assert rows["age of gaze_vlm/activity, p95"][0] == "123 ms"
    print_summary(REPORT, tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7 and lines[-1] == f"report: {tmp_path / 'report.html'}"
    assert lines[2].index(OTHER_SAID) == lines[3].index(OTHER_SAID) == lines[4].index(SAID), "in columns"


def test_what_a_policy_brought_has_a_row_of_its_own():
    brought = {"waited_for": 3, "by_robot": 2, "by_somebody_else": 1, "ahead": 1, "waited_s": 24.6}
    rows = {row[0]: row[1:] for row in headline(REPORT | {"brought": brought})}
    assert rows["brought by the robot"] == ("2 of 3 waited for, 1 more", "", "waited 25 s")


@pytest.mark.parametrize("key", ["activity_accuracy", "event_accuracy", "pointed_in_time"])
def test_what_was_not_measured_is_left_out(key, tmp_path):
    bare = REPORT | {"rollouts": None, "majority": {"activity": None, "event": None}, key: None}
    bare |= {"assist": dict.fromkeys(REPORT["assist"])}
    assert not any(row[0].startswith(key.split("_")[0]) for row in headline(bare))
    print_summary(bare, tmp_path)
