"""Pictures of any size to what the encoder sees; the same function live and in training."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from gaze_vlm_ros.errors import GazeVlmError

SHAPE_TOLERANCE = 0.02
"""A scaled picture may be a pixel off: its width over height differs from the camera's by no more than this share."""


class FrameError(GazeVlmError):
    """A picture that is not (H, W, 3) uint8, or of another camera than its gaze."""


def check_shape(rgb: np.ndarray, camera_size: tuple[int, int]) -> None:
    """Raises FrameError where ``rgb`` (H, W, 3) is no scaled picture of ``camera_size`` (width, height).

    Only for pictures as a camera gives them: what was stretched to another shape on purpose still holds its gaze.
    """
    (height, width), (camera_width, camera_height) = rgb.shape[:2], camera_size
    if abs(width * camera_height - height * camera_width) > SHAPE_TOLERANCE * width * camera_height:
        raise FrameError(
            f"frames are {width}x{height}, but camera_info speaks of {camera_width}x{camera_height}, another shape in "
            "which gaze cannot be placed; publish the camera_info of these very frames"
        )


def resize_frame(rgb: np.ndarray, size: int) -> np.ndarray:
    """Stretches a picture (H, W, 3) uint8 to (size, size, 3): gaze and patches then share relative coordinates."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
        raise FrameError(f"a frame must be (height, width, 3) uint8 RGB, got {rgb.shape} {rgb.dtype}")
    return cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA)


def to_pixels(frames: Sequence[np.ndarray] | np.ndarray) -> torch.Tensor:
    """Resized frames, each (S, S, 3) uint8 -> (F, 3, S, S) float32 in [-1, 1]."""
    batch = torch.from_numpy(np.ascontiguousarray(np.stack(frames)))
    return batch.permute(0, 3, 1, 2).contiguous().float().div_(127.5).sub_(1.0)
