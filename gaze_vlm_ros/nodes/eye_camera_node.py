"""Eye cameras that are plugged in: one UVC device with both eyes side by side, or one for each eye."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from functools import partial

from gaze_vlm_ros.gaze.clock import ClockMap
from gaze_vlm_ros.nodes import qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.eye_pictures import EyePictures
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.sources.eye_devices import EyeDevice, open_eye_devices
from gaze_vlm_ros.sources.webcam import CaptureSettings


@dataclass(frozen=True)
class EyeCameraParameters(Parameters):
    """Parameters of the eye camera node."""

    location: str = parameter("", "webcam:N shows both eyes side by side; webcam:L,webcam:R are left and right")
    width: int = parameter(640, "width asked of each device", unit="px", low=64, high=1920)
    height: int = parameter(480, "height asked of each device", unit="px", low=64, high=1200)
    rate_hz: float = parameter(0.0, "rate asked of each device; 0: its own", unit="Hz", low=0, high=500)
    upside_down: str = parameter(
        "none",
        "which camera is mounted upside down; both: one device too",
        choices=("none", "left", "right", "both"),
    )


class EyeCameraNode(ManagedNode):
    """One thread for each device; stamps are the driver's, moved to ROS time by one offset."""

    Parameters = EyeCameraParameters

    def _setup(self) -> None:
        p = self.parameters
        self._devices: list[EyeDevice] = []
        settings = CaptureSettings(p.width, p.height, p.rate_hz)
        self._devices = open_eye_devices(p.location, settings, p.upside_down)
        self._clocks = [ClockMap() for _ in self._devices]
        self._pictures = EyePictures(self, qos.EYE_PICTURES, qos.SENSOR)
        for device, clock in zip(self._devices, self._clocks, strict=True):
            self.worker(partial(self._play, device, clock))

    def _teardown(self) -> None:
        for device in self._devices:
            device.close()

    def _figures(self) -> dict[str, str]:
        if not self._configured:
            return {}
        return {f"{device.side} camera's clock": device.device_clock for device in self._devices}

    def _play(self, device: EyeDevice, clock: ClockMap, halt: threading.Event) -> None:
        for picture in device:
            if halt.is_set():
                return
            clock.observe(picture.stamp_ns, self.now_ns())
            self._pictures.publish(picture, clock.to_ros_ns(picture.stamp_ns))


def main() -> None:
    sys.exit(run(partial(EyeCameraNode, "eye_camera")))


if __name__ == "__main__":
    main()
