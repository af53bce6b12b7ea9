import json

import numpy as np
import pytest
import torch

from gaze_vlm_ros.policies.foveated import FoveatedConfig, FoveatedPolicy, PolicyError, Runner, TargetToken

LOOK = np.array([0.8, 0.0, -0.6])


@pytest.fixture
def views() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), np.uint8)


@pytest.fixture
def proprio(policy) -> np.ndarray:
    return np.append(policy.robot.home_rad, 1.0)


@pytest.fixture
def runner(policy) -> Runner:
    runner = Runner(policy)
    runner.reset(TargetToken.of("press the stop button", np.array([0.5, 0.1, 0.05])))
    return runner


def test_what_a_step_gives(runner, views, proprio):
    step = runner.step(views, LOOK, proprio, 0.0)
    assert step.eye_action in range(25)
    assert step.chunk.shape == (30, 7) and step.joints.shape == (7,)
    assert ((step.chunk[:, -1] >= 0) & (step.chunk[:, -1] <= 1)).all() and step.joints[-1] in (0.0, 1.0)
    np.testing.assert_allclose(step.joints[:-1], step.chunk[1, :-1], atol=1e-6)  # due 1/15 s after the step


def test_between_two_steps_there_is_a_command_too(runner, views, proprio):
    step = runner.step(views, LOOK, proprio, 0.0)
    np.testing.assert_allclose(runner.joints_at(1 / 30)[:-1], step.chunk[0, :-1], atol=1e-6)


def test_a_new_episode_remembers_nothing(runner, views, proprio):
    target = TargetToken.of("press the stop button", np.array([0.5, 0.1, 0.05]))
    runner.reset(target)
    first = [runner.step(views, LOOK, proprio, number / 15).chunk for number in range(3)]
    runner.reset(target)
    again = [runner.step(views, LOOK, proprio, number / 15).chunk for number in range(3)]
    np.testing.assert_array_equal(first, again)


def test_it_waits_for_the_eye_unless_it_is_told_where_to_go(runner, views, proprio):
    target = TargetToken.of("press the stop button", np.array([0.5, 0.1, 0.05]))
    waits = np.append(proprio[:-1], 1.0)
    for known, still in ((None, True), (np.full((2, 7), 0.3), False)):
        runner.reset(target)
        chunk = runner.step(views, LOOK, proprio, 0.0, known, 0.02).chunk
        assert np.allclose(chunk, waits) == still


@pytest.mark.parametrize("target", [TargetToken(), TargetToken.of("apple"), TargetToken(None, np.ones(3))])
def test_words_and_place_may_be_missing(policy, views, proprio, target):
    runner = Runner(policy)
    runner.reset(target)
    assert np.isfinite(runner.step(views, LOOK, proprio, 0.0).chunk).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"views": np.zeros((3, 32, 32, 3), np.uint8)}, "is for another camera"),
        ({"views": np.zeros((3, 64, 64, 3))}, "uint8, got"),
        ({"eye_direction": np.array([np.nan, 0, 0])}, "eye_direction must be 3 finite numbers"),
        ({"proprio": np.zeros(6)}, "proprio must be 7 finite numbers"),
        ({"t": -1.0}, "steps must go forward in time"),
    ],
)
def test_bad_input_is_named(runner, views, proprio, change, said):
    given = {"views": views, "eye_direction": LOOK, "proprio": proprio, "t": 0.0}
    runner.step(**given)
    with pytest.raises(PolicyError, match=said):
        runner.step(**given | {"t": 0.1} | change)


def test_nothing_is_commanded_before_the_first_step(policy, views, proprio):
    with pytest.raises(PolicyError, match="call reset"):
        Runner(policy).step(views, LOOK, proprio, 0.0)
    runner = Runner(policy)
    runner.reset(TargetToken())
    with pytest.raises(PolicyError, match="nothing to command yet"):
        runner.joints_at(0.1)


