"""Episode files are checked at the door; windows follow the streaming rule and never cross a split."""

import numpy as np
import pytest
from synthetic import FRAMES, write_data, write_episode

from gaze_vlm_ros.training.data import DataError, of_split, read_episode, read_episodes, window_indices


def rewrite(path, **changes):
    with np.load(path) as arrays:
        values = dict(arrays)
    np.savez(path, **{k: v for k, v in (values | changes).items() if v is not None})


def test_an_episode_comes_back(tmp_path):
    episode = read_episode(write_episode(tmp_path, 3, "validation"))
    assert (episode.number, episode.split, len(episode)) == (3, "validation", FRAMES)
    picture = episode.frame(FRAMES - 1)
    assert picture.shape == (224, 224, 3)
    assert picture[..., 0].max() > 200, "red stays red"


@pytest.mark.parametrize("changes", [{"event": None}, {"stamp_s": np.zeros(3)}, {"split": np.array("holiday")}])
def test_a_foreign_file_is_named(tmp_path, changes):
    path = write_episode(tmp_path, 3, "train")
    rewrite(path, **changes)
    with pytest.raises(DataError, match=path.name):
        read_episode(path)


def test_one_bad_file_is_left_out_and_reported(tmp_path):
    write_data(tmp_path, 2, 1, 1)
    path = tmp_path / "episode_000001.npz"
    path.write_bytes(path.read_bytes()[:5000])
    episodes, faults = read_episodes(tmp_path)
    assert [episode.number for episode in episodes] == [0, 2, 3]
    assert len(faults) == 1 and path.name in faults[0]


def test_no_usable_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no usable episode"):
        read_episodes(tmp_path)
    write_data(tmp_path, 1, 0, 0)
    with pytest.raises(DataError, match="'test'"):
        of_split(read_episodes(tmp_path)[0], "test")


def test_a_picture_that_is_no_jpeg_is_named(tmp_path):
    path = write_episode(tmp_path, 5, "train")
    with np.load(path) as arrays:
        rewrite(path, jpeg_data=np.zeros_like(arrays["jpeg_data"]))
    with pytest.raises(DataError, match="frame 2 of episode 5"):
        read_episode(path).frame(2)


def test_windows_are_one_second_apart_and_padded_by_at_most_half():
    windows = window_indices(np.arange(12) * 0.5, frames=5, spacing_s=1.0)
    assert windows[-1].tolist() == [3, 5, 7, 9, 11]
    assert windows[0].tolist() == [0, 0, 0, 1, 3], "two of five are padded with the oldest frame"
    assert (np.diff(windows, axis=1) >= 0).all()
    assert set(windows[:, -1]) == set(range(4, 12)) | {3}


def test_windows_of_another_rate_take_the_nearest_frames():
    stamps = np.arange(100) / 15
    windows = window_indices(stamps, frames=5, spacing_s=1.0)
    wanted = stamps[windows[-1, -1]] - np.arange(4, -1, -1)
    assert np.abs(stamps[windows[-1]] - wanted).max() <= 0.5 / 15 + 1e-9
