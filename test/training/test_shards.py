"""What is recorded comes back from the shards; a shard is whole or it is not there; its bytes depend on its seeds."""

import json
import os
import tarfile
from dataclasses import fields, replace
from itertools import islice

import cv2
import numpy as np
import pytest
import webdataset
from synthetic import OPTIONS, squares, write_squares

from gaze_vlm_ros.training.shards import files
from gaze_vlm_ros.training.shards.codec import DEPTH, FLOW, LABELS, MEMBERS, RGB, decode_picture, encode_frame
from gaze_vlm_ros.training.shards.files import WriteError, only_one
from gaze_vlm_ros.training.shards.index import index_of
from gaze_vlm_ros.training.shards.reader import StoredEpisode, data_digest, read_shards
from gaze_vlm_ros.training.shards.schema import DataError, FrameRecord, Labels, Pictures, RecordOptions
from gaze_vlm_ros.training.shards.writer import ShardWriter


def rich_frame() -> FrameRecord:
    """A frame in which everything has another value, with all that may be missing, missing."""
    rng = np.random.default_rng(5)
    wave = np.linspace(0.0, 6.0, 224)
    rgb = (127 + 100 * np.sin(wave[:, None, None] + wave[None, :, None] * [0.3, 0.7, 1.0])).astype(np.uint8)
    depth = (0.4 + wave[:, None] * wave[None]).astype(np.float32)
    depth[:20] = np.nan
    classes = rng.integers(0, 40, (14, 14)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
    flow = np.stack([depth * 3 - 40, 25 - depth * 2], axis=-1).astype(np.float32)
    pictures = Pictures(rgb, depth, classes, classes[::-1].copy(), flow, classes % 3 == 0)
    known = next(squares(3).frames).labels
    numbers = {item.name: rng.normal(size=np.shape(getattr(known, item.name))) for item in fields(Labels)}
    arrays = {name: value for name, value in numbers.items() if isinstance(getattr(known, name), np.ndarray)}
    arrays |= {"patch_label": known.patch_label, "gaze_recent_px": np.zeros((0, 2)), "gaze_px": np.full(2, np.nan)}
    things = {"mug": {"position_m": [0.25, -0.5, 0.75], "is_open": True, "level": np.float32(0.5)}}
    return FrameRecord(pictures, replace(known, **arrays, event_time_s=float("nan"), things=things))


@pytest.fixture(scope="module")
def stored():
    header, frame = squares(3).header, rich_frame()
    members = encode_frame(header, 0, frame)
    return frame, StoredEpisode(3, {name: [data] for name, data in members.items()}), header


def test_pictures_come_back(stored):
    truth, back = stored[0].pictures, stored[1].frame(0).pictures
    assert np.abs(back.rgb.astype(int) - truth.rgb).mean() < 2.0
    np.testing.assert_array_equal(np.isnan(back.depth_m), np.isnan(truth.depth_m))
    np.testing.assert_allclose(back.depth_m, truth.depth_m, atol=0.51e-3)
    np.testing.assert_array_equal(back.segmentation, truth.segmentation)
    np.testing.assert_array_equal(back.instance, truth.instance)


def test_flow_comes_back_to_a_32nd_of_a_pixel(stored):
    truth, back = stored[0].pictures, stored[1].frame(0).pictures
    known = np.isfinite(truth.flow_px).all(axis=-1)
    np.testing.assert_array_equal(np.isfinite(back.flow_px).all(axis=-1), known)
    np.testing.assert_allclose(back.flow_px[known], truth.flow_px[known], atol=1 / 32 + 1e-5)
    np.testing.assert_array_equal(back.occluded, truth.occluded & known)


def test_flow_is_in_the_format_of_the_kitti_benchmark():
    flow = np.full((224, 224, 2), (3.5, -2.25), np.float32)
    flow[0] = np.nan
    frame = rich_frame()
    pictures = replace(frame.pictures, flow_px=flow, occluded=np.zeros((224, 224), bool))
    data = encode_frame(squares(3).header, 0, replace(frame, pictures=pictures))[FLOW]
    red_green_blue = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1]
    assert red_green_blue.dtype == np.uint16
    assert red_green_blue[5, 5].tolist() == [32768 + 224, 32768 - 144, 1]
    assert red_green_blue[0, 5, 2] == 0


def test_where_no_frame_follows_no_flow_is_known():
    frame = rich_frame()
    none = replace(frame, pictures=replace(frame.pictures, flow_px=None, occluded=None))
    members = encode_frame(squares(3).header, 0, none)
    back = StoredEpisode(3, {name: [data] for name, data in members.items()}).frame(0).pictures
    assert np.isnan(back.flow_px).all() and not back.occluded.any()


