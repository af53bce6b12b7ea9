import numpy as np
import pytest

from gaze_vlm_ros.sim.kitchen import LABELS
from gaze_vlm_ros.training.generate_episodes import generate, patch_labels, record_episode, split_of


def test_split_depends_on_the_seed_alone_and_has_the_stated_shares():
    splits = [split_of(seed) for seed in range(3000)]
    assert splits == [split_of(seed) for seed in range(3000)]
    shares = {split: splits.count(split) / len(splits) for split in set(splits)}
    assert shares["test"] == pytest.approx(0.1, abs=0.02)
    assert shares["validation"] == pytest.approx(0.1, abs=0.02)


def test_a_small_thing_names_its_patch_and_a_speck_does_not():
    apple, tray = LABELS.index("apple"), LABELS.index("tray")
    picture = np.zeros((224, 224), np.uint8)
    picture[0:16, 0:16] = tray
    picture[0:6, 0:8] = apple  # 48 of 256 pixels
    picture[16:18, 0:8] = apple  # 16 of 256
    labels = patch_labels(picture)
    assert labels[0, 0] == apple
    assert labels[1, 0] == 0
    assert labels.shape == (14, 14)


@pytest.fixture(scope="module")
def episode():
    return record_episode(seed=3, duration_s=6.0)


def test_an_episode_holds_what_its_schema_says(episode):
    frames = len(episode["stamp_s"])
    assert frames == 12
    np.testing.assert_allclose(np.diff(episode["stamp_s"]), 0.5, atol=1e-6)
    for key in ("patch_label", "heatmap", "heatmap_input"):
        assert episode[key].shape == (frames, 14, 14)
    assert episode["jpeg_offset"][-1] == len(episode["jpeg_data"])
    assert all(event for event in episode["event"])
    assert (episode["event_time_s"] >= episode["stamp_s"] - 1e-6).all()


def test_heatmaps_are_distributions_around_the_gaze(episode):
    for heatmap, pixel in zip(episode["heatmap_input"], episode["gaze_px"], strict=True):
        if heatmap.sum() == 0:
            continue
        assert heatmap.sum() == pytest.approx(1.0, abs=1e-4)
        if np.isfinite(pixel).all() and heatmap.max() > 0.5:
            row, column = np.unravel_index(heatmap.argmax(), heatmap.shape)
            assert abs(column - pixel[0] * 14 / 640) < 2.5
            assert abs(row - pixel[1] * 14 / 480) < 2.5


def test_files_do_not_depend_on_the_number_of_workers_and_are_kept(tmp_path):
    assert generate(tmp_path / "one", 2, first_seed=5, duration_s=2.0, workers=1) == 2
    assert generate(tmp_path / "two", 2, first_seed=5, duration_s=2.0, workers=2) == 2
    assert generate(tmp_path / "two", 2, first_seed=5, duration_s=2.0, workers=2) == 0
    for name in ("episode_000005.npz", "episode_000006.npz"):
        one, two = np.load(tmp_path / "one" / name), np.load(tmp_path / "two" / name)
        assert set(one) == set(two)
        for key in one:
            np.testing.assert_array_equal(one[key], two[key])
