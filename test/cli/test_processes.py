"""The process supervisor with small programs in the place of nodes."""

import os
import signal
import subprocess
import sys
import time

import pytest
import yaml
from patience import patience

from gaze_vlm_ros.cli import processes
from gaze_vlm_ros.cli.processes import NodeDied, ProcessGraph, end_orphans
from gaze_vlm_ros.environment import RosUnavailable, find_ros
from gaze_vlm_ros.graph import PARENT_VARIABLE, Deployment, NodeSpec, build
from gaze_vlm_ros.supervision import Restarts

SLEEP = "import time; print('up', flush=True); time.sleep(60)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
FAMILY = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"


@pytest.fixture
def graph(monkeypatch):
    """``graph(first, second, ...)`` runs programs as nodes n0, n1, ...; the last one is the manager."""
    try:
        find_ros()
    except RosUnavailable as error:
        pytest.skip(str(error))
    started, lines = [], []

    def start(*programs):
        nodes = tuple(NodeSpec(program, f"n{index}") for index, program in enumerate(programs))
        monkeypatch.setattr(processes, "command", lambda spec, deployment: [sys.executable, "-c", spec.executable])
        started.append(ProcessGraph(Deployment("sim", "sim", True, nodes), 1, lines.append))
        return started[-1]

    start.lines = lines
    yield start
    for one in started:
        one.stop()


def test_lines_come_with_the_name_of_their_node(graph):
    running = graph(SLEEP, SLEEP)
    assert running.wait(10.0, until=lambda: len(graph.lines) == 2)
    assert sorted(line.split() for line in graph.lines) == [["n0", "|", "up"], ["n1", "|", "up"]]


@pytest.fixture
def short_pauses(monkeypatch):
    monkeypatch.setattr(processes, "Restarts", lambda tries: Restarts(tries=2, first_pause_s=0.05))


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("print('well\\nERROR no lamp\\nbye'); raise SystemExit(3)", "n0 ended with exit code 3: no lamp"),
        ("import sys; sys.exit('n0: error: no such file')", "n0 ended with exit code 1: no such file"),
        ("print('last words'); import os; os.kill(os.getpid(), 11)", "n0 ended by SIGSEGV"),
        ("raise SystemExit(0)", "n0 ended with exit code 0: it said nothing"),
    ],
)
def test_a_node_that_keeps_dying_is_given_up_with_its_reason(graph, short_pauses, program, words):
    running = graph(program, SLEEP)
    with pytest.raises(NodeDied, match=f"^3 times in a row, the last time: {words}"):
        running.wait(20.0)
    told = [line for line in graph.lines if "it is started again in" in line]
    assert len(told) == 2 and words in told[0] and "again in 0 s" in told[0] and "again in 0.05 s" in told[1]


def test_a_node_that_cannot_start_with_what_it_was_given_is_not_tried_again(graph):
    running = graph("import sys; print('n0: error: parameter rate_hz'); sys.exit(2)", SLEEP)
    with pytest.raises(NodeDied, match=r"^n0 ended with exit code 2: parameter rate_hz$"):
        running.wait(10.0)
    assert not any("started again" in line for line in graph.lines)


def test_what_died_is_started_again_and_the_others_stay(graph):
    running = graph(SLEEP, SLEEP, SLEEP)
    assert running.wait(10.0, until=lambda: len(graph.lines) == 3)
    before = running.pids
    os.kill(before["n1"], signal.SIGKILL)
    os.kill(before["n2"], signal.SIGKILL)  # the manager
    assert running.wait(10.0, until=lambda: sum(line.endswith("| up") for line in graph.lines) == 5)
    after = running.pids
    assert after["n0"] == before["n0"] and not {after["n1"], after["n2"]} & set(before.values())
    assert any("n1 ended by SIGKILL; it is started again in 0 s" in line for line in graph.lines)


def test_the_managers_end_is_the_end_of_the_run(graph):
    assert not graph(SLEEP, "raise SystemExit(0)").wait(10.0)


def test_the_managers_failure_is_told_as_it_says_it(graph):
    with pytest.raises(NodeDied, match=r"^vlm cannot configure: no lamp$"):
        graph(SLEEP, "print('INFO hi'); print('ERROR vlm cannot configure: no lamp'); raise SystemExit(1)").wait(10.0)


def test_stop_ends_all_in_reverse_order_and_kills_the_deaf_and_their_families(graph, monkeypatch):
    monkeypatch.setattr(processes, "STOP_WITHIN_S", 0.5)
    running = graph(SLEEP, DEAF, FAMILY, SLEEP)
    assert running.wait(10.0, until=lambda: len(graph.lines) == 3)
    began = time.monotonic()
    running.stop()
    assert time.monotonic() - began < 5.0
    codes = [process.popen.returncode for process in running._processes]
    assert codes[1] == -signal.SIGKILL and codes[0] == codes[3] == -signal.SIGTERM
    assert any("does not end" in line for line in graph.lines)
    running.stop()


def test_an_exception_in_the_body_stops_all(graph):
    with pytest.raises(KeyboardInterrupt), graph(SLEEP, SLEEP) as running:
        raise KeyboardInterrupt
    assert all(process.popen.returncode is not None for process in running._processes)


def test_the_command_line_of_a_node_carries_its_parameters_as_yaml():
    deployment = build("sim", {"checkpoint": "a folder: with colon", "seed": "5", "policy": "1"})
    given = {}
    for spec in deployment.nodes:
        words = processes.command(spec, deployment)
        assert words[1:3] == ["-m", f"gaze_vlm_ros.nodes.{spec.executable}"] and "__ns:=/sim" in words
        for word in (words[index + 1] for index, flag in enumerate(words) if flag == "-p"):
            name, value = word.split(":=", 1)
            given[spec.name, name] = yaml.safe_load(value)
    assert given["vlm", "checkpoint"] == "a folder: with colon" and given["assist_policy", "policy"] == "1"
    assert given["simulator", "seed"] == 5 and given["lifecycle_manager", "nodes"][0] == "governor"


def test_a_node_that_hangs_without_its_launcher_is_ended_and_others_are_not(graph):
    environ = os.environ | {PARENT_VARIABLE: "1"}  # a launcher that is not its parent: it has died
    words = [sys.executable, "-c", SLEEP, "-r", "__node:=gaze"]
    orphan, lively = (subprocess.Popen(words, env=environ, stdout=subprocess.PIPE) for _ in range(2))
    running = graph(SLEEP)
    try:
        for one in (orphan, lively):
            one.stdout.readline()
        for pid in (orphan.pid, *running.pids.values()):
            os.kill(pid, signal.SIGSTOP)
        assert any(end_orphans() == ["gaze"] for _ in patience(5.0)), "a stop takes a moment"
        assert orphan.wait(5.0) == -signal.SIGKILL and lively.poll() is None and running.check()
    finally:
        for one in (orphan, lively):
            one.kill()
            one.communicate()
