"""The scene camera's pose in the robot's base, from a marker board at a known place."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from functools import partial

import numpy as np
from geometry_msgs.msg import PoseWithCovarianceStamped
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.geometry.registration import BoardNotFound, MarkerBoard, estimate_camera_pose
from gaze_vlm_ros.geometry.transforms import make_transform, matrix_from_quaternion
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.common import camera_pose_message, stamp_of
from gaze_vlm_ros.nodes.conversions.images import camera_from, rgb_from
from gaze_vlm_ros.nodes.frame_queue import FrameGrid, FrameQueue
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.types import CameraModel


@dataclass(frozen=True)
class RegistrationParameters(Parameters):
    """Parameters of the registration node."""

    robot: str = parameter("jaco", "name or robot.yaml of the arm in whose base the board's pose is given")
    columns: int = parameter(4, "markers side by side", low=1, high=40)
    rows: int = parameter(3, "markers one above the other", low=1, high=40)
    marker_m: float = parameter(0.05, "side of a marker", unit="m", low=0.005, high=1)
    gap_m: float = parameter(0.015, "white between markers", unit="m", low=0.001, high=1)
    dictionary: str = parameter("DICT_APRILTAG_36H11", "OpenCV's name of the set of markers")
    board_pose: tuple[float, ...] = parameter(
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0), "board in the robot's base: x, y, z [m], quaternion x, y, z, w"
    )
    rate_hz: float = parameter(10.0, "poses per second", unit="Hz", low=0.5, high=60)
    image_transport: str = parameter("raw", "which image topic is read", choices=("raw", "compressed"))


class RegistrationNode(ManagedNode):
    """Looks for the board in a worker thread and publishes the pose with the frame's own stamp."""

    Parameters = RegistrationParameters

    def _setup(self) -> None:
        p = self.parameters
        self._base = RobotDescription.load(p.robot).base_frame
        if len(p.board_pose) != 7:
            raise GazeVlmError(f"parameter board_pose needs seven numbers, got {len(p.board_pose)}")
        pose = np.array(p.board_pose)
        self._base_T_board = make_transform(matrix_from_quaternion(pose[3:]), pose[:3])
        try:
            self._board = MarkerBoard(p.columns, p.rows, p.marker_m, p.gap_m, p.dictionary)
        except ValueError as error:
            raise GazeVlmError(f"marker board: {error}") from error
        self._camera: CameraModel | None = None
        self._grid, self._frames = FrameGrid(p.rate_hz), FrameQueue(keep_all=False)
        self._found, self._missed = 0, ""
        self._pose = self.advertise(PoseWithCovarianceStamped, names.SCENE_POSE, qos.SAMPLES)
        kind, topic = (
            (Image, names.SCENE_IMAGE)
            if p.image_transport == "raw"
            else (CompressedImage, names.SCENE_IMAGE_COMPRESSED)
        )
        self.subscribe(kind, topic, self._on_frame, qos.NEWEST, silent_after_s=0.5)
        self.subscribe(CameraInfo, names.SCENE_INFO, self._on_camera, qos.NEWEST)
        self.worker(self._look)

    def _figures(self) -> dict[str, str]:
        return {"poses": str(self._found), "last miss": self._missed} if self._configured else {}

    def _on_camera(self, message: CameraInfo) -> None:
        self._camera = camera_from(message)

    def _on_frame(self, message: Image | CompressedImage) -> None:
        if self._camera is not None and self._grid.accepts(stamp_of(message) or 0):
            self._frames.put(message)

    def _look(self, halt: threading.Event) -> None:
        while not halt.is_set():
            item = self._frames.take(timeout_s=0.1)
            if item is not None:
                self._guarded(None, self._register, item[1])

    def _register(self, message: Image | CompressedImage) -> None:
        try:
            pose = estimate_camera_pose(rgb_from(message), self._camera, self._board, self._base_T_board)
        except BoardNotFound as miss:
            self._missed = str(miss)
            return
        self._found += 1
        self._pose.publish(camera_pose_message(stamp_of(message) or 0, pose.base_T_camera, pose.covariance, self._base))


def main() -> None:
    sys.exit(run(partial(RegistrationNode, "registration")))


if __name__ == "__main__":
    main()
