"""The benchmark of safety prints one line with the keys that docs/safety.md promises."""

import importlib
import json
import re
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def test_commands_are_shared_by_rigs_that_differ(benchmark, monkeypatch):
    governor = benchmark("governor")
    monkeypatch.setattr(governor, "PIECE", 60)
    found = governor.measure(150, 3)
    assert found["commands"] == 150 and found["violations"] == 0
    assert 0 < found["passed"] < 150 and found["refused"] > 0 and found["callback_ms_p99"] > 0.0
    one, other = (governor.piece(60, (3, number)) for number in (0, 1))
    assert (one.passed, one.refused) != (other.passed, other.refused) and len(one.took_s) == 60


def test_figures_that_give_one_key_are_joined_and_what_cannot_be_measured_is_left_out(benchmark, monkeypatch, capsys):
    safety, errors = benchmark("safety"), importlib.import_module("gaze_vlm_ros.errors")

    def unmeasured(*_):
        raise errors.GazeVlmError("no graph")

    figures = {
        "governor": lambda *_: {"governor": {"commands": 1}},
        "end_to_end": lambda *_: {"governor": {"end_to_end_ms_p99": 9.0}},
        "load": unmeasured,
    }
    monkeypatch.setattr(safety, "FIGURES", figures)
    safety.main(["--only", *figures, "--seed", "3"])
    printed = capsys.readouterr()
    line = json.loads(printed.out)
    assert line["governor"] == {"commands": 1, "end_to_end_ms_p99": 9.0}
    assert "load" not in line and "load left out: no graph" in printed.err
    assert set(line["took_s"]) == {"governor", "end_to_end"} and line["seed"] == 3


def test_the_document_names_every_key_and_every_figure_has_a_place_in_its_plan(benchmark):
    text = (ROOT / "docs" / "safety.md").read_text()
    keys = (
        "faults", "trials", "unsafe", "stop_ms_p99", "recover_s_max", "rest_ms_p99", "governor", "load", "fuzz",
        "recording_loss_s_max", "commands", "violations", "callback_ms_p99", "end_to_end_ms_p99", "uncounted_drops",
        "rss_growth_pct_per_h", "inputs", "crashes", "hangs",
    )  # fmt: skip
    assert not [key for key in keys if f"`{key}`" not in text]
    plan = dict(re.findall(r"^\| `(\w+)` \|.*\| ([\d.]+) \|$", text, re.MULTILINE))
    assert set(plan) == set(benchmark("safety").FIGURES)
    assert sum(map(float, plan.values())) <= 30.0


def test_losses_of_recorders_that_run_beside_each_other_are_kept_apart(benchmark, monkeypatch):
    recording_loss = benchmark("recording_loss")
    monkeypatch.setattr(recording_loss, "loss_s", lambda after_s: after_s)
    found = recording_loss.measure(7, 0)
    moments = np.random.default_rng(0).uniform(1.5, 4.0, 7)
    assert found == {"recording_loss_s_max": round(float(moments.max()), 3), "recording_kills": 7}
