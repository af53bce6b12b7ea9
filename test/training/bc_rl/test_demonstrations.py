import dataclasses
import json

import numpy as np
import pytest
import torch
from demonstrations import demonstration

from gaze_vlm_ros.policies.experts import EXPERTS
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.training.demonstrations.chunks import chunks_of
from gaze_vlm_ros.training.demonstrations.places import yaw_terms
from gaze_vlm_ros.training.demonstrations.play import Player, PlayOptions
from gaze_vlm_ros.training.demonstrations.schema import Demonstration, DemonstrationError, seeds_of
from gaze_vlm_ros.training.demonstrations.sight_set import LOOKS, load_sights
from gaze_vlm_ros.training.record_demonstrations import main


def ramp(steps: int = 20) -> Demonstration:
    """Each joint's target of step t is t, the expert intends t + 1, the hand closes from step 10 on."""
    numbers = np.arange(steps, dtype=np.float32)
    return Demonstration(
        "PressButton", 0, "id", "jaco", "", (0.0, 0.0, 0.0),
        joint_rad=np.tile(numbers[:, None], 6),
        target_rad=np.tile(numbers[:, None], 6),
        intended_rad=np.tile(numbers[:, None], 6) + 1,
        opening=np.ones(steps, np.float32),
        open_wanted=(numbers < 10).astype(np.float32),
        places=np.zeros((steps, 2, 7), np.float32),
        look_m=np.zeros((steps, 3), np.float32),
        asked_m=np.zeros((steps, 3), np.float32),
        panorama_step=np.zeros(0, np.int32),
    )  # fmt: skip


class TestChunks:
    def test_row_j_is_due_j_plus_1_thirtieths_later(self):
        chunk = chunks_of(ramp(), 30, 30.0)
        assert chunk.shape == (20, 30, 7)
        np.testing.assert_allclose(chunk[2, :, 0], 2.0 + (np.arange(30) + 1) / 2, atol=1e-5)

    def test_the_hand_closes_when_it_was_told_to(self):
        chunk = chunks_of(ramp(), 30, 30.0)
        # The command of step 10 is due at step 11; half a step earlier the arm is already under way to it.
        assert chunk[8, :, -1].tolist()[:6] == [1, 1, 1, 1, 0, 0]

    def test_past_the_end_there_is_nothing(self):
        chunk = chunks_of(ramp(), 30, 30.0)
        assert np.isfinite(chunk[19, :2]).all() and np.isnan(chunk[19, 2:]).all()

    def test_a_push_is_not_imitated(self):
        pushed = dataclasses.replace(ramp(), target_rad=ramp().target_rad + 0.3)
        chunk = chunks_of(pushed, 30, 30.0)
        np.testing.assert_allclose(chunk[2, 1, 0], 3.0, atol=1e-5)


@pytest.mark.parametrize("task", [task for task in EXPERTS if task != "PressButton"])
def test_the_hand_closes_and_opens_at_the_places(task):
    shown = demonstration(task, 3, 0)
    kinematics = ArmKinematics(RobotDescription.load("jaco"))
    closed = np.flatnonzero(np.diff(shown.open_wanted) < 0)
    tool = kinematics.base_T_tool(shown.target_rad[closed[-1]])[:3, 3]
    np.testing.assert_allclose(tool, shown.places[closed[-1], 0, :3], atol=0.02)
    opened = np.flatnonzero(np.diff(shown.open_wanted) > 0)
    last = opened[-1] if len(opened) else shown.steps - 1
    tool = kinematics.base_T_tool(shown.target_rad[last])[:3, 3]
    if task != "Wipe":
        np.testing.assert_allclose(tool, shown.places[last, 1, :3], atol=0.03)


def test_the_button_is_pressed_at_its_place():
    shown = demonstration()
    tool = ArmKinematics(RobotDescription.load("jaco")).base_T_tool(shown.target_rad[-1])[:3, 3]
    np.testing.assert_allclose(tool[:2], shown.places[-1, 0, :2], atol=0.02)


def test_yaws_that_look_alike_are_alike():
    np.testing.assert_allclose(yaw_terms(0.3, 2), yaw_terms(0.3 + np.pi, 2), atol=1e-9)
    np.testing.assert_allclose(yaw_terms(0.3, 4), yaw_terms(0.3 + np.pi / 2, 4), atol=1e-9)
    assert np.abs(yaw_terms(0.3, 2) - yaw_terms(0.3 + np.pi / 2, 2)).max() > 0.5


