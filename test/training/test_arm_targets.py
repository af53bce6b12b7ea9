"""What the arms pull the attention to: only those that claim to know the gaze follow it; a control is what it says."""

import numpy as np
import pytest
import torch
from arm_cache import LABELS, TINY, look_elsewhere, write_cache

from gaze_vlm_ros.gaze.heatmap import heatmap
from gaze_vlm_ros.training.arms.arm import ARMS, CORE, ArmError, arm_of
from gaze_vlm_ros.training.arms.pooling import Pooling, make_block
from gaze_vlm_ros.training.arms.released import RELEASED_LAMBDA, released_divergence, released_target
from gaze_vlm_ros.training.arms.targets import Target, other_episode, target_maps
from gaze_vlm_ros.training.data import CAMERA_SIZE, SPLITS, DataError
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.vlm.block import GazeBlock
from gaze_vlm_ros.vlm.loss import gaze_kl

FOLLOW_GAZE = {Target.GAZE, Target.SINGLE_POINT, Target.NOT_CARRIED, Target.AS_RELEASED}
SIDE = 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def data(folder):
    return TokenSet(folder / "tokens", TINY)


@pytest.fixture
def rows(data):
    return np.flatnonzero(data.columns["split"] == SPLITS.index("train"))


@pytest.mark.parametrize("target", Target)
def test_training_frames_have_distributions_and_others_none(data, rows, target):
    maps = target_maps(target, data, rows)
    assert maps.shape == (len(data.columns["episode"]), 16)
    wanted = 0.0 if target is Target.NONE else 1.0
    assert maps[rows].sum(1) == pytest.approx(np.full(len(rows), wanted), abs=1e-5)
    assert np.isnan(np.delete(maps, rows, axis=0)).all(), "the gaze of an unseen episode is not even there"


