"""Pictures, depth, compressed pictures and camera calibrations."""

from __future__ import annotations

from array import array

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from gaze_vlm_ros.nodes.conversions.common import ConversionError, header_message
from gaze_vlm_ros.recording.images import DEPTH_FORMAT, decode_depth, decode_rgb, encode_depth, encode_jpeg
from gaze_vlm_ros.types import CameraKind, CameraModel

JPEG_FORMAT = "rgb8; jpeg compressed bgr8"
_MODELS = {kind.value: kind for kind in CameraKind} | {
    "": CameraKind.PINHOLE,
    "rational_polynomial": CameraKind.PINHOLE,
}

rgb_from = decode_rgb
"""(H, W, 3) uint8 of an Image or a CompressedImage."""

depth_from = decode_depth
"""(H, W) float32 [m], NaN = unknown, of an Image or a CompressedImage."""


def _bytes(data: bytes) -> array:
    return array("B", data)  # assigning an ndarray or a list takes fifty times as long


def rgb_message(rgb: np.ndarray, stamp_ns: int, frame_id: str) -> Image:
    """``rgb`` is (H, W, 3) uint8."""
    height, width = rgb.shape[:2]
    return Image(
        header=header_message(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding="rgb8",
        step=3 * width,
        data=_bytes(rgb.tobytes()),
    )


def grey_message(grey: np.ndarray, stamp_ns: int, frame_id: str) -> Image:
    """A mono8 image of (H, W) uint8."""
    height, width = grey.shape
    return Image(
        header=header_message(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding="mono8",
        step=width,
        data=_bytes(grey.tobytes()),
    )


def grey_from(message: Image) -> np.ndarray:
    """(H, W) uint8 of a grey or colour Image; RecordingError where it is no picture."""
    rgb = decode_rgb(message)
    return np.ascontiguousarray(rgb[..., 0]) if message.encoding == "mono8" else cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def float_message(values: np.ndarray, stamp_ns: int, frame_id: str) -> Image:
    """A 32FC1 image of (H, W): depth [m], or attention."""
    height, width = values.shape
    return Image(
        header=header_message(stamp_ns, frame_id),
        height=height,
        width=width,
        encoding="32FC1",
        step=4 * width,
        data=_bytes(values.astype(np.float32, copy=False).tobytes()),
    )


def jpeg_message(rgb: np.ndarray, stamp_ns: int, frame_id: str) -> CompressedImage:
    """``rgb`` (H, W, 3) uint8 as image_transport's compressed plugin has it."""
    return CompressedImage(header=header_message(stamp_ns, frame_id), format=JPEG_FORMAT, data=_bytes(encode_jpeg(rgb)))


def depth_png_message(depth_m: np.ndarray, stamp_ns: int, frame_id: str) -> CompressedImage:
    """Depth (H, W) [m], NaN = unknown, as compressed_depth_image_transport has it."""
    return CompressedImage(
        header=header_message(stamp_ns, frame_id), format=DEPTH_FORMAT, data=_bytes(encode_depth(depth_m))
    )


def camera_info_message(camera: CameraModel, stamp_ns: int) -> CameraInfo:
    return CameraInfo(
        header=header_message(stamp_ns, camera.frame_id),
        width=camera.width,
        height=camera.height,
        distortion_model=camera.kind.value,
        d=camera.distortion.tolist(),
        k=camera.matrix.ravel(),
        r=np.eye(3).ravel(),
        p=np.column_stack([camera.matrix, np.zeros(3)]).ravel(),
    )


def camera_from(message: CameraInfo) -> CameraModel:
    """ConversionError for an uncalibrated camera or an unknown distortion model."""
    if message.distortion_model not in _MODELS:
        known = ", ".join(filter(None, _MODELS))
        raise ConversionError(f"distortion model {message.distortion_model!r} is unknown; use one of {known}")
    try:
        return CameraModel(
            message.width,
            message.height,
            np.array(message.k).reshape(3, 3),
            np.array(message.d),
            _MODELS[message.distortion_model],
            message.header.frame_id,
        )
    except ValueError as error:
        raise ConversionError(f"camera_info: {error}") from error
