"""A full-screen picture with targets to look at, among markers by which the scene camera finds the screen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from gaze_vlm_ros.geometry.registration import BoardNotFound, MarkerBoard, estimate_camera_pose
from gaze_vlm_ros.geometry.transforms import invert_transform, transform_points
from gaze_vlm_ros.types import CameraModel

ORDERS = {1: (4,), 5: (4, 0, 2, 6, 8), 9: (4, 0, 1, 2, 5, 8, 7, 6, 3)}
"""Which of nine places, row by row from the top left, are shown in which order."""
_LONG, _SHORT = 6, 4
"""Markers along the longer and the shorter side of the screen."""
_FIRST_ID = 200
_MARKER_SHARE = 0.42
_DOT_SHARE, _RING_SHARE = 0.02, 0.10
_RED, _BLACK = (200, 30, 30), (0, 0, 0)


@dataclass(frozen=True)
class CalibrationScreen:
    """A screen of ``width_px`` x ``height_px`` whose picture is ``width_m`` wide: a marker grid of 6 x 4, and targets
    where four of its markers meet. Another set of ids than the registration board's, so that both may be in view.
    """

    width_px: int = 1920
    height_px: int = 1080
    width_m: float = 0.53

    def __post_init__(self) -> None:
        if min(self.width_px, self.height_px) < 400:
            raise ValueError(f"a screen of {self.width_px}x{self.height_px} px is too small; at least 400 px a side")
        if not 0.05 <= self.width_m <= 5.0:
            raise ValueError(f"width_m must be the picture's width in metres, 0.05 to 5, got {self.width_m}")

    @cached_property
    def board(self) -> MarkerBoard:
        """The markers [m], as large as the screen lets them be."""
        pitch = self._pitch_px * self.width_m / self.width_px
        marker, gap = _MARKER_SHARE * pitch, (1.0 - _MARKER_SHARE) * pitch
        return MarkerBoard(*self._grid, marker, gap, "DICT_APRILTAG_36H11", _FIRST_ID)

    @property
    def _grid(self) -> tuple[int, int]:
        """Columns and rows."""
        return (_LONG, _SHORT) if self.width_px >= self.height_px else (_SHORT, _LONG)

    @property
    def _pitch_px(self) -> float:
        rims = np.array(self._grid) + 1.0 - _MARKER_SHARE
        return float(min((self.width_px, self.height_px) / rims))

    @cached_property
    def places_m(self) -> np.ndarray:
        """The nine places (9, 3) [m, board frame: origin in the middle, x right, y up], row by row from the top."""
        across, down = (np.array(self._grid) // 2 - 1) * self._pitch_px * self.width_m / self.width_px
        return np.array([[x * across, -y * down, 0.0] for y in (-1, 0, 1) for x in (-1, 0, 1)])

    def targets_m(self, targets: int) -> np.ndarray:
        """The places (targets, 3) [m, board frame] in the order in which they are shown; 1, 5 or 9 of them."""
        return self.places_m[list(ORDERS[targets])]

    def picture(self, place_m: np.ndarray | None = None) -> np.ndarray:
        """What the screen shows, (height_px, width_px, 3) uint8 RGB; a target at ``place_m`` (3,) [board frame]."""
        picture = np.full((self.height_px, self.width_px, 3), 255, np.uint8)
        board = self.board.image(min(self.width_px, round(self.board.size_m[0] * self.width_px / self.width_m)))
        board = board[: self.height_px]
        top, left = (self.height_px - board.shape[0]) // 2, (self.width_px - board.shape[1]) // 2
        picture[top : top + board.shape[0], left : left + board.shape[1]] = board[..., None]
        if place_m is not None:
            per_m = board.shape[1] / self.board.size_m[0]
            x = round(left + board.shape[1] / 2 + place_m[0] * per_m)
            y = round(top + board.shape[0] / 2 - place_m[1] * per_m)
            ring, dot = (max(2, round(share * self._pitch_px)) for share in (_RING_SHARE, _DOT_SHARE))
            cv2.circle(picture, (x, y), ring, _RED, -1, cv2.LINE_AA)
            cv2.circle(picture, (x, y), dot, _BLACK, -1, cv2.LINE_AA)
        return picture

    def camera_T_board(self, rgb: np.ndarray, camera: CameraModel) -> np.ndarray:
        """Where the screen is (4, 4) in a scene picture (H, W, 3) uint8. Raises BoardNotFound that says why not."""
        try:
            pose = estimate_camera_pose(rgb, camera, self.board, np.eye(4))
        except BoardNotFound as error:
            raise BoardNotFound(f"the calibration screen is not found: {error}") from error
        return invert_transform(pose.base_T_camera)

    def target_in_camera(self, camera_T_board: np.ndarray, place_m: np.ndarray) -> np.ndarray:
        """A place (3,) of the board [m] in the scene camera's optical frame."""
        return transform_points(camera_T_board, place_m)
