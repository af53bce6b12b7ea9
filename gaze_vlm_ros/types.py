"""The ROS-free values that flow between rooms.

Conventions that hold everywhere:

* stamps are integer nanoseconds (``_ns``) of one clock, the time at which the *world* was sensed;
* an *optical frame* has x to the right, y down, z forward (REP 103, suffix ``_optical``);
* pixels have their origin in the top-left corner, x to the right, y down, pixel centres at integers;
* an invalid number is NaN, never 0;
* ``a_T_b`` is the 4x4 transform that takes points from frame ``b`` to frame ``a``.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

NS_PER_S = 1_000_000_000
LARGEST_SIDE_PX = 1 << 15


class CameraKind(str, Enum):
    """Projection of a camera; the names are those of ``sensor_msgs/CameraInfo.distortion_model``."""

    PINHOLE = "plumb_bob"
    """Pinhole with 0, 4, 5 or 8 Brown-Conrady coefficients (OpenCV order)."""
    FISHEYE = "equidistant"
    """Kannala-Brandt equidistant fisheye with 4 coefficients (OpenCV ``cv2.fisheye``)."""


@dataclass(frozen=True)
class CameraModel:
    """Intrinsic calibration of one camera.

    ``matrix`` is the 3x3 K [px]; ``distortion`` is (n,), empty for an ideal pinhole.
    """

    width: int
    height: int
    matrix: np.ndarray
    distortion: np.ndarray = field(default_factory=lambda: np.zeros(0))
    kind: CameraKind = CameraKind.PINHOLE
    frame_id: str = "scene_camera_optical"

    def __post_init__(self) -> None:
        if not (0 < self.width <= LARGEST_SIDE_PX and 0 < self.height <= LARGEST_SIDE_PX):
            raise ValueError(f"camera size must be 1 to {LARGEST_SIDE_PX} px, got {self.width}x{self.height}")
        matrix = np.asarray(self.matrix, dtype=np.float64)
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise ValueError("camera matrix must be a finite 3x3 array")
        if matrix[0, 0] <= 0 or matrix[1, 1] <= 0:
            raise ValueError("focal lengths must be positive; is the camera calibrated?")
        if not np.isfinite(np.asarray(self.distortion, dtype=np.float64)).all():
            raise ValueError("distortion coefficients must be finite")
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "distortion", np.asarray(self.distortion, dtype=np.float64).ravel())


@dataclass(frozen=True)
class Frame:
    """One picture of a camera. ``rgb`` is (H, W, 3) uint8; ``depth_m`` is (H, W) float32, NaN = unknown."""

    stamp_ns: int
    rgb: np.ndarray
    sequence: int = 0
    depth_m: np.ndarray | None = None


@dataclass(frozen=True)
class EyePicture:
    """One picture of an eye camera. ``side`` is the wearer's "left" or "right"; ``grey`` is (H, W) uint8, upright."""

    stamp_ns: int
    side: str
    grey: np.ndarray
    sequence: int = 0


@dataclass(frozen=True)
class CameraPose:
    """Where the scene camera's optical frame is in the robot's base ``base_frame``.

    ``base_T_camera`` is (4, 4) [m]; ``covariance`` (6, 6) of position and rotation vector, zeros where unknown.
    """

    stamp_ns: int
    base_T_camera: np.ndarray
    covariance: np.ndarray
    base_frame: str


@dataclass(frozen=True)
class EyeState:
    """One eye. ``ray`` is a unit vector in the scene camera's optical frame; ``pupil_diameter_mm`` or NaN."""

    ray: np.ndarray = field(default_factory=lambda: np.full(3, np.nan))
    valid: bool = False
    pupil_diameter_mm: float = float("nan")


@dataclass(frozen=True)
class GazeSample:
    """Where the wearer looked when the eyes were imaged.

    ``point_px`` (2,) in the scene image; ``ray`` (3,) unit vector in the scene camera's optical frame;
    ``distance_m`` along the ray or NaN; ``sigma_rad`` (2,) 1-sigma of yaw and pitch [rad];
    ``confidence`` in 0..1.
    """

    stamp_ns: int
    point_px: np.ndarray
    ray: np.ndarray
    sequence: int = 0
    distance_m: float = float("nan")
    sigma_rad: np.ndarray = field(default_factory=lambda: np.full(2, np.nan))
    confidence: float = 1.0
    worn: bool = True
    left: EyeState = field(default_factory=EyeState)
    right: EyeState = field(default_factory=EyeState)

    @property
    def valid(self) -> bool:
        """True where the sample carries a usable direction: worn, confident, finite."""
        return bool(
            self.worn and self.confidence > 0.0 and np.isfinite(self.point_px).all() and np.isfinite(self.ray).all()
        )


