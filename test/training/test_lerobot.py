"""The exported data set has LeRobot's layout, and where `lerobot` is installed it loads and gives what was recorded."""

import json
from dataclasses import replace

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from synthetic import squares

from gaze_vlm_ros.training.shards.lerobot import LeRobotWriter
from gaze_vlm_ros.training.shards.lerobot_meta import columns_of, pixel_statistics
from gaze_vlm_ros.training.shards.schema import SPLITS, DataError, RecordOptions

OPTIONS = RecordOptions(seconds=4.0, rate_hz=4.0)
SEEDS = [2, 3, 4, 5, 0]
"""Of all three splits."""
SCENE = "observation.images.scene"


def moving(seed: int):
    """Squares over which a bright bar moves, so that every frame is another one."""
    still = squares(seed, OPTIONS)

    def frames():
        for index, frame in enumerate(still.frames):
            rgb = frame.pictures.rgb.copy()
            rgb[:, index * 12 : index * 12 + 24] = 40 + 12 * index
            yield replace(frame, pictures=replace(frame.pictures, rgb=rgb))

    return replace(still, frames=frames())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lerobot")
    writer = LeRobotWriter(folder, OPTIONS)
    for seed in SEEDS:
        writer.write(seed, moving(seed))
    writer.finish(SEEDS)
    writer.close(SEEDS)
    return folder


@pytest.fixture(scope="module")
def order():
    """Seeds in the order of the data set: training first."""
    return sorted(SEEDS, key=lambda seed: (SPLITS.index(OPTIONS.split_of(seed)), seed))


def table(folder, name):
    return pq.read_table(folder / name)


def test_the_layout_is_that_of_version_3(folder, order):
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    videos = {f"videos/{SCENE}/chunk-000/file-{number:03d}.mp4" for number in range(len(SEEDS))}
    tables = {"data/chunk-000/file-000.parquet", "meta/episodes/chunk-000/file-000.parquet", "meta/tasks.parquet"}
    assert found == videos | tables | {"meta/info.json", "meta/stats.json", "dataset.json", ".finish.lock"}
    info = json.loads((folder / "meta/info.json").read_text())
    assert info["codebase_version"] == "v3.0"
    assert (info["fps"], info["total_episodes"], info["total_frames"]) == (4, 5, 80)
    counts = [sum(OPTIONS.split_of(seed) == split for seed in SEEDS) for split in SPLITS]
    ends = np.cumsum(counts)
    assert info["splits"] == {s: f"{end - n}:{end}" for s, end, n in zip(SPLITS, ends, counts, strict=True)}
    assert info["features"][SCENE]["shape"] == [224, 224, 3]
    assert info["features"]["action"] == {"dtype": "float32", "shape": [1], "names": ["a.pos"]}


def test_tables_hold_what_was_recorded(folder, order):
    rows = table(folder, "data/chunk-000/file-000.parquet").to_pydict()
    assert rows["index"] == list(range(80))
    assert rows["episode_index"] == [number for number in range(5) for _ in range(16)]
    assert rows["frame_index"] == list(range(16)) * 5
    np.testing.assert_allclose(rows["timestamp"], np.tile(np.arange(16) / 4, 5))
    tasks = table(folder, "meta/tasks.parquet").to_pydict()
    assert tasks["task_index"] == list(range(len(tasks["task"])))
    for number, seed in enumerate(order):
        truth = [frame.labels for frame in squares(seed, OPTIONS).frames]
        here = slice(16 * number, 16 * number + 16)
        np.testing.assert_allclose(
            rows["observation.state"][here], [item.joint_position_rad[0] for item in truth], atol=1e-6
        )
        np.testing.assert_allclose(rows["action"][here], [item.joint_command_rad[0] for item in truth], atol=1e-6)
        assert [tasks["task"][index] for index in rows["task_index"][here]] == [item.event for item in truth]


