"""The simulated kitchen as a source: camera, eye tracker, wearer and arm, in real time."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial

import numpy as np
from geometry_msgs.msg import PoseWithCovarianceStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import Float64
from trajectory_msgs.msg import JointTrajectory

from gaze_vlm_msgs.msg import GazeSample, SimTruth, WearerState
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.arming import Arming
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.common import (
    camera_pose_message,
    header_message,
    point_message,
    time_message,
)
from gaze_vlm_ros.nodes.conversions.gaze import gaze_message
from gaze_vlm_ros.nodes.conversions.images import camera_info_message
from gaze_vlm_ros.nodes.conversions.robot import joint_state_message, trajectory_from, wearer_message
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.pictures import Pictures
from gaze_vlm_ros.nodes.robot_eye_topics import RobotEyeTopics
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.nodes.simulated_eyes import SimulatedEyes
from gaze_vlm_ros.sim.assistance import LiveKitchen
from gaze_vlm_ros.sim.scene_camera import Snapshot
from gaze_vlm_ros.sim.simulation import TICK_S, Simulation, SimulationConfig
from gaze_vlm_ros.types import NS_PER_S

WEARER_EVERY, TRUTH_EVERY = 5, 12
"""Ticks of the world between two messages: 25 and 10 Hz; joint states come with each, at 125 Hz."""
LARGEST_LAG_S = 0.05
"""Behind the real time by more than this, the world pauses instead of hurrying after it."""
OF_THE_WORLD = ("seed", "robot", "width", "height", "things", "tracker", "device_optics")
POSE_COVARIANCE = np.diag([1e-6] * 3 + [1e-6] * 3)


@dataclass(frozen=True)
class SimulatorParameters(Parameters):
    """Parameters of the simulator."""

    seed: int = parameter(1, "seed of the layout, the wearer and the noise", low=0, high=2**31 - 1)
    robot: str = parameter("jaco", "name or robot.yaml of the arm")
    things: int = parameter(0, "everyday objects on the table, 6 to 14; 0 draws", low=0, high=14)
    tracker: str = parameter("default", "preset of the eye tracker (default, neon, aria, webcam, ideal)")
    device_optics: bool = parameter(False, "field of view and distortion of the tracker's scene camera (neon, aria)")
    width: int = parameter(640, "width of the scene camera", unit="px", low=64, high=1920)
    height: int = parameter(480, "height of the scene camera", unit="px", low=64, high=1200)
    frame_rate_hz: float = parameter(15.0, "rate of colour and depth", unit="Hz", low=1, high=60)
    robot_eye: bool = parameter(False, "draw what the robot's eye sees, with each frame")
    robot_eye_m: tuple[float, ...] = parameter((-0.1, 0.24, 0.46), "where the eye is in the robot's base", unit="m")
    limited_reach: bool = parameter(False, "a seated wearer who cannot reach everything, and an arm whose fingers grip")
    arm_governor: bool = parameter(True, "arm this graph's own governor once it accepts; the arm is simulated")
    eye_cameras: bool = parameter(False, "give pictures of the wearer's eyes instead of an eye tracker's gaze")
    eye_rate_hz: float = parameter(30.0, "rate of the eye cameras; a pair takes 8 ms", unit="Hz", low=5, high=120)
    publish_clock: bool = parameter(False, "publish /clock, and stamp with simulated time")


class SimulatorNode(ManagedNode):
    """Steps the world in one thread, draws it in another; a joint trajectory is followed as ros2_control does."""

    Parameters = SimulatorParameters

    def _setup(self) -> None:
        p = self.parameters
        config = SimulationConfig(**{name: getattr(p, name) for name in OF_THE_WORLD})
        self.simulation = LiveKitchen(config) if p.limited_reach else Simulation(config)
        self._base, self._camera_frame = self.simulation.base_frame, self.simulation.camera.frame_id
        self._snapshots: queue.Queue[tuple[Snapshot, int, np.ndarray]] = queue.Queue(maxsize=1)
        self._slips, self._undrawn, self._still_s = 0, 0, 0.0
        self._eyes = SimulatedEyes(self, self.simulation, p.eye_rate_hz) if p.eye_cameras else None
        self._gaze = None if p.eye_cameras else self.advertise(GazeSample, names.GAZE_SAMPLE, qos.SAMPLES)
        self._joints = self.advertise(JointState, names.JOINT_STATES, qos.SAMPLES)
        self._wearer = self.advertise(WearerState, names.WEARER_STATE, qos.RESULT)
        self._truth = self.advertise(SimTruth, names.SIM_TRUTH, qos.RESULT)
        self._pose = self.advertise(PoseWithCovarianceStamped, names.SCENE_POSE, qos.SAMPLES)
        self._info = self.advertise(CameraInfo, names.SCENE_INFO, qos.SAMPLES)
        self._pictures = Pictures(self, qos.SENSOR)
        eye = RobotEyeTopics(self, self.simulation, np.array(p.robot_eye_m)) if p.robot_eye else None
        self._publish_eye = eye.publish if eye else lambda *_: None
        self._clock_publisher = self.advertise(Clock, "/clock", qos.SENSOR) if p.publish_clock else None
        self._take_trajectory = self.inbox(
            JointTrajectory, names.CONTROLLER_TRAJECTORY, self._on_trajectory, qos.RESULT
        )
        self._take_opening = lambda: None
        if p.limited_reach:
            self._take_opening = self.inbox(Float64, names.POLICY_OPENING, self._on_opening, qos.RESULT)
        if p.arm_governor:
            self._owned.append(Arming(self).destroy)
        self.worker(self._live)
        self.worker(self._draw)

    def _figures(self) -> dict[str, str]:
        if not self._configured:
            return {}
        world = {
            "pauses of the world": str(self._slips),
            "world stood still [s]": f"{self._still_s:.1f}",
            "frames not drawn": str(self._undrawn),
        }
        return world | (self.simulation.waits.figures() if self.parameters.limited_reach else {})

    def _dropped(self) -> int:
        return self._undrawn

    def _on_trajectory(self, message: JointTrajectory) -> None:
        trajectory = trajectory_from(message, self.now_ns())
        if missing := set(self.simulation.robot.joint_names) - set(trajectory.names):
            raise ValueError(f"the trajectory lacks {', '.join(sorted(missing))}; is it meant for another robot?")
        self.simulation.set_joint_trajectory(trajectory)

    def _on_opening(self, message: Float64) -> None:
        self.simulation.open_gripper(message.data)

    # --- the thread in which the world lives

    def _live(self, halt: threading.Event) -> None:
        simulated_ns = round(self.simulation.time_s * NS_PER_S)
        self._offset_ns = 0 if self.parameters.publish_clock else self.now_ns() - simulated_ns
        due_s = time.monotonic()
        for step in range(sys.maxsize):
            due_s += TICK_S
            behind_s = time.monotonic() - due_s
            if behind_s > LARGEST_LAG_S:
                self._slips += 1
                self._still_s += behind_s
                due_s += behind_s
                self._offset_ns += 0 if self.parameters.publish_clock else round(behind_s * NS_PER_S)
            elif halt.wait(max(0.0, -behind_s)):
                return
            self._take_trajectory()
            self._take_opening()
            self.simulation.advance(TICK_S)
            self._say(step)

    def _say(self, step: int) -> None:
        """What the sensors deliver at this tick: gaze as it arrives from the tracker, joints, frames and the rest."""
        stamp_ns = self._ros_ns(self.simulation.time_s)
        if self._clock_publisher is not None:
            self._clock_publisher.publish(Clock(clock=time_message(stamp_ns)))
        if self._eyes is not None:
            self._eyes.tick(step, stamp_ns)
        for sample in self.simulation.gaze_samples():
            if self._gaze is not None:
                self._gaze.publish(gaze_message(sample, self._camera_frame, sample.stamp_ns + self._offset_ns))
        self._joints.publish(joint_state_message(self.simulation.joint_state(stamp_ns)))
        if step % WEARER_EVERY == 0:
            self._wearer.publish(wearer_message(self.simulation.wearer_state(), self._base, stamp_ns))
        if step % TRUTH_EVERY == 0:
            self._publish_truth(stamp_ns)
        rate_hz = self.parameters.frame_rate_hz
        if int(step * TICK_S * rate_hz) != int((step + 1) * TICK_S * rate_hz):
            self._offer_snapshot(stamp_ns)

    def _ros_ns(self, time_s: float) -> int:
        return round(time_s * NS_PER_S) + self._offset_ns

    def _publish_truth(self, stamp_ns: int) -> None:
        truth = self.simulation.truth()
        self._truth.publish(
            SimTruth(
                header=header_message(stamp_ns, self._base),
                activity=truth.activity,
                event=truth.event,
                event_time=time_message(max(0, self._ros_ns(truth.event_time_s))),
                event_object=truth.event_object,
                gaze_label=truth.gaze_label,
                gaze_position=point_message(truth.gaze_position_m),
                pointed_label=truth.pointed_label,
            )
        )

    def _offer_snapshot(self, stamp_ns: int) -> None:
        snapshot = self.simulation.snapshot(), stamp_ns, self.simulation.base_T_camera()
        try:
            self._snapshots.put_nowait(snapshot)
        except queue.Full:
            self._undrawn += 1

    # --- the thread that draws

    def _draw(self, halt: threading.Event) -> None:
        try:
            while not halt.is_set():
                try:
                    snapshot, stamp_ns, base_T_camera = self._snapshots.get(timeout=0.2)
                except queue.Empty:
                    continue
                frame = self.simulation.render_snapshot(snapshot)
                self._pose.publish(camera_pose_message(stamp_ns, base_T_camera, POSE_COVARIANCE, self._base))
                self._info.publish(camera_info_message(self.simulation.camera, stamp_ns))
                self._pictures.publish(frame, stamp_ns, self._camera_frame)
                self._publish_eye(snapshot, stamp_ns)
        finally:
            self.simulation.close()


def main() -> None:
    # Where there is no GPU, Mesa draws with as many threads as there are cores, ahead of the predictions that wait.
    os.environ.setdefault("LP_NUM_THREADS", "1")
    sys.exit(run(partial(SimulatorNode, "simulator")))


if __name__ == "__main__":
    main()
