import dataclasses
import sys
import warnings

import cv2
import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_for_baselines
from task_examples import TASKS, made, rest

from gaze_vlm_ros.sim.tasks import show
from gaze_vlm_ros.sim.tasks.bench import BASE_M
from gaze_vlm_ros.sim.tasks.environment import TaskEnvironment
from gaze_vlm_ros.sim.tasks.errors import TaskError
from gaze_vlm_ros.sim.tasks.hand_over import HANDED
from gaze_vlm_ros.sim.tasks.registry import CONFIGS, environment_id
from gaze_vlm_ros.sim.tasks.terms import RewardTerm


def test_options_of_reset_are_refused():
    environment = made("PressButton")
    environment.reset(seed=0, options={})
    with pytest.raises(TaskError, match="reset takes no options, got 'mode'"):
        environment.reset(seed=0, options={"mode": "ood_light"})
    environment.close()


@pytest.mark.parametrize(("out", "said"), [("x.gif", "must end in .mp4 or .png"), ("no/x.mp4", "its folder does not")])
def test_a_film_that_cannot_be_written_is_refused_before_it_is_played(tmp_path, monkeypatch, out, said):
    monkeypatch.setattr(show, "film", lambda *_: pytest.fail("plays"))
    monkeypatch.setattr(sys, "argv", ["show", "--task", "Towel-v0", "--out", str(tmp_path / out)])
    with pytest.raises(SystemExit, match=said):
        show.main()


def test_each_instant_of_a_sheet_has_its_time(tmp_path):
    show.write(np.full((31, 480, 640, 3), 90, np.uint8), tmp_path / "sheet.png", 15.0)
    drawn = cv2.imread(str(tmp_path / "sheet.png"))
    assert drawn.shape == (900, 1600, 3)
    corners = [drawn[row : row + 40, column : column + 120] for row in (0, 300, 600) for column in (0, 400, 800, 1200)]
    assert all(corner.max() > 200 for corner in corners)
    assert not np.array_equal(corners[0], corners[1]), "another time"


def trajectory(environment: TaskEnvironment, seed: int, steps: int = 12) -> list:
    rng = np.random.default_rng(5)
    observation, info = environment.reset(seed=seed)
    seen = [*observation.values(), *info["state"].values()]
    for _ in range(steps):
        observation, reward, _, _, info = environment.step(rng.uniform(-1, 1, environment.action_space.shape))
        seen += [*observation.values(), *info["state"].values(), np.array(reward)]
    return seen


class TestGymnasium:
    @pytest.mark.parametrize("task", TASKS)
    def test_both_checkers_are_content(self, task):
        environment = gymnasium.make(f"gaze_vlm_ros.sim.tasks:{environment_id(task)}", render_mode="rgb_array")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_env(environment.unwrapped)
            check_env_for_baselines(environment.unwrapped)
        environment.close()

    @pytest.mark.parametrize("way", ["sync", "async"])
    def test_many_at_once(self, way):
        name = f"gaze_vlm_ros.sim.tasks:{environment_id('PressButton')}"
        many = gymnasium.make_vec(name, num_envs=2, vectorization_mode=way)
        many.reset(seed=3)
        observation, reward, *_, info = many.step(many.action_space.sample())
        assert observation["proprio"].shape == (2, 13) and reward.shape == (2,)
        assert info["state"]["button_m"].shape == (2, 3)
        many.close()

    def test_vectorised_equals_single(self):
        many = gymnasium.make_vec(f"gaze_vlm_ros.sim.tasks:{environment_id('PickPlace')}", 2, "sync")
        observation, _ = many.reset(seed=[8, 9])
        single, _ = made("PickPlace").reset(seed=9)
        for name, value in single.items():
            np.testing.assert_array_equal(observation[name][1], value)

    def test_picture(self):
        environment = made("Towel", render_mode="rgb_array")
        environment.reset(seed=0)
        picture = environment.render()
        assert picture.shape == (480, 640, 3) and picture.dtype == np.uint8 and picture.std() > 20
        environment.close()
        assert made("Towel").render() is None


