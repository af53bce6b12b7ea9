"""Training gets one frame in half a second of each stored episode; windows follow the streaming rule."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic import CAMERA, FRAMES, GRID, Squares, squares, write_data, write_squares

from gaze_vlm_ros.gaze.heatmap import SIGMA_PX, heatmap
from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.training.data import DataError, of_split, read_episode, read_episodes, window_indices
from gaze_vlm_ros.training.shards.reader import read_shards
from gaze_vlm_ros.training.shards.schema import RecordOptions
from gaze_vlm_ros.training.shards.writer import ShardWriter


def test_an_episode_comes_back(tmp_path):
    (stored,) = read_shards(write_squares(tmp_path, [3]))
    episode, truth = read_episode(stored), list(squares(3).frames)
    assert (episode.number, episode.split, len(episode)) == (3, stored.header.split, FRAMES)
    picture = episode.frame(FRAMES - 1)
    assert np.abs(picture.astype(int) - truth[-1].pictures.rgb).mean() < 2.0
    np.testing.assert_allclose(episode.stamp_s, (np.arange(FRAMES) + 1) * 0.5)
    np.testing.assert_array_equal(episode.patch_label[5], truth[5].labels.patch_label)
    np.testing.assert_array_equal(episode.half_label[5], truth[5].pictures.segmentation[4::8, 4::8])
    assert episode.event[0] == truth[0].labels.event


def test_gaze_is_given_in_the_camera_of_live_frames(tmp_path):
    (stored,) = read_shards(write_squares(tmp_path, [3]))
    episode = read_episode(stored)
    at = (next(squares(3).frames).labels.gaze_px + 0.5) / 224 * CAMERA - 0.5
    np.testing.assert_allclose(episode.gaze_px[0], at, atol=1e-3)
    np.testing.assert_allclose(episode.heatmap[0], heatmap(at[None], CAMERA, GRID, SIGMA_PX), atol=1e-5)
    assert np.isnan(episode.gaze_px[3]).all()
    assert episode.heatmap[3].sum() == episode.heatmap_input[3].sum() == 0.0


def test_a_faster_recording_is_thinned_out(tmp_path):
    options = RecordOptions(seconds=3.0, rate_hz=5.0)
    writer = ShardWriter(tmp_path, options)
    writer.write(3, squares(3, options))
    writer.finish([3])
    episode = read_episodes(tmp_path)[0][0]
    assert episode.stamp_s.tolist() == pytest.approx([0.4, 1.0, 1.4, 2.0, 2.4, 3.0])
    assert len(episode.jpeg_offset) == len(episode) + 1 == 7


def test_an_activity_began_when_its_meaning_changed(tmp_path):
    """Known to a frame of the recording, of which training skips some; another phrasing is no new activity."""
    options = RecordOptions(seconds=3.0, rate_hz=5.0)
    said = ["looking around"] * 3 + ["glancing around"] * 4 + ["reaching for the mug"] * 8
    plain = squares(3, options)
    frames = (
        replace(frame, labels=replace(frame.labels, activity=text))
        for frame, text in zip(plain.frames, said, strict=True)
    )
    writer = ShardWriter(tmp_path, options)
    writer.write(3, Squares(plain.header, frames))
    writer.finish([3])
    episode = read_episodes(tmp_path)[0][0]
    assert np.isnan(episode.activity_start_s[:3]).all(), "when the first one began is not known"
    assert episode.activity_start_s[3:].tolist() == pytest.approx([1.6] * 3)


def test_the_kinds_that_a_picture_shows(tmp_path):
    (stored,) = read_shards(write_squares(tmp_path, [3]))
    visible = read_episode(stored).visible
    assert visible.shape == (FRAMES, len(OBJECT_KINDS)) and visible.dtype == bool
    assert {OBJECT_KINDS[i] for i in np.flatnonzero(visible[0])} == {"mug", "bowl"}


def test_one_bad_shard_is_left_out_and_reported(tmp_path):
    write_data(tmp_path, 2, 1, 1)
    path = next(tmp_path.glob("validation-*.tar"))
    path.write_bytes(path.read_bytes()[:5000])
    episodes, faults = read_episodes(tmp_path)
    assert [episode.split for episode in episodes] == ["train", "train", "test"]
    assert len(faults) == 1 and path.name in faults[0]


def test_no_usable_shard_is_an_error(tmp_path):
    with pytest.raises(DataError, match="holds no shard"):
        read_episodes(tmp_path)
    write_data(tmp_path, 1, 0, 0)
    with pytest.raises(DataError, match="'test'"):
        of_split(read_episodes(tmp_path)[0], "test")
    for path in tmp_path.glob("*.tar"):
        path.write_bytes(b"no archive")
    with pytest.raises(DataError, match="no usable episode"):
        read_episodes(tmp_path)


def test_a_picture_that_is_no_jpeg_is_named(tmp_path):
    (stored,) = read_shards(write_squares(tmp_path, [3]))
    stored.members["rgb.jpg"][2] = bytes(100)
    with pytest.raises(DataError, match="frame 2 of episode 3"):
        read_episode(stored).frame(2)


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
