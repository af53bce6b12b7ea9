"""Where a calibration's targets are shown: at points of the robot's base, or on a screen that the scene camera sees."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from geometry_msgs.msg import PointStamped, PoseWithCovarianceStamped
from sensor_msgs.msg import CompressedImage, Image

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.gaze.eyes.frames import direction_of
from gaze_vlm_ros.geometry.calibration_screen import ORDERS, CalibrationScreen
from gaze_vlm_ros.geometry.registration import BoardNotFound
from gaze_vlm_ros.geometry.transforms import invert_transform, transform_points
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.common import camera_pose_from, header_message, point_message, stamp_of
from gaze_vlm_ros.nodes.conversions.images import rgb_from
from gaze_vlm_ros.nodes.history import History
from gaze_vlm_ros.types import CameraModel

TARGET_DISTANCE_M = 0.7
_ACROSS_RAD, _DOWN_RAD, _BELOW_RAD = np.radians([14.0, 10.0, 8.0])
_REMEMBERED, _TOLERANCE_NS = 90, 60_000_000
LOOKS_EVERY_S = 0.03
_NOWHERE_M = np.full(3, np.nan)


class Targets(Protocol):
    """Shows targets one at a time and tells where the one that is shown is."""

    newest_ns: int
    """Stamp up to which places are known."""

    def begin(self, targets: int) -> None:
        """Raises GazeVlmError where targets cannot be shown."""

    def show(self, index: int) -> None: ...

    def hide(self) -> None: ...

    def place_m(self, stamp_ns: int) -> np.ndarray | None:
        """The target shown (3,) [m, scene camera's optical frame] at a stamp; None where it is not known."""


class SceneTargets:
    """Points in the robot's base, given, or laid out before the wearer; ``eye_calibration/target`` says which it is."""

    def __init__(self, node: ManagedNode, points_m: np.ndarray) -> None:
        self.newest_ns = 0
        self._node, self._given_m = node, points_m
        self._poses: History[np.ndarray] = History(_REMEMBERED)
        self._base_frame, self._shown_m = "", _NOWHERE_M
        self._publisher = node.advertise(PointStamped, names.EYE_TARGET, qos.LATCHED)
        node.subscribe(PoseWithCovarianceStamped, names.SCENE_POSE, self._on_pose, qos.SAMPLES)

    def begin(self, targets: int) -> None:
        if not self.newest_ns:
            raise GazeVlmError(
                "scene_camera/pose has not come; targets in the scene need it, targets on a screen do not"
            )
        if not len(self._given_m):
            self._points_m = self._before_the_wearer()[list(ORDERS[targets])]
        elif len(self._given_m) < targets:
            raise GazeVlmError(f"parameter targets_m holds {len(self._given_m)} points, {targets} are needed")
        else:
            self._points_m = self._given_m[:targets]

    def show(self, index: int) -> None:
        self._publish(self._points_m[index])

    def hide(self) -> None:
        self._publish(_NOWHERE_M)

    def place_m(self, stamp_ns: int) -> np.ndarray | None:
        base_T_camera = self._poses.nearest(stamp_ns, _TOLERANCE_NS)
        if base_T_camera is None:
            return None
        place = transform_points(invert_transform(base_T_camera), self._shown_m)
        return place if np.isfinite(place).all() else None

    def _before_the_wearer(self) -> np.ndarray:
        """Nine points (9, 3) [base], row by row, as seen from where the scene camera is now."""
        base_T_camera = self._poses.nearest(self.newest_ns, 0)
        angles = [(x * _ACROSS_RAD, -y * _DOWN_RAD - _BELOW_RAD) for y in (-1, 0, 1) for x in (-1, 0, 1)]
        return transform_points(base_T_camera, TARGET_DISTANCE_M * direction_of(*np.array(angles).T))

    def _on_pose(self, message: PoseWithCovarianceStamped) -> None:
        stamp_ns, base_T_camera, _, self._base_frame = camera_pose_from(message)
        self._poses.add(stamp_ns, base_T_camera)
        self.newest_ns = stamp_ns

    def _publish(self, point_m: np.ndarray) -> None:
        self._shown_m = point_m
        header = header_message(self._node.now_ns(), self._base_frame)
        self._publisher.publish(PointStamped(header=header, point=point_message(point_m)))


class ScreenTargets:
    """A screen with targets among markers. Its picture is a file, which is shown full-screen where there is a display.

    The scene picture is searched for the screen in a thread of the node, while targets are shown.
    """

    def __init__(self, node: ManagedNode, screen: CalibrationScreen, file: str, image_transport: str) -> None:
        self.newest_ns = 0
        self.camera: CameraModel | None = None
        """The scene camera, which the node sets."""
        self.problem = ""
        """Why the newest scene picture did not show the screen."""
        self._screen, self._file = screen, Path(file) if file else None
        self._seen: History[np.ndarray] = History(_REMEMBERED)
        self._place_m: np.ndarray | None = None
        self._viewer: subprocess.Popen | None = None
        kind, topic = (
            (Image, names.SCENE_IMAGE) if image_transport == "raw" else (CompressedImage, names.SCENE_IMAGE_COMPRESSED)
        )
        self._take_frame = node.inbox(kind, topic, self._on_frame, qos.NEWEST)  # costs nothing until it is taken
        node.worker(self._look)

    def begin(self, targets: int) -> None:
        has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        if self._file is None and not has_display:
            raise GazeVlmError(
                "there is no display here for the calibration screen; set the parameter screen_file to a PNG path and "
                "show that picture full-screen elsewhere, or use display scene"
            )
        self._places_m = self._screen.targets_m(targets)
        if has_display:
            self._path = self._file or Path(tempfile.mkdtemp(prefix="gaze_vlm_ros_")) / "calibration_screen.png"
            self._write(None)
            command = [sys.executable, "-m", "gaze_vlm_ros.nodes.screen_viewer", str(self._path), str(os.getpid())]
            self._viewer = subprocess.Popen(command)
        else:
            self._path = self._file

    def show(self, index: int) -> None:
        self._place_m = self._places_m[index]
        self._write(self._place_m)

    def hide(self) -> None:
        if self._place_m is not None:
            self._place_m = None
            self._write(None)
        if self._viewer is not None:
            self._viewer.terminate()
            self._viewer.wait()
            self._viewer = None

    def place_m(self, stamp_ns: int) -> np.ndarray | None:
        camera_T_board = self._seen.nearest(stamp_ns, 2 * _TOLERANCE_NS)
        if camera_T_board is None or self._place_m is None:
            return None
        return self._screen.target_in_camera(camera_T_board, self._place_m)

    def _write(self, place_m: np.ndarray | None) -> None:
        """Replaces the picture as a whole. Raises GazeVlmError where it cannot be written."""
        part = self._path.with_name(f".{self._path.stem}.part.png")
        if not cv2.imwrite(str(part), cv2.cvtColor(self._screen.picture(place_m), cv2.COLOR_RGB2BGR)):
            raise GazeVlmError(
                f"{self._path} cannot be written; see that its folder exists and screen_file ends in .png"
            )
        part.replace(self._path)

    def _look(self, halt: threading.Event) -> None:
        while not halt.wait(LOOKS_EVERY_S):
            if self._place_m is not None and self.camera is not None:
                self._take_frame()

    def _on_frame(self, message: Image | CompressedImage) -> None:
        stamp_ns = stamp_of(message) or 0
        try:
            self._seen.add(stamp_ns, self._screen.camera_T_board(rgb_from(message), self.camera))
            self.problem = ""
        except BoardNotFound as miss:
            self.problem = str(miss)
        self.newest_ns = stamp_ns
