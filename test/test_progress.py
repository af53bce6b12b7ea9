"""Where nobody watches a bar, a line now and then says that work goes on."""

import io
import time

from rich.console import Console

from gaze_vlm_ros import progress
from gaze_vlm_ros.progress import Progress


def test_in_a_log_there_is_a_line_at_the_start_and_every_ten_seconds(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with Progress(console=Console()) as shown:
        task = shown.add_task("episodes", total=50)
        for _ in range(50):
            now[0] += 0.5
            shown.advance(task)
        shown.update(task, description="done")
    assert capsys.readouterr().out.splitlines() == [
        "episodes 0 % (0 s)",
        "episodes 40 % (10 s)",
        "episodes 80 % (20 s)",
    ]


def test_while_nothing_is_finished_lines_go_on(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_EVERY_S", 0.15)
    with Progress(console=Console()) as shown:
        task = shown.add_task("rollouts", total=2)
        time.sleep(0.7)
        shown.update(task, completed=2)
    told = capsys.readouterr().out.splitlines()
    assert len(told) >= 3 and set(told) <= {f"rollouts {share} % ({s} s)" for share in (0, 100) for s in (0, 1, 2)}
    time.sleep(0.4)
    assert not capsys.readouterr().out, "silent after the end"


def test_what_is_tracked_is_counted_in_a_log(capsys, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with Progress(console=Console()) as shown:
        for _ in shown.track(range(4), description="episodes"):
            now[0] += 10.0
    assert capsys.readouterr().out.splitlines()[:3] == [
        "episodes 0 % (0 s)",
        "episodes 25 % (10 s)",
        "episodes 50 % (20 s)",
    ]


def test_without_an_end_there_is_no_share(capsys):
    with Progress(console=Console()) as shown:
        shown.add_task("report", total=None)
    assert capsys.readouterr().out == "report (0 s)\n"


def test_on_a_terminal_there_are_bars_and_no_lines(capsys):
    file = io.StringIO()
    with Progress(console=Console(file=file, force_terminal=True)) as shown:
        shown.advance(shown.add_task("episodes", total=1))
    assert "episodes" in file.getvalue() and not capsys.readouterr().out


def test_lines_go_where_the_console_writes(capsys):
    file = io.StringIO()
    with Progress(console=Console(file=file)) as shown:
        shown.add_task("report [1]", total=1)
    assert file.getvalue() == "report [1] 0 % (0 s)\n" and not capsys.readouterr().out


def test_results_on_standard_output_stay_alone(capsys):
    with Progress() as shown:
        shown.add_task("work", total=1)
    said = capsys.readouterr()
    assert said.out == "" and "work" in said.err
