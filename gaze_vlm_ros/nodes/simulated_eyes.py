"""The simulated wearer's eye cameras: drawn in a thread of the simulator node, at a rate of their own."""

from __future__ import annotations

import queue
import threading

import numpy as np
from geometry_msgs.msg import PointStamped

from gaze_vlm_ros.geometry.transforms import invert_transform
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.common import position_from
from gaze_vlm_ros.nodes.eye_pictures import EyePictures
from gaze_vlm_ros.sim.eye_images.live import EyeMoment, LiveEyes
from gaze_vlm_ros.sim.simulation import TICK_S, Simulation
from gaze_vlm_ros.types import EyePicture

RIG_EVERY = 30


class SimulatedEyes:
    """Images the eyes every ``1 / rate_hz`` s of simulated time; the wearer looks at a calibration's targets."""

    def __init__(self, node: ManagedNode, simulation: Simulation, rate_hz: float) -> None:
        self.undrawn = 0
        """Moments for which there was no time."""
        self._simulation, self._rate_hz = simulation, rate_hz
        self._eyes = LiveEyes(simulation.config.seed)
        self._camera_T_rig = invert_transform(simulation.layout.camera_mount) @ self._eyes.head_T_rig
        self._moments: queue.Queue[tuple[EyeMoment, int]] = queue.Queue(maxsize=2)
        self._pictures = EyePictures(node, qos.EYE_PICTURES, qos.SENSOR)
        self._take_target = node.inbox(PointStamped, names.EYE_TARGET, self._on_target, qos.LATCHED)
        node.worker(self._draw)

    def tick(self, step: int, stamp_ns: int) -> None:
        """Called in the thread in which the world lives, after each step of it."""
        self._take_target()
        if int(step * TICK_S * self._rate_hz) == int((step + 1) * TICK_S * self._rate_hz):
            return
        try:
            self._moments.put_nowait((self._simulation.eye_moment(), stamp_ns))
        except queue.Full:
            self.undrawn += 1

    def _on_target(self, message: PointStamped) -> None:
        place = position_from(message.point)
        self._simulation.ask_to_look(place if np.isfinite(place).all() else None)

    def _draw(self, halt: threading.Event) -> None:
        drawn = 0
        while not halt.is_set():
            try:
                moment, stamp_ns = self._moments.get(timeout=0.2)
            except queue.Empty:
                continue
            if drawn % RIG_EVERY == 0:
                self._pictures.publish_rig(self._camera_T_rig, stamp_ns, self._simulation.camera.frame_id)
            for side, image in self._eyes.draw(moment).items():
                self._pictures.publish(EyePicture(stamp_ns, side, image.image, drawn), stamp_ns)
            drawn += 1
