"""Whether a picture can show an eye at all: what its grey values alone tell, before any network."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError

LEAST_SIDE_PX = 32
_DARK_GREY = 14
_SATURATED_GREY, _SATURATED_SHARE = 250, 0.3
_LEAST_DEVIATION = 4.0
_BLANK_DEVIATION, _BLANK_SHARE = 0.75, 0.12


class EyePictureError(GazeVlmError):
    """Something handed in as an eye's picture that is none of the agreed form."""


def check_form(picture: np.ndarray) -> None:
    """Raises EyePictureError unless ``picture`` is (H, W) uint8 of a usable size."""
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.ndim != 2:
        kind = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise EyePictureError(
            f"an eye's picture is a grey (H, W) uint8 array, got {kind}; bring it to 0..255 and convert it"
        )
    if min(picture.shape) < LEAST_SIDE_PX:
        height, width = picture.shape
        raise EyePictureError(f"an eye's picture needs at least {LEAST_SIDE_PX} pixels a side, got {width}x{height}")


def fault_of(picture: np.ndarray) -> str:
    """Why ``picture`` (S, S) uint8, as a network sees it, is no use; empty where its grey values are in order."""
    bright = np.percentile(picture, 99)
    if bright < _DARK_GREY:
        return f"dark: 99 % of it is below {bright:.0f} of 255"
    burnt = np.mean(picture >= _SATURATED_GREY)
    if burnt > _SATURATED_SHARE:
        return f"saturated: {burnt:.0%} of it is white"
    if (deviation := picture.std()) < _LEAST_DEVIATION:
        return f"flat: its grey values deviate by {deviation:.1f} of 255"
    if (share := _blank_share(picture)) > _BLANK_SHARE:
        return f"cropped: {share:.0%} of its rows or columns are blank"
    return ""


def _blank_share(picture: np.ndarray) -> float:
    """The larger share of rows or columns that are of one grey, as where a picture was cut and filled up."""
    return max(float(np.mean(picture.std(axis=axis) < _BLANK_DEVIATION)) for axis in (0, 1))
