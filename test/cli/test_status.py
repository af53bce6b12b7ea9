"""The table of the running graph, from what nodes say of themselves."""

import io
from types import SimpleNamespace

from rich.console import Console

from gaze_vlm_ros.cli.status import Board


def said(name, message="active", level=b"\x00", **values):
    pairs = [SimpleNamespace(key=key.replace("__", " "), value=value) for key, value in values.items()]
    return SimpleNamespace(name=name, level=level, message=message, values=pairs)


def figures(**values):
    """Keys as nodes give them: ``topic__rate`` is the rate of the topic."""
    units = {"rate": "rate [Hz]", "age": "age [ms]", "least_age": "least age [ms]"}
    return {f"{k.split('__')[0]}__{units[k.split('__')[1]]}": v for k, v in values.items()}


def text(board, now_s):
    out = io.StringIO()
    Console(file=out, width=200).print(board.table(now_s))
    return out.getvalue()


def row(board, name, now_s):
    return [cell.strip() for cell in next(ln for ln in text(board, now_s).splitlines() if name in ln).split("│")[1:-1]]


def test_a_row_shows_the_stalest_stream_that_still_moves():
    board = Board()
    streams = figures(
        gaze__rate="200.0", gaze__age="4", event__rate="5.0", event__age="310", old__rate="0.0", old__age="9000",
        gaze__least_age="1",
    )  # fmt: skip
    board.hear([said("sim/vlm", state="active", dropped="7", lost="3", **streams)], 100.0)
    assert row(board, "sim/vlm", 100.5) == ["sim/vlm", "active", "event", "5.0", "310", "7", "3", ""]


def test_the_last_reason_stays_with_its_time_after_all_is_well_again():
    board = Board()
    board.hear([said("sim/gaze", "gaze/sample: silent for 1.0 s [hm]", b"\x01", state="active")], 100.0)
    board.hear([said("sim/gaze", state="active")], 101.0)
    reason = row(board, "sim/gaze", 101.0)[-1]
    assert reason.endswith("gaze/sample: silent for 1.0 s [hm]") and reason[2] == reason[5] == ":"


def test_a_node_that_fell_silent_is_said_to_be_so():
    board = Board()
    board.hear([said("sim/vlm", state="active")], 100.0)
    assert row(board, "sim/vlm", 102.0)[1] == "active"
    assert row(board, "sim/vlm", 106.0)[1] == "silent for 6 s"


def test_the_governor_says_why_it_holds_and_the_title_whether_the_graph_is_ready():
    board = Board()
    assert "not heard" in text(board, 0.0)
    board.hear([said("sim/governor", state="active", governor="holding: the policy asks for no motion")], 1.0)
    board.is_ready = True
    assert row(board, "sim/governor", 1.0)[-1] == "holding: the policy asks for no motion"
    assert "life-cycle manager: ready" in text(board, 1.0)


def test_the_governors_state_stays_in_sight_beside_an_old_reason():
    board = Board()
    late = "joint_states: 3 refused, last because its stamp is 0.10 s old"
    board.hear([said("sim/governor", late, b"\x01", state="active", governor="holding: no frames")], 1.0)
    board.hear([said("sim/governor", state="active", governor="stopped: somebody called governor/stop")], 2.0)
    reason = row(board, "sim/governor", 2.0)[-1]
    assert reason.startswith("stopped: somebody called governor/stop | ") and reason.endswith(late)


def test_nodes_that_were_not_heard_are_missed():
    board = Board()
    board.hear([said("sim/vlm", state="active")], 1.0)
    board.expected = 7
    assert "1 of 7 nodes heard" in text(board, 1.0)
