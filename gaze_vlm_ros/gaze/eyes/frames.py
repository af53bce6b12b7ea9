"""The axis contract of eye pictures: what yaw, pitch, left and right mean, and how one network serves both eyes.

A network sees every eye as if it were the *left* one: a right eye's picture is mirrored, and the yaw that comes out is
negated. Yaw is positive to the wearer's right, pitch positive upwards, both zero straight ahead in the rig frame.
"""

from __future__ import annotations

import cv2
import numpy as np

SIDES = ("left", "right")


def yaw_pitch_of(direction: np.ndarray) -> np.ndarray:
    """Yaw and pitch (..., 2) [rad] of directions (..., 3) in the rig frame, of any length."""
    x, y, z = np.moveaxis(np.asarray(direction, dtype=np.float64), -1, 0)
    return np.stack([np.arctan2(x, z), np.arctan2(-y, np.hypot(x, z))], axis=-1)


def direction_of(yaw: np.ndarray | float, pitch: np.ndarray | float) -> np.ndarray:
    """Unit directions (..., 3) in the rig frame of ``yaw`` and ``pitch`` (...) [rad]."""
    yaw, pitch = np.broadcast_arrays(np.asarray(yaw, dtype=np.float64), np.asarray(pitch, dtype=np.float64))
    return np.stack([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)], axis=-1)


def mirrored(yaw_pitch: np.ndarray, side: str) -> np.ndarray:
    """Yaw and pitch (..., 2) of an eye as those of a left eye, and back: the yaw of a right one is negated."""
    return np.asarray(yaw_pitch) * _sign(side)


def network_picture(picture: np.ndarray, side: str, side_px: int, view: float = 1.0) -> np.ndarray:
    """``picture`` (H, W) uint8 as a network sees it: (side_px, side_px) uint8, that of a right eye mirrored.

    Of its width and height the middle share ``view`` is looked at: an eye camera sees more than an eye.
    """
    top, left = (round(0.5 * (1.0 - view) * length) for length in picture.shape)
    picture = picture[top : picture.shape[0] - top, left : picture.shape[1] - left]
    height, width = picture.shape
    shrinks = width > side_px or height > side_px
    small = cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.ascontiguousarray(small[:, ::-1]) if _sign(side)[0] < 0 else small


def _sign(side: str) -> np.ndarray:
    if side not in SIDES:
        raise ValueError(f"no side named {side!r}; there are {', '.join(SIDES)}")
    return np.array([1.0 if side == "left" else -1.0, 1.0])
