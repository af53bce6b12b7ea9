import shutil
from pathlib import Path

import numpy as np
import pytest
from task_examples import TASKS, made, rest

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.sim.tasks.gripper import arm_with_grip
from gaze_vlm_ros.sim.tasks.hand_over import HandOver
from gaze_vlm_ros.sim.tasks.modes import MODES
from gaze_vlm_ros.sim.tasks.open_hand import OpenHand
from gaze_vlm_ros.sim.tasks.show import sheet, write

SIX_AXIS = Path(__file__).parents[1] / "robots" / "six_axis"
# The body whose place is drawn from the mode's arc.
DRAWN = {
    "PressButton": "button_box", "PickPlace": "holder", "Towel": "tray", "Wipe": "brush", "HandOver": OpenHand.BODY
}  # fmt: skip


@pytest.fixture(scope="module")
def jaco() -> RobotDescription:
    return RobotDescription.load("jaco")


class TestModes:
    @pytest.mark.parametrize("task", TASKS)
    def test_spatial_ones_have_no_place_in_common(self, task):
        azimuth = {}
        for mode in ("id", "ood_spatial"):
            environment = made(task, mode=mode)
            spots = []
            for seed in range(6):
                environment.reset(seed=seed)
                spots.append(environment.episode.world.position(DRAWN[task])[:2])
            azimuth[mode] = np.degrees(np.abs(np.arctan2(*np.array(spots).T[::-1])))
        assert azimuth["id"].max() <= 70.001 and azimuth["ood_spatial"].min() >= 71.9

    def test_start_postures(self):
        spread = {}
        for mode in ("id", "ood_init_pose"):
            environment = made("PressButton", mode=mode)
            tools = [environment.reset(seed=seed)[1]["state"]["tool_m"] for seed in range(8)]
            spread[mode] = np.std(tools, axis=0).max()
        assert spread["id"] < 0.02
        assert spread["ood_init_pose"] > 0.06

    def test_distractors(self):
        bodies = {}
        for mode in ("id", "ood_distractors"):
            environment = made("PressButton", mode=mode)
            bodies[mode] = []
            for seed in range(6):
                environment.reset(seed=seed)
                bodies[mode].append(environment.episode.model.nbody)
        assert min(bodies["ood_distractors"]) >= max(bodies["id"]) + 2

    def test_light(self):
        brightness = {}
        for mode in ("id", "ood_light"):
            environment = made("PressButton", mode=mode)
            brightness[mode] = []
            for seed in range(8):
                environment.reset(seed=seed)
                brightness[mode].append(environment.episode.model.light_diffuse[0].mean())
        assert min(brightness["id"]) > 0.45 and max(brightness["id"]) < 0.95
        assert all(level < 0.4 or level > 0.9 for level in brightness["ood_light"])

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("task", TASKS)
    def test_every_layout_finds_room(self, task, mode):
        environment = made(task, mode=mode)
        for seed in range(4):
            observation, _ = environment.reset(seed=seed)
            assert environment.observation_space.contains(observation)


class TestGrip:
    def test_fingers_hold_each_other_in_balance(self, jaco):
        spec = arm_with_grip(jaco)
        thumb, second, third = (spec.actuator(name).forcerange[1] for name in jaco.gripper_rad)
        assert thumb == pytest.approx(second + third, rel=0.02)

    def test_nothing_but_friction_holds_what_the_robot_carries(self):
        for task in TASKS:
            environment = made(task)
            environment.reset(seed=0)
            model = environment.episode.model
            assert model.neq == (1 if task == "HandOver" else 0)
            assert not environment.episode.world.data.eq_active.any()

    def test_wearer_takes_the_thing_asked_for_and_no_other(self):
        environment = made("HandOver")
        environment.reset(seed=2)
        episode = environment.episode
        task, world = episode.task, episode.world
        assert isinstance(task, HandOver)
        other = next(kind for kind in task.kinds if kind != task.asked_for)
        for kind, taken in ((other, False), (task.asked_for, True)):
            joint = world.model.joint(f"{kind}/free").qposadr[0]
            above = world.data.body(OpenHand.BODY).xpos + [0, 0, 0.02]
            rise = float(world.model.geom(f"{kind}/hull").size[2])
            parked = world.data.qpos[joint : joint + 3].copy()
            world.data.qpos[joint : joint + 3] = above + [0, 0, rise]
            for _ in range(6):
                *_, info = environment.step(rest(environment))
            assert bool(info["state"]["taken"][0]) == taken, kind
            if not taken:
                world.data.qpos[joint : joint + 3] = parked
        before = world.position(task.asked_for)
        for _ in range(6):
            environment.step(rest(environment))
        np.testing.assert_allclose(world.position(task.asked_for), before, atol=0.004)


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "listed"),
        [
            ({"task": "Juggle"}, "PressButton, PickPlace, Towel, Wipe, HandOver"),
            ({"task": "Towel", "mode": "ood_colour"}, "id, ood_spatial, ood_init_pose, ood_distractors, ood_light"),
            ({"task": "Towel", "robot": "r2d2"}, "use one of: jaco"),
        ],
    )
    def test_unknown_names_are_answered_with_what_exists(self, options, listed):
        with pytest.raises(GazeVlmError, match=listed):
            made(**options)

    def test_arm_without_gripper(self):
        with pytest.raises(GazeVlmError, match="Wipe needs a gripper, and robot six_axis has none"):
            made("Wipe", robot=SIX_AXIS / "robot.yaml")

    def test_broken_mjcf_names_the_element(self, tmp_path):
        shutil.copytree(SIX_AXIS, tmp_path / "arm")
        path = tmp_path / "arm" / "arm.xml"
        path.write_text(path.read_text().replace('<joint name="elbow"', '<joint name="elbow" colour="blue"'))
        with pytest.raises(GazeVlmError, match="colour"):
            made("PressButton", robot=tmp_path / "arm" / "robot.yaml")

    def test_physics_gone_wrong_are_written_down(self, tmp_path):
        environment = made("PickPlace", dump_folder=tmp_path)
        environment.reset(seed=0)
        environment.step(rest(environment))
        environment.episode.world.data.qvel[:] = np.nan
        observation, reward, terminated, truncated, info = environment.step(rest(environment))
        assert (reward, terminated, truncated, info["success"]) == (0.0, False, True, False)
        assert environment.observation_space.contains(observation)
        with np.load(info["unstable"]) as states:
            assert (
                len(states["qpos"]) == 2 and np.isfinite(states["qpos"][0]).all() and np.isnan(states["qvel"][1]).any()
            )
        assert Path(info["unstable"]).with_name("model.mjb").stat().st_size > 0
        environment.reset(seed=1)
        assert not environment.step(rest(environment))[3]


class TestShow:
    def test_film_and_sheet(self, tmp_path):
        pictures = np.zeros((5, 480, 640, 3), np.uint8)
        assert sheet(pictures, 15.0).shape == (900, 1600, 3)
        for name in ("film.mp4", "sheet.png"):
            write(pictures, tmp_path / name, 15.0)
            assert (tmp_path / name).stat().st_size > 0
        with pytest.raises(GazeVlmError, match=r"must end in \.mp4 or \.png"):
            write(pictures, tmp_path / "film.gif", 15.0)