def test_labels_come_back(stored):
    truth, episode, header = stored
    back = episode.labels[0]
    assert episode.header == header
    for item in fields(Labels):
        value, found = getattr(truth.labels, item.name), getattr(back, item.name)
        if isinstance(value, np.ndarray):
            assert found.shape == value.shape, item.name
            np.testing.assert_allclose(found, value, atol=1e-5, err_msg=item.name)
        elif item.name != "event_time_s":
            assert found == value, item.name
    assert np.isnan(back.event_time_s)


def test_labels_are_strict_json(stored):
    text = stored[1].members[LABELS][0].decode()
    document = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert document["gaze_px"] == [None, None]
    assert document["episode"]["seed"] == 3


def test_a_label_that_is_missing_is_named(stored):
    members = {name: list(data) for name, data in stored[1].members.items()}
    members[LABELS][0] = members[LABELS][0].replace(b'"event":', b'"evening":')
    with pytest.raises(DataError, match=r"frame 0 of episode 3: labels\.json lacks 'event'"):
        StoredEpisode(3, members).labels  # noqa: B018
    members[DEPTH][0] = b"no picture"
    with pytest.raises(DataError, match=r"frame 0 of episode 3: depth\.png"):
        StoredEpisode(3, members).picture(DEPTH, 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_squares(tmp_path_factory.mktemp("shards"), list(range(12)))


def test_any_tar_reader_finds_every_member_in_order(folder):
    for path in folder.glob("*.tar"):
        with tarfile.open(path) as archive:
            infos = archive.getmembers()
            first = archive.extractfile(infos[-1]).read()
        keys = [info.name.split(".", 1)[0] for info in infos]
        assert keys == sorted(keys)
        assert [info.name.split(".", 1)[1] for info in infos[: len(MEMBERS)]] == list(MEMBERS)
        assert {(info.mtime, info.uid, info.gid, info.uname, info.mode) for info in infos} == {(0, 0, 0, "", 0o644)}
        assert json.loads(first)["frame"] == OPTIONS.frames - 1


def test_webdataset_reads_them(folder):
    (path, *_) = sorted(folder.glob("train-*.tar"))
    samples = webdataset.WebDataset(str(path), shardshuffle=False).decode()
    first = next(iter(samples.to_tuple("__key__", "rgb.jpg", "segmentation.png", "labels.json")))
    seed = min(index_of(path).seeds)
    truth = next(squares(seed).frames)
    assert first[0] == f"{seed:08d}_00000"
    assert np.abs(decode_picture(RGB, first[1]).astype(int) - truth.pictures.rgb).mean() < 2.0
    assert first[3]["event"] == truth.labels.event
    assert sum(1 for _ in samples) == len(index_of(path).episodes) * OPTIONS.frames


def test_a_split_is_read_alone_and_in_order(folder):
    for split in ("train", "validation", "test"):
        wanted = [seed for seed in range(12) if OPTIONS.split_of(seed) == split]
        assert wanted, "twelve seeds have all three splits"
        assert [episode.seed for episode in read_shards(folder, split)] == wanted
    assert len(list(read_shards(folder))) == 12


def test_only_the_members_asked_for_are_kept(folder):
    episode = next(read_shards(folder, "train", members=(RGB,)))
    assert set(episode.members) == {RGB} and len(episode) == OPTIONS.frames
    with pytest.raises(DataError, match=r"unknown member 'smell'; each frame has rgb\.jpg"):
        next(read_shards(folder, members=("smell",)))
    with pytest.raises(DataError, match="unknown split 'holiday'; there are train"):
        next(read_shards(folder, "holiday"))


def test_a_member_that_was_not_read_is_named(folder):
    episode = next(read_shards(str(folder), members=(RGB, LABELS)))
    assert episode.picture(RGB, 0).shape == (224, 224, 3)
    for ask, missing in ((lambda: episode.picture(DEPTH, 0), DEPTH), (lambda: episode.frame(0), FLOW)):
        with pytest.raises(DataError, match=f"{missing} was not read; add it to members"):
            ask()
    with pytest.raises(DataError, match=r"unknown member 'colour.png'; each frame has rgb.jpg"):
        episode.picture("colour.png", 0)


def test_bytes_depend_on_the_seeds_alone(folder, tmp_path):
    """Written backwards, in three goes, with another process' part in between."""
    for seeds in ([4, 3], [11, 10, 9, 2], [8, 7, 6, 5, 1, 0]):
        write_squares(tmp_path, seeds)
    assert data_digest(tmp_path) == data_digest(folder)
    for path in folder.glob("*.tar"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
        assert (tmp_path / path.name).with_suffix(".json").read_bytes() == path.with_suffix(".json").read_bytes()
    other = write_squares(tmp_path / "other", [0, 1, 2])
    assert data_digest(other) != data_digest(folder)


def test_an_index_that_is_lost_or_of_another_state_is_read_off_the_shard(folder, tmp_path):
    (path, *_) = sorted(folder.glob("train-*.tar"))
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes())
    assert replace(index_of(copy), path=path) == index_of(path)
    whole = index_of(path).as_dict()
    outside = {"episodes": [whole["episodes"][0] | {"bytes": 1 << 70}]}
    for change in ({"bytes": 17, "episodes": []}, outside):
        copy.with_suffix(".json").write_text(json.dumps(whole | change))
        assert replace(index_of(copy), path=path) == index_of(path)


@pytest.mark.parametrize("left", [0, 700, 50_000, -1])
def test_a_shard_that_is_cut_off_does_not_load(folder, tmp_path, left):
    (path, *_) = sorted(folder.glob("train-*.tar"))
    copy = tmp_path / path.name
    copy.write_bytes(path.read_bytes()[:left])
    copy.with_suffix(".json").write_bytes(path.with_suffix(".json").read_bytes())
    with pytest.raises(DataError, match=copy.name):
        list(read_shards(tmp_path))


def test_a_frame_that_is_missing_is_noticed(folder, tmp_path):
    (path, *_) = sorted(folder.glob("train-*.tar"))
    data = path.read_bytes()
    (tmp_path / path.name).write_bytes(_without_a_frame(data))
    with pytest.raises(DataError, match=r"out of order at .*_00002"):
        list(read_shards(tmp_path))


def _without_a_frame(data: bytes) -> bytes:
    first, second = (data.index(f"_{number:05d}.rgb.jpg".encode()) - 8 for number in (1, 2))
    return data[:first] + data[second:]


def test_a_killed_writer_leaves_nothing_that_loads(tmp_path):
    def dying():
        yield from islice(squares(0).frames, 3)
        raise KeyboardInterrupt

    writer = ShardWriter(tmp_path, OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        writer.write(0, replace(squares(0), frames=dying()))
    (tmp_path / ".parts" / "00000000.tar.17.partial").write_bytes(b"of a process that was killed")
    assert writer.present() == set()
    with pytest.raises(DataError, match="holds no shard"):
        list(read_shards(tmp_path))
    writer.prepare([0])
    assert not list(tmp_path.rglob("*.partial"))


def test_a_full_disk_is_one_line_and_leaves_what_was_complete(tmp_path, monkeypatch):
    writer = ShardWriter(write_squares(tmp_path, [1]), OPTIONS)
    writer.write(2, squares(2))
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*-*.*")}

    def full(_):
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(WriteError, match=r"00000003\.tar cannot be written: No space left on device"):
            writer.write(3, squares(3))
        with pytest.raises(WriteError, match=r"\.tar cannot be written"):
            writer.finish([1, 2])
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*-*.*")} == before
    assert writer.present() == {1, 2}
    writer.finish([1, 2])
    assert {episode.seed for episode in read_shards(tmp_path)} == {1, 2}


def test_a_folder_takes_one_kind_of_data(tmp_path):
    write_squares(tmp_path, [0])
    with pytest.raises(DataError, match=r"begun otherwise \(options rate_hz: 2\.0, now 5\.0\); name another folder"):
        ShardWriter(tmp_path, RecordOptions(seconds=OPTIONS.seconds, rate_hz=5.0))
    manifest = json.loads((tmp_path / "dataset.json").read_text())
    manifest["generator"]["sources_sha256"] = "0" * 64
    (tmp_path / "dataset.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="generator sources_sha256"):
        ShardWriter(tmp_path, OPTIONS)


def test_two_processes_do_not_work_at_the_same_part(tmp_path):
    def again():
        with only_one(tmp_path, "shard-0-of-1"):
            pass

    with (
        only_one(tmp_path, "shard-0-of-1"),
        only_one(tmp_path, "shard-1-of-2"),
        pytest.raises(DataError, match="another process works in"),
    ):
        again()
    again()


@pytest.mark.parametrize(
    "bad",
    [
        {"rate_hz": 0},
        {"rate_hz": 31},
        {"seconds": 0.1},
        {"seconds": float("nan")},
        {"split": "holiday"},
        {"eye_head_coupling": -0.1},
        {"eye_head_coupling": 1.1},
        {"eye_head_coupling": float("nan")},
    ],
)
def test_options_out_of_range_are_refused(bad):
    with pytest.raises(DataError):
        RecordOptions(**bad)


def test_split_depends_on_the_seed_alone_and_has_the_stated_shares():
    splits = [OPTIONS.split_of(seed) for seed in range(3000)]
    assert splits == [RecordOptions(seconds=60.0).split_of(seed) for seed in range(3000)]
    shares = {split: splits.count(split) / len(splits) for split in set(splits)}
    assert shares["test"] == pytest.approx(0.1, abs=0.02)
    assert shares["validation"] == pytest.approx(0.1, abs=0.02)
    assert {RecordOptions(split="test").split_of(seed) for seed in range(50)} == {"test"}
