"""Disturbed gaze: what each disturbance does to the samples, and what that does to the scores of a model with gaze."""

import json
from itertools import pairwise

import cv2
import numpy as np
import pytest
from synthetic import write_squares

from gaze_vlm_ros.geometry.camera import unproject
from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.training import robustness
from gaze_vlm_ros.training.answers import Input
from gaze_vlm_ros.training.arms.figures import figures, rate
from gaze_vlm_ros.training.metrics.judged import Judged
from gaze_vlm_ros.training.shards.schema import DataError
from gaze_vlm_ros.training.sweeps.disturbance import SWEEPS, turned
from gaze_vlm_ros.training.sweeps.recorded_gaze import RecordedGaze, read_recorded_gaze
from gaze_vlm_ros.training.sweeps.scores import FIGURES, outcomes, sweep_all
from gaze_vlm_ros.training.sweeps.swept_set import Speaker, SweptSet, asked_windows
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.types import CameraModel
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint

CAMERA = CameraModel(224, 224, np.array([[200.0, 0.0, 111.5], [0.0, 200.0, 111.5], [0.0, 0.0, 1.0]]))
FRAMES = 400
STAMPS_S = 0.1 * np.arange(1, FRAMES + 1)
REACH_S = 5.1
"""So that half a second before it is not the last window of a phase."""


def recorded(number=7, step=1, first=1) -> RecordedGaze:
    """Two samples a frame in every ``step``-th tenth of a second; their pixels tell when they were taken."""
    stamp_s = STAMPS_S[first - 1 :: step]
    return RecordedGaze(number, CAMERA, stamp_s, [np.array([[60.0 + t, 100.0], [61.0 + t, 101.0]]) for t in stamp_s])


def errors_rad(name: str, level: float, gaze=None, seed=0) -> np.ndarray:
    """Angles (2 FRAMES,) between the samples' lines of sight and the disturbed ones."""
    gaze = gaze or recorded()
    before, after = np.concatenate(gaze.points_px), np.concatenate(SWEEPS[name].points(gaze, STAMPS_S, level, seed))
    return angle_between(unproject(CAMERA, before), unproject(CAMERA, after))


def test_a_line_of_sight_turns_by_just_the_angle():
    points = np.array([[111.5, 111.5], [20.0, 200.0], [np.nan, 5.0]])
    offset = np.radians([[3.0, -4.0]] * 3)
    moved = turned(CAMERA, points, offset)
    angle = angle_between(unproject(CAMERA, points), unproject(CAMERA, moved))
    np.testing.assert_allclose(np.degrees(angle[:2]), 5.0)
    assert (moved[:2, 0] > points[:2, 0]).all() and (moved[:2, 1] < points[:2, 1]).all(), "right and up"
    assert np.isnan(moved[2]).all()
    np.testing.assert_allclose(turned(CAMERA, points[:2], np.zeros((2, 2))), points[:2])
    assert np.isnan(turned(CAMERA, points[:1], np.radians([[120.0, 0.0]]))).all(), "behind the camera"


def test_noise_is_of_each_sample_and_as_large_as_asked():
    two, eight = (np.degrees(errors_rad("noise", level)) for level in (2.0, 8.0))
    assert np.sqrt(np.mean(two**2)) == pytest.approx(2.0 * np.sqrt(2.0), rel=0.1)
    np.testing.assert_allclose(eight, 4.0 * two, rtol=1e-6), "the same draws, larger"
    assert len(np.unique(two.round(9))) == len(two)
    assert not np.allclose(two, np.degrees(errors_rad("noise", 2.0, seed=1)))
    assert not np.allclose(two, np.degrees(errors_rad("noise", 2.0, recorded(8))))


def test_bias_is_one_direction_for_an_episode():
    np.testing.assert_allclose(np.degrees(errors_rad("bias", 4.0)), 4.0)
    ways = [SWEEPS["bias"].points(recorded(n), STAMPS_S, 4.0, 0)[0][0] - recorded(n).points_px[0][0] for n in range(3)]
    assert min(np.linalg.norm(a - b) for a, b in pairwise(ways)) > 1.0
    own = SWEEPS["bias"].points(recorded(), STAMPS_S, 4.0, 0)
    assert np.ptp([points[0] - before[0] for points, before in zip(own, recorded().points_px, strict=True)]) < 20.0


