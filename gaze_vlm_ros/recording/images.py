"""Pictures as ROS messages carry them: raw, JPEG or PNG, and compressed depth. No ROS needed.

Messages are anything with the fields of ``sensor_msgs/Image`` or ``sensor_msgs/CompressedImage``.
"""

from __future__ import annotations

import io
import struct
from typing import Any

import cv2
import numpy as np
from PIL import Image

from gaze_vlm_ros.recording.summary import RecordingError

DEPTH_FORMAT = "32FC1; compressedDepth png"
"""``CompressedImage.format`` of compressed_depth_image_transport for depth in metres."""
LARGEST_PX = 1 << 24
"""More pixels than any camera of this field has."""
_PNG, _PNG_CHUNK = b"\x89PNG\r\n\x1a\n", 12
"""How such a file begins, and the length, name and checksum of each of its chunks [bytes]."""
_DEPTH_HEADER = struct.Struct("<iff")
_DEPTH_QUANTIZATION = 100.0
_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}
_TO_RGB = {
    "bgr8": cv2.COLOR_BGR2RGB,
    "rgba8": cv2.COLOR_RGBA2RGB,
    "bgra8": cv2.COLOR_BGRA2RGB,
    "mono8": cv2.COLOR_GRAY2RGB,
}
_DEPTH_TYPES = {"32FC1": (np.dtype("f4"), 1.0), "16UC1": (np.dtype("u2"), 1e-3), "mono16": (np.dtype("u2"), 1e-3)}


def encode_jpeg(rgb: np.ndarray, quality: int = 85) -> bytes:
    """JPEG file (``format`` "rgb8; jpeg compressed bgr8") of (H, W, 3) uint8 RGB."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of shape {rgb.shape} cannot be encoded as JPEG")
    return data.tobytes()


def encode_depth(depth_m: np.ndarray, farthest_m: float = 10.0) -> bytes:
    """Compressed depth (:data:`DEPTH_FORMAT`) of (H, W) float32 [m]; NaN and beyond ``farthest_m`` become unknown.

    Inverse depth in 16 bits as compressed_depth_image_transport keeps it: steps of d^2 / 10100 m, nearest 0.15 m.
    """
    scale = _DEPTH_QUANTIZATION * (_DEPTH_QUANTIZATION + 1.0)
    offset = 1.0 - scale / farthest_m
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = np.rint(scale / depth_m + offset)
        known = np.isfinite(depth_m) & (depth_m > 0) & (depth_m <= farthest_m) & (levels <= 65535)
    done, png = cv2.imencode(".png", np.where(known, levels, 0).astype(np.uint16), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise ValueError(f"depth of shape {depth_m.shape} cannot be encoded as PNG")
    return _DEPTH_HEADER.pack(0, scale, offset) + png.tobytes()


def decode_rgb(message: Any) -> np.ndarray:
    """(H, W, 3) uint8 RGB of an Image or CompressedImage; :class:`RecordingError` where it is no picture."""
    if hasattr(message, "format"):
        picture = decompressed(bytes(message.data), cv2.IMREAD_COLOR)
        if picture is None:
            raise RecordingError(f"a compressed picture ({message.format!r}) cannot be decoded; record JPEG or PNG")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    encoding = message.encoding
    if encoding not in _CHANNELS:
        raise RecordingError(f"a picture is encoded as {encoding!r}; record one of {', '.join(_CHANNELS)}")
    channels = _CHANNELS[encoding]
    rows = _rows(message, np.dtype("u1"), channels)
    picture = rows.reshape(message.height, message.width, channels)
    return cv2.cvtColor(picture, _TO_RGB[encoding]) if encoding in _TO_RGB else picture


def decode_depth(message: Any) -> np.ndarray:
    """(H, W) float32 depth [m], NaN where unknown, of an Image (32FC1, 16UC1) or a compressedDepth picture."""
    if hasattr(message, "format"):
        return _decode_compressed_depth(message)
    if message.encoding not in _DEPTH_TYPES:
        raise RecordingError(f"depth is encoded as {message.encoding!r}; record one of {', '.join(_DEPTH_TYPES)}")
    dtype, unit_m = _DEPTH_TYPES[message.encoding]
    return _unknown_as_nan(_rows(message, dtype, 1) * np.float32(unit_m))


def _decode_compressed_depth(message: Any) -> np.ndarray:
    kind = message.format.split(";")[0].strip()
    data = bytes(message.data)
    levels = decompressed(data[_DEPTH_HEADER.size :], cv2.IMREAD_UNCHANGED)
    if kind not in _DEPTH_TYPES or levels is None or levels.dtype != np.uint16 or levels.ndim != 2:
        raise RecordingError(f"compressed depth ({message.format!r}) cannot be decoded; record {DEPTH_FORMAT!r}")
    if kind != "32FC1":
        return _unknown_as_nan(levels * np.float32(_DEPTH_TYPES[kind][1]))
    _, scale, offset = _DEPTH_HEADER.unpack_from(data)
    depth_m = np.full(levels.shape, np.nan, np.float32)
    return np.divide(scale, levels - offset, out=depth_m, where=levels > 0, casting="unsafe")


def decompressed(data: bytes, how: int) -> np.ndarray | None:
    """The picture in ``data``; None where it is none, or so large that it can only be meant to exhaust the memory."""
    try:
        with Image.open(io.BytesIO(data)) as header:  # reads no more than the size
            if header.width * header.height > LARGEST_PX:
                return None
        if data.startswith(_PNG) and not _chunks_fit(data):
            return None
        return cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError, cv2.error):
        return None


def _chunks_fit(data: bytes) -> bool:
    """Whether the chunks of a PNG end where the data do. OpenCV makes room for as much as a chunk says to hold."""
    at = len(_PNG)
    while at < len(data) and data[at + 4 : at + 8] != b"IEND":
        at += _PNG_CHUNK + int.from_bytes(data[at : at + 4])
    return at + _PNG_CHUNK <= len(data)


def _rows(message: Any, dtype: np.dtype, channels: int) -> np.ndarray:
    """The picture's numbers as (height, width * channels), row padding and byte order resolved."""
    used = message.width * channels * dtype.itemsize
    if not 0 < message.width * message.height <= LARGEST_PX:
        raise RecordingError(f"a picture is {message.width}x{message.height}; 1 to {LARGEST_PX} pixels are possible")
    if message.step < used or len(message.data) < message.step * message.height:
        raise RecordingError(
            f"a picture of {message.width}x{message.height} ({message.encoding}) has only {len(message.data)} bytes"
        )
    order = ">" if message.is_bigendian else "<"
    rows = np.frombuffer(message.data, np.uint8)[: message.step * message.height].reshape(message.height, message.step)
    return np.ascontiguousarray(rows[:, :used]).view(dtype.newbyteorder(order))


def _unknown_as_nan(depth_m: np.ndarray) -> np.ndarray:
    depth_m = depth_m.astype(np.float32)
    return np.where(np.isfinite(depth_m) & (depth_m > 0), depth_m, np.float32(np.nan))