class TestStorage:
    def test_what_is_stored_comes_back(self, tmp_path):
        shown = demonstration()
        shown.save(tmp_path / "one.npz")
        back = Demonstration.load(tmp_path / "one.npz")
        assert back.coded == shown.coded and back.eye_m == shown.eye_m
        np.testing.assert_array_equal(back.intended_rad, shown.intended_rad)
        assert back.panorama(0).fine.std() > 10

    def test_a_damaged_file_is_named(self, tmp_path):
        (tmp_path / "bad.npz").write_bytes(b"PK nothing")
        with pytest.raises(DemonstrationError, match=r"bad\.npz is no demonstration .*record it again"):
            Demonstration.load(tmp_path / "bad.npz")

    def test_splits_share_no_seed(self):
        seeds = [set(seeds_of(split, 1000)) for split in ("train", "validation", "test")]
        assert not (seeds[0] & seeds[1] or seeds[0] & seeds[2] or seeds[1] & seeds[2])

    def test_later_seeds_are_scenes_that_the_first_are_not(self):
        assert list(seeds_of("validation", 2, 5)) == [1_000_005, 1_000_006]
        for count, first in ((0, 0), (1, -1), (1, 1_000_000)):
            with pytest.raises(DemonstrationError, match=f"got {count} from {first} on"):
                seeds_of("train", count, first)

    def test_equal_seeds_give_equal_demonstrations(self):
        first, again = demonstration(), demonstration.__wrapped__()
        np.testing.assert_array_equal(first.joint_rad, again.joint_rad)
        assert first.coded == again.coded


def test_a_recording_goes_on_and_refuses_other_options(tmp_path, capsys):
    arguments = ["--out", str(tmp_path), "--task", "PressButton", "--validation", "0", "--panorama-every", "0"]
    assert main([*arguments, "--episodes", "1"]) == 0
    first = sorted(tmp_path.glob("PressButton/*"))
    stamp = first[0].stat().st_mtime_ns
    assert main([*arguments, "--episodes", "2"]) == 0
    assert len(sorted(tmp_path.glob("PressButton/*"))) == 2 and first[0].stat().st_mtime_ns == stamp
    assert main([*arguments, "--episodes", "2", "--noise", "0.3"]) == 1
    assert "recorded with other options" in capsys.readouterr().err
    options = tmp_path / "options.json"
    options.write_text(json.dumps({k: v for k, v in json.loads(options.read_text()).items() if k != "afterwards"}))
    assert main([*arguments, "--episodes", "2"]) == 0, "recorded before there was such an option"


def test_the_hand_is_shown_to_withdraw_after_the_success():
    whole = demonstration(panorama_every=0)
    player = Player("PressButton", PlayOptions(panorama_every=0, wander=0.0, afterwards=6))
    longer = player.play(0)
    player.close()
    assert longer.steps == whole.steps + 6
    np.testing.assert_array_equal(longer.joint_rad[: whole.steps], whole.joint_rad)
    assert (longer.intended_rad[-3] != whole.intended_rad[-1]).any()


class TestScenes:
    def test_a_scene_is_the_first_step_alone(self):
        player = Player("PickPlace", PlayOptions(panorama_every=1, wander=0.0, still=True))
        scene = player.play(3)
        player.close()
        whole = demonstration("PickPlace", 3, 0)
        assert scene.steps == len(scene.panorama_step) == 1
        np.testing.assert_array_equal(scene.places[0], whole.places[0])
        assert np.isfinite(chunks_of(scene, 30, 30.0)[0, :2]).all(), "what is wanted next is known until the next step"

    def test_few_panoramas_are_looked_at_more_often(self, tmp_path):
        player = Player("PressButton", PlayOptions(panorama_every=1, wander=0.0, still=True))
        scene, shown = player.play(5), demonstration()
        player.close()
        paths = []
        for name, one in (("scene", scene), ("shown", shown)):
            one.save(tmp_path / f"{name}.npz")
            paths.append(tmp_path / f"{name}.npz")
        looks = load_sights(paths, tmp_path / "looks", "train")
        panoramas = len(shown.panorama_step)
        assert panoramas >= 4 and len(looks) == (4 + panoramas) * LOOKS
        assert looks.pictures(torch.tensor([0, 5])).shape == (2, 3, 64, 64, 3)
        np.testing.assert_allclose(looks.places[0], scene.places[0], rtol=1e-6)
        towards = looks.places[:1, 0, :3].double().numpy() - np.array(scene.eye_m)
        away = np.arccos(towards @ looks.direction[0].double().numpy() / np.linalg.norm(towards))
        assert away < np.radians(12.0), "the first look is at the first place, nearly"

    def test_looks_are_drawn_again_where_the_demonstrations_changed(self, tmp_path):
        path = tmp_path / "shown.npz"
        demonstration(seed=0).save(path)
        before = load_sights([path], tmp_path / "looks", "train")
        demonstration(seed=1).save(path)
        after = load_sights([path], tmp_path / "looks", "train")
        assert not torch.equal(before.asked_m[:1], after.asked_m[:1])

    def test_where_nothing_was_drawn_nothing_can_be_looked_at(self, tmp_path):
        path = tmp_path / "blind.npz"
        demonstration(panorama_every=0).save(path)
        with pytest.raises(DemonstrationError, match=r"blind.npz has no panoramas.*--panorama-every 4"):
            load_sights([path], tmp_path / "looks", "train")
