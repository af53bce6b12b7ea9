import numpy as np
import pytest
from demonstrations import TINY, footage

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.sim.robot_eye import STAY
from gaze_vlm_ros.training.eye_gym.gym import EyeGym, GymSettings, search_reward


def gym(panorama_every: int = 1, **settings) -> EyeGym:
    return EyeGym(list(footage(panorama_every)), 3, TINY, GymSettings(**settings))


def test_observations_are_as_announced_and_seeds_repeat():
    environment = gym()
    first, _ = environment.reset(seed=4)
    again, _ = gym().reset(seed=4)
    other, _ = gym().reset(seed=5)
    for name, rows in first.items():
        np.testing.assert_array_equal(rows, again[name])
        assert rows.shape == environment.observation_space[name].shape
    assert (first["views"] != other["views"]).any()


def test_the_demonstration_stands_still_and_then_plays():
    environment = gym(episode_steps=20, pause_steps=8)
    before = environment.reset(seed=0)[0]["proprio"]
    moved = []
    for _ in range(20):
        seen, _, _, truncated, _ = environment.step(np.full(3, STAY))
        moved.append(bool((seen["proprio"] != before).any()))
    assert not any(moved[:8]) and all(moved[9:]) and truncated.all()


@pytest.mark.parametrize(("look_ahead", "ahead"), [(False, 0), (True, 1)])
def test_picture_and_reward_are_of_one_moment(look_ahead, ahead):
    """As released, the picture is older than the chunk it is rewarded by."""
    environment = gym(episode_steps=20, pause_steps=0, look_ahead=look_ahead)
    environment.reset(seed=0)
    seen, *_ = environment.step(np.full(3, STAY))
    for row, episode in enumerate(environment._episodes):
        frame = int(np.flatnonzero((episode.shown.chunks[:, 0] == seen["chunk"][row, 0]).all(-1))[0])
        np.testing.assert_array_equal(seen["proprio"][row], episode.shown.proprio[frame - ahead])


@pytest.mark.parametrize("still", [True, False])
def test_between_panoramas_nothing_is_told_that_the_picture_does_not_show(still):
    environment = gym(
        panorama_every=8, episode_steps=30, pause_steps=0, still=still, position=1.0, position_noise_m=0.0
    )
    seen, _ = environment.reset(seed=3)
    shown_steps = set()
    for _ in range(20):
        for row, episode in enumerate(environment._episodes):
            demonstration = episode.shown.demonstration
            step = demonstration.panorama_step[demonstration.panorama_step <= episode.frame][-1]
            shown_steps.add(int(step))
            np.testing.assert_array_equal(seen["proprio"][row], episode.shown.proprio[step])
            np.testing.assert_array_equal(seen["chunk"][row], episode.shown.chunks[step])
            np.testing.assert_array_equal(seen["places"][row], demonstration.places[step].astype(np.float32))
            way = demonstration.asked_m[step] - episode.shown.eye_m
            np.testing.assert_allclose(seen["towards"][row], way / np.linalg.norm(way), atol=1e-5)
        seen, *_ = environment.step(np.full(3, STAY))
    assert len(shown_steps) > 1


def test_a_demonstration_that_has_ended_is_played_no_more():
    environment = gym(episode_steps=130, pause_steps=5)
    environment.reset(seed=0)
    playing = []
    for _ in range(129):
        seen, *_ = environment.step(np.full(3, STAY))
        playing.append(seen["playing"][:, 0])
    playing = np.array(playing)
    for row, episode in enumerate(environment._episodes):
        steps = episode.shown.steps
        assert steps < 120
        assert playing[4 : steps + 2, row].all() and not playing[:4, row].any() and not playing[steps + 4 :, row].any()


def test_looking_at_the_thing_is_worth_one_and_beyond_50_degrees_nothing():
    towards = np.array([[1.0, 0.0, 0.0]] * 3)
    turned = np.radians([0.0, 25.0, 60.0])
    direction = np.stack([np.cos(turned), np.sin(turned), 0 * turned], axis=1)
    np.testing.assert_allclose(search_reward({"direction": direction, "towards": towards}), [1.0, 0.5, 0.0], atol=1e-6)


def test_the_eye_that_looks_at_the_button_sees_it():
    environment = gym(still=True, pause_steps=0, brightness=0.0, tint=0.0)
    environment.reset(seed=1)
    for episode in environment._episodes:
        episode.frame = 0
        episode.eye.look_at(episode.shown.demonstration.asked_m[0] - episode.shown.eye_m - [0, 0, 0.01])
    seen, reward, *_ = environment.step(np.full(3, STAY))
    assert (reward > 0.95).all()
    middle = seen["views"][:, 0, 30:34, 30:34].astype(int)
    assert (middle[..., 0] > 1.5 * middle[..., 1:].max(-1)).mean() > 0.8, "red, in the fovea"


def test_a_second_ahead_the_eye_is_asked_for_what_the_expert_works_at_then():
    environment = gym(ahead_s=1.0, pause_steps=0, episode_steps=30, position=1.0, position_noise_m=0.0)
    seen, _ = environment.reset(seed=2)
    begins = {episode.frame for episode in environment._episodes}
    assert len(begins) > 1, "episodes begin anywhere in a demonstration"
    for row, episode in enumerate(environment._episodes):
        shown = episode.shown.demonstration
        later_m = shown.look_m[min(episode.frame + 15, episode.shown.steps - 1)]
        way = (later_m - episode.shown.eye_m) / np.linalg.norm(later_m - episode.shown.eye_m)
        np.testing.assert_allclose(seen["towards"][row], way, atol=1e-5)
        np.testing.assert_allclose(seen["position"][row], shown.asked_m[0], atol=1e-5)
    after, *_ = environment.step(np.full(3, STAY))
    assert (after["proprio"] != seen["proprio"]).any(), "and it plays"


def test_what_is_withheld_is_nan_and_never_zero():
    seen, _ = gym(text=0.0, position=0.0).reset(seed=0)
    assert np.isnan(seen["text"]).all() and np.isnan(seen["position"]).all()


def test_every_episode_is_of_its_own_light():
    seen, _ = gym(brightness=0.5).reset(seed=0)
    same, _ = gym(brightness=0.0, tint=0.0).reset(seed=0)
    assert (seen["views"].mean((1, 2, 3, 4)) != same["views"].mean((1, 2, 3, 4))).all()


def test_without_demonstrations_it_says_how_to_make_some():
    with pytest.raises(GazeVlmError, match="record_demonstrations"):
        EyeGym([], 2, TINY)
    with pytest.raises(GazeVlmError, match="pause_steps must lie in"):
        GymSettings(episode_steps=10, pause_steps=10)
