"""Makes the helpers beside the tests importable under pytest's importlib mode, and builds one report for all."""

import sys
from pathlib import Path

import pytest

from gaze_vlm_ros.report import build_report
from gaze_vlm_ros.report.collect import collect
from gaze_vlm_ros.statistics import wilson

sys.path.insert(0, str(Path(__file__).parent))

from synthetic_run import write_run


@pytest.fixture(scope="session")
def recording(tmp_path_factory) -> Path:
    """Two cycles of the synthetic wearer, 24 s, with video and truth."""
    return write_run(tmp_path_factory.mktemp("run") / "run.mcap")


@pytest.fixture(scope="session")
def run(recording):
    """The collected series of that recording."""
    return collect(recording)[0]


@pytest.fixture(scope="session")
def report(recording, tmp_path_factory):
    """(figures, folder) of that recording's report, with rollouts."""
    folder = tmp_path_factory.mktemp("report")
    rate = wilson(20, 30).as_dict()
    rollouts = {
        "rollouts": 30,
        "activity_accuracy": rate,
        "event_accuracy": rate,
        "majority": {"activity": rate, "event": rate},
        "repeat": {"activity": rate, "event": rate},
        "assist": {"success": rate, "without_prediction": rate, "with_truth": rate},
    }
    return build_report(recording, folder, {"rollouts": rollouts, "versions": {"dataset": "7"}}), folder
