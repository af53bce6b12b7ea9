"""The loop learns, keeps its budget, and goes on after a kill as if nothing had happened."""

import csv
import time

import pytest
import torch
from torch import nn

from gaze_vlm_ros.training.loop import LOG_EVERY, LoopError, LoopSettings, train
from gaze_vlm_ros.training.run_state import RunError

STEPS = 6 * LOG_EVERY


class Killed(Exception):
    pass


def line(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.Dropout(0.1), nn.Linear(16, 1))


def losses_of(model, kill_at=None):
    def losses(step, _progress):
        if step == kill_at:
            raise Killed
        x = torch.randn(16, 3)
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        return {"loss": loss, "twice": 2 * loss}

    return losses


def run(folder, model, kill_at=None, **changes):
    settings = LoopSettings(**{"minutes": None, "steps": STEPS, "save_every_s": 0.0, "evaluations": 3} | changes)
    with torch.random.fork_rng():
        return train(model, losses_of(model, kill_at), lambda: {"score": 1.0}, settings, folder, {"data": "line"})


def curve(folder):
    with open(folder / "curve.csv") as file:
        return [{k: v for k, v in row.items() if k != "elapsed_s"} for row in csv.DictReader(file)]


def test_learns_and_leaves_a_curve(tmp_path):
    position = run(tmp_path, line(), learning_rate=1e-2)
    rows = curve(tmp_path)
    assert position.step == STEPS
    assert float(rows[-1]["loss"]) < 0.5 * float(rows[0]["loss"])
    assert float(rows[0]["twice"]) == pytest.approx(2 * float(rows[0]["loss"]), rel=1e-4)
    assert sum(bool(row["validation_score"]) for row in rows) == 3
    assert (tmp_path / "curve.png").stat().st_size > 1000


@pytest.mark.parametrize("kill_at", [1, LOG_EVERY + 3, 4 * LOG_EVERY])
def test_after_a_kill_the_run_ends_in_the_very_same_weights_and_curve(tmp_path, kill_at):
    whole, killed = line(), line()
    run(tmp_path / "whole", whole)
    with pytest.raises(Killed):
        run(tmp_path / "killed", killed, kill_at)
    resumed = line(seed=99 if kill_at > LOG_EVERY else 0)
    run(tmp_path / "killed", resumed)
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")


def test_a_finished_run_is_not_run_again(tmp_path):
    run(tmp_path, line())
    model = line()
    assert run(tmp_path, model, kill_at=STEPS).step == STEPS


def test_a_run_with_other_settings_is_refused_by_name(tmp_path):
    run(tmp_path, line())
    with pytest.raises(RunError, match=r"learning_rate: 0.001 -> 0.1"):
        run(tmp_path, line(), learning_rate=0.1)


def test_a_damaged_state_is_named(tmp_path):
    run(tmp_path, line())
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(RunError, match=r"state.safetensors"):
        run(tmp_path, line())


def test_a_loss_that_is_no_number_stops_the_run(tmp_path):
    model = line()
    settings = LoopSettings(minutes=None, steps=5)
    with pytest.raises(LoopError, match="nan at step 0"):
        train(
            model,
            lambda _step, _progress: {"loss": model(torch.full((2, 3), torch.nan)).sum()},
            dict,
            settings,
            tmp_path,
            {},
        )


def test_a_budget_of_time_is_kept(tmp_path):
    began = time.monotonic()
    position = run(tmp_path, line(), minutes=0.02, steps=None)
    assert time.monotonic() - began >= 1.2
    assert 0 < position.step < 10**6


def test_the_learning_rate_warms_up_and_falls_to_nothing():
    settings = LoopSettings(learning_rate=1.0)
    rates = [settings.rate(p) for p in (0.0, 0.025, 0.05, 0.525, 1.0)]
    assert rates == pytest.approx([0.01, 0.5, 1.0, 0.5, 0.0], abs=1e-6)


@pytest.mark.parametrize(
    "bad", [{"steps": 5}, {"minutes": None}, {"minutes": -1.0}, {"minutes": float("nan")}, {"learning_rate": 0.0}]
)
def test_settings_that_cannot_work_are_refused(bad):
    with pytest.raises(LoopError):
        LoopSettings(**bad)


def test_a_processor_clock_does_not_count_waiting(tmp_path):
    model, settings = line(), LoopSettings(minutes=0.2 / 60, clock="processor")

    def losses(_step, _progress):
        time.sleep(0.1)
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
        return {"loss": model[0].weight.square().sum()}

    began = time.monotonic()
    position = train(model, losses, dict, settings, tmp_path, {})
    assert 2 <= position.step <= 4
    assert time.monotonic() - began > position.elapsed_s + 0.1 * position.step
