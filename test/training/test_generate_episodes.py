"""A data set is the same whoever makes it and however often that is stopped; what a real episode holds is true."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import jobs
import numpy as np
import pytest

from gaze_vlm_ros.cli import main as cli
from gaze_vlm_ros.sim.simulation import SimulationConfig
from gaze_vlm_ros.training import generate_episodes, record
from gaze_vlm_ros.training.generate_episodes import Request, generate
from gaze_vlm_ros.training.record import patch_labels
from gaze_vlm_ros.training.shards.files import WriteError
from gaze_vlm_ros.training.shards.lerobot import is_finished
from gaze_vlm_ros.training.shards.reader import data_digest, read_shards
from gaze_vlm_ros.training.shards.schema import GAZE_VISIBILITY, DataError, RecordOptions
from gaze_vlm_ros.training.shards.writer import ShardWriter

EPISODES = 14
"""More than one block of seeds, and no whole number of them."""


@pytest.fixture(scope="module", autouse=True)
def kitchen():
    """A real episode; the data sets of the other tests are of coloured squares, which take no time."""
    with TemporaryDirectory() as folder:
        writer = ShardWriter(Path(folder), RecordOptions(seconds=4.0))
        generate_episodes._make(folder, writer.kind, writer.options, 3)
        writer.finish([3])
        (stored,) = read_shards(Path(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate_episodes, "_make", jobs.make_squares)
        yield stored


def request(episodes=EPISODES, **more) -> Request:
    return Request(episodes, options=jobs.OPTIONS, **more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    progress = []
    assert generate(folder, request(), workers=1, on_progress=lambda *now: progress.append(now)) == EPISODES
    assert progress == [(done, EPISODES) for done in range(EPISODES + 1)]
    return folder


def test_the_number_of_workers_does_not_show(whole, tmp_path):
    generate(tmp_path, request(), workers=3)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*-*.*")} == {
        path.name: path.read_bytes() for path in whole.glob("*-*.*")
    }
    assert not (tmp_path / ".parts").exists()


def test_folders_of_several_machines_are_copied_together(whole, tmp_path):
    machines = [tmp_path / "one", tmp_path / "two"]
    made = [generate(folder, request(shard=(i, 2)), workers=1) for i, folder in enumerate(machines)]
    assert made == [10, 4], "whole blocks of seeds"
    for folder in machines:
        shutil.copytree(folder, tmp_path / "all", dirs_exist_ok=True)
    assert data_digest(tmp_path / "all") == data_digest(whole)
    assert generate(tmp_path / "all", request()) == 0


def test_a_lerobot_data_set_is_put_together_from_several_machines(tmp_path):
    together, few = tmp_path / "all", {"episodes": 3, "first_seed": 8}
    for i in range(2):
        generate(tmp_path / str(i), request(**few, shard=(i, 2)), kind="lerobot", workers=1)
        shutil.copytree(tmp_path / str(i), together, dirs_exist_ok=True)
        assert not is_finished(together)
    assert generate(together, request(**few), kind="lerobot") == 0
    assert is_finished(together)
    generate(tmp_path / "whole", request(**few), kind="lerobot", workers=1)
    files = [path for path in together.rglob("*") if path.suffix in {".mp4", ".parquet", ".json"}]
    assert len(files) == 3 + 6
    for path in files:
        assert path.read_bytes() == (tmp_path / "whole" / path.relative_to(together)).read_bytes(), path.name


def test_what_is_there_is_kept_and_more_can_be_made(whole, tmp_path):
    generate(tmp_path, request(6), workers=1)
    assert len(list(read_shards(tmp_path))) == 6
    assert generate(tmp_path, request(), workers=1) == EPISODES - 6
    assert data_digest(tmp_path) == data_digest(whole)


def test_a_killed_run_goes_on_where_it_was(whole, tmp_path):
    parts = tmp_path / ".parts"
    run = subprocess.Popen(
        [sys.executable, jobs.__file__, str(tmp_path), str(EPISODES)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        start_new_session=True,
    )
    try:
        while len(list(parts.glob("*.tar"))) < 3 and run.poll() is None:
            time.sleep(0.01)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    complete = len(list(parts.glob("*.tar"))) + 10 * len(list(tmp_path.glob("train-000000.tar")))
    assert complete >= 3
    (parts / "00000005.tar.1.partial").write_bytes(b"half")
    assert generate(tmp_path, request(), workers=1) <= EPISODES - 3
    assert data_digest(tmp_path) == data_digest(whole)
    assert not list(tmp_path.rglob("*.partial"))


def test_a_full_disk_is_one_line_and_nothing_is_lost(whole, tmp_path):
    """The limit on the size of a file stands in for the disk: an episode fits, a shard of several does not."""
    size = max(path.stat().st_size for path in whole.glob("*.tar"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1024, before[1]))
    try:
        with pytest.raises(WriteError, match=r"cannot be written: .*; 1\d of 14 episodes are complete and kept"):
            generate(tmp_path, request(), workers=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.rglob("*.partial"))
    generate(tmp_path, request(), workers=1)
    assert data_digest(tmp_path) == data_digest(whole)


@pytest.mark.parametrize("bad", [{"episodes": 0}, {"episodes": 1, "first_seed": -1}, {"episodes": 1, "shard": (2, 2)}])
def test_what_cannot_be_made_is_refused(tmp_path, bad):
    with pytest.raises(DataError):
        Request(**bad)
    with pytest.raises(DataError, match="at least one worker"):
        generate(tmp_path, request(), workers=0)


@pytest.mark.parametrize(
    ("options", "coupling"), [(RecordOptions(), 1.0), (RecordOptions(eye_head_coupling=0.25), 0.25)]
)
def test_eye_and_head_are_coupled_as_asked(monkeypatch, options, coupling):
    class Built(Exception):
        pass

    def build(config):
        assert config == SimulationConfig(
            seed=3, width=224, height=224, split=options.split_of(3), eye_head_coupling=coupling
        )
        raise Built

    monkeypatch.setattr(record, "Simulation", build)
    with pytest.raises(Built):
        record.record_episode(3, options)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(DataError, match=r"holds thesis.txt and no data set; name an empty or a new folder"):
        generate(tmp_path, request())
    with pytest.raises(WriteError, match=r"cannot write to .*thesis.txt \(it is a file\); name another folder"):
        generate(tmp_path / "thesis.txt", request())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--workers", "0"], "at least one worker is needed, got 0"),
        (["--rate", "2.5", "--format", "lerobot"], "a whole number of frames per second, got 2.5"),
        (["--rate", "0"], "must be above 0 and at most 30 frames per second, got 0"),
        (["--seconds", "0"], "must last more than 0 s and at most 3600 s, got 0"),
        (["--shard", "3/2"], "here 0/2 to 1/2; got 3/2"),
        (["--first-seed", "-1"], "got 1 from seed -1"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_begun(tmp_path, capsys, words, said):
    folder = tmp_path / "new"
    assert cli.main(["generate", str(folder), "--episodes", "1", *words]) == 2
    told = capsys.readouterr()
    assert said in told.err and told.err.count("\n") == 1 and not told.out
    assert not folder.exists()


def test_how_many_are_there_is_said_with_their_sum(tmp_path, capsys):
    few = ["--seconds", "1", "--rate", "4", "--workers", "1"]
    for kind, again in (("webdataset", "1"), ("lerobot", "2")):
        words = ["generate", str(tmp_path / kind), *few, "--format", kind]
        sums = []
        for episodes in ("2", again):
            assert cli.main([*words, "--episodes", episodes]) == 0
            *_, counts, digest = capsys.readouterr().out.splitlines()
            sums.append(digest)
            assert digest.startswith("sha256 of the data: ") and len(digest) == 20 + 64
        assert counts == f"0 episodes made, {again} were there already; {tmp_path / kind} holds 2"
        assert sums[0] == sums[1]


def test_an_episode_holds_what_its_schema_says(kitchen):
    header, labels = kitchen.header, kitchen.labels
    assert len(kitchen) == len(labels) == header.frames == 20
    np.testing.assert_allclose(kitchen.column("time_s"), (np.arange(20) + 1) / 5, atol=9e-3)
    for index in (0, 19):
        pictures = kitchen.frame(index).pictures
        assert pictures.rgb.shape == (header.height, header.width, 3) == (224, 224, 3)
        assert pictures.segmentation.max() < len(header.classes)
        assert pictures.instance.max() < len(header.instances)
        assert np.nanmedian(pictures.depth_m) == pytest.approx(0.9, abs=0.5)
    for item in labels:
        assert item.gaze_visibility in GAZE_VISIBILITY
        assert item.patch_label.shape == (14, 14)
        assert item.event and item.event_time_s >= item.time_s - 1e-5
        assert len(item.joint_position_rad) == len(item.joint_command_rad) == len(header.joint_names)
        np.testing.assert_allclose(item.joint_command_rad, item.joint_position_rad, atol=0.2)
        assert set(item.things) <= set(header.instances)


def test_the_gazed_point_lies_where_its_thing_is_seen(kitchen):
    header, matrix, behind_m = kitchen.header, np.array(kitchen.header.camera_matrix), []
    for index, item in enumerate(kitchen.labels):
        if item.gaze_visibility != "seen":
            continue
        point = np.linalg.inv(item.base_T_camera) @ [*item.gaze_target_m, 1.0]
        pixel = (matrix @ (point[:3] / point[2]))[:2]
        np.testing.assert_allclose(pixel, item.gaze_target_px, atol=0.1)
        column, row = np.rint(pixel).astype(int)
        pictures = kitchen.frame(index).pictures
        around = np.s_[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        shown = pictures.depth_m[around].ravel() - point[2]
        behind_m.append(shown[np.abs(shown).argmin()])
        if item.gaze_instance:
            assert item.gaze_instance in pictures.instance[around]
        if item.gaze_object in item.things:
            assert header.instances[item.gaze_instance] == item.gaze_object
    assert len(behind_m) > 5
    assert np.median(np.abs(behind_m)) < 0.01
    assert min(behind_m) > -0.02, "one sees farther through glass, and never less far"


def test_recent_gaze_ends_with_the_newest_sample(kitchen):
    for item in kitchen.labels:
        assert len(item.gaze_carried_px) <= len(item.gaze_recent_px) <= 10
        if np.isfinite(item.gaze_px).all():
            np.testing.assert_allclose(item.gaze_recent_px[-1], item.gaze_px, atol=1e-4)


def test_a_small_thing_names_its_patch_and_a_speck_does_not(kitchen):
    apple, tray = kitchen.header.classes.index("apple"), kitchen.header.classes.index("tray")
    picture = np.zeros((224, 224), np.uint8)
    picture[0:16, 0:16] = tray
    picture[0:6, 0:8] = apple  # 48 of 256 pixels
    picture[16:18, 0:8] = apple  # 16 of 256
    labels = patch_labels(picture)
    assert labels[0, 0] == apple
    assert labels[1, 0] == 0
    assert labels.shape == (14, 14)
