"""All labels of one frame together, made frame by frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from gaze_vlm_ros.sim.labels.gaze import GazeHit, GazeLabel, gaze_label
from gaze_vlm_ros.sim.labels.motion import Motion, geometry_labels, motion_between
from gaze_vlm_ros.sim.labels.shot import SceneIndex, Shot
from gaze_vlm_ros.types import CameraModel

if TYPE_CHECKING:
    from gaze_vlm_ros.sim.things.state import ThingState


@dataclass(frozen=True)
class Moment:
    """What is the case at the instant of a shot, beyond what it shows.

    ``gaze`` is where the line of sight ends, whether or not the eyes are open (``blinking``); ``base_T_world`` (4, 4);
    ``event`` happens at ``event_time_s``; ``contact`` is the thing that a hand touches, "" for none.
    """

    gaze: GazeHit
    base_T_world: np.ndarray
    blinking: bool = False
    activity: str = ""
    event: str = ""
    event_time_s: float = float("nan")
    contact: str = ""
    states: Mapping[str, ThingState] = field(default_factory=dict)


@dataclass(frozen=True)
class FrameLabels:
    """One frame and everything that is true of it. Pictures are (H, W), of ``camera``.

    ``rgb`` (H, W, 3) uint8; ``depth_m`` float32 along the optical axis, NaN for the background; ``segmentation`` uint8,
    indices into ``class_names``; ``instance`` uint8, indices into ``instance_names``; 0 is the background in both.
    ``to_next`` and ``to_previous`` are the motion of this frame's pixels to the frames after and before it [px/frame],
    unknown where there is none. Stamps and event times are seconds of simulation.
    """

    time_s: float
    camera: CameraModel
    rgb: np.ndarray
    depth_m: np.ndarray
    segmentation: np.ndarray
    instance: np.ndarray
    class_names: tuple[str, ...]
    instance_names: tuple[str, ...]
    to_next: Motion
    to_previous: Motion
    gaze: GazeLabel
    activity: str
    event: str
    event_time_s: float
    contact: str
    states: Mapping[str, ThingState]


class FrameLabeller:
    """Labels the frames of one scene in their order; it runs one frame behind, for the motion to the next frame.

    ``look_back`` False leaves the motion to the previous frame unknown, which saves a third of the time.
    """

    def __init__(self, index: SceneIndex, look_back: bool = True) -> None:
        self._index, self._look_back = index, look_back
        self._shot: Shot | None = None
        self._labels: FrameLabels | None = None

    def add(self, shot: Shot, moment: Moment) -> FrameLabels | None:
        """Takes the next frame and gives the labels of the one before; None for the first."""
        unknown = Motion.unknown(*shot.geom.shape)
        finished, to_previous = None, unknown
        if self._shot is not None:
            if self._look_back:
                to_next, to_previous = geometry_labels(self._shot, shot, self._index)
            else:
                to_next = motion_between(self._shot, shot, self._index)
            finished = replace(self._labels, to_next=to_next)
        self._shot = shot
        self._labels = self._describe(shot, moment, to_previous, unknown)
        return finished

    def finish(self) -> FrameLabels | None:
        """The labels of the last frame, whose motion to a next one is unknown; then the labeller is as new."""
        last, self._shot, self._labels = self._labels, None, None
        return last

    def _describe(self, shot: Shot, moment: Moment, to_previous: Motion, to_next: Motion) -> FrameLabels:
        index = self._index
        return FrameLabels(
            time_s=shot.time_s,
            camera=shot.camera,
            rgb=shot.rgb,
            depth_m=shot.depth_m,
            segmentation=np.take(index.geom_class, shot.geom, mode="wrap"),
            instance=np.take(index.geom_instance, shot.geom, mode="wrap"),
            class_names=index.class_names,
            instance_names=index.instance_names,
            to_next=to_next,
            to_previous=to_previous,
            gaze=gaze_label(moment.gaze, shot, index, moment.base_T_world, moment.blinking),
            activity=moment.activity,
            event=moment.event,
            event_time_s=moment.event_time_s,
            contact=moment.contact,
            states=dict(moment.states),
        )
