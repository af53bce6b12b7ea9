import re

import numpy as np
import pytest

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.report import charts, svg
from gaze_vlm_ros.report.notes import notes_of
from gaze_vlm_ros.report.rates import rate_rows
from gaze_vlm_ros.report.run import Run, State
from gaze_vlm_ros.report.summary import changes, frames_missing, percentiles
from gaze_vlm_ros.report.timeline import colour_of, merge, rows_of, timeline
from gaze_vlm_ros.statistics import wilson


@pytest.mark.parametrize(
    ("low", "high", "about"), [(0, 20, 10), (-30, 500, 3), (0, 0.35, 10), (0, 3600, 12), (19.9, 40, 7)]
)
def test_ticks_are_round_inside_and_not_too_many(low, high, about):
    ticks = svg.ticks(low, high, about)
    steps = np.diff(ticks)
    assert low <= ticks[0] and ticks[-1] <= high
    assert 2 <= len(ticks) <= about + 1
    assert np.allclose(steps, steps[0])
    assert re.match(r"[125]0*e", f"{steps[0]:.6e}".replace(".", ""))


def test_words_are_shortened_to_their_room():
    assert svg.shortened("moving the mug", 1000) == "moving the mug"
    assert svg.shortened("moving the mug", 60).endswith("…")
    assert svg.shortened("moving the mug", 15) == ""


def test_a_trace_is_broken_where_gaze_is_invalid_or_missing():
    x = np.array([0, 1, 2, 3, 60, 61.0])
    y = np.array([5, 5, np.nan, 6, 7, 7.0])
    assert charts.trace_path(x, y) == "M0.0 5.0L1.0 5.0M3.0 6.0M60.0 7.0L61.0 7.0"


def test_a_dense_trace_keeps_its_extremes():
    x = np.linspace(0, 1000, 100_000)
    y = np.sin(x)
    y[54_321] = 9.0
    path = charts.trace_path(x, y)
    assert "9.0" in path
    assert len(path) < 60_000


def test_equal_neighbours_merge_and_silence_leaves_a_gap():
    series = [(0.0, "a", True), (0.5, "a", True), (1.0, "a", False), (1.5, "", None), (5.0, "b", None)]
    segments = [(s.start_s, s.end_s, s.words, s.right) for s in merge(series)]
    assert segments == [(0.0, 1.0, "a", True), (1.0, 1.5, "a", False), (5.0, 5.25, "b", None)]


def test_a_state_counts_for_a_second_at_most():
    assert [(s.start_s, s.end_s) for s in merge([(0.0, "a", None), (9.0, "a", None)])] == [(0.0, 1.0), (9.0, 9.25)]


def test_a_thing_has_one_colour_in_every_row():
    assert (
        colour_of("reaching for the pill box") == colour_of("pick up the pill box") == colour_of("pointing: pill box")
    )
    assert len({colour_of(f"reaching for the {kind}") for kind in OBJECT_KINDS}) == len(OBJECT_KINDS)
    assert colour_of("opening the jar") == colour_of("opening jar jar") == colour_of("jar") != colour_of("pen")
    assert colour_of("pouring from the kettle into the mug") == colour_of("kettle")
    assert colour_of("looking around") == colour_of("(abstains)")


def test_the_timeline_tells_right_from_wrong(run):
    rows = {row.label: row.segments for row in rows_of(run)}
    predicted = rows["next event, model"]
    assert any(s.words == "pick up the bottle" and s.right is False for s in predicted)
    assert any(s.words == "pick up the mug" and s.right for s in predicted)
    assert [s.words for s in rows["activity, actual"]][:3] == [
        "looking around",
        "reaching for the mug",
        "moving the mug to the tray",
    ]
    assert timeline(run).count("<svg") == 1


def test_states_are_listed_once_per_change():
    states = [
        State(0, "idle"),
        State(1, "idle", "new words"),
        State(2, "pointing", target="mug"),
        State(3, "pointing", target="bowl"),
    ]
    assert [state.stamp_ns for state in changes(states)] == [0, 2, 3]


def filmed(*stamps_ms, still_s=None):
    run = Run(image_topics={"image": [stamp * 1_000_000 for stamp in stamps_ms]})
    if still_s is not None:
        run.diagnostics["simulator"] = {"worst": 0, "values": {"world stood still [s]": str(still_s)}}
    return run


def test_missing_frames_are_gaps_in_the_stamps():
    assert frames_missing(filmed(0, 10, 20, 50, 60)) == 2
    assert frames_missing(filmed(0, 11, 19, 30, 41)) == 0
    assert frames_missing(filmed(5)) == 0


def test_a_world_that_stood_still_misses_no_frames():
    assert frames_missing(filmed(0, 10, 20, 120, 130, 150, 160, still_s=0.09)) == 1
    assert frames_missing(filmed(0, 10, 20, 30, still_s=5.0)) == 0


def test_a_slow_machine_is_the_first_thing_that_is_said():
    run = filmed(*range(0, 10_000, 50), still_s=4.0)
    run.gaze.stamp_ns += [0, 10_000_000_000]
    run.commands = (60, 40)
    run.governor += [State(0, "holding", f"joint_states: its stamp is 0.{k} s old") for k in (1, 2)]
    run.governor.append(State(0, "holding", "the wearer is near"))
    first, second, *_ = notes_of(run, {"age_ms": {}, "rollouts": None}, [], "")
    assert "stood still for 4 of 10 s" in first and "close other programs" in first
    assert second == "The governor refused 40 of 100 commands; its most frequent reason: joint_states."


def test_percentiles_of_known_values():
    assert percentiles(np.arange(101)) == {"p50": 50.0, "p95": 95.0, "max": 100.0, "n": 101}
    assert percentiles([]) is None


def test_a_histogram_counts_everything():
    chart = charts.histogram([10, 20, 990, 5000], 1000, 10, "ms", "x", "fixation")
    assert [int(n) for n in re.findall(r"<title>(\d+):", chart)] == [2, 0, 0, 0, 0, 0, 0, 0, 0, 2]


def test_rates_are_named_for_people_and_unknown_ones_kept():
    rate = wilson(1, 2).as_dict()
    rows = rate_rows(
        {"assist": {"success": rate, "difference": {"value": -0.1, "n": 5, "ci95": [-0.2, 0.1]}}, "rollouts": 3}
    )
    assert [row.name for row in rows] == ["assistance with the model's prediction", "assist: difference"]
    assert rows[0].bar and not rows[1].bar
    assert rows[1].interval == "-20 to 10 %"
