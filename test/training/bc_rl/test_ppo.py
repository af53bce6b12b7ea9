from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from demonstrations import TINY, footage

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.foveated import FoveatedPolicy
from gaze_vlm_ros.sim.robot_eye import EYE_ACTIONS_RAD
from gaze_vlm_ros.training.bc_rl import eye_training
from gaze_vlm_ros.training.bc_rl.baselines_env import TokenEnv
from gaze_vlm_ros.training.bc_rl.eye_training import gym_settings, train_eye
from gaze_vlm_ros.training.bc_rl.ppo import BcPPO, _whole_episodes, wise_actions
from gaze_vlm_ros.training.bc_rl.settings import AsReleased, EyeSettings
from gaze_vlm_ros.training.demonstrations.sight_set import rays_of
from gaze_vlm_ros.training.eye_gym.gym import EyeGym
from gaze_vlm_ros.training.run_state import RunError

SMALL = {"environments": 2, "minibatches": 2, "episode_steps": 16, "pause_steps": 4, "epochs": 1}


def tiny() -> FoveatedPolicy:
    torch.manual_seed(0)
    return FoveatedPolicy(TINY)


def ppo(settings: EyeSettings, policy: FoveatedPolicy | None = None) -> BcPPO:
    policy = policy or tiny()
    gym = EyeGym(list(footage()), settings.environments, TINY, gym_settings(settings))
    return BcPPO(TokenEnv(gym, policy, settings.reward), policy, settings)


@pytest.mark.parametrize(("released", "agrees"), [(AsReleased(), True), (AsReleased(truncated_context=True), False)])
def test_training_sees_what_the_rollout_saw(released, agrees):
    """The ratio of probabilities is 1 before the first step, unless rollouts have another context, as released."""
    settings = EyeSettings.bc_rl(**SMALL | {"episode_steps": 26}, as_released=released)
    torch.manual_seed(0)
    algorithm = ppo(settings, FoveatedPolicy(replace(TINY, eye_blocks=2, memory_steps=4)))
    algorithm.train = lambda: None
    algorithm.iterate()
    episodes = _whole_episodes(algorithm.rollout_buffer)
    with torch.no_grad():
        values, log_prob, _ = algorithm.policy.evaluate_sequences(episodes, episodes["actions"].long())
    assert bool(torch.allclose(log_prob, episodes["log_probs"], atol=1e-5)) == agrees
    if agrees:
        torch.testing.assert_close(values, episodes["values"], atol=1e-4, rtol=1e-3)


def test_eye_and_hand_learn_in_one_step_and_the_patch_encoder_does_not():
    algorithm = ppo(EyeSettings.bc_rl(**SMALL))
    before = {name: tensor.clone() for name, tensor in algorithm.foveated.state_dict().items()}
    scores = algorithm.iterate()
    changed = {name.split(".")[0] for name, tensor in algorithm.foveated.state_dict().items()
               if not torch.equal(tensor, before[name])}  # fmt: skip
    assert changed == {"eye", "sight", "motion", "proprio", "direction"}
    assert scores["reward"] < 0 and scores["imitation"] > 0


def test_visual_search_leaves_the_hand_alone():
    algorithm = ppo(EyeSettings.search(**SMALL | {"pause_steps": 0}))
    before = {name: tensor.clone() for name, tensor in algorithm.foveated.state_dict().items()}
    assert 0 <= algorithm.iterate()["reward"] <= 1
    changed = {name.split(".")[0] for name, tensor in algorithm.foveated.state_dict().items()
               if not torch.equal(tensor, before[name])}  # fmt: skip
    assert changed == {"eye"}


@pytest.mark.parametrize("stops", [False, True])
def test_too_large_a_change_ends_ppo_but_not_imitation(stops):
    settings = EyeSettings.bc_rl(**SMALL, target_kl=-1.0, as_released=AsReleased(kl_stops_imitation=stops))
    algorithm = ppo(settings)
    before = {name: tensor.clone() for name, tensor in algorithm.foveated.state_dict().items()}
    algorithm.iterate()
    after = algorithm.foveated.state_dict()
    assert torch.equal(after["eye.actor.1.weight"], before["eye.actor.1.weight"])
    assert torch.equal(after["motion.layers.0.weight"], before["motion.layers.0.weight"]) == stops


