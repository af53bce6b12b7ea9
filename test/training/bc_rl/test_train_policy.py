"""The stages of a policy's training, one after the other, with the eye's own training left out."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from demonstrations import TINY, demonstration

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.foveated import FoveatedPolicy
from gaze_vlm_ros.training import train_policy
from gaze_vlm_ros.training.demonstrations.schema import SPLITS
from gaze_vlm_ros.training.run_state import RunError


@pytest.fixture
def demos(tmp_path) -> Path:
    folder = tmp_path / "demos"
    for first in (SPLITS["train"], SPLITS["validation"]):
        shown = replace(demonstration(), seed=first)
        shown.save(folder / shown.task / f"{first:07d}.npz")
    return folder


def test_all_stages_run_in_turn_and_a_phase_of_no_steps_is_left_out(demos, tmp_path, monkeypatch):
    phases = []

    def looked(policy, training, validation, settings, folder, about, accelerator):
        phases.append((folder.name, settings.reward, len(training), len(validation)))
        return {"reward": 0.5, "elapsed_s": 61.0}

    monkeypatch.setattr(train_policy, "train_eye", looked)
    monkeypatch.setattr(train_policy, "FoveatedConfig", lambda **given: replace(TINY, **given))
    plan = train_policy.PolicyTraining(
        (demos,), (demos,), tmp_path / "run", tasks=("PressButton",), motion_minutes=0.001, sight_minutes=0.001,
        bc_rl_steps=0,
    )  # fmt: skip
    train_policy.train_policy(plan)
    assert phases == [("visual_search", "search", 1, 1), ("following", "follow", 1, 1)]
    made = FoveatedPolicy.load(tmp_path / "run" / "policy")
    assert made.config.name == "PressButton"
    card = (tmp_path / "run" / "policy" / "README.md").read_text()
    assert "following" in card and "bc-rl" not in card


def test_a_policy_to_begin_from_keeps_what_is_not_trained(demos, tmp_path, monkeypatch):
    monkeypatch.setattr(train_policy, "FoveatedConfig", lambda **given: replace(TINY, **given))
    start = FoveatedPolicy(TINY)
    start.posture_scale += 0.5
    start.save(tmp_path / "start")
    plan = train_policy.PolicyTraining(
        (demos,), (demos,), tmp_path / "run", tasks=("PressButton",), motion_minutes=0.001, sight_minutes=0.0,
        search_steps=0, follow_steps=0, bc_rl_steps=0, start=tmp_path / "start",
    )  # fmt: skip
    made, before = train_policy.train_policy(plan).state_dict(), start.state_dict()
    changed = {name.split(".")[0] for name in made if not torch.equal(made[name], before[name])}
    assert changed == {"motion"}
    assert "began from the policy `start`" in (tmp_path / "run" / "policy" / "README.md").read_text()


@pytest.mark.parametrize("stage", ["motion_minutes", "sight_minutes"])
def test_a_finished_stage_is_not_taken_over_for_other_weights_than_it_began_from(demos, tmp_path, monkeypatch, stage):
    monkeypatch.setattr(train_policy, "FoveatedConfig", lambda **given: replace(TINY, **given))
    for name in ("start", "other"):
        FoveatedPolicy(TINY).save(tmp_path / name)
    minutes = {"motion_minutes": 0.0, "sight_minutes": 0.0} | {stage: 0.001}
    plan = train_policy.PolicyTraining(
        (demos,), (demos,), tmp_path / "run", tasks=("PressButton",), search_steps=0, follow_steps=0, bc_rl_steps=0,
        start=tmp_path / "start", **minutes,
    )  # fmt: skip
    made = train_policy.train_policy(plan).state_dict()
    again = train_policy.train_policy(plan).state_dict()
    assert all(torch.equal(made[name], again[name]) for name in made), "a finished stage is not repeated"
    with pytest.raises(RunError, match="begins_from"):
        train_policy.train_policy(replace(plan, start=tmp_path / "other"))
    if stage == "sight_minutes":
        with pytest.raises(RunError, match=r"learning_rate: 0.0015 -> 0.0003"):
            train_policy.train_policy(replace(plan, sight_rate=3e-4))


@pytest.mark.parametrize("stage", ["motion_minutes", "sight_minutes"])
def test_a_hand_that_is_not_trained_needs_a_policy_to_begin_from(demos, tmp_path, stage):
    plan = train_policy.PolicyTraining((demos,), (demos,), tmp_path / "run", tasks=("PressButton",), **{stage: 0.0})
    with pytest.raises(GazeVlmError, match="--start"):
        train_policy.train_policy(plan)
    assert not (tmp_path / "run").exists()


def test_the_eye_alone_can_be_trained_on(demos, tmp_path, monkeypatch):
    monkeypatch.setattr(train_policy, "FoveatedConfig", lambda **given: replace(TINY, **given))
    start = FoveatedPolicy(TINY)
    start.save(tmp_path / "start")

    def trained(policy, *_, **__):
        with torch.no_grad():
            policy.eye.learnt += 1.0
        return {"reward": 0.5, "elapsed_s": 61.0}

    monkeypatch.setattr(train_policy, "train_eye", trained)
    plan = train_policy.PolicyTraining(
        (tmp_path / "none",), (demos,), tmp_path / "run", tasks=("PressButton",), motion_minutes=0.0, sight_minutes=0.0,
        follow_steps=0, bc_rl_steps=0, start=tmp_path / "start",
    )  # fmt: skip
    made, before = train_policy.train_policy(plan).state_dict(), start.state_dict()
    assert {name for name in made if not torch.equal(made[name], before[name])} == {"eye.learnt"}
