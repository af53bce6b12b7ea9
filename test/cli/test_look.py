"""An episode can be looked at: the video shows what the labels say, and what is asked for wrongly is named."""

import av
import cv2
import numpy as np
import pytest
from synthetic import FRAMES, OPTIONS, squares, write_squares

from gaze_vlm_ros.cli import main as cli
from gaze_vlm_ros.cli.look import _listed
from gaze_vlm_ros.training import record
from gaze_vlm_ros.training.shards.drawing import LEGEND, paint_classes, paint_depth, paint_flow, paint_scene
from gaze_vlm_ros.training.shards.lerobot import LeRobotWriter
from gaze_vlm_ros.training.shards.writer import ShardWriter


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_squares(tmp_path_factory.mktemp("shards"), [2, 3, 4, 7])


def test_a_stored_episode_becomes_a_video_and_a_sheet(folder, tmp_path, capsys):
    assert cli.main(["look", str(folder), "--episode", "3", "--out", str(tmp_path)]) == 0
    video, sheet = tmp_path / "episode-00000003.mp4", tmp_path / "episode-00000003.png"
    said = capsys.readouterr().out.splitlines()
    assert said[-4:] == [str(video), str(sheet), *LEGEND], "and what the marks mean"
    with av.open(str(video)) as container:
        assert float(container.streams.video[0].average_rate) == OPTIONS.rate_hz
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == FRAMES
    truth = cv2.resize(next(squares(3).frames).pictures.rgb, (672, 672))
    shown = np.abs(pictures[0][:672, :672].astype(int) - truth).mean(axis=-1)
    assert np.median(shown) < 4, "the scene is shown"
    assert cv2.imread(str(sheet)).shape[1] > 6 * 224


def test_one_shard_and_its_first_episode_are_the_default(folder, tmp_path):
    (path, *_) = sorted(folder.glob("train-*.tar"))
    assert cli.main(["look", str(path), "--out", str(tmp_path)]) == 0
    assert len(list(tmp_path.glob("*.mp4"))) == len(list(tmp_path.glob("*.png"))) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name either a shard"),
        (["nowhere"], "nowhere does not exist"),
        (["FOLDER", "--seed", "3"], "name either a shard"),
        (["FOLDER", "--episode", "99"], "has no episode 99; it has 2 to 4, 7"),
        (["EMPTY"], "holds no shard"),
        (["NOTES"], "notes.txt is no shard (.tar)"),
        (["FOREIGN"], "foreign.tar is no shard"),
        (["UNFINISHED"], "unfinished (1 episodes are complete): run the same generate again"),
        (["LEROBOT"], "is a LeRobot data set"),
        (["--seed", "7", "--episode", "3"], "leave one out"),
        (["--seed", "-1"], "--seed must be 0 or more, got -1"),
    ],
)
def test_what_cannot_be_shown_is_one_line(folder, tmp_path, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    names = ("EMPTY", "UNFINISHED", "LEROBOT", "NOTES", "FOREIGN")
    places = dict(zip(names, map(tmp_path.joinpath, (*names[:3], "notes.txt", "foreign.tar")), strict=True))
    places |= {"FOLDER": folder}
    for name in names[3:]:
        places[name].write_text("my notes")
    (tmp_path / "EMPTY").mkdir()
    ShardWriter(tmp_path / "UNFINISHED", OPTIONS).write(3, squares(3))
    LeRobotWriter(tmp_path / "LEROBOT", OPTIONS)
    assert cli.main(["look", *(str(places.get(word, word)) for word in words)]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1


@pytest.mark.parametrize("out", ["/proc/x", "a_file"])
def test_a_folder_that_takes_nothing_is_refused_before_anything_is_simulated(tmp_path, capsys, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").touch()
    monkeypatch.setattr(record, "record_episode", lambda *_: pytest.fail("simulates"))
    assert cli.main(["look", "--seed", "7", "--out", out]) == 2
    said = capsys.readouterr().err
    assert f"cannot write to {out}" in said and "name another folder with --out" in said and said.count("\n") == 1


def test_many_episodes_are_listed_shortly():
    assert _listed([1, 3, 4, 5]) == "1, 3 to 5"
    assert _listed(list(range(0, 40, 2))) == "0, 2, 4, 6, 8, 10, 12, ..., 38"


def test_gaze_and_the_gazed_things_outline_are_drawn():
    episode = squares(3)
    frame = next(episode.frames)
    plain, drawn = frame.pictures.rgb.astype(int), paint_scene(episode.header, frame, 224).astype(int)
    changed = np.abs(drawn - plain).sum(axis=-1) > 60
    column, row = np.rint(frame.labels.gaze_px).astype(int)
    assert changed[row, column]
    inside = frame.pictures.instance == frame.labels.gaze_instance
    edge = inside & ~cv2.erode(inside.astype(np.uint8), np.ones((3, 3))).astype(bool)
    assert changed[edge].mean() > 0.9


def test_colours_mean_what_they_say():
    near, far = paint_depth(np.array([[0.3, 1.7, np.nan]], np.float32))[0, :2].astype(int)
    assert near[0] > near[2] and far[2] > far[0]
    assert paint_depth(np.full((1, 1), np.nan, np.float32)).max() == 0
    colours = {tuple(colour) for colour in paint_classes(np.arange(60, dtype=np.uint8)[None])[0]}
    assert len(colours) == 60
    flow = np.array([[[4.0, 0.0], [-4.0, 0.0], [0.0, 0.0], [4.0, 0.0], [np.nan, np.nan]]], np.float32)
    right, left, still, hidden, unknown = paint_flow(flow, np.array([[False, False, False, True, False]]), 4.0)[0]
    assert right.max() > 200 and left.max() > 200 and not np.array_equal(right, left)
    assert still.max() == unknown.max() == 0
    assert hidden.tolist() == [128] * 3
