"""Windows out of shards: right, shuffled, divided, resumable, and past what is damaged."""

import shutil
from collections import Counter

import numpy as np
import pytest
import torch
from synthetic import write_data

from gaze_vlm_ros.training.data import read_episodes
from gaze_vlm_ros.training.pixels.stream import Batches, Place, Source, Stream, first_windows, loader_of
from gaze_vlm_ros.training.pixels.windows import MEMBERS, EpisodeWindows
from gaze_vlm_ros.training.shards import archive
from gaze_vlm_ros.training.shards.index import shards_of
from gaze_vlm_ros.training.shards.reader import read_shards
from gaze_vlm_ros.training.shards.schema import DataError
from gaze_vlm_ros.vlm.wrap.grid import TokenGrid

GRID = TokenGrid((224, 224), 16)
"""That of ``training.data``, so that heatmaps can be compared."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("pixels") / "data", train=16, validation=2, test=1)


def source(data, **changes) -> Source:
    return Source(data, **({"split": "train", "grid": GRID, "buffer": 20} | changes))


def key(window) -> bytes:
    return window.frames.numpy().tobytes() + window.target.numpy().tobytes()


def epoch(data, number=0, of=1, place=None, **changes) -> list:
    return list(Stream(source(data, **changes), number, of, place).epoch())


def test_windows_are_those_of_the_cached_way(data):
    """Pictures, heatmaps and sentences as ``training.data`` has them, frame by frame."""
    stored = next(read_shards(data, "train", MEMBERS))
    episode = next(item for item in read_episodes(data)[0] if item.number == stored.seed)
    windows = EpisodeWindows(stored, GRID, 5, 1.0)
    window = windows.decode(len(windows.indices) - 1)
    rows = [np.abs(episode.stamp_s - stored.column("time_s")[i]).argmin() for i in windows.indices[-1]]
    assert np.diff(episode.stamp_s[rows]) == pytest.approx(1.0)
    assert torch.equal(window.frames[2].permute(1, 2, 0), torch.from_numpy(episode.frame(rows[2])))
    np.testing.assert_array_equal(window.target, episode.heatmap[rows].reshape(5, -1))
    np.testing.assert_array_equal(window.gaze, episode.heatmap_input[rows].reshape(5, -1))
    assert (window.activity, window.event) == (episode.activity[rows[-1]], episode.event[rows[-1]])


def test_an_epoch_has_every_window_once_in_another_order_each_time(data):
    stream = Stream(source(data), 0, 1)
    first, second = list(map(key, stream.epoch())), list(map(key, stream.epoch()))
    episodes = [EpisodeWindows(item, GRID, 5, 1.0) for item in read_shards(data, "train", MEMBERS)]
    assert len(first) == sum(len(item.indices) for item in episodes)
    assert sorted(first) == sorted(second)
    assert first != second
    assert first == list(map(key, epoch(data)))


def test_streams_share_an_epoch_out(data):
    parts = [list(map(key, epoch(data, number, 2))) for number in range(2)]
    assert all(parts)
    assert sorted(parts[0] + parts[1]) == sorted(map(key, epoch(data)))


def test_a_stream_goes_on_at_the_very_window(data):
    stream = Stream(source(data), 0, 1)
    windows = stream.windows()
    taken = [next(windows) for _ in range(30)]
    rest = [key(next(windows)) for _ in range(len(epoch(data)))]  # into the next epoch
    again = Stream(source(data), 0, 1, Place(0, len(taken))).windows()
    assert [key(next(again)) for _ in rest] == rest


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_go_on_where_they_were(data, workers):
    taken = []
    for batch in loader_of(Batches(source(data), 3, 0, 1), workers):
        taken.append(batch)
        if len(taken) == 7:
            break
    places = {batch.number: batch.place for batch in taken[:4]}
    resumed = iter(loader_of(Batches(source(data), 3, 0, 1, 4, places), workers))
    for batch in taken[4:]:
        other = next(resumed)
        assert torch.equal(batch.frames, other.frames)
        assert (batch.number, batch.place) == (other.number, other.place)


@pytest.fixture
def damaged(data, tmp_path):
    """Of the training shards one is cut off, and one has a picture that is none."""
    folder = shutil.copytree(data, tmp_path / "damaged")
    cut, spoilt = (path for path in shards_of(folder, "train-*.tar")[:2])
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    content = bytearray(spoilt.read_bytes())
    pictures = [(first, size) for name, first, size in archive.unpack(bytes(content), spoilt) if "rgb.jpg" in name]
    first, size = pictures[len(pictures) // 2]
    content[first : first + size] = bytes(size)
    spoilt.write_bytes(bytes(content))
    return folder


def test_what_is_damaged_is_skipped_and_counted(data, damaged):
    stream = Stream(source(damaged), 0, 1)
    good, whole = (Counter(map(key, windows)) for windows in (stream.epoch(), epoch(data)))
    assert good < whole
    samples = stream.place.skipped - 1  # the other one is the shard
    assert 1 <= samples <= 5 + 3  # windows with that picture, and those that pad the start with it
    lost = len(read_windows(data)) - len(read_windows(damaged))
    assert whole.total() - good.total() == lost + samples
    assert "cut off" in stream.place.fault or "no picture" in stream.place.fault


def read_windows(folder) -> list:
    """All windows of the training shards that can be read, without decoding them."""
    found = []
    for path in shards_of(folder, "train-*.tar"):
        try:
            for item in read_shards(path, members=MEMBERS):
                found += list(EpisodeWindows(item, GRID, 5, 1.0).indices)
        except DataError:
            continue
    return found


@pytest.mark.parametrize(("beyond", "in_epoch"), [(-2, 0), (5, 1)])
def test_the_count_survives_resuming(damaged, beyond, in_epoch):
    stream = Stream(source(damaged), 0, 1)
    windows = stream.windows()
    for _ in range(len(epoch(damaged)) + beyond):
        next(windows)
    place = stream.place
    assert place.epoch == in_epoch
    assert place.skipped
    expected = key(next(windows)), stream.place
    again = Stream(source(damaged), 0, 1, place)
    assert (key(next(again.windows())), again.place) == expected


def test_nothing_but_damage_ends_with_a_word(damaged):
    for path in shards_of(damaged, "train-*.tar"):
        path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"no window that can be read.*cut off"):
        next(Stream(source(damaged), 0, 1).windows())
    with pytest.raises(DataError, match="cut off"):
        first_windows(source(damaged), 1)


def test_more_streams_than_shards_are_refused(data):
    with pytest.raises(DataError, match=r"for the 50 data workers.*fewer --workers"):
        Stream(source(data), 0, 50)
