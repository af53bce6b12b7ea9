"""Workers do every job once, and their deaths and complaints are heard."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jobs
import pytest

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.training.crew import WorkerError, run_jobs


def test_a_killed_workers_job_is_done_by_another(tmp_path):
    markers = [str(tmp_path / name) for name in ("one", "two")]
    assert sorted(run_jobs(jobs.die_once, markers, workers=2)) == markers


def test_a_job_that_kills_every_worker_is_named():
    with pytest.raises(WorkerError, match="the worker of episode 7 was killed by SIGKILL, 2 times"):
        list(run_jobs(jobs.die, ["7"], workers=1, what="episode"))


def test_what_a_job_complains_of_is_raised_here():
    with pytest.raises(GazeVlmError, match="the pot is empty; fill it"):
        list(run_jobs(jobs.complain, ["pot", "kettle"], workers=1))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    markers = [tmp_path / name for name in ("one", "two")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen([sys.executable, jobs.__file__, "linger", *map(str, markers)], env=environment)
    try:
        assert within(60.0, lambda: all(marker.exists() and marker.read_text() for marker in markers))
    finally:
        parent.kill()
        parent.wait()
    workers = [int(marker.read_text()) for marker in markers]
    assert within(10.0, lambda: not any(map(lives, workers)))


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Whether it comes true in time."""
    until = time.monotonic() + seconds
    while not (true := holds()) and time.monotonic() < until:
        time.sleep(0.02)
    return true


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_no_job_needs_no_worker():
    assert list(run_jobs(jobs.die, [], workers=3)) == []
