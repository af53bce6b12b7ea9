from io import BytesIO

import av
import cv2
import numpy as np
import pytest
from synthetic_run import PREDICTION_AGE_S, START_S, Recording, gaze_at, ticks

from gaze_vlm_ros.recording.images import encode_jpeg
from gaze_vlm_ros.report.collect import collect
from gaze_vlm_ros.report.picture import MUTED, RIGHT, TEXT, WRONG, Line, Scene, blend_attention, draw
from gaze_vlm_ros.report.run import Attention, GazeTrace, Run, Said
from gaze_vlm_ros.report.scenes import SceneLookup, agreement
from gaze_vlm_ros.report.video import VideoSettings, make_video

S = 10**9


@pytest.fixture(scope="module")
def video(recording, run):
    return make_video(recording, run, VideoSettings(width=240, preview_width=320))


@pytest.fixture(scope="module")
def frames(video):
    with av.open(BytesIO(video.mp4)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_the_video_plays_in_every_browser(video):
    with av.open(BytesIO(video.mp4)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == video.size
        assert stream.width % 2 == stream.height % 2 == 0
    assert video.mp4.index(b"moov") < video.mp4.index(b"mdat")


def test_the_video_lasts_as_long_as_the_run(frames):
    assert len(frames) == pytest.approx(24 * 15, abs=10)


def test_the_ring_is_where_the_wearer_looks(frames):
    second = 7.0
    x, y = (round(value * 240 / 640) for value in gaze_at(second))
    frame = frames[round(second * 15)]
    assert frame[y, x].min() > 170
    assert frame[y - 4 : y + 5, x - 9 : x + 10].min() < 90


def test_the_preview_is_a_frame_where_the_model_is_right(video):
    assert video.preview.shape[1] == 320
    greens = (np.abs(video.preview.astype(int) - RIGHT).max(-1) < 30).sum()
    assert greens > 30


def test_pictures_that_hardly_compress_stay_within_the_budget(tmp_path):
    recording = Recording(tmp_path / "noise.mcap", "sim")
    noise = np.random.default_rng(0)
    for t in ticks(4.0, 15.0):
        data = encode_jpeg(noise.integers(0, 255, (120, 160, 3), np.uint8))
        kind = "sensor_msgs/msg/CompressedImage"
        recording.put("scene_camera/image_raw/compressed", kind, t, 0.01, format="jpeg", data=data)
    recording.close()
    run = collect(tmp_path / "noise.mcap")[0]
    sizes = {
        megabytes: len(make_video(tmp_path / "noise.mcap", run, VideoSettings(width=160, megabytes=megabytes)).mp4)
        for megabytes in (2.0, 100.0)
    }
    assert sizes[2.0] < 1.4 * 2e6 * 4 / 60 < sizes[100.0]


def test_settings_are_checked():
    with pytest.raises(ValueError, match="megabytes must be positive, got 0"):
        VideoSettings(megabytes=0)


def picture():
    return np.full((480, 640, 3), 128, np.uint8)


def test_the_frame_is_not_touched_where_nothing_is_drawn():
    drawn = draw(picture(), Scene(), 640)
    assert (drawn[:480] == 128).all()


def test_attention_shades_its_own_patch():
    attention = np.full((12, 16), 1e-4, np.float32)
    attention[3, 12] = 1.0
    shaded = np.abs(blend_attention(picture(), attention).astype(int) - 128).max(-1)
    assert np.unravel_index(
        cv2.GaussianBlur(shaded.astype(np.float32), (0, 0), 5).argmax(), shaded.shape
    ) == pytest.approx((140, 500), abs=4)
    assert shaded[:, :320].max() <= 2


@pytest.mark.parametrize("attention", [np.full((12, 16), 1 / 192), np.zeros((12, 16)), np.full((12, 16), np.nan)])
def test_attention_without_a_peak_leaves_the_picture_clear(attention):
    assert (blend_attention(picture(), attention) == 128).all()


def test_words_are_coloured_by_truth():
    assert Line("now", "a", "a").colour == RIGHT
    assert Line("now", "a", "b").colour == WRONG
    assert Line("now", "a", None).colour == TEXT


def test_words_out_of_domain_are_grey_and_marked():
    foreign = Line("now", "reaching for the mug", "reaching for the mug", is_foreign=True)
    assert foreign.colour == MUTED
    own = draw(picture(), Scene(lines=[Line("now", "x", None)]), 480)
    marked = draw(picture(), Scene(lines=[Line("now", "x", None, is_foreign=True)]), 480)
    title = slice(360, 380)
    assert (own[title] != marked[title]).any(), "the head of the column says it"


def test_what_is_said_out_of_domain_reaches_the_picture():
    run = Run(image_topics={"i": [0, S]}, activities=[Said(0, 0, "a", 1.0, out_of_domain=True), Said(S, S, "b", 1.0)])
    lookup = SceneLookup(run)
    assert [lookup.at(stamp).lines[0].is_foreign for stamp in (0, S)] == [True, False]


def test_attention_is_drawn_only_with_the_prediction_that_rests_on_it():
    first, second = np.eye(4, dtype=np.float32), np.ones((4, 4), np.float32)
    run = Run(
        image_topics={"i": [0, S]},
        activities=[Said(0, S // 5, "a", 1.0), Said(S // 2, S, "b", 1.0)],
        attention=[Attention(0, first), Attention(S // 2, second)],
    )
    lookup = SceneLookup(run)
    assert lookup.at(S // 10).attention is None, "nothing is predicted yet"
    assert lookup.at(S // 2).attention is first and lookup.at(S).attention is second


def test_the_poster_is_the_frame_at_its_own_time(video, frames):
    shown = frames[int(video.poster_s * 15)]
    poster = cv2.cvtColor(cv2.imdecode(np.frombuffer(video.poster, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    assert np.abs(poster.astype(int) - shown).mean() < 4.0


def test_very_long_words_stay_in_their_column():
    short = draw(picture(), Scene(lines=[Line("now", "x", "")]), 480)
    long = draw(picture(), Scene(lines=[Line("now", "reaching for the pill box " * 10, "")]), 480)
    truth_column = slice(56 + 212, 480)
    assert (short[360:, truth_column] == long[360:, truth_column]).all()
    assert (short != long).any()


def test_a_prediction_appears_only_once_it_was_known(run):
    lookup = SceneLookup(run)
    start = START_S * S
    # Stamped 2.25 s, the first that says "reaching"... is known 0.15 s later.
    changed = next(said for said in run.activities if said.text == "reaching for the mug")
    known = changed.stamp_ns + int(PREDICTION_AGE_S * S)
    assert changed.stamp_ns - start == pytest.approx(2.5 * S, abs=0.3 * S)
    assert lookup.at(known - 10_000_000).lines[0].said == "looking around"
    assert lookup.at(known + 10_000_000).lines[0].said == "reaching for the mug"


def test_what_is_old_is_not_shown():
    grid = np.eye(4, dtype=np.float32)
    run = Run(
        image_topics={"i": [0, 5 * S]},
        activities=[Said(0, 0, "a", 1.0)],
        attention=[Attention(0, grid)],
        gaze=GazeTrace([0], [(1.0, 2.0)], [0]),
    )
    now, later = SceneLookup(run).at(10_000_000), SceneLookup(run).at(5 * S)
    assert (now.gaze_px, now.lines[0].said) == ((1.0, 2.0), "a")
    assert (later.gaze_px, later.attention, later.lines[0].said) == (None, None, "")
    assert agreement(now) > agreement(later)


def test_invalid_gaze_draws_no_ring():
    run = Run(image_topics={"i": [0]}, gaze=GazeTrace([0], [(float("nan"), float("nan"))], [0]))
    assert SceneLookup(run).at(0).gaze_px is None