class TestSeeds:
    @pytest.mark.parametrize("task", TASKS)
    def test_equal_seeds_give_equal_trajectories_whatever_was_before(self, task):
        used = made(task)
        trajectory(used, 1)
        for ours, theirs in zip(trajectory(used, 4), trajectory(made(task), 4), strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_unseeded_episodes_differ(self):
        environment = made("PickPlace")
        _, first = environment.reset(seed=1)
        _, second = environment.reset()
        assert np.linalg.norm(first["state"]["block_m"] - second["state"]["block_m"]) > 1e-3


class TestControl:
    def test_clock_is_exact(self):
        environment = made("PressButton")
        environment.reset(seed=0)
        for _ in range(3):
            environment.step(rest(environment))
        assert environment.episode.world.data.time == pytest.approx(0.2, abs=1e-9)

    @pytest.mark.parametrize("joint", range(6))
    def test_joint_follows_its_delta(self, joint):
        environment = made("PressButton")
        _, info = environment.reset(seed=0)
        before = info["state"]["joint_rad"]
        action = rest(environment)
        action[joint] = 0.5
        for _ in range(4):
            environment.step(action)
        for _ in range(8):
            *_, info = environment.step(rest(environment))
        moved = info["state"]["joint_rad"] - before
        wanted = np.zeros(6)
        wanted[joint] = 2.0 * info["state"]["joint_step_rad"][joint]
        np.testing.assert_allclose(moved, wanted, atol=0.006)

    def test_fingers_open_and_close(self):
        environment = made("PickPlace")
        environment.reset(seed=0)
        for closing, expected in ((-1.0, 1.0), (1.0, 0.0)):
            action = rest(environment)
            action[6] = closing
            for _ in range(15):
                *_, info = environment.step(action)
            assert info["state"]["opening"][0] == pytest.approx(expected, abs=0.05)

    def test_blocked_arm_does_not_wind_up(self):
        environment = made("PressButton")
        environment.reset(seed=0)
        action = rest(environment)
        action[1] = -1.0  # into the table
        for _ in range(100):
            *_, info = environment.step(action)
        ahead = info["state"]["joint_target_rad"] - info["state"]["joint_rad"]
        assert environment.episode.world.tool_m[2] > -0.02
        assert np.abs(ahead).max() < 0.25

    def test_eye_turns(self):
        environment = made("PressButton", eye_actions=True)
        _, info = environment.reset(seed=0)
        before = info["state"]["eye_rad"]
        action = np.append(rest(environment)[:7], [0.5, -0.2])
        observation, *_, info = environment.step(action)
        np.testing.assert_allclose(info["state"]["eye_rad"] - before, np.radians([5.0, -2.0]), atol=1e-6)
        azimuth, elevation = info["state"]["eye_rad"]
        x, y, z = observation["eye_direction"]
        assert np.arctan2(y, x) == pytest.approx(azimuth, abs=1e-5)
        assert np.arcsin(z) == pytest.approx(elevation, abs=1e-5)

    def test_eye_sees_what_it_looks_at(self):
        """The red button in the middle of all three views, larger in the finer ones."""
        environment = made("PressButton", eye=True)
        observation, info = environment.reset(seed=5)
        environment.episode.eye.look_at(info["state"]["button_m"] - [0, 0, 0.01] - info["state"]["eye_m"])
        observation, *_ = environment.step(np.zeros(9))
        views = observation["eye"].astype(int)
        assert views.shape == (3, 64, 64, 3) and environment.observation_space.contains(observation)
        red = views[..., 0] > 2 * views[..., 1:].max(axis=-1)
        assert red[:, 31:33, 31:33].all()
        assert red[0].sum() > 5 * red[1].sum() > 5 * red[2].sum() > 0
        environment.close()

    @pytest.mark.parametrize("action", [np.zeros(3), np.full(7, np.nan)])
    def test_bad_action_is_refused(self, action):
        environment = made("PressButton")
        environment.reset(seed=0)
        with pytest.raises(ValueError, match="an action must be"):
            environment.step(action)


class TestEpisodes:
    @pytest.mark.parametrize("task", TASKS)
    def test_nothing_is_solved_or_moves_by_itself(self, task):
        environment = made(task)
        for seed in range(3):
            _, info = environment.reset(seed=seed)
            before = {name: value for name, value in info["state"].items() if name.endswith("_m")}
            for _ in range(15):
                _, _, terminated, truncated, info = environment.step(rest(environment))
                assert not terminated and not truncated and not info["success"]
            for name, value in before.items():
                np.testing.assert_allclose(info["state"][name], value, atol=0.012, err_msg=name)

    def test_ends_when_the_time_is_over(self):
        environment = made("PressButton")
        environment.reset(seed=0)
        ends = [environment.step(rest(environment))[2:4] for _ in range(environment.config.steps)]
        assert ends[-1] == (False, True) and not any(map(any, ends[:-1]))

    def test_reward_is_the_sum_of_its_named_terms(self):
        environment = made("PickPlace")
        environment.reset(seed=0)
        _, reward, _, _, info = environment.step(environment.action_space.sample())
        assert set(info["rewards"]) == {"reach", "progress", "success", "effort"}
        assert reward == pytest.approx(sum(info["rewards"].values()))

    def test_terms_can_be_replaced(self):
        rewards = {"height": RewardTerm(lambda episode: float(episode.world.tool_m[2]), 2.0)}
        environment = made(dataclasses.replace(CONFIGS["PickPlace"], rewards=rewards))
        environment.reset(seed=0)
        _, reward, *_, info = environment.step(rest(environment))
        assert reward == pytest.approx(2.0 * info["state"]["tool_m"][2])

    def test_token_names_task_and_thing(self):
        observation, info = made("HandOver").reset(seed=0)
        token = observation["target"]
        assert token[:5].tolist() == [0, 0, 0, 0, 1] and token[5:].sum() == 1
        assert info["asked_for"] in HANDED


def test_world_frame():
    """Everything is told in the robot's base frame: x to the front, towards the wearer, who is at negative y."""
    environment = made("PressButton")
    environment.reset(seed=0)
    world = environment.episode.world
    np.testing.assert_allclose(world.in_base(BASE_M), 0.0, atol=1e-9)
    np.testing.assert_allclose(world.in_base(BASE_M + [0.0, -0.5, 0.2]), [0.5, 0.0, 0.2], atol=1e-9)
    np.testing.assert_allclose(world.tool_m, environment.episode.state()["tool_m"])
