"""Pictures of eyes, from recordings and from devices."""

import cv2
import numpy as np
import pytest

from gaze_vlm_ros.sources import webcam
from gaze_vlm_ros.sources.base import SourceError, open_source
from gaze_vlm_ros.sources.eye_devices import open_eye_devices
from gaze_vlm_ros.sources.eye_pictures import EyeCameraSource, eye_cameras_of, halves
from gaze_vlm_ros.sources.webcam import CaptureSettings
from gaze_vlm_ros.types import GazeSample


def test_halves_are_left_and_right():
    both = np.arange(24, dtype=np.uint8).reshape(2, 12)
    left, right = halves(5, both, 7)
    assert (left.side, right.side, left.stamp_ns, right.sequence) == ("left", "right", 5, 7)
    np.testing.assert_array_equal(np.hstack([left.grey, right.grey]), both)


def test_aria_eyes_come_in_pairs_at_the_stamps_of_its_gaze(aria_folder):
    source = open_source(aria_folder)
    assert isinstance(source, EyeCameraSource)
    pictures = list(eye_cameras_of(source).eye_pictures())
    assert [picture.side for picture in pictures] == ["left", "right"] * 4
    assert {picture.grey.shape for picture in pictures} == {(240, 320)}
    gaze_ns = [sample.stamp_ns for sample in source if isinstance(sample, GazeSample)]
    np.testing.assert_allclose([picture.stamp_ns for picture in pictures[::2]], gaze_ns, atol=1000)
    assert len(list(eye_cameras_of(source).eye_pictures())) == 8, "a second pass differs"


def test_aria_pupils_lie_in_either_half(aria_folder):
    """The darkest spot of each eye is its pupil, and the eyes look to the same side."""
    for picture in open_source(aria_folder).eye_pictures():
        grey = cv2.GaussianBlur(picture.grey, (9, 9), 0)
        y, x = np.unravel_index(np.argmin(grey[80:200, 60:260]), (120, 200))
        assert grey[y + 80, x + 60] < 0.6 * np.median(grey)


def test_aria_rig_stands_behind_the_upright_camera_and_faces_along_it(aria_folder):
    camera_T_rig = open_source(aria_folder).camera_T_rig
    assert np.linalg.det(camera_T_rig[:3, :3]) == pytest.approx(1.0)
    assert (np.diag(camera_T_rig)[:3] > 0.85).all()
    assert np.linalg.norm(camera_T_rig[:3, 3]) < 0.12


def test_an_aria_recording_without_eye_cameras_is_refused_with_the_remedy(aria_folder, monkeypatch):
    source = open_source(aria_folder)
    monkeypatch.setattr("gaze_vlm_ros.sources.aria_eyes._STREAM", "camera-none")
    with pytest.raises(SourceError, match="holds no camera-none stream; record with a profile"):
        source.eye_pictures()