def test_episodes_say_where_they_lie(folder, order):
    episodes = table(folder, "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    assert [item["seed"] for item in episodes] == order
    for number, item in enumerate(episodes):
        assert (item["dataset_from_index"], item["dataset_to_index"]) == (16 * number, 16 * number + 16)
        assert (item[f"videos/{SCENE}/file_index"], item["data/file_index"]) == (number, 0)
        assert (item[f"videos/{SCENE}/from_timestamp"], item[f"videos/{SCENE}/to_timestamp"]) == (0.0, 4.0)
        assert item["stats/action/max"] == pytest.approx([1.55])


def test_every_frame_of_a_video_is_the_recorded_one(folder, order):
    with av.open(str(folder / f"videos/{SCENE}/chunk-000/file-001.mp4")) as container:
        shown = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    truth = [frame.pictures.rgb for frame in moving(order[1]).frames]
    assert [time for time, _ in shown] == pytest.approx(list(np.arange(16) / 4))
    differences = np.array([[np.abs(a.astype(int) - b).mean() for b in truth] for _, a in shown])
    assert (differences.argmin(axis=1) == np.arange(16)).all()
    assert differences.diagonal().max() < 4.0


def test_gaze_that_is_missing_is_the_last_one_and_marked(order):
    labels = [frame.labels for frame in squares(3, OPTIONS).frames]
    gaze = columns_of(labels, squares(3, OPTIONS).header)["observation.gaze"]
    assert gaze[:, 2].tolist() == [1, 1, 1, 0, *[1] * 12]
    np.testing.assert_array_equal(gaze[3, :2], gaze[2, :2])
    lost = [replace(item, gaze_px=np.full(2, np.nan)) for item in labels[:2]]
    assert columns_of(lost, squares(3, OPTIONS).header)["observation.gaze"].tolist() == [[112, 112, 0]] * 2


def test_statistics_of_pixels_are_those_of_the_pixels():
    rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    histogram = np.stack([np.bincount(rgb[..., channel].ravel(), minlength=256) for channel in range(3)])
    found, values = pixel_statistics(histogram, 1), rgb.reshape(-1, 3) / 255
    for name, wanted in {
        "min": values.min(0),
        "max": values.max(0),
        "mean": values.mean(0),
        "std": values.std(0),
    }.items():
        np.testing.assert_allclose(np.ravel(found[name]), wanted, atol=1e-9)
    np.testing.assert_allclose(np.ravel(found["q90"]), np.quantile(values, 0.9, axis=0), atol=1 / 255)
    assert np.shape(found["mean"]) == (3, 1, 1) and found["count"] == [1]


def test_an_unfinished_data_set_does_not_exist_and_a_finished_one_is_left_alone(folder, tmp_path):
    writer = LeRobotWriter(tmp_path, OPTIONS)
    writer.write(2, moving(2))
    writer.close([2, 3])
    assert not (tmp_path / "meta/info.json").exists() and writer.present() == {2}
    done = LeRobotWriter(folder, OPTIONS)
    assert done.present() == set(SEEDS)
    with pytest.raises(DataError, match="finished LeRobot data set of other episodes"):
        done.prepare([*SEEDS, 9])
    with pytest.raises(DataError, match="whole number of frames"):
        LeRobotWriter(tmp_path / "other", RecordOptions(rate_hz=2.5))


def test_lerobot_loads_it(folder, order):
    lerobot = pytest.importorskip("lerobot.datasets.lerobot_dataset", exc_type=ImportError)
    dataset = lerobot.LeRobotDataset("local/squares", root=folder, video_backend="pyav")
    assert (dataset.meta.total_episodes, len(dataset), dataset.meta.fps) == (5, 80, 4)
    for number, seed in enumerate(order):
        truth = list(moving(seed).frames)
        for index in (0, 7, 15):
            item = dataset[16 * number + index]
            picture = item[SCENE].permute(1, 2, 0).numpy() * 255
            assert np.abs(picture - truth[index].pictures.rgb).mean() < 4.0
            assert item["task"] == truth[index].labels.event
            np.testing.assert_allclose(item["action"], truth[index].labels.joint_command_rad[0], atol=1e-6)
            assert item["frame_index"] == index and item["episode_index"] == number
    assert dataset.meta.stats[SCENE]["mean"].shape == (3, 1, 1)
