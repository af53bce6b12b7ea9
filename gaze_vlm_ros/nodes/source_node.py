"""Frames, gaze and recorded camera poses from a recording or a device."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from functools import partial

from geometry_msgs.msg import PoseWithCovarianceStamped
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import UInt64

from gaze_vlm_msgs.msg import GazeSample, Prediction
from gaze_vlm_ros import types
from gaze_vlm_ros.gaze.clock import ClockMap
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.common import camera_pose_message, nanoseconds
from gaze_vlm_ros.nodes.conversions.gaze import gaze_message
from gaze_vlm_ros.nodes.conversions.images import camera_info_message
from gaze_vlm_ros.nodes.eye_pictures import EyePictures
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.pictures import Pictures
from gaze_vlm_ros.nodes.playback import Pace
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.sources.base import (
    SCENE_CAMERA,
    SourceError,
    SourceItem,
    in_stamp_order,
    item_stamp_ns,
    open_source,
)
from gaze_vlm_ros.sources.eye_pictures import eye_cameras_of
from gaze_vlm_ros.types import NS_PER_S

LISTENERS_WITHIN_S = 5.0
LISTENERS_STEADY_S = 0.6
LAST_MESSAGES_S = 0.3
"""Between the last frame and the word that it was the last."""


@dataclass(frozen=True)
class SourceParameters(Parameters):
    """Parameters of the source."""

    location: str = parameter("", "recording (.vrs, Neon folder, .mcap) or device (webcam:N)")
    rate: float = parameter(1.0, "speed of replay; 1 is as recorded", low=0.05, high=5)
    eyes: str = parameter("gaze", "what is played of the eyes", choices=("gaze", "pictures", "nothing"))
    recorded: bool = parameter(False, "a recorder will listen: compressed pictures of a recording are made in any case")


class SourceNode(ManagedNode):
    """Plays a source in its own rhythm; stamps are the device's, moved to ROS time by one offset."""

    Parameters = SourceParameters

    source = None

    def _setup(self) -> None:
        self.source = None
        if not self.parameters.location:
            raise SourceError("parameter location is empty; give a recording or a device")
        self.source = open_source(self.parameters.location)
        self._clock_map: ClockMap | None = None
        self._camera = self.source.cameras.get(SCENE_CAMERA)
        self._frame_id = self._camera.frame_id if self._camera is not None else "scene_camera_optical"
        self._frames = self._samples = 0
        self._eyes = self._gaze = None
        if self.parameters.eyes == "pictures":
            eye_cameras_of(self.source).eye_pictures()  # without them it says so now
            self._eyes = EyePictures(self, qos.REPLAYED_EYE_PICTURES, qos.REPLAYED_FRAMES)
        elif self.parameters.eyes == "gaze":
            self._gaze = self.advertise(GazeSample, names.GAZE_SAMPLE, qos.REPLAYED_SAMPLES)
        self._info = self.advertise(CameraInfo, names.SCENE_INFO, qos.REPLAYED_FRAMES)
        replays = not self.source.info.live
        self._pictures = Pictures(
            self,
            qos.REPLAYED_FRAMES,
            always_raw=replays,
            always_compressed=replays and self.parameters.recorded,
        )
        self._poses = None
        if self.source.info.has_poses:
            self._poses = self.advertise(PoseWithCovarianceStamped, names.SCENE_POSE, qos.REPLAYED_SAMPLES)
        self._done = self.advertise(UInt64, names.SOURCE_DONE, qos.LATCHED)
        for note in self.source.info.notes:
            self.get_logger().info(note)
        self._pace = Pace(self.parameters.rate)
        self.subscribe(Prediction, names.EVENT, self._on_prediction, qos.RESULT)
        self.worker(self._play)

    def _teardown(self) -> None:
        if self.source is not None:
            self.source.close()

    def _on_prediction(self, message: Prediction) -> None:
        """The stamp is one of ours, in ROS time."""
        if self._clock_map is not None:
            self._pace.used(nanoseconds(message.header.stamp) - self._clock_map.offset_ns)

    def _figures(self) -> dict[str, str]:
        if not self._configured or self.source is None:
            return {}
        figures = {"source": self.source.info.name, "frames": str(self._frames), "gaze samples": str(self._samples)}
        if self._clock_map is not None and self._clock_map.offset_ns is not None:
            figures |= {
                "clock": self.source.info.device_clock,
                "clock offset [s]": f"{self._clock_map.offset_ns / NS_PER_S:.6f}",
                "clock drift [ppm]": f"{self._clock_map.drift_ppm:.1f}",
                "clock error [ms]": f"{self._clock_map.error_ns / 1e6:.1f}",
            }
        return figures

    def _play(self, halt: threading.Event) -> None:
        live = self.source.info.live
        if not live:
            self._await_listeners(halt)
        eyes = () if self._eyes is None else eye_cameras_of(self.source).eye_pictures()
        for item in in_stamp_order(eyes, self.source):
            stamp_ns = item_stamp_ns(item)
            if self._clock_map is None:
                self._clock_map = ClockMap(None if live else self.now_ns() - stamp_ns)
            if not live and not self._pace.wait(stamp_ns, halt):
                return
            if halt.is_set():
                return
            self._clock_map.observe(stamp_ns, self.now_ns())
            self._publish(item)
        if not halt.wait(LAST_MESSAGES_S):
            self._done.publish(UInt64(data=self._frames))
            self.get_logger().info(
                f"{self.source.info.location}: {self._frames} frames and {self._samples} gaze samples played"
            )

    def _await_listeners(self, halt: threading.Event) -> None:
        """A recording begins once all who listen have been found: what they miss is lost."""
        began_s = steady_since_s = time.monotonic()
        known = -1
        while not halt.wait(0.05) and time.monotonic() < began_s + LISTENERS_WITHIN_S:
            count = sum(
                p.get_subscription_count()
                for p in (*self._of_eyes(), self._info, self._done, *self._pictures.publishers)
            )
            if count != known:
                known, steady_since_s = count, time.monotonic()
            elif count and time.monotonic() - steady_since_s > LISTENERS_STEADY_S:
                return

    def _of_eyes(self) -> list:
        gaze = [] if self._gaze is None else [self._gaze]
        return gaze if self._eyes is None else list(self._eyes.publishers.values())

    def _publish(self, item: SourceItem | types.EyePicture) -> None:
        if isinstance(item, types.EyePicture):
            self._eyes.publish(item, self._clock_map.to_ros_ns(item.stamp_ns))
        elif isinstance(item, types.GazeSample) and self._gaze is not None:
            self._gaze.publish(gaze_message(item, self._frame_id, self._clock_map.to_ros_ns(item.stamp_ns)))
            self._samples += 1
        elif isinstance(item, types.CameraPose):
            stamp_ns = self._clock_map.to_ros_ns(item.stamp_ns)
            self._poses.publish(camera_pose_message(stamp_ns, item.base_T_camera, item.covariance, item.base_frame))
        elif isinstance(item, types.Frame):
            self._publish_frame(item, self._clock_map.to_ros_ns(item.stamp_ns))
            self._frames += 1

    def _publish_frame(self, frame: types.Frame, stamp_ns: int) -> None:
        if self._camera is not None:
            self._info.publish(camera_info_message(self._camera, stamp_ns))
        if self._eyes is not None and (rig := eye_cameras_of(self.source).camera_T_rig) is not None:
            self._eyes.publish_rig(rig, stamp_ns, self._frame_id)
        self._pictures.publish(frame, stamp_ns, self._frame_id)


def main() -> None:
    sys.exit(run(partial(SourceNode, "source")))


if __name__ == "__main__":
    main()
