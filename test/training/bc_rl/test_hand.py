import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from demonstrations import TINY, demonstration

from gaze_vlm_ros.policies.foveated import FoveatedPolicy
from gaze_vlm_ros.training.bc_rl.hand_motion import normalise, train_motion
from gaze_vlm_ros.training.bc_rl.hand_sight import sight_losses, train_sight
from gaze_vlm_ros.training.demonstrations.motion_set import load_motions
from gaze_vlm_ros.training.demonstrations.sight_set import load_sights
from gaze_vlm_ros.training.loop import LoopSettings

STEPS = 60
LOOP = LoopSettings(minutes=None, steps=STEPS, learning_rate=2e-3, evaluations=2)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Two demonstrations of pressing a button."""
    folder = tmp_path_factory.mktemp("shown")
    for seed in (0, 1):
        demonstration(seed=seed).save(folder / f"{seed}.npz")
    return sorted(folder.glob("*.npz"))


@pytest.fixture
def policy():
    torch.manual_seed(0)
    return FoveatedPolicy(TINY)


def losses(policy, looks, places):
    with torch.no_grad():
        everything = torch.arange(len(looks))
        hand = policy.tell(looks.proprio, looks.direction, looks.text, torch.full((len(looks), 3), torch.nan))
        return sight_losses(policy.votes(policy.tokens(looks.pictures(everything)), hand), places, 1.0)


def test_sight_learns_where_the_places_are(shown, policy, tmp_path):
    looks = load_sights(shown, tmp_path / "looks", "train")
    before = losses(policy, looks, looks.places)
    motion = {name: tensor.clone() for name, tensor in policy.motion.state_dict().items()}
    train_sight(policy, looks, looks, LOOP, tmp_path / "sight")
    after = losses(policy, looks, looks.places)
    assert after["likelihood"] < before["likelihood"] - 3.0
    assert after["seen"] < before["seen"] - 2.0, "the patches learn too, not the guess from the posture alone"
    elsewhere = looks.places + torch.tensor([0.0, 0.2, 0, 0, 0, 0, 0])
    assert losses(policy, looks, elsewhere)["likelihood"] > after["likelihood"] + 2.0
    assert all(torch.equal(motion[name], tensor) for name, tensor in policy.motion.state_dict().items())


def test_a_finished_stage_is_not_repeated(shown, policy, tmp_path):
    looks = load_sights(shown, tmp_path / "looks", "train")
    short = replace(LOOP, steps=4)
    again = copy.deepcopy(policy)
    train_sight(policy, looks, looks, short, tmp_path / "sight")
    (tmp_path / "sight" / "curve.csv").unlink()
    assert train_sight(again, looks, looks, short, tmp_path / "sight").step == 4
    torch.testing.assert_close(again.state_dict(), policy.state_dict(), atol=0, rtol=0)
    assert not (tmp_path / "sight" / "curve.csv").exists(), "no step was taken"


def test_motion_learns_what_the_expert_meant(shown, policy, tmp_path):
    motions = load_motions(shown, TINY)
    position = train_motion(policy, motions, motions, LOOP, tmp_path / "motion")
    assert position.step == STEPS
    np.testing.assert_allclose(policy.posture_mean, motions.proprio.mean(0), rtol=1e-5)
    with torch.no_grad():
        spread = torch.full((len(motions), 2), float(np.log(0.002)))
        chunk = policy.move(motions.proprio, motions.places, spread, motions.text)
        told = policy.absolute(chunk, motions.proprio)
    known = torch.isfinite(motions.chunk[..., 0])
    off = (told - motions.chunk)[..., :-1][known].abs().mean()
    stays = (motions.proprio[:, None, :-1] - motions.chunk[..., :-1])[known].abs().mean()
    assert off < 0.7 * stays, "better than to stay where one is"


def test_scales_come_from_the_demonstrations(shown, policy):
    normalise(policy, load_motions(shown, TINY))
    assert (policy.chunk_scale >= 0.005).all() and policy.chunk_scale[-1, 0] > policy.chunk_scale[0, 0]