class TestStorage:
    def test_a_stored_policy_does_the_same(self, policy, views, proprio, tmp_path):
        policy.save(tmp_path / "policy")
        chunks = []
        for one in (policy, FoveatedPolicy.load(tmp_path / "policy")):
            runner = Runner(one)
            runner.reset(TargetToken.of("apple"))
            chunks.append(runner.step(views, LOOK, proprio, 0.0).chunk)
        np.testing.assert_array_equal(*chunks)

    def test_what_is_missing_or_wrong_is_named(self, policy, tmp_path):
        with pytest.raises(PolicyError, match=r"holds no policy.*train one"):
            FoveatedPolicy.load(tmp_path / "nothing")
        policy.save(tmp_path)
        (tmp_path / "model.safetensors").write_bytes(b"garbage")
        with pytest.raises(PolicyError, match="holds no policy that fits"):
            FoveatedPolicy.load(tmp_path)

    def test_a_policy_of_another_shape_is_refused(self, policy, tmp_path):
        policy.save(tmp_path)
        config = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps(config | {"dim": 64}))
        with pytest.raises(PolicyError, match="fits"):
            FoveatedPolicy.load(tmp_path)
        (tmp_path / "config.json").write_text(json.dumps(config | {"joints": 7}))
        with pytest.raises(PolicyError, match="for 7 joints, robot jaco has 6"):
            FoveatedPolicy.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"dim": 30}, "dim must be a multiple"),
        ({"patch_px": 7}, "patch_px must divide"),
        ({"heads": 0}, "heads must be a whole number"),
        ({"wings": 2}, "unknown keys wings"),
        ({"eye_m": [1.0, 2.0]}, "eye_m must be three numbers"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(change, said):
    with pytest.raises(PolicyError, match=said):
        FoveatedConfig.from_dict(FoveatedConfig().to_dict() | change)


def test_the_first_joint_is_an_azimuth_and_turns_the_chunk_with_it(policy, proprio):
    """Two situations that differ by a turn about the base are answered by the same motion."""
    turned = proprio.copy()
    turned[0] += 0.8
    tool, _ = policy.kinematics(torch.tensor(np.stack([proprio, turned]), dtype=torch.float32)[:, :-1])
    azimuth = torch.atan2(tool[:, 1], tool[:, 0])
    places = []
    for angle in (azimuth - azimuth[0]).tolist():
        point = [0.5 * np.cos(angle), 0.5 * np.sin(angle), 0.1]
        places.append([[*point, 0, 0, 0, 0]] * 2)
    both = torch.tensor(np.stack([proprio, turned]), dtype=torch.float32)
    chunk = policy.move(both, torch.tensor(places, dtype=torch.float32), torch.zeros(2, 2), torch.zeros(2, 32))
    torch.testing.assert_close(chunk[0], chunk[1], atol=1e-4, rtol=1e-3)


class TestLooksFirst:
    def test_the_hand_waits_until_the_first_place_is_known_or_two_seconds(self, runner, views, proprio, monkeypatch):
        spread = [0.1]
        monkeypatch.setattr(
            runner.policy, "see", lambda images, told: (torch.zeros(1, 2, 7), torch.full((1, 2), spread[0]).log())
        )
        for t in (0.0, 1.0, 1.9):
            step = runner.step(views, LOOK, proprio, t)
            np.testing.assert_allclose(step.joints, [*proprio[:-1], 1.0], rtol=1e-6)
            assert (step.chunk == step.chunk[0]).all(), "it stands still, opened"
        np.testing.assert_allclose(runner.joints_at(1.95), [*proprio[:-1], 1.0], rtol=1e-6)
        assert not (runner.step(views, LOOK, proprio, 2.1).joints[:-1] == proprio[:-1].astype(np.float32)).all()
        runner.reset(TargetToken())
        spread[0] = 0.005
        assert np.ptp(runner.step(views, LOOK, proprio, 0.0).chunk[:, 0]) > 0, "sure at once, it goes at once"

    def test_known_places_need_no_look(self, runner, views, proprio):
        step = runner.step(views, LOOK, proprio, 0.0, known=np.zeros((2, 7)))
        assert np.ptp(step.chunk[:, 0]) > 0
