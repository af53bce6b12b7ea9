import cv2
import numpy as np
import pytest

from gaze_vlm_ros.sources import webcam
from gaze_vlm_ros.sources.base import SCENE_CAMERA, Source, SourceError, open_source


class FakeCapture:
    """A camera of 64x48 that gives ``frames`` frames at 10 Hz and then fails."""

    def __init__(self, frames=5, stamps=True, opened=True):
        self.left, self.taken, self.stamps, self.opened = frames, 0, stamps, opened

    def __call__(self, index):
        self.index = index
        return self

    def isOpened(self):
        return self.opened

    def set(self, key, value):
        return True

    def get(self, key):
        if key == cv2.CAP_PROP_FPS:
            return 10.0
        return 5000.0 + 100.0 * self.taken if self.stamps and key == cv2.CAP_PROP_POS_MSEC else 0.0

    def read(self):
        if self.taken == self.left:
            return False, None
        self.taken += 1
        return True, np.full((48, 64, 3), (10, 20, 30), np.uint8)

    def release(self):
        self.opened = False


def open_fake(monkeypatch, capture):
    monkeypatch.setattr(webcam.cv2, "VideoCapture", capture)
    return open_source("webcam:2")


def test_frames_have_the_drivers_stamps_and_rgb_order(monkeypatch):
    capture = FakeCapture()
    source = open_fake(monkeypatch, capture)
    assert isinstance(source, Source) and capture.index == 2
    assert source.info.live and source.info.counts == {} and source.info.device_clock == "the driver's capture time"
    stream = iter(source)
    frames = [next(stream) for _ in range(4)]
    assert [frame.stamp_ns for frame in frames] == [5_200_000_000 + k * 100_000_000 for k in range(4)]
    assert frames[0].rgb[0, 0].tolist() == [30, 20, 10]
    with pytest.raises(SourceError, match="webcam:2: delivers no frames any more"):
        next(stream)


def test_without_driver_stamps_the_time_of_arrival_rises(monkeypatch):
    source = open_fake(monkeypatch, FakeCapture(stamps=False))
    stream = iter(source)
    stamps = [next(stream).stamp_ns for _ in range(4)]
    assert stamps == sorted(set(stamps))
    assert source.info.device_clock == "monotonic time of arrival"


def test_camera_is_nominal_and_says_so(monkeypatch):
    source = open_fake(monkeypatch, FakeCapture())
    camera = source.cameras[SCENE_CAMERA]
    assert (camera.width, camera.height) == (64, 48)
    assert 2 * np.degrees(np.arctan(32 / camera.matrix[0, 0])) == pytest.approx(65.0)
    assert any("not calibrated" in note for note in source.info.notes)


def test_closing_ends_the_stream(monkeypatch):
    source = open_fake(monkeypatch, FakeCapture(frames=100))
    stream = iter(source)
    next(stream)
    source.close()
    assert list(stream) == []


def test_absent_camera_is_named(monkeypatch):
    with pytest.raises(SourceError, match="webcam:2: cannot be opened"):
        open_fake(monkeypatch, FakeCapture(opened=False))


def test_camera_that_gives_nothing_is_named(monkeypatch):
    with pytest.raises(SourceError, match="webcam:2: delivers no frames"):
        open_fake(monkeypatch, FakeCapture(frames=0))
