"""Skills by name and folder: our own, exported, and LeRobot's."""

import json
import sys
import types

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gaze_vlm_ros.policies.foveated import FoveatedConfig, FoveatedPolicy, PolicyError
from gaze_vlm_ros.policies.skills import Look, SkillError, load_skill
from gaze_vlm_ros.policies.skills.lerobot import export_policy
from gaze_vlm_ros.robots.description import RobotDescription

ROBOT = RobotDescription.load("jaco")
LOOK = Look(1, np.full((3, 64, 64, 3), 90, np.uint8), np.array([1.0, 0.0, 0.0]))
JOINTS = np.append(ROBOT.home_rad, 1.0)


@pytest.fixture(scope="module")
def policy():
    torch.manual_seed(0)
    return FoveatedPolicy(FoveatedConfig(name="tiny", eye_blocks=1, hand_blocks=1, hand_width=32)).eval()


def played(skill):
    skill.reset("mug", np.array([0.3, 0.0, 0.1]))
    action = skill.step(LOOK, JOINTS, 1.0)
    return action, skill.joints_at(1.05)


def test_ours_survives_leaving_for_lerobots_layout(policy, tmp_path):
    policy.save(tmp_path / "ours")
    export_policy(policy, tmp_path / "exported")
    ours, exported = (load_skill(tmp_path / name, ROBOT) for name in ("ours", "exported"))
    assert played(ours)[0] == played(exported)[0]
    np.testing.assert_array_equal(played(ours)[1], played(exported)[1])
    config = json.loads((tmp_path / "exported" / "config.json").read_text())
    assert config["input_features"]["observation.state"] == {"type": "STATE", "shape": [7]}
    assert config["output_features"] == {"action": {"type": "ACTION", "shape": [7]}}


def test_one_that_brings_still_does_after_it_was_exported(tmp_path):
    config = FoveatedConfig(name="tiny", eye_blocks=1, hand_blocks=1, hand_width=32, helps_by="Bring")
    export_policy(FoveatedPolicy(config), tmp_path)
    assert load_skill(tmp_path, ROBOT).brings


def test_without_the_eye_ours_says_what_it_needs(policy, tmp_path):
    policy.save(tmp_path)
    skill = load_skill(tmp_path, ROBOT)
    skill.reset("mug", np.zeros(3))
    with pytest.raises(SkillError, match="needs the robot's eye"):
        skill.step(None, JOINTS, 1.0)


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda folder: (folder / "config.json").unlink(), SkillError, "no skill"),
        (lambda folder: (folder / "config.json").write_text("{"), SkillError, "cannot be read"),
        (lambda folder: (folder / "config.json").write_text("[]"), SkillError, "no mapping"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"no"), PolicyError, "fits"),
    ],
)
def test_a_folder_that_is_damaged_is_named(policy, tmp_path, spoil, error, words):
    policy.save(tmp_path)
    spoil(tmp_path)
    with pytest.raises(error, match=words):
        load_skill(tmp_path, ROBOT)


def test_a_checkpoint_for_another_robot_is_refused_by_name(policy, tmp_path):
    policy.save(tmp_path)
    other = types.SimpleNamespace(name="ur5e", joint_names=ROBOT.joint_names)
    with pytest.raises(SkillError, match="policy tiny is for robot jaco, not for ur5e"):
        load_skill(tmp_path, other)


# --- LeRobot's own


def written(folder, **changes):
    """A small policy as LeRobot 0.4 saves it."""
    config = {
        "type": "act",
        "n_obs_steps": 1,
        "chunk_size": 4,
        "n_action_steps": 4,
        "input_features": {
            "observation.state": {"type": "STATE", "shape": [6]},
            "observation.environment_state": {"type": "ENV", "shape": [3]},
        },
        "output_features": {"action": {"type": "ACTION", "shape": [6]}},
        "device": "cpu",
    }
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config | changes))
    save_file({"weight": torch.full((6,), 0.125)}, folder / "model.safetensors")
    return folder


@pytest.fixture
def lerobot(monkeypatch):
    """What this package uses of ``lerobot.policies.factory``; actions are the state plus the stored weight."""
    asked = []

    class Policy:
        config = "the policy's"

        @classmethod
        def from_pretrained(cls, folder):
            policy = cls()
            policy.weight = load_file(f"{folder}/model.safetensors")["weight"]
            return policy

        def to(self, device):
            return self

        def eval(self):
            return self

        def reset(self):
            asked.clear()

        def select_action(self, batch):
            asked.append(batch)
            return batch["observation.state"] + self.weight

    factory = types.ModuleType("lerobot.policies.factory")
    factory.get_policy_class = {"act": Policy}.__getitem__
    factory.make_pre_post_processors = lambda config, **_: (lambda batch: batch, lambda action: action)
    for name in ("lerobot", "lerobot.policies"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "lerobot.policies.factory", factory)
    return asked


def test_a_policy_of_lerobot_is_fed_and_asked(lerobot, tmp_path):
    skill = load_skill(written(tmp_path / "act"), ROBOT)
    skill.reset("mug", np.array([0.3, 0.0, 0.1]))
    assert skill.eye_m is None and skill.step(None, JOINTS, 1.0) is None
    np.testing.assert_allclose(skill.joints_at(1.03), np.append(ROBOT.home_rad + 0.125, 1.0), atol=1e-6)
    assert len(lerobot) == 2
    np.testing.assert_allclose(lerobot[0]["observation.environment_state"], [[0.3, 0.0, 0.1]], atol=1e-6)


@pytest.mark.parametrize("hertz", [10, 15, 30])
def test_its_actions_are_used_up_at_their_own_rate(lerobot, tmp_path, hertz):
    skill = load_skill(written(tmp_path / "act"), ROBOT)
    skill.reset("mug", np.array([0.3, 0.0, 0.1]))
    for step in range(3 * hertz):
        skill.step(None, JOINTS, 5.0 + step / hertz)
        assert np.isfinite(skill.joints_at(5.0 + step / hertz + 0.03)).all()
    assert len(lerobot) == pytest.approx(90, abs=3)


def test_after_a_pause_it_goes_on_where_it_was(lerobot, tmp_path):
    skill = load_skill(written(tmp_path / "act"), ROBOT)
    skill.reset("mug", np.array([0.3, 0.0, 0.1]))
    for time_s in (1.0, 20.0):
        skill.step(None, JOINTS, time_s)
    assert len(lerobot) == 4


def feature(kind, *shape):
    return {"type": kind, "shape": list(shape)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": "pi0"}, "not known here"),
        ({"output_features": {"action": feature("ACTION", 14)}}, "commands 14 joints, robot jaco has 6"),
        ({"input_features": {"observation.state": feature("STATE", 14)}}, r"of shape \(14,\), robot jaco gives"),
        ({"input_features": {"observation.images.top": feature("VISUAL", 3, 480, 640)}}, "another camera or sensor"),
        ({"input_features": {"observation.images.eye_fine": feature("VISUAL", 3, 96, 96)}}, "96"),
        ({"input_features": None}, "not as LeRobot saves them"),
    ],
)
def test_a_policy_for_another_robot_or_camera_says_which(lerobot, tmp_path, changes, words):
    with pytest.raises(SkillError, match=words):
        load_skill(written(tmp_path / "act", **changes), ROBOT)


def test_without_the_package_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lerobot", None)
    with pytest.raises(SkillError, match=r"pip install 'gaze_vlm_ros\[lerobot\]'"):
        load_skill(written(tmp_path / "act"), ROBOT)
