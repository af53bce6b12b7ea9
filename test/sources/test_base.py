import json

import pytest

from gaze_vlm_ros.sources.base import SourceError, in_stamp_order, open_source, rate_hz
from gaze_vlm_ros.types import EyeMovement, EyeMovementKind, Frame, GazeSample


def test_items_are_merged_by_stamp_and_gaze_goes_before_the_frame_of_its_instant():
    gaze = [GazeSample(stamp, None, None) for stamp in (10, 20, 30)]
    movements = [EyeMovement(EyeMovementKind.BLINK, start_ns=1, end_ns=20)]
    frames = [Frame(stamp, None) for stamp in (5, 20)]
    merged = list(in_stamp_order(gaze, movements, frames))
    assert merged == [frames[0], gaze[0], gaze[1], movements[0], frames[1], gaze[2]]


def test_rate_is_that_of_the_gaps():
    assert rate_hz(11, 10**9) == pytest.approx(10.0)
    assert rate_hz(1, 10**9) != rate_hz(1, 10**9)
    assert rate_hz(5, 0) != rate_hz(5, 0)


def refused(location, words):
    with pytest.raises(SourceError, match=words) as caught:
        open_source(location)
    assert str(location) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_path(tmp_path):
    refused(tmp_path / "nothing.vrs", "no such file or folder")


def test_empty_folder(tmp_path):
    refused(tmp_path, "holds no recording")


def test_unknown_file(tmp_path):
    (tmp_path / "video.mp4").write_bytes(b"")
    refused(tmp_path / "video.mp4", "not a recording that is known here")


def test_several_recordings_in_one_folder(tmp_path):
    (tmp_path / "a.vrs").write_bytes(b"")
    (tmp_path / "b.vrs").write_bytes(b"")
    refused(tmp_path, r"several recordings \(a\.vrs, b\.vrs\)")


def test_info_json_of_something_else(tmp_path):
    (tmp_path / "info.json").write_text(json.dumps({"name": "a web page"}))
    with pytest.raises(SourceError, match="is not that of a Neon recording"):
        open_source(tmp_path)


@pytest.mark.parametrize("uri", ["webcam:", "webcam:front", "webcam:-1"])
def test_webcam_without_a_number(uri):
    refused(uri, "webcam:0")