@pytest.mark.parametrize("target", [t for t in Target if t not in (Target.CENTRE, Target.SHUFFLED)])
def test_only_what_claims_to_know_the_gaze_follows_it(data, rows, target):
    before = target_maps(target, data, rows)
    moved = rows[: len(rows) // 2]
    look_elsewhere(data.columns, moved)
    changed = (target_maps(target, data, rows) != before).any(1) & np.isfinite(before).all(1)
    assert not changed[rows[len(rows) // 2 :]].any()
    assert changed[moved].any() == (target in FOLLOW_GAZE)


def test_the_centre_knows_no_frame(data, rows):
    maps = target_maps(Target.CENTRE, data, rows)[rows]
    assert (maps == maps[0]).all()
    points = data.columns["gaze_px"][rows]
    centres = np.stack(np.meshgrid(*((np.arange(4) + 0.5) * size / 4 for size in CAMERA_SIZE)), -1).reshape(-1, 2)
    assert np.abs(maps[0] @ centres - points.mean(0)).max() < 80, "its mean is that of the gaze, but for the border"
    assert maps[0].max() < 0.3, "it is as wide as gaze spreads, not a point"


def test_shuffled_gaze_is_never_ones_own(data, rows):
    episode = data.columns["episode"][rows]
    rings = set()
    for seed in range(30):
        others = other_episode(episode, seed)
        assert (episode[others] != episode).all()
        assert (others % 14 == np.arange(len(rows)) % 14).all(), "the frame of the same index"
        rings.add(tuple(others))
    assert len(rings) > 10
    maps = target_maps(Target.SHUFFLED, data, rows, seed=3)
    gaze = target_maps(Target.GAZE, data, rows)
    assert (maps[rows] == gaze[rows[other_episode(episode, 3)]]).all()
    look_elsewhere(data.columns, rows[:14])
    moved = (target_maps(Target.SHUFFLED, data, rows, seed=3) != maps).any(1) & np.isfinite(maps).all(1)
    assert not moved[rows[:14]].any(), "an episode's own gaze is not in its own target"
    assert moved[rows].sum() == 14


def test_a_frame_beyond_the_end_of_a_shorter_episode_has_no_shuffled_gaze():
    others = other_episode(np.array([7, 7, 7, 9]), seed=0)
    assert others.tolist() == [3, -1, -1, 0]
    with pytest.raises(DataError, match="at least two"):
        other_episode(np.array([7, 7]), seed=0)


def test_patches_that_show_what_is_pulled_to(data, rows):
    label = data.columns["patch_label"].reshape(-1, 16)
    looked = np.array([text.split()[-1] for text in data.columns["event"]])
    things, hands, nexts = (
        target_maps(target, data, rows)[rows] > 0 for target in (Target.ANY_OBJECT, Target.HAND, Target.NEXT_OBJECT)
    )
    assert (things == np.isin(label[rows], (1, 2))).all(), "a hand is no thing"
    assert (hands == (label[rows] == 3)).all()
    assert (nexts == (label == [[LABELS.index(kind)] for kind in looked])[rows]).all()


def test_a_target_that_is_nowhere_is_named(data, rows):
    data.columns["patch_label"][:] = 0
    with pytest.raises(DataError, match="'hand'"):
        target_maps(Target.HAND, data, rows)


def loss_and_pull(x_px: float, y_px: float, scores: torch.Tensor, as_released: bool) -> tuple[float, torch.Tensor]:
    """The regulariser with its lambda, and the gradient of the attention's scores, gaze at a point."""
    gaze = heatmap(np.array([x_px, y_px]), CAMERA_SIZE, (SIDE, SIDE))[None]
    target = torch.from_numpy(released_target(gaze) if as_released else gaze).flatten(1)[None]
    divergence, weight = (released_divergence, RELEASED_LAMBDA) if as_released else (gaze_kl, 1.0)
    loss = weight * divergence(target, scores.softmax(-1), torch.ones(1, 1, dtype=torch.bool))
    return loss.item(), torch.autograd.grad(loss, scores)[0]


@pytest.fixture
def scores():
    return torch.randn(1, 1, SIDE**2, generator=torch.Generator().manual_seed(1)).requires_grad_()


def test_loss_and_gradient_follow_the_gaze_point(scores):
    (here, pull_here), (across, pull_across) = (loss_and_pull(x, 260.0, scores, False) for x in (100.0, 500.0))
    _, pull_down = loss_and_pull(100.0, 60.0, scores, False)
    assert abs(here - across) > 0.05
    assert pull_here.argmin() != pull_across.argmin() and pull_here.argmin() != pull_down.argmin()


def test_the_released_loss_does_not_follow_the_gaze_point(scores):
    """It cannot tell left from right at all, and what it knows of up and down pulls a millionth as much."""
    (here, pull_here), (across, pull_across) = (loss_and_pull(x, 260.0, scores, True) for x in (100.0, 500.0))
    assert here == pytest.approx(across, abs=1e-7)
    assert (pull_here - pull_across).norm() < 1e-4 * pull_here.norm()
    _, pull_down = loss_and_pull(100.0, 60.0, scores, True)
    _, real = loss_and_pull(100.0, 260.0, scores, False)
    assert 0.0 < (pull_here - pull_down).norm() < 1e-4 * real.norm(), "with lambda 100; without it 1e-6"
    assert pull_here.norm() < 1e-3 * real.norm()


def test_the_released_target_is_row_bands_all_but_alike():
    gaze = heatmap(np.array([100.0, 260.0]), CAMERA_SIZE, (SIDE, SIDE))[None]
    target = released_target(np.concatenate([gaze, np.zeros_like(gaze)]))
    assert target[0].sum() == pytest.approx(1.0, abs=1e-5)
    assert not target[0, 1:].any() and (target[0, 0] > 0).all()
    assert target[0, 0].max() / target[0, 0].min() < 1.6
    assert not target[1].any()


def output(pooling, patches):
    torch.manual_seed(2)
    with torch.no_grad():
        block = GazeBlock(TINY.hidden, TINY.block_layers, TINY.block_heads, TINY.block_ff_mult)
        return make_block(pooling, block, TINY)(patches)


def test_pooling_differs_as_it_says():
    patches = torch.randn(2, 5, 16, TINY.hidden, generator=torch.Generator().manual_seed(4))
    other = torch.cat([patches[:, :4], torch.randn_like(patches[:, :1])], 1)
    for pooling in Pooling:
        before, after = output(pooling, patches), output(pooling, other)
        assert before.features.shape == (2, 5, TINY.hidden) and before.attention.shape == (2, 5, 16)
        assert before.attention.sum(-1) == pytest.approx(torch.ones(2, 5), abs=1e-5)
        flat = pooling in (Pooling.NO_BLOCK, Pooling.UNIFORM)
        assert bool((before.attention == 1 / 16).all()) == flat
        sees_others = not torch.allclose(before.attention[:, 0], after.attention[:, 0])
        assert sees_others == (pooling is Pooling.GAZE_BLOCK)
        assert not torch.allclose(before.features[:, 4], after.features[:, 4])


def test_arms_that_never_see_gaze_and_an_unknown_one():
    assert not any(ARMS[name].sees_gaze for name in CORE)
    assert arm_of("gaze_lambda_0.3").regulariser == 0.3
    with pytest.raises(ArmError, match="any_object"):
        arm_of("gaz")
