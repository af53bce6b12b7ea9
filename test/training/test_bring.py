"""Bringing in the kitchen: how it is demonstrated, and how it is judged."""

import json

import numpy as np
import pytest

from gaze_vlm_ros.policies.foveated import FoveatedConfig, FoveatedPolicy
from gaze_vlm_ros.training.demonstrations.bring import BringPlayer
from gaze_vlm_ros.training.demonstrations.play import PlayOptions
from gaze_vlm_ros.training.evaluate_bring import BringTrial, fetch_all, main

CALM = PlayOptions(panorama_every=0, noise=0.0, push=0.0)
DISTURBED = PlayOptions(panorama_every=0, noise=0.08, push=0.05)


@pytest.fixture(scope="module")
def calm():
    return BringPlayer(CALM).play(1)


def test_the_thing_goes_with_the_tool_to_its_place(calm):
    thing, goal = calm.places[:, 0, :3], calm.places[:, 1, :3]
    assert calm.task == "Bring" and np.linalg.norm(thing[0] - goal[0]) > 0.1
    assert np.linalg.norm(thing[-1] - goal[-1]) < 0.06
    np.testing.assert_allclose(thing, calm.asked_m)


def test_fingers_close_about_it_once_and_open_at_the_end(calm):
    closed = calm.open_wanted < 0.5
    assert calm.opening[0] == calm.opening[-1] == 1.0 and 0.3 < calm.opening.min() < 0.5
    assert np.count_nonzero(np.diff(closed.astype(int))) == 2


def test_a_demonstration_depends_on_its_seed_alone(calm):
    np.testing.assert_array_equal(BringPlayer(CALM).play(1).joint_rad, calm.joint_rad)


def test_disturbances_are_answered_and_not_learnt(calm):
    disturbed = BringPlayer(DISTURBED).play(1)
    assert np.abs(disturbed.places[-1, 0, :3] - disturbed.places[-1, 1, :3]).max() < 0.06
    done, learnt = disturbed.target_rad[1:], disturbed.intended_rad[:-1]
    assert np.abs(done - learnt).max() > 0.01
    np.testing.assert_allclose(calm.target_rad[1:], calm.intended_rad[:-1])


def test_a_still_is_one_step_and_its_panorama():
    still = BringPlayer(PlayOptions(panorama_every=1, still=True)).play(1)
    assert still.steps == 1 and still.panorama(0).fine.std() > 1.0


def test_the_shipped_policy_brings_and_with_wrong_places_much_less():
    brought, astray = (
        sum(fetch.brought for seed in range(6) for fetch in fetch_all(seed, BringTrial(things=1, gaze_m=gaze_m)))
        for gaze_m in (BringTrial.gaze_m, 0.3)
    )
    assert brought >= 5 and astray <= 3


def test_an_untrained_hand_brings_nothing_and_the_command_says_so(tmp_path, capsys):
    config = FoveatedConfig(name="tiny", eye_blocks=1, hand_blocks=1, hand_width=32, helps_by="Bring")
    FoveatedPolicy(config).save(tmp_path / "policy")
    out = tmp_path / "judged.json"
    assert main(["--policy", str(tmp_path / "policy"), "--kitchens", "1", "--workers", "1", "--out", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["success"]["value"] == 0.0 and found["success"]["n"] == len(found["fetches"]) > 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["success"]["value"] == 0.0