class EyeMovementKind(str, Enum):
    FIXATION = "fixation"
    SACCADE = "saccade"
    BLINK = "blink"


@dataclass(frozen=True)
class EyeMovement:
    """A fixation, saccade or blink. Pixels of the scene image, radians, radians per second; NaN where undefined."""

    kind: EyeMovementKind
    start_ns: int
    end_ns: int
    mean_point_px: np.ndarray = field(default_factory=lambda: np.full(2, np.nan))
    amplitude_rad: float = float("nan")
    peak_velocity_rad_s: float = float("nan")

    @property
    def duration_s(self) -> float:
        return (self.end_ns - self.start_ns) / NS_PER_S


class PredictionKind(str, Enum):
    ACTIVITY = "activity"
    EVENT = "event"


@dataclass(frozen=True)
class Hypothesis:
    """One reading of the scene: its words, its slots (empty string = no such slot) and its probability."""

    text: str
    verb: str
    object: str = ""
    place: str = ""
    probability: float = float("nan")


@dataclass(frozen=True)
class Prediction:
    """What the wearer does now (activity) or does next (event).

    ``stamp_ns`` is that of the newest frame used. ``hypotheses`` are ranked, best first; the first one's text is
    ``text``, or ``text`` is empty where the model abstains. ``out_of_domain`` is True where the input differs from what
    the model was trained for.
    """

    stamp_ns: int
    kind: PredictionKind
    text: str
    confidence: float
    hypotheses: tuple[Hypothesis, ...] = ()
    window_s: float = 5.0
    horizon_s: float = 0.0
    model_name: str = ""
    model_version: str = ""
    used_gaze: bool = False
    out_of_domain: bool = False


@dataclass(frozen=True)
class ObjectMap:
    """Which kind of thing fills each patch of a frame.

    ``labels[label_index[r, c]]`` is the most probable kind at patch (r, c), with ``probability[r, c]``;
    ``labels[0]`` is ``"background"``.
    """

    stamp_ns: int
    labels: tuple[str, ...]
    label_index: np.ndarray
    probability: np.ndarray


@dataclass(frozen=True)
class GazeTarget:
    """The thing looked at, in the robot's base frame.

    ``position_m`` (3,) and ``covariance_m2`` (3, 3); ``region_px`` is (x, y, width, height) in the scene image.
    """

    stamp_ns: int
    position_m: np.ndarray
    covariance_m2: np.ndarray
    label: str = ""
    instance_id: str = ""
    probability: float = float("nan")
    region_px: np.ndarray = field(default_factory=lambda: np.full(4, np.nan))
    frame_id: str = "robot_base"


@dataclass(frozen=True)
class WearerState:
    """Head pose and hand positions of the wearer in the robot's base frame.

    ``base_T_head`` (4, 4) is the scene camera's optical frame; hands are (3,) with NaN where unseen.
    """

    stamp_ns: int
    base_T_head: np.ndarray
    left_hand_m: np.ndarray = field(default_factory=lambda: np.full(3, np.nan))
    right_hand_m: np.ndarray = field(default_factory=lambda: np.full(3, np.nan))
    sigma_m: float = float("nan")


@dataclass(frozen=True)
class JointState:
    """Joint positions [rad] and velocities [rad/s], both (n,), in the order of ``names``."""

    stamp_ns: int
    names: tuple[str, ...]
    position_rad: np.ndarray
    velocity_rad_s: np.ndarray

    def of(self, names: Container[str]) -> JointState:
        """Those of ``names`` alone, in their own order."""
        kept = [index for index, name in enumerate(self.names) if name in names]
        mine = tuple(self.names[index] for index in kept)
        return JointState(self.stamp_ns, mine, self.position_rad[kept], self.velocity_rad_s[kept])


@dataclass(frozen=True)
class JointTrajectory:
    """Joint set points. ``position_rad`` and ``velocity_rad_s`` are (k, n); ``time_from_start_s`` is (k,), rising."""

    stamp_ns: int
    names: tuple[str, ...]
    position_rad: np.ndarray
    velocity_rad_s: np.ndarray
    time_from_start_s: np.ndarray


class AssistMode(str, Enum):
    IDLE = "idle"
    POINTING = "pointing"
    YIELDING = "yielding"
    BLOCKED = "blocked"
    HELPING = "helping"


@dataclass(frozen=True)
class AssistState:
    """What the robot is doing, for whom, why (which prediction), and what limits it now; sentences for people."""

    stamp_ns: int
    mode: AssistMode
    target_label: str = ""
    target_position_m: np.ndarray = field(default_factory=lambda: np.full(3, np.nan))
    reason: str = ""
    limited_by: str = ""
    prediction_stamp_ns: int = 0
