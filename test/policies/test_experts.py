from pathlib import Path

import gymnasium
import numpy as np
import pytest

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.experts import EXPERTS, evaluate, expert_for
from gaze_vlm_ros.policies.experts.evaluate import ENVIRONMENTS, run_episodes
from gaze_vlm_ros.policies.experts.reach import Reach
from gaze_vlm_ros.robots.description import RobotDescription

SIX_AXIS = Path(__file__).parents[1] / "robots" / "six_axis" / "robot.yaml"


@pytest.fixture(scope="module")
def jaco() -> RobotDescription:
    return RobotDescription.load("jaco")


@pytest.fixture(scope="module")
def reach(jaco) -> Reach:
    return Reach(jaco)


def play(task, seed, during=lambda step, environment: None, **options):
    """One episode; ``during`` may meddle before each step. Returns the last info and all actions."""
    environment = gymnasium.make(ENVIRONMENTS.format(task), **options).unwrapped
    expert = expert_for(task, environment.robot, options.get("eye_actions", False))
    _, info = environment.reset(seed=seed)
    expert.reset()
    actions, done = [], False
    while not done:
        during(len(actions), environment)
        actions.append(expert.act(info["state"]))
        assert environment.action_space.contains(actions[-1])
        _, _, terminated, truncated, info = environment.step(actions[-1])
        done = terminated or truncated
    return info, np.array(actions), expert


class TestReach:
    @pytest.mark.parametrize("azimuth_deg", [-100, -40, 0, 70])
    @pytest.mark.parametrize("height_m", [0.03, 0.27])
    def test_tool_is_there_and_looks_down(self, reach, azimuth_deg, height_m):
        azimuth = np.radians(azimuth_deg)
        point = np.array([0.5 * np.cos(azimuth), 0.5 * np.sin(azimuth), height_m])
        q, yaw = reach.choose(point, [0.3, 0.3 - np.pi], reach.robot.home_rad)
        pose = reach.kinematics.base_T_tool(q)
        np.testing.assert_allclose(pose[:3, 3], point, atol=0.003)
        np.testing.assert_allclose(pose[:3, 2], [0, 0, -1], atol=0.05)
        np.testing.assert_allclose(pose[:3, 0], [np.cos(yaw), np.sin(yaw), 0], atol=0.05)
        assert (q >= reach.robot.limits.lower_rad).all() and (q <= reach.robot.limits.upper_rad).all()

    @pytest.mark.parametrize("point", [[1.4, 0.0, 0.2], [0.5, 0.0, -0.05]])
    def test_out_of_reach_or_in_the_table(self, reach, point):
        assert reach.choose(np.array(point), [0.0], reach.robot.home_rad) is None


class TestExperts:
    @pytest.mark.parametrize("task", EXPERTS)
    def test_solves_its_task(self, task):
        outcomes = run_episodes(task, [0, 1, 2])
        assert all(outcome.success for outcome in outcomes)

    def test_another_robot(self):
        info, _, _ = play("PressButton", 0, robot=SIX_AXIS)
        assert info["success"]

    def test_a_miss_is_tried_once_more(self):
        """The block is snatched away as the fingers close; the second grasp gets it."""
        moved = []

        def snatch(step, environment):
            world = environment.episode.world
            low = world.tool_m[2] < 0.06
            if low and not moved:
                moved.append(step)
                world.data.joint("block/free").qpos[:2] += [0.05, -0.1]

        info, actions, _ = play("PickPlace", 3, snatch)
        assert moved and info["success"]
        closing = actions[:, 6] > 0
        assert (np.diff(closing.astype(int)) == 1).sum() == 2, "it closed its hand twice"

    def test_gives_up_what_is_out_of_reach(self):
        def take_away(step, environment):
            environment.episode.world.data.joint("block/free").qpos[:3] = [0.0, -1.5, 0.1]

        info, actions, _ = play("PickPlace", 3, take_away)
        assert not info["success"]
        np.testing.assert_array_equal(actions[-100:, :6], 0.0)

    def test_eye_looks_at_what_the_hand_does(self):
        info, _, expert = play("PickPlace", 1, eye_actions=True)
        azimuth, elevation = info["state"]["eye_rad"]
        looking = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
        way = expert.focus_m - info["state"]["eye_m"]
        assert info["success"]
        assert np.array(looking) @ way / np.linalg.norm(way) > np.cos(np.radians(1.0))

    def test_unknown_task_is_answered_with_those_that_exist(self, jaco):
        with pytest.raises(GazeVlmError, match="PressButton, PickPlace, Towel, Wipe, HandOver"):
            expert_for("Juggle-v0", jaco)


def test_evaluation_does_not_depend_on_processes():
    alone, together = (evaluate("gaze_vlm_ros/PressButton-v0", 11, processes=n) for n in (1, 2))
    assert alone["success"] == together["success"] and alone["success"]["n"] == 11
    assert alone["duration_s_mean"] == together["duration_s_mean"]
    assert alone["failed_seeds"] == []
