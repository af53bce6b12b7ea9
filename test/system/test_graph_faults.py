"""Starting with bad input and ending badly: one clear line, an exit code, and no process left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from gaze_vlm_msgs.msg import SimTruth
from gaze_vlm_ros.environment import resource
from gaze_vlm_ros.nodes import names

STARTS_WITHIN_S = 90.0


def start(*words: str) -> subprocess.Popen:
    """``gaze-vlm-ros`` with ``words``, as a shell starts it in the foreground."""
    # Where the tests run in the background of a script, they ignore SIGINT, and so would what they start.
    return subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "gaze_vlm_ros.cli.main", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def read_until(process: subprocess.Popen, words: str) -> list[str]:
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError("".join(lines) + process.stderr.read())


def gone(pids: list[int], within_s: float) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end and any(os.path.exists(f"/proc/{pid}") for pid in pids):
        time.sleep(0.05)
    return not any(os.path.exists(f"/proc/{pid}") for pid in pids)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("demo", "--out", "/proc/x"), "cannot write to /proc/x"),
        (("up", "bringup", "robot:=jaco", "source:=none"), "none: no such file"),
        (("up", "replay", "path:=/nowhere.vrs"), "/nowhere.vrs: no such file"),
        (("up", "sim", "checkpoint:=/nowhere"), "checkpoint file /nowhere/config.json"),
        (("up", "sim", "robot:=hal"), "no robot 'hal'"),
        (("up", "bringup"), "bringup needs robot:=..."),
        (("up", "sim", "sede:=1"), "sim has no argument sede"),
        (("up", "sim", "seed=1"), "arguments have the form name:=value, got 'seed=1'"),
        (("up", "sim", "params:=/nowhere.yaml"), "/nowhere.yaml is no file"),
    ],
)
def test_bad_arguments_end_with_one_clear_line(words, told, checkpoint, children_of):
    if words[0] == "up" and "checkpoint:=/nowhere" not in words:
        words = (*words, f"checkpoint:={checkpoint}")
    process = start(*words)
    said, error = process.communicate(timeout=STARTS_WITHIN_S)
    assert process.returncode == 2 and not said
    assert error.startswith("gaze-vlm-ros: error: ") and told in error and error.count("\n") == 1
    assert not children_of(process.pid)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("rate_hz: 5.0", "rate_hz: 50.0"), "vlm ended with exit code 2: parameter rate_hz must be 0.1 to 30 Hz"),
        (("rate_hz: 5.0", "rate: 5.0"), "vlm ended with exit code 2: unknown parameter rate"),
    ],
)
def test_a_bad_parameter_file_names_node_and_parameter(change, told, tmp_path, checkpoint):
    file = tmp_path / "sim.yaml"
    file.write_text(resource("config/sim.yaml").read_text().replace(*change))
    process = start("up", "sim", f"params:={file}", f"checkpoint:={checkpoint}")
    _, error = process.communicate(timeout=STARTS_WITHIN_S)
    assert process.returncode == 2 and f"error: {told}" in error


def test_a_truncated_recording_is_named_before_any_node_starts(tmp_path, checkpoint):
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(b"\x89MCAP0\r\n" + b"\x00" * 100)
    kept = tmp_path / "kept.mcap"
    process = start("up", "replay", f"path:={broken}", f"checkpoint:={checkpoint}", f"record:={kept}")
    _, error = process.communicate(timeout=STARTS_WITHIN_S)
    assert process.returncode == 2 and str(broken) in error and error.count("\n") == 1
    assert not kept.exists(), "no node was started"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_stays_behind(how, tmp_path, checkpoint, children_of):
    before = shared_memory()
    process = start("up", "sim", f"checkpoint:={checkpoint}", f"record:={tmp_path / 'run.mcap'}")
    try:
        read_until(process, "ready:")
        pids = children_of(process.pid)
        assert len(pids) == 8
        os.kill(process.pid, how)
        try:
            said, _ = process.communicate(timeout=45.0)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError("does not end:\n" + process.communicate()[0]) from None
        assert process.returncode == (-signal.SIGKILL if how is signal.SIGKILL else 0), said
        assert gone(pids, within_s=30.0)
    finally:
        process.kill()
        process.communicate()
    assert (tmp_path / "run.mcap").read_bytes().endswith(b"\x89MCAP0\r\n")
    if how is not signal.SIGKILL:
        assert shared_memory() <= before


def shared_memory() -> set[str]:
    """The segments of Fast DDS: each node has one of 35 MB, which outlives it if it is not freed."""
    return {path.name for path in Path("/dev/shm").glob("fastrtps_*") if "port" not in path.name}


def test_two_runs_at_once_do_not_hear_each_other(running, checkpoint):
    with running("sim", checkpoint=checkpoint) as one, running("sim", checkpoint=checkpoint) as other:
        one.wait_ready()
        other.wait_ready()
        for run in (one, other):
            run.watcher.listen(SimTruth, names.SIM_TRUTH)
            assert run.watcher.spin(10.0, until=lambda run=run: len(run.watcher.heard[names.SIM_TRUTH]) > 10)
            assert run.watcher.node.count_publishers(names.SIM_TRUTH) == 1
            assert not run.said("publishers; stop all but one")
