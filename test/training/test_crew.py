"""Workers do every job once, and their deaths and complaints are heard."""

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


def test_no_job_needs_no_worker():
    assert list(run_jobs(jobs.die, [], workers=3)) == []