def test_a_killed_run_ends_in_the_same_weights(tmp_path, monkeypatch):
    settings = EyeSettings.bc_rl(**SMALL, steps=4 * 32)
    shown = list(footage())
    monkeypatch.setattr(eye_training, "_SAVE_EVERY_S", 0.0)
    better = count()
    monkeypatch.setattr(eye_training, "looking_scores", lambda *_: {"reward": float(next(better))})
    straight = tiny()
    train_eye(straight, shown, shown, settings, tmp_path / "straight")

    class Killed(BcPPO):
        def iterate(self):
            if self.iteration == 2:
                raise KeyboardInterrupt
            return super().iterate()

    with pytest.raises(KeyboardInterrupt):
        train_eye(tiny(), shown, shown, settings, tmp_path / "resumed", make=Killed)
    resumed = tiny()
    train_eye(resumed, shown, shown, settings, tmp_path / "resumed")
    for name, tensor in straight.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], tensor, atol=1e-6, rtol=1e-5)
    rows = [(tmp_path / run / "curve.csv").read_text().splitlines() for run in ("straight", "resumed")]
    assert len(rows[0]) == len(rows[1]) == 5
    with pytest.raises(RunError, match="begins_from"), torch.no_grad():
        other = tiny()
        next(other.sight.parameters()).add_(1.0)
        train_eye(other, shown, shown, settings, tmp_path / "resumed")
    with pytest.raises(RunError, match="other settings"):
        train_eye(tiny(), shown, shown, EyeSettings.bc_rl(**SMALL, steps=9 * 32), tmp_path / "resumed")


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(GazeVlmError, match="minibatches must divide"):
        EyeSettings(environments=5, minibatches=2)
    with pytest.raises(GazeVlmError, match="reward must be"):
        EyeSettings(reward="money")


def test_the_reward_of_a_perfect_prediction_is_nought(monkeypatch):
    settings = EyeSettings.bc_rl(**SMALL)
    algorithm = ppo(settings)
    environment = algorithm.env
    monkeypatch.setattr(
        "gaze_vlm_ros.training.bc_rl.baselines_env.predicted_chunk",
        lambda _policy, told: torch.nan_to_num(told["chunk"]),
    )
    environment.reset()
    environment.step_async(np.zeros(2, dtype=int))
    rewards = environment.step_wait()[1]
    np.testing.assert_allclose(rewards, 0.0, atol=1e-4)


def test_the_wise_action_goes_where_the_thing_is_and_stays_there():
    here, there = rays_of(np.array([[0.2, -0.5]] * 3)), rays_of(np.array([[0.8, -0.5], [0.2, -0.55], [0.2, -0.5]]))
    actions = wise_actions(torch.tensor(here), torch.tensor(there))
    turns = np.degrees(EYE_ACTIONS_RAD[actions.numpy()])
    np.testing.assert_allclose(turns, [[10.0, 0.0], [0.0, -3.0], [0.0, 0.0]], atol=1e-6)


def test_what_stays_is_the_best_eye_not_the_last(tmp_path, monkeypatch):
    seen, shown = [], list(footage())

    def worse(policy, *_):
        seen.append({name: tensor.clone() for name, tensor in policy.state_dict().items()})
        return {"reward": 1.0 / len(seen)}

    monkeypatch.setattr(eye_training, "looking_scores", worse)
    policy = tiny()
    train_eye(policy, shown, shown, EyeSettings.search(**SMALL, steps=4 * 32), tmp_path)
    assert len(seen) > 3 and not torch.equal(seen[0]["eye.actor.1.weight"], seen[2]["eye.actor.1.weight"])
    for name, tensor in policy.state_dict().items():
        torch.testing.assert_close(tensor, seen[0][name], atol=0, rtol=0)


def test_a_guided_eye_learns_what_an_unguided_one_has_not_found_yet():
    """From the same rollout: the wise actions become more probable by the guide, which fades over the first half."""
    found = {}
    for guide in (0.0, 20.0):
        algorithm = ppo(EyeSettings.search(**SMALL | {"pause_steps": 0}, steps=32, guide=guide, entropy=0.0))
        algorithm.iterate()
        episodes = _whole_episodes(algorithm.rollout_buffer)
        with torch.no_grad():
            wise = wise_actions(episodes["direction"], episodes["towards"])
            found[guide] = float(algorithm.policy.evaluate_sequences(episodes, wise)[1].mean())
    assert found[20.0] > found[0.0] + 1e-4
    algorithm._current_progress_remaining = 0.5
    episodes["advantages"] = algorithm.normalised(episodes["advantages"])
    late, _ = algorithm._ppo_loss(episodes)
    algorithm.settings = replace(algorithm.settings, guide=0.0)
    torch.testing.assert_close(algorithm._ppo_loss(episodes)[0], late)


def test_returns_are_about_one_whatever_the_reward_is_counted_in():
    algorithm = ppo(EyeSettings.search(**SMALL | {"pause_steps": 0}))
    scores = algorithm.iterate()
    assert 0.0 <= scores["reward"] <= 1.0 and np.abs(algorithm.rollout_buffer.returns).max() < 1.5


def test_a_phase_begins_without_the_values_of_the_one_before():
    policy = tiny()
    policy.eye.forget_values()
    _, values = policy.eye(torch.randn(1, 3, len(policy.tokens.positions), TINY.dim), policy.tokens.positions,
                           torch.randn(1, 3, 6, TINY.dim))  # fmt: skip
    assert (values == 0).all()
