"""Eye cameras to gaze samples: pairs of pictures in, one wearer's gaze out, with the reasons where there is none."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, Image, JointState

from gaze_vlm_msgs.msg import GazeSample, WearerState
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.gaze.eyes.binocular import BETWEEN_EYES_M, EyeGeometry
from gaze_vlm_ros.gaze.eyes.calibration import Calibration
from gaze_vlm_ros.gaze.eyes.estimator import EyeEstimator
from gaze_vlm_ros.gaze.eyes.pairs import EyePair, EyePairs
from gaze_vlm_ros.gaze.eyes.stream import EyeStream
from gaze_vlm_ros.geometry.calibration_screen import CalibrationScreen
from gaze_vlm_ros.geometry.transforms import make_transform, matrix_from_quaternion
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.calibrate_action import CalibrateAction
from gaze_vlm_ros.nodes.calibration_targets import SceneTargets, ScreenTargets
from gaze_vlm_ros.nodes.conversions.common import nanoseconds, transform_from
from gaze_vlm_ros.nodes.conversions.gaze import gaze_message
from gaze_vlm_ros.nodes.conversions.images import camera_from, grey_from
from gaze_vlm_ros.nodes.conversions.robot import joint_state_from, wearer_from
from gaze_vlm_ros.nodes.frame_queue import FrameQueue
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.types import EyePicture

MOSTLY_INVALID = 0.8


@dataclass(frozen=True)
class EyeGazeParameters(Parameters):
    """Parameters of the eye gaze node."""

    checkpoint: str = parameter("", "folder of the estimator; empty: the shipped one")
    mode: str = parameter("live", "replay: no picture may be lost", choices=("live", "replay"))
    rate_hz: float = parameter(0.0, "rate announced for the eye cameras; 0: none", unit="Hz", low=0, high=500)
    calibration: str = parameter("", "file of the wearer's calibration, read if it is there and written by a new one")
    slip_correction: bool = parameter(True, "correct slippage that grasps and the watched gripper make sure of")
    between_eyes_mm: float = parameter(1e3 * BETWEEN_EYES_M, "distance of the eyes", unit="mm", low=45, high=80)
    rig_pose: tuple[float, ...] = parameter(
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
        "middle between the eyes, axes of the glasses, in the scene camera: x, y, z [m], quaternion x, y, z, w; "
        "used until the source tells",
    )
    robot: str = parameter("jaco", "name or robot.yaml of the arm whose gripper may be watched")
    targets_m: tuple[float, ...] = parameter(
        (0.0, 0.0, 0.0), "points to look at for display scene, in the robot's base: x, y, z each; zeros: laid out"
    )
    screen_px: tuple[int, ...] = parameter((1920, 1080), "width and height of the calibration screen", unit="px")
    screen_width_m: float = parameter(0.53, "width of the calibration screen's picture", unit="m", low=0.05, high=5)
    screen_file: str = parameter("", "PNG that the calibration screen shows; empty: shown on this host's display")
    image_transport: str = parameter("raw", "which scene image is searched for it", choices=("raw", "compressed"))
    threads: int = parameter(1, "threads of ONNX Runtime", low=1, high=64)


class EyeGazeNode(ManagedNode):
    """Pairs the pictures as they come; one worker thread estimates, publishes, and goes on with a calibration."""

    Parameters = EyeGazeParameters

    def _setup(self) -> None:
        p = self.parameters
        self.stream: EyeStream | None = None
        self._pairs, self._frame_id = EyePairs(), "scene_camera_optical"
        self._queue = FrameQueue(keep_all=p.mode == "replay")
        self._numbered, self._reported = 0, (0, 0)
        folder = Path(p.checkpoint) if p.checkpoint else None
        estimator = EyeEstimator.load(folder, threads=p.threads)
        file = Path(p.calibration) if p.calibration else None
        calibration = Calibration.load(file) if file is not None and file.exists() else Calibration()
        self.stream = EyeStream(estimator, calibration, p.slip_correction)
        self.stream.geometry = self._geometry(_pose(p.rig_pose))
        self._arm = ArmKinematics(RobotDescription.load(p.robot))
        self._samples = self.advertise(
            GazeSample, names.GAZE_SAMPLE, qos.REPLAYED_SAMPLES if p.mode == "replay" else qos.SAMPLES
        )
        pictures = qos.REPLAYED_EYE_PICTURES if p.mode == "replay" else qos.EYE_PICTURES
        for side, topic in names.EYE_IMAGES.items():
            self.subscribe(Image, topic, partial(self._on_picture, side), pictures, silent_after_s=1.0)
        self._inboxes = [
            self.inbox(CameraInfo, names.SCENE_INFO, self._on_camera, qos.SENSOR),
            self.inbox(PoseStamped, names.EYE_RIG, self._on_rig, qos.SENSOR),
            self.inbox(WearerState, names.WEARER_STATE, lambda m: self.stream.on_wearer(wearer_from(m)), qos.RESULT),
            self.inbox(JointState, names.JOINT_STATES, self._on_joints, qos.SAMPLES),
        ]
        self._screen = ScreenTargets(self, self._calibration_screen(), p.screen_file, p.image_transport)
        displays = {"scene": SceneTargets(self, _points(p.targets_m)), "screen": self._screen}
        self._action = CalibrateAction(self, self.stream, displays, partial(_adapters, estimator, folder), file)
        self._owned.append(self._action.destroy)
        self.worker(self._look)

    def _calibration_screen(self) -> CalibrationScreen:
        p = self.parameters
        try:
            width, height = p.screen_px
            return CalibrationScreen(width, height, p.screen_width_m)
        except ValueError as error:
            raise GazeVlmError(f"parameters of the calibration screen: {error}") from error

    def _geometry(self, camera_T_rig: np.ndarray) -> EyeGeometry:
        aside = 0.5e-3 * self.parameters.between_eyes_mm
        return EyeGeometry(camera_T_rig, np.array([[-aside, 0.0, 0.0], [aside, 0.0, 0.0]]))

    def _figures(self) -> dict[str, str]:
        if not self._configured or self.stream is None:
            return {}
        stream, slip = self.stream, self.stream.slip.estimate
        figures = {"calibration": stream.calibration.method, "valid samples": str(stream.valid)}
        figures |= {f"{side} eye camera [Hz]": f"{self._pairs.rate_hz(side):.1f}" for side in names.EYE_IMAGES}
        figures |= {"pictures without partner": str(self._pairs.alone), "pictures late": str(self._pairs.late)}
        if slip.slipped:
            right, down = np.degrees(slip.shift_rad)
            said = f"{right:+.1f} deg right, {down:+.1f} deg down, {slip.speak_for} of {slip.events} looks speak for it"
            figures["slippage"] = said
        return figures | {f"invalid: {reason}": str(count) for reason, count in stream.reasons.copy().items()}

    def _warnings(self) -> list[str]:
        if not self._configured or self.stream is None:
            return []
        warnings = self._pairs.rate_problems(self.parameters.rate_hz)
        valid, invalid = self.stream.valid, self.stream.invalid
        new_valid, new_invalid = valid - self._reported[0], invalid - self._reported[1]
        self._reported = valid, invalid
        if new_invalid > MOSTLY_INVALID * (new_valid + new_invalid):
            warnings.append(f"gaze is invalid: {self.stream.newest_reason or 'now and then'}")
        if self.stream.slip.estimate.slipped and not self.parameters.slip_correction:
            warnings.append("the glasses have slipped; put them right or calibrate again")
        return warnings

    def _dropped(self) -> int:
        return self._queue.replaced + self._pairs.late

    def _on_picture(self, side: str, message: Image) -> None:
        stamp_ns = nanoseconds(message.header.stamp)
        if not stamp_ns:
            raise ValueError("an eye picture needs the stamp at which it was taken, got 0")
        for pair in self._pairs.add(EyePicture(stamp_ns, side, grey_from(message))):
            self._queue.put((self._numbered, pair))
            self._numbered += 1

    # --- in the worker thread

    def _look(self, halt: threading.Event) -> None:
        while not halt.is_set():
            item = self._queue.take(timeout_s=0.05)
            for take in self._inboxes:
                take()
            if item is not None:
                self._guarded(None, self._estimate, *item[1])
            self._guarded(None, self._action.step)

    def _estimate(self, number: int, pair: EyePair) -> None:
        seen = self.stream.see(pair, number)
        self._samples.publish(gaze_message(seen.gaze.sample, self._frame_id))
        self._action.see(seen.estimate, pair)

    def _on_camera(self, message: CameraInfo) -> None:
        self.stream.camera, self._frame_id = camera_from(message), message.header.frame_id
        self._screen.camera = self.stream.camera

    def _on_rig(self, message: PoseStamped) -> None:
        self.stream.geometry = self._geometry(transform_from(message.pose))

    def _on_joints(self, message: JointState) -> None:
        joints = joint_state_from(message).of(self._arm.robot.joint_names)
        if len(joints.names) == len(self._arm.robot.joint_names):
            order = [joints.names.index(name) for name in self._arm.robot.joint_names]
            self.stream.on_gripper(self._arm.base_T_tool(joints.position_rad[order])[:3, 3])


def _pose(numbers: tuple[float, ...]) -> np.ndarray:
    if len(numbers) != 7:
        raise GazeVlmError(f"parameter rig_pose needs seven numbers, got {len(numbers)}")
    return make_transform(matrix_from_quaternion(np.array(numbers[3:])), np.array(numbers[:3]))


def _points(numbers: tuple[float, ...]) -> np.ndarray:
    """Points (n, 3) of a flat list; none for zeros."""
    if len(numbers) % 3:
        raise GazeVlmError(f"parameter targets_m needs three numbers for each point, got {len(numbers)}")
    return np.array(numbers).reshape(-1, 3) if any(numbers) else np.zeros((0, 3))


def _adapters(estimator: EyeEstimator, folder: Path | None, looks: list) -> Calibration:
    from gaze_vlm_ros.gaze.eyes.adapting import fit_adapters

    return fit_adapters(estimator, looks, folder)


def main() -> None:
    sys.exit(run(partial(EyeGazeNode, "eye_gaze")))


if __name__ == "__main__":
    main()
