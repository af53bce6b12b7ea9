"""What is stored of an episode, frame by frame; `docs/data.md` is the same as a table.

A picture's pixel coordinates have their origin in the top-left corner, pixel centres at integers. Invalid is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError

FORMAT = "gaze-vlm-ros shards 1"
SPLITS = ("train", "validation", "test")
AUTO = "auto"
LOOKS = ("known", "new")
"""Of things: such as training may have shown, and such as it never has."""
MAX_RATE_HZ = 30.0
MAX_SECONDS = 3600.0


class DataError(GazeVlmError):
    """An episode, a file or a folder that cannot be used."""


@dataclass(frozen=True)
class RecordOptions:
    """How every episode of a data set is recorded. ``split`` is one of SPLITS for all, or "auto": by the seed;
    ``looks`` of the things are one of LOOKS. ``eye_head_coupling`` 0..1: at 1 the head follows the wearer's gaze, at 0
    it wanders as it likes.
    """

    seconds: float = 30.0
    rate_hz: float = 5.0
    split: str = AUTO
    looks: str = LOOKS[0]
    eye_head_coupling: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 < self.rate_hz <= MAX_RATE_HZ:
            raise DataError(
                f"the rate must be above 0 and at most {MAX_RATE_HZ:g} frames per second, got {self.rate_hz:g}"
            )
        if not 0.0 < self.seconds <= MAX_SECONDS:
            raise DataError(f"an episode must last more than 0 s and at most {MAX_SECONDS:g} s, got {self.seconds:g}")
        if self.frames < 1:
            raise DataError(f"{self.seconds:g} s at {self.rate_hz:g} frames per second hold no frame; record longer")
        if self.split not in (AUTO, *SPLITS):
            raise DataError(f"unknown split {self.split!r}; there are {', '.join((AUTO, *SPLITS))}")
        if self.looks not in LOOKS:
            raise DataError(f"unknown looks {self.looks!r}; there are {', '.join(LOOKS)}")
        if not 0.0 <= self.eye_head_coupling <= 1.0:
            raise DataError(f"the coupling of eye and head must lie in 0..1, got {self.eye_head_coupling:g}")

    @property
    def frames(self) -> int:
        return int(self.seconds * self.rate_hz + 1e-6)

    def split_of(self, seed: int) -> str:
        """The split of the episode ``seed``; drawn from the seed where all three are wanted: 10 % test, 10 %
        validation.
        """
        if self.split != AUTO:
            return self.split
        draw = np.random.default_rng([seed, 7]).random()
        return "test" if draw < 0.1 else "validation" if draw < 0.2 else "train"


@dataclass(frozen=True)
class EpisodeHeader:
    """What holds for a whole episode; it is repeated in each frame's ``labels.json``, so that samples can be shuffled.

    ``camera_matrix`` (3, 3) is the pinhole K of the stored pictures [px]. ``classes`` names the values of
    ``segmentation.png`` and of ``patch_label``, ``instances`` those of ``instance.png``; value 0 is the background.
    """

    seed: int
    split: str
    rate_hz: float
    frames: int
    width: int
    height: int
    camera_matrix: tuple[tuple[float, ...], ...]
    classes: tuple[str, ...]
    instances: tuple[str, ...]
    robot: str
    joint_names: tuple[str, ...]


@dataclass(frozen=True)
class Pictures:
    """All of one frame that has a pixel grid (H, W).

    ``rgb`` (H, W, 3) uint8; ``depth_m`` float32 along the optical axis, NaN where nothing is; ``segmentation`` and
    ``instance`` uint8; ``flow_px`` (H, W, 2) float32, the way (x, y) of each pixel's surface point to the next frame,
    NaN where unknown, and ``occluded`` bool, True where that point is not seen there; both None where no frame follows.
    """

    rgb: np.ndarray
    depth_m: np.ndarray
    segmentation: np.ndarray
    instance: np.ndarray
    flow_px: np.ndarray | None = None
    occluded: np.ndarray | None = None


@dataclass(frozen=True)
class Labels:
    """All else that is known of one frame. Metres are in the robot's base frame, pixels in the stored picture.

    * ``time_s`` since the episode began; ``base_T_camera`` (4, 4) pose of the scene camera's optical frame;
    * ``gaze_px`` (2,) the tracker's newest sample; ``gaze_recent_px`` (K, 2) valid samples of the last 200 ms;
      ``gaze_carried_px`` (K, 2) where the surface points that they hit are in this picture;
    * ``gaze_object``, ``gaze_target_m`` (3,), ``gaze_target_px`` (2,): the truth, what the line of sight meets;
      ``gaze_instance`` is its index in ``instances``; ``gaze_visibility`` is one of GAZE_VISIBILITY;
    * ``activity`` now and ``event`` to come, sentences, and when it comes; ``phase`` counts the wearer's phases;
      ``contact`` is the thing that the hand touches, or "";
    * ``things``: thing -> {"position_m": [x, y, z]} and, where the world knows its state, the fields of that: is_open,
      level and share (0..1, of liquid and of food), is_hot;
    * ``joint_position_rad``, ``joint_velocity_rad_s`` measured, ``joint_command_rad`` given to the servos (J,);
    * ``patch_label`` (14, 14) uint8, the class that names each patch of the picture.
    """

    time_s: float
    base_T_camera: np.ndarray
    gaze_px: np.ndarray
    gaze_recent_px: np.ndarray
    gaze_carried_px: np.ndarray
    gaze_object: str
    gaze_instance: int
    gaze_visibility: str
    gaze_target_m: np.ndarray
    gaze_target_px: np.ndarray
    activity: str
    event: str
    event_time_s: float
    phase: int
    contact: str
    joint_position_rad: np.ndarray
    joint_velocity_rad_s: np.ndarray
    joint_command_rad: np.ndarray
    patch_label: np.ndarray
    things: dict[str, dict] = field(default_factory=dict)


GAZE_VISIBILITY = ("seen", "occluded", "outside", "none")
"""The gazed point is in the picture; is there but hidden; lies beyond its border; there is none:
the eyes are closed, or nothing is in the line of sight."""

POINTS = ("gaze_recent_px", "gaze_carried_px")
"""Labels that are lists of points, of any length."""


@dataclass(frozen=True)
class FrameRecord:
    """One frame as it is recorded."""

    pictures: Pictures
    labels: Labels
