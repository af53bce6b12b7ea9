"""Smooths the gaze signal and finds eye movements in it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
from sensor_msgs.msg import CameraInfo

from gaze_vlm_msgs.msg import EyeMovement, GazeSample, WearerState
from gaze_vlm_ros.gaze.eye_movements import DetectorSettings, EyeMovementDetector, RateTooLow
from gaze_vlm_ros.gaze.filters import GazeFilter, GazeFilterSettings
from gaze_vlm_ros.gaze.pairing import GazeBuffer
from gaze_vlm_ros.gaze.reaches import SlipWatch
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.gaze import gaze_from, gaze_message, movement_message
from gaze_vlm_ros.nodes.conversions.images import camera_from
from gaze_vlm_ros.nodes.conversions.robot import wearer_from
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.types import NS_PER_S, CameraModel
from gaze_vlm_ros.types import GazeSample as Sample

SAMPLES_TO_MEASURE_RATE = 40
MEASURED_NS = 3 * NS_PER_S
PERIOD_S = 0.02
REMEMBERED_S = 5.0


@dataclass(frozen=True)
class GazeParameters(Parameters):
    """Parameters of the gaze node."""

    rate_hz: float = parameter(
        0.0, "rate of the eye tracker; 0: measured from the first stamps", unit="Hz", low=0, high=2000
    )
    mode: str = parameter("live", "replay: no sample may be lost", choices=("live", "replay"))
    reorder_s: float = parameter(0.0, "how long a late sample is waited for", unit="s", low=0, high=0.5)


class GazeNode(ManagedNode):
    """gaze/sample -> gaze/filtered and gaze/eye_movement."""

    Parameters = GazeParameters

    def _setup(self) -> None:
        self._camera: CameraModel | None = None
        self._frame_id = ""
        self._begin()
        replays = self.parameters.mode == "replay"
        samples = qos.REPLAYED_SAMPLES if replays else qos.SAMPLES
        result = qos.REPLAYED_RESULT if replays else qos.RESULT
        self._filtered = self.advertise(GazeSample, names.GAZE_FILTERED, samples)
        self._movements = self.advertise(EyeMovement, names.EYE_MOVEMENT, result)
        self._inboxes = [
            self.inbox(CameraInfo, names.SCENE_INFO, self._on_camera, qos.SENSOR),
            self.inbox(GazeSample, names.GAZE_SAMPLE, self._on_sample, samples, silent_after_s=0.5),
            self.inbox(WearerState, names.WEARER_STATE, lambda m: self._slip.on_wearer(wearer_from(m)), qos.RESULT),
        ]
        self.every(PERIOD_S, self._process)

    def _begin(self) -> None:
        self._filter: GazeFilter | None = None
        self._detector: EyeMovementDetector | None = None
        self._too_slow = ""
        self._buffer, self._slip = GazeBuffer(REMEMBERED_S), SlipWatch()
        self._done_ns = -1

    def _figures(self) -> dict[str, str]:
        if not self._configured:
            return {}
        counts = {"lost": self._buffer.lost, "late": self._buffer.late, "duplicates": self._buffer.duplicates}
        figures = {f"gaze samples {name}": str(count) for name, count in counts.items()}
        return figures | ({"eye movements": self._too_slow} if self._too_slow else {})

    def _warnings(self) -> list[str]:
        shift = self._slip.shift_rad if self._configured else None
        if shift is None:
            return []
        right, down = np.degrees(shift)
        return [
            f"the eye tracker may have slipped: gaze lies {right:+.0f} deg to the right and {down:+.0f} deg below what "
            "the hands take hold of; see to its fit"
        ]

    def _dropped(self) -> int:
        return self._buffer.lost + self._buffer.late

    def _stop(self) -> None:
        self._process()
        if self._detector is not None:
            self._publish(self._detector.finish(), self._done_ns)

    def _on_camera(self, message: CameraInfo) -> None:
        if self._camera is None:
            self._camera = camera_from(message)

    def _on_sample(self, message: GazeSample) -> None:
        self._frame_id = message.header.frame_id
        sample = gaze_from(message)
        if self._done_ns - sample.stamp_ns > REMEMBERED_S * NS_PER_S:
            self.get_logger().info("time went back; the gaze signal starts anew")
            self._begin()
        self._buffer.add(sample)

    def _process(self) -> None:
        """Passes on, in the order of their stamps, the samples that are old enough for no earlier one to follow."""
        for take in self._inboxes:
            take()
        if self._buffer.watermark_ns is None:
            return
        end_ns = self._buffer.watermark_ns - round(self.parameters.reorder_s * NS_PER_S)
        if end_ns <= self._done_ns:
            return
        samples = self._buffer.window(end_ns, end_ns - self._done_ns - 1)
        if self._filter is None and not self._measured(samples):
            return
        if self._too_slow:
            self._find_movements(self.parameters.rate_hz or self._buffer.rate_hz)
        self._slip.on_gaze(samples)
        for sample in samples:
            self._filtered.publish(gaze_message(self._filter.update(sample), self._frame_id))
            if self._detector is not None:
                self._publish(self._detector.update(sample), sample.stamp_ns)
            self._done_ns = sample.stamp_ns

    def _measured(self, samples: list[Sample]) -> bool:
        """Chooses the settings for the eye tracker's rate, once that is known."""
        rate_hz = self.parameters.rate_hz
        if not rate_hz:
            if len(samples) < SAMPLES_TO_MEASURE_RATE and samples[-1].stamp_ns - samples[0].stamp_ns < MEASURED_NS:
                return False
            rate_hz = NS_PER_S / float(np.median(np.diff([sample.stamp_ns for sample in samples])))
        self._filter = GazeFilter(GazeFilterSettings.for_rate(rate_hz))
        self._find_movements(rate_hz)
        if self._too_slow:
            self.get_logger().warning(self._too_slow)
        return True

    def _find_movements(self, rate_hz: float) -> None:
        """From now on, where gaze is fast enough; a camera may become so only after a graph has started."""
        try:
            self._detector = EyeMovementDetector(DetectorSettings.for_rate(rate_hz), self._camera)
            self._too_slow = ""
        except RateTooLow as error:
            self._too_slow = str(error)

    def _publish(self, movements: list, stamp_ns: int) -> None:
        for movement in movements:
            self._movements.publish(movement_message(movement, stamp_ns, self._frame_id))


def main() -> None:
    sys.exit(run(partial(GazeNode, "gaze")))


if __name__ == "__main__":
    main()
