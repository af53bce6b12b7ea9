"""The gaze-regularised VLM: frames and gaze in, activity and event out."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import UInt64

from gaze_vlm_msgs.msg import GazeSample, ObjectMap, Prediction
from gaze_vlm_ros.gaze.pairing import GazeBuffer
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.common import ConversionError, stamp_of
from gaze_vlm_ros.nodes.conversions.gaze import gaze_from
from gaze_vlm_ros.nodes.conversions.images import camera_from, float_message, rgb_from
from gaze_vlm_ros.nodes.conversions.predictions import object_map_message, prediction_message
from gaze_vlm_ros.nodes.frame_queue import FrameGrid, FrameQueue
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.types import NS_PER_S, Frame
from gaze_vlm_ros.vlm.checkpoint import default_checkpoint
from gaze_vlm_ros.vlm.encoding import EncodingError
from gaze_vlm_ros.vlm.frames import check_shape
from gaze_vlm_ros.vlm.predictor import StreamingPredictor

REMEMBERED_S = 10.0
FRAMES_ARRIVE_WITHIN_S = 4.0
"""After a replayed recording has said how many frames it had, and after each frame that comes later than that."""


@dataclass(frozen=True)
class VlmParameters(Parameters):
    """Parameters of the VLM node."""

    checkpoint: str = parameter("", "folder of the model; empty: the shipped one")
    gaze_input: str = parameter("auto", "whether gaze is an input where it is valid", choices=("auto", "off"))
    mode: str = parameter(
        "live", "live: newest frame only; replay: every frame of the grid", choices=("live", "replay")
    )
    rate_hz: float = parameter(5.0, "predictions per second of the camera's time", unit="Hz", low=0.1, high=30)
    gaze_grace_s: float = parameter(
        3.0, "in replay, how long a frame waits for gaze that has stopped", unit="s", low=0, high=30
    )
    max_age_s: float = parameter(
        1.5, "live, age of a frame above which nothing is published from it", unit="s", low=0.1, high=60
    )
    image_transport: str = parameter("raw", "which image topic is read", choices=("raw", "compressed"))
    threads: int = parameter(1, "torch threads", low=1, high=64)
    device: str = parameter("cpu", "where frames are encoded: cpu, or cuda while its memory lasts")


class VlmNode(ManagedNode):
    """Predicts in a worker thread, so that neither frames nor parameters wait for the model."""

    Parameters = VlmParameters

    def _setup(self) -> None:
        p = self.parameters
        self._replays = p.mode == "replay"
        self.predictor = StreamingPredictor.from_checkpoint(
            p.checkpoint or default_checkpoint(), p.gaze_input, p.threads, p.device
        )
        self._warm_up()
        self._buffer, self._camera_size = GazeBuffer(REMEMBERED_S), None
        self._grid, self._frames = FrameGrid(p.rate_hz), FrameQueue(keep_all=self._replays)
        self._received = self._predicted = self._too_old = 0
        self._gaze_ended_ns: int | None = -1
        self._expected: int | None = None
        self._took_s = self._arrived_s = 0.0
        result = qos.REPLAYED_RESULT if self._replays else qos.RESULT
        self._activity = self.advertise(Prediction, names.ACTIVITY, result)
        self._event = self.advertise(Prediction, names.EVENT, result)
        self._attention = self.advertise(Image, names.ATTENTION, result)
        self._objects = self.advertise(ObjectMap, names.OBJECTS, result)
        self._done = self.advertise(UInt64, names.PREDICTIONS_DONE, qos.LATCHED)
        kind, topic = (
            (Image, names.SCENE_IMAGE)
            if p.image_transport == "raw"
            else (CompressedImage, names.SCENE_IMAGE_COMPRESSED)
        )
        self.subscribe(
            kind, topic, self._on_frame, qos.REPLAYED_FRAMES if self._replays else qos.NEWEST, silent_after_s=0.3
        )
        self.subscribe(CameraInfo, names.SCENE_INFO, self._on_camera, qos.NEWEST)
        profile = qos.REPLAYED_SAMPLES if self._replays else qos.SAMPLES
        self._take_samples = self.inbox(GazeSample, names.GAZE_SAMPLE, self._on_sample, profile)
        if self._replays:
            self.subscribe(UInt64, names.SOURCE_DONE, self._on_source_done, qos.LATCHED)
        self.worker(self._predict_all)

    def _warm_up(self) -> None:
        """The first prediction takes several times as long as the others."""
        self.predictor.observe(Frame(1, np.zeros((480, 640, 3), np.uint8)), (), (640, 480))
        self.predictor.predict()
        self.predictor.reset()

    def _figures(self) -> dict[str, str]:
        if not self._configured:
            return {}
        return {
            "inference [ms]": f"{self._took_s * 1e3:.0f}",
            "frames waiting": str(len(self._frames)),
            "frames replaced": str(self._frames.replaced),
            "frames too old": str(self._too_old),
            "gaze samples lost": str(self._buffer.lost),
        }

    def _dropped(self) -> int:
        return self._frames.replaced + self._too_old + self._buffer.lost

    def _warnings(self) -> list[str]:
        return [self.predictor.notice] if self._configured and self.predictor.notice else []

    def _on_frame(self, message: Image | CompressedImage) -> None:
        self._received += 1
        self._arrived_s = time.monotonic()
        stamp_ns = stamp_of(message)
        if stamp_ns is None:
            raise ConversionError("a frame needs the stamp at which it was exposed, got 0")
        if self._grid.accepts(stamp_ns):
            self._frames.put(message)

    def _on_sample(self, message: GazeSample) -> None:
        self._buffer.add(gaze_from(message))

    def _on_camera(self, message: CameraInfo) -> None:
        camera = camera_from(message)
        self._camera_size = camera.width, camera.height

    def _on_source_done(self, message: UInt64) -> None:
        self._expected = message.data
        self._arrived_s = time.monotonic()

    # --- the worker

    def _predict_all(self, halt: threading.Event) -> None:
        while not halt.is_set():
            item = self._frames.take(timeout_s=0.1)
            if item is not None:
                arrived_s, message = item
                self._await_gaze(stamp_of(message), arrived_s, halt)
                self._guarded(None, self._predict, message)
            elif self._is_over():
                self._done.publish(UInt64(data=self._predicted))
                return

    def _await_gaze(self, stamp_ns: int, arrived_s: float, halt: threading.Event) -> None:
        """Takes in the gaze; in replay, waits until a sample at or after ``stamp_ns`` says that none is missing."""
        self._take_samples()
        while self._replays and (self._buffer.watermark_ns or 0) < stamp_ns:
            if self._buffer.watermark_ns == self._gaze_ended_ns:
                return
            if halt.wait(0.005) or time.monotonic() > arrived_s + self.parameters.gaze_grace_s:
                self._gaze_ended_ns = self._buffer.watermark_ns
                return
            self._take_samples()

    def _predict(self, message: Image | CompressedImage) -> None:
        began_s, stamp_ns = time.monotonic(), stamp_of(message)
        self._refuse_old(stamp_ns)
        rgb = rgb_from(message)
        size = self._camera_size or (rgb.shape[1], rgb.shape[0])
        check_shape(rgb, size)
        self.predictor.observe(Frame(stamp_ns, rgb), self._buffer.window(stamp_ns), size)
        try:
            output = self.predictor.predict()
        except EncodingError as error:  # the next frame would not fit either
            self.fail(error)
            return
        self._refuse_old(stamp_ns)
        frame_id = message.header.frame_id
        self._event.publish(prediction_message(output.event, frame_id))
        self._activity.publish(prediction_message(output.activity, frame_id))
        self._objects.publish(object_map_message(output.objects, frame_id))
        self._attention.publish(float_message(output.attention, output.activity.stamp_ns, frame_id))
        self._predicted += 1
        self._took_s = time.monotonic() - began_s

    def _refuse_old(self, stamp_ns: int) -> None:
        """Live, nothing is published rather than something stale."""
        age_s = (self.now_ns() - stamp_ns) / NS_PER_S
        if not self._replays and age_s > self.parameters.max_age_s:
            self._too_old += 1
            raise ConversionError(
                f"a frame is {age_s:.1f} s old, more than max_age_s {self.parameters.max_age_s:g}: nothing is "
                "published from it; is the camera's clock that of ROS, and the machine fast enough?"
            )

    def _is_over(self) -> bool:
        if self._expected is None or len(self._frames):
            return False
        return self._received >= self._expected or time.monotonic() > self._arrived_s + FRAMES_ARRIVE_WITHIN_S


def main() -> None:
    sys.exit(run(partial(VlmNode, "vlm")))


if __name__ == "__main__":
    main()
