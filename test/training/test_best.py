"""A run may end with the weights of its best evaluation, also after a kill."""

import pytest
import torch
from torch import nn

from gaze_vlm_ros.training.best import FILE, BestWeights
from gaze_vlm_ros.training.loop import LOG_EVERY, LoopSettings, train
from gaze_vlm_ros.training.run_state import RunError

STEPS = 5 * LOG_EVERY
SETTINGS = LoopSettings(None, STEPS, learning_rate=0.1, weight_decay=0.0, save_every_s=0.0, evaluations=5)


def run(folder, model, kill_at=None, keep="off"):
    """The weight only grows; the evaluation likes it best near .5, long before the end."""

    def losses(step, _):
        if step == kill_at:
            raise KeyboardInterrupt
        return {"loss": -model.weight.sum()}

    def evaluate():
        seen.append(model.weight.item())
        return {"off": abs(model.weight.item() - 3.0)}

    seen: list[float] = []
    train(model, losses, evaluate, SETTINGS, folder, {}, keep)
    return seen


def scalar():
    torch.manual_seed(0)
    return nn.Linear(1, 1, bias=False)


def test_it_ends_with_the_weights_it_looked_best_with(tmp_path):
    best, last = scalar(), scalar()
    seen = run(tmp_path / "best", best)
    run(tmp_path / "last", last, keep=None)
    wanted = min(seen, key=lambda weight: abs(weight - 3.0))
    assert best.weight.item() == wanted and seen.index(wanted) not in (0, len(seen) - 1)
    assert last.weight.item() == seen[-1] != wanted
    assert not (tmp_path / "last" / FILE).exists()


def test_a_killed_run_goes_on_with_what_it_kept(tmp_path):
    whole, killed, resumed = scalar(), scalar(), scalar()
    run(tmp_path / "whole", whole)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", killed, kill_at=STEPS - LOG_EVERY + 1)
    later = run(tmp_path / "killed", resumed)
    assert torch.equal(resumed.weight, whole.weight)
    assert whole.weight.item() not in later, "the best look was before the kill"


def test_a_fresh_run_forgets_what_an_older_one_kept(tmp_path):
    run(tmp_path, scalar())
    (tmp_path / "state.safetensors").unlink()
    model = scalar()
    best = BestWeights(tmp_path, model, "off", resumes=False)
    assert not (tmp_path / FILE).exists()
    best.offer({"off": 1e9})
    nn.init.zeros_(model.weight)
    best.restore()
    assert model.weight.item() == scalar().weight.item()


def test_damage_is_named(tmp_path):
    (tmp_path / FILE).write_bytes(b"no tensors")
    with pytest.raises(RunError, match="delete the folder to start afresh"):
        BestWeights(tmp_path, scalar(), "off", resumes=True)