def test_more_drop_out_takes_the_same_frames_and_more():
    kept = [
        np.array([len(points) > 0 for points in SWEEPS["dropout"].points(recorded(), STAMPS_S, share, 0)])
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    np.testing.assert_allclose([1.0 - one.mean() for one in kept], [0.0, 0.25, 0.5, 0.75, 1.0], atol=0.07)
    assert kept[0].all() and not kept[-1].any()
    assert all((more | ~less).all() for more, less in pairwise(kept))


@pytest.mark.parametrize("age_ms", [0.0, 100.0, 400.0])
def test_late_gaze_is_that_of_an_earlier_frame(age_ms):
    points = SWEEPS["latency"].points(recorded(), STAMPS_S, age_ms, 0)
    frames = round(age_ms / 100.0)
    assert [len(one) for one in points[:frames]] == [0] * frames, "none was recorded so early"
    for number in range(frames, FRAMES):
        np.testing.assert_allclose(points[number][0, 0], 60.0 + STAMPS_S[number] - age_ms / 1000.0)


def test_a_slow_recording_cannot_tell_every_latency():
    latency, slow = SWEEPS["latency"], recorded(step=2)
    levels = (0.0, *latency.levels)
    assert [level for level in levels if latency.is_told_by(slow, level)] == [0.0, 200.0, 400.0, 800.0, 1000.0]
    assert [level for level in levels if latency.is_told_by(recorded(step=5), level)] == [0.0, 500.0, 1000.0]
    assert all(latency.is_told_by(recorded(), level) for level in levels)
    assert SWEEPS["noise"].is_told_by(slow, 0.5)
    single = RecordedGaze(0, CAMERA, STAMPS_S[:1], [np.empty((0, 2))])
    assert single.offers(0.0) and not single.offers(0.1)


def begin_reach(data: TokenSet) -> TokenSet:
    """The hand starts at REACH_S instead of before the recording."""
    is_early = data.columns["stamp_s"] < REACH_S
    return data.with_columns(
        activity=np.where(is_early, "looking around", data.columns["activity"]),
        activity_start_s=np.where(is_early, np.nan, REACH_S),
    )


@pytest.fixture(scope="module")
def speaker(runs):
    return Speaker(*load_checkpoint(runs / "vlm" / "checkpoint"))


@pytest.fixture(scope="module")
def data(runs, speaker):
    return begin_reach(TokenSet(runs / "tokens", speaker.model.config))


@pytest.fixture(scope="module")
def swept(runs, speaker, data):
    return SweptSet(speaker, data, runs / "data")


def right(judged: Judged, source: Input) -> dict[str, list[bool]]:
    return {figure: list(found[0]) for figure, found in outcomes(judged, source).items()}


def test_the_windows_that_are_asked_give_the_scores_of_all(swept, speaker, data):
    assert len(swept.windows) < len(data.of_split("test"))
    everything = figures(speaker.model, speaker.tokenizer, data, data.of_split("test"), sees_gaze=True)
    for name, source in (("rgb", Input.RGB), ("gaze", Input.GAZE)):
        found = right(swept.reference, source)
        assert {figure: np.mean(found[figure]) for figure in FIGURES} == {
            figure: rate(everything[name][figure]) for figure in FIGURES
        }
    assert asked_windows(data, swept.windows).tolist() == swept.windows.tolist()


@pytest.mark.parametrize("name", SWEEPS)
def test_nothing_is_changed_at_nought(swept, data, name):
    heatmaps = swept.disturbed(SWEEPS[name], 0.0, 0)
    rows = np.unique(data.rows(swept.windows))
    np.testing.assert_allclose(heatmaps[rows], data.columns["heatmap_input"][rows], atol=1e-6)
    assert right(swept.judged(heatmaps), Input.GAZE) == right(swept.reference, Input.GAZE)


def test_without_any_gaze_it_is_frames_alone(swept, speaker):
    """Through the model itself too, not only because such a window is answered that way."""
    heatmaps = swept.disturbed(SWEEPS["dropout"], 1.0, 0)
    assert swept.share_with_gaze(heatmaps) == 0.0
    assert swept.judged(heatmaps).said[Input.GAZE].ranked == swept.reference.said[Input.RGB].ranked
    data = swept.data.with_columns(heatmap_input=heatmaps)
    through = Judged(data, swept.windows, {Input.GAZE: speaker.answer(data, swept.windows, Input.GAZE)})
    assert right(through, Input.GAZE) == right(swept.reference, Input.RGB)


def test_gaze_that_is_far_off_misleads(swept):
    plain, far = (
        right(swept.judged(swept.disturbed(SWEEPS["bias"], level, 0)), Input.GAZE)["event"] for level in (0.0, 25.0)
    )
    assert np.mean(plain) > 0.8 > np.mean(far)


def test_late_gaze_reaches_the_heatmaps_of_later_frames(swept, data):
    """Half a second late each frame has what the cache holds of the frame before: also the one without any gaze."""
    late = swept.disturbed(SWEEPS["latency"], 500.0, 0)
    rows = np.unique(data.rows(swept.windows))
    stamp_s, cached = data.columns["stamp_s"][rows], data.columns["heatmap_input"]
    later = rows[stamp_s > 0.5]
    np.testing.assert_array_equal(late[later], cached[later - 1])
    assert not np.array_equal(late[later], cached[later])
    assert set(stamp_s[~late[rows].any((1, 2))]) == {0.5, 2.5}, "before the recording, and after the lost frame at 2.0"


def test_a_model_that_ignores_gaze_is_flat(runs, data):
    model, tokenizer = load_checkpoint(runs / "vlm" / "checkpoint")
    for attention in model.block.attentions:
        attention.gaze_scale.data.zero_()
    result = sweep_all(SweptSet(Speaker(model, tokenizer), data, runs / "data"), 0)
    alone = result["undisturbed"]["rgb"]
    told = [level for levels in result["sweeps"].values() for level in levels.values() if level]
    assert len(told) == 4 + 5 + 4 + 4 + 2
    for level in told:
        assert level["scores"] == alone
        assert {difference.value for difference in level["minus_rgb"].values()} == {0.0}


def test_a_model_that_heeds_gaze_is_not(swept):
    steps = []
    result = sweep_all(swept, 0, lambda: steps.append(1))
    events = {name: level["scores"]["event"].value for name, level in result["sweeps"]["dropout"].items()}
    assert events["0"] == result["undisturbed"]["gaze"]["event"].value > events["1"]
    assert events["1"] == result["undisturbed"]["rgb"]["event"].value
    assert result["undisturbed"]["majority"]["event"].value >= 0.5
    assert result["sweeps"]["latency"]["100"] is None, "recorded with 2 frames per second"
    assert len(steps) == robustness.STEPS


def test_other_data_than_the_cache_was_made_from_are_refused(runs, data, speaker, tmp_path):
    write_squares(tmp_path, [3])
    with pytest.raises(DataError, match="not the data that the token cache was made from"):
        SweptSet(speaker, data, tmp_path)
    numbers = np.unique(data.columns["episode"]).tolist()
    with pytest.raises(DataError, match="lacks the episode"):
        read_recorded_gaze(runs / "data", data, numbers, "test")
    moved = data.with_columns(heatmap_input=np.roll(data.columns["heatmap_input"], 1, axis=2))
    with pytest.raises(DataError, match="gives other heatmaps"):
        SweptSet(speaker, moved, runs / "data")


def test_the_command_writes_page_picture_and_figures(runs, tmp_path, capsys):
    common = ["--checkpoint", str(runs / "vlm" / "checkpoint"), "--threads", "1", "--out", str(tmp_path / "out")]
    folders = ["--data", str(runs / "data"), str(runs / "data")]
    tokens = ["--tokens", str(runs / "tokens"), str(tmp_path / "made")]
    assert robustness.main([*common, *folders, *tokens]) == 1
    assert "no name twice" in capsys.readouterr().err
    assert robustness.main([*common, *folders, *tokens, "--names", "one", "two", "--most", "3"]) == 0
    result = json.loads((tmp_path / "out" / "robustness.json").read_text())
    assert list(result["sets"]) == ["one", "two"] and result["sets"]["one"] == result["sets"]["two"]
    assert result["sets"]["one"]["episodes"] == 3
    text = (tmp_path / "out" / "robustness.md").read_text()
    assert "python -m gaze_vlm_ros.training.robustness --checkpoint" in text and "\n| 100 | - | - |\n" in text
    assert text.count("| frames alone |") == 3 + 4 * len(FIGURES)
    picture = cv2.imread(str(tmp_path / "out" / "robustness.png"))
    assert picture.std() > 5.0