def write_eye_video(folder, pictures, size=(384, 192)):
    """An eye video whose left half is dark and whose right half is bright."""
    av = pytest.importorskip("av")
    with av.open(str(folder / "Neon Sensor Module v1 ps1.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=200)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for _ in range(pictures):
            picture = np.full((size[1], size[0], 3), 60, np.uint8)
            picture[:, size[0] // 2 :] = 180
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def test_neon_eyes_are_the_halves_of_its_eye_video(neon_folder):
    write_eye_video(neon_folder, 5)
    source = open_source(neon_folder)
    pictures = list(eye_cameras_of(source).eye_pictures())
    assert [picture.side for picture in pictures] == ["left", "right"] * 5
    assert {picture.grey.shape for picture in pictures} == {(192, 192)}
    assert pictures[0].grey.mean() < 80 and pictures[1].grey.mean() > 150
    stamps = [picture.stamp_ns for picture in pictures[::2]]
    assert stamps == sorted(stamps) and 3e6 < np.median(np.diff(stamps)) < 8e6
    assert source.camera_T_rig is None


def test_a_neon_recording_without_eye_video_is_refused_with_the_remedy(neon_folder):
    with pytest.raises(SourceError, match=r"no eye video .* without eye_cameras"):
        open_source(neon_folder).eye_pictures()


def test_an_eye_video_that_is_none_is_named(neon_folder):
    (neon_folder / "Neon Sensor Module v1 ps1.mp4").write_bytes(b"not a video")
    with pytest.raises(SourceError, match="eye video cannot be opened"):
        open_source(neon_folder).eye_pictures()


class FakeCaptures:
    """Cameras of 128x48 by number, whose left half is as bright as their number, the right one ten times as bright."""

    def __init__(self, missing=()):
        self.missing, self.opened, self.asked = missing, set(), []

    def __call__(self, number):
        captures = self

        class Capture:
            taken = 0

            def isOpened(self):
                return number not in captures.missing

            def set(self, key, value):
                captures.asked.append((key, value))

            def get(self, key):
                return 5000.0 + 10.0 * self.taken if key == cv2.CAP_PROP_POS_MSEC else 0.0

            def read(self):
                self.taken += 1
                picture = np.full((48, 128, 3), number, np.uint8)
                picture[:, 64:] = 10 * number
                picture[0] = 200
                return True, picture

            def release(self):
                captures.opened.discard(number)

        if number not in self.missing:
            self.opened.add(number)
        return Capture()


@pytest.fixture
def captures(monkeypatch):
    made = FakeCaptures()
    monkeypatch.setattr(webcam.cv2, "VideoCapture", made)
    return made


def first(device):
    stream = iter(device)
    return next(stream), next(stream)


def test_one_device_shows_both_eyes_side_by_side(captures):
    (device,) = open_eye_devices("webcam:3", CaptureSettings(400, 200, 120.0))
    left, right = first(device)
    assert (left.side, right.side) == ("left", "right") and left.stamp_ns == right.stamp_ns
    assert left.grey.shape == (48, 64) and (left.grey[1:] == 3).all() and (right.grey[1:] == 30).all()
    assert (cv2.CAP_PROP_FPS, 120.0) in captures.asked and (cv2.CAP_PROP_FRAME_WIDTH, 400) in captures.asked


def test_two_devices_are_the_left_and_the_right_eye(captures):
    left, right = open_eye_devices("webcam:1,webcam:2", CaptureSettings())
    assert (first(left)[0].side, first(right)[0].side) == ("left", "right")
    assert first(right)[0].grey.shape == (48, 128)


@pytest.mark.parametrize(("location", "side"), [("webcam:1,", "left"), (",webcam:1", "right")])
def test_one_eye_alone(captures, location, side):
    (device,) = open_eye_devices(location, CaptureSettings())
    assert first(device)[0].side == side


def test_a_camera_mounted_upside_down_is_turned(captures):
    _, right = open_eye_devices("webcam:1,webcam:2", CaptureSettings(), upside_down="right")
    picture = first(right)[0].grey
    assert (picture[-1] == 200).all() and (picture[0] != 200).all()


@pytest.mark.parametrize("location", ["", ",", "webcam:1,webcam:2,webcam:3", "video:1", "webcam:1,webcam:1"])
def test_what_names_no_eye_cameras_is_refused_with_the_remedy(captures, location):
    with pytest.raises(SourceError, match="eye cameras"):
        open_eye_devices(location, CaptureSettings())


def test_where_one_of_two_cannot_be_opened_none_stays_open(captures):
    captures.missing = (2,)
    with pytest.raises(SourceError, match="webcam:2: cannot be opened"):
        open_eye_devices("webcam:1,webcam:2", CaptureSettings())
    assert not captures.opened


def test_a_source_without_eye_cameras_is_refused_by_name(captures):
    with pytest.raises(SourceError, match="webcam:4: webcam sources have no eye cameras"):
        eye_cameras_of(open_source("webcam:4"))
