from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from gaze_vlm_ros.recording import images
from gaze_vlm_ros.recording.summary import RecordingError


def raw(array, encoding, padding=0, big_endian=False):
    rows = np.ascontiguousarray(array).reshape(array.shape[0], -1).view(np.uint8)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    height, width = array.shape[:2]
    return SimpleNamespace(
        height=height, width=width, encoding=encoding, step=rows.shape[1], data=rows.tobytes(), is_bigendian=big_endian
    )


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("padding", [0, 3])
def test_raw_pictures_come_as_rgb(rgb, padding):
    assert np.array_equal(images.decode_rgb(raw(rgb, "rgb8", padding)), rgb)
    assert np.array_equal(images.decode_rgb(raw(rgb[..., ::-1], "bgr8", padding)), rgb)
    grey = rgb[..., 0]
    assert np.array_equal(images.decode_rgb(raw(grey, "mono8", padding)), np.stack([grey] * 3, axis=-1))


def test_jpeg_keeps_colours_in_order():
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :, 0] = 200
    message = SimpleNamespace(format="rgb8; jpeg compressed bgr8", data=images.encode_jpeg(picture))
    assert np.abs(images.decode_rgb(message).astype(int) - picture).max() < 8


def test_compressed_depth_comes_back_within_its_step():
    depth = np.random.default_rng(1).uniform(0.2, 9.9, (48, 64)).astype(np.float32)
    depth[:4] = np.nan
    message = SimpleNamespace(format=images.DEPTH_FORMAT, data=images.encode_depth(depth))
    back = images.decode_depth(message)
    assert back.dtype == np.float32 and np.isnan(back[:4]).all()
    assert (np.abs(back[4:] - depth[4:]) <= 0.51 * depth[4:] ** 2 / 10100 + 1e-5).all()


def test_too_near_too_far_and_nothing_become_unknown():
    depth = np.array([[0.0, -1.0, 0.05, 10.5, np.inf, np.nan, 1.0, 10.0]], np.float32)
    back = images.decode_depth(SimpleNamespace(format=images.DEPTH_FORMAT, data=images.encode_depth(depth)))
    assert np.isnan(back[0, :6]).all()
    assert back[0, 6:] == pytest.approx([1.0, 10.0], abs=0.01)


def test_compressed_millimetres_of_other_recorders():
    millimetres = np.array([[0, 1500]], np.uint16)
    data = b"\0" * 12 + cv2.imencode(".png", millimetres)[1].tobytes()
    back = images.decode_depth(SimpleNamespace(format="16UC1; compressedDepth png", data=data))
    assert np.isnan(back[0, 0]) and back[0, 1] == pytest.approx(1.5)


@pytest.mark.parametrize("big_endian", [False, True])
def test_raw_depth(big_endian):
    order = ">" if big_endian else "<"
    metres = np.array([[0.5, np.nan, 0.0]], order + "f4")
    assert images.decode_depth(raw(metres, "32FC1", big_endian=big_endian))[0, 0] == 0.5
    assert np.isnan(images.decode_depth(raw(metres, "32FC1", big_endian=big_endian))[0, 1:]).all()
    millimetres = np.array([[500, 0]], order + "u2")
    assert images.decode_depth(raw(millimetres, "16UC1", 1, big_endian))[0, 0] == pytest.approx(0.5)


def test_a_small_file_that_would_fill_the_memory_is_no_picture():
    ok, data = cv2.imencode(".png", np.zeros((5000, 5000), np.uint8))
    assert ok and len(data) < 100_000 and images.decompressed(data.tobytes(), cv2.IMREAD_UNCHANGED) is None


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x2D31001D, 14])
def test_a_chunk_that_says_to_be_longer_than_the_file_is_not_believed(length, monkeypatch):
    data = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    assert images.decompressed(data, cv2.IMREAD_COLOR).shape == (8, 8, 3)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("it would make room for all of that"))
    assert images.decompressed(data[:33] + length.to_bytes(4) + data[37:], cv2.IMREAD_COLOR) is None
    assert images.decompressed(data[:-4], cv2.IMREAD_COLOR) is None


def test_what_cannot_be_decoded_is_named(rgb):
    with pytest.raises(RecordingError, match="bayer_rggb8"):
        images.decode_rgb(raw(rgb[..., 0], "bayer_rggb8"))
    with pytest.raises(RecordingError, match="'8UC1'"):
        images.decode_depth(raw(rgb[..., 0], "8UC1"))
    with pytest.raises(RecordingError, match="'jpeg'"):
        images.decode_rgb(SimpleNamespace(format="jpeg", data=b"nothing"))
    with pytest.raises(RecordingError, match="cannot be decoded"):
        images.decode_depth(SimpleNamespace(format=images.DEPTH_FORMAT, data=b"nothing at all"))
    short = raw(rgb, "rgb8")
    short.data = short.data[:-1]
    with pytest.raises(RecordingError, match="7x5"):
        images.decode_rgb(short)
