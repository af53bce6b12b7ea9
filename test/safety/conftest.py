"""An arm of three joints whose kinematics is three lines, a controller that follows horizons, and a clock."""

from __future__ import annotations

import numpy as np
import pytest

from gaze_vlm_ros.robots.limits import Box, JointLimits
from gaze_vlm_ros.robots.trajectory import Point, sample
from gaze_vlm_ros.safety.clearance import ArmShape
from gaze_vlm_ros.safety.deadlines import Input
from gaze_vlm_ros.safety.governor import Governor, GovernorSettings
from gaze_vlm_ros.types import JointState, JointTrajectory, WearerState

NAMES = ("yaw", "lift", "elbow")
START = np.array([0.0, 0.6, 1.0])
TICK_S = 0.02


def link_points(q: np.ndarray) -> np.ndarray:
    """Yaw about z, then two links of 0.4 m whose angles are measured from the vertical."""
    flat = np.array([np.cos(q[0]), np.sin(q[0]), 0.0])
    up = np.array([0.0, 0.0, 1.0])
    elbow = 0.4 * (np.sin(q[1]) * flat + np.cos(q[1]) * up)
    tool = elbow + 0.4 * (np.sin(q[1] + q[2]) * flat + np.cos(q[1] + q[2]) * up)
    return np.stack([np.zeros(3), elbow, tool])


class Bench:
    """A governor with its inputs, time, and a controller that does exactly what the last horizon says."""

    link_points = staticmethod(link_points)
    radius_m = np.zeros(2)

    def __init__(self, settings: GovernorSettings | None = None, shape: ArmShape | None = None) -> None:
        self.limits = JointLimits(
            NAMES, [-2.0, -0.5, 0.1], [2.0, 1.5, 2.5], [0.6, 0.6, 0.9], [2.0, 2.0, 3.0], [8.0, 8.0, 12.0]
        )
        self.box = Box([0.05, -0.7, -0.2], [0.9, 0.7, 0.9])
        self.governor = Governor(self.limits, self.box, shape or ArmShape(link_points), settings)
        self.now_s = 100.0
        self.here = Point(START.copy(), np.zeros(3))
        self._horizon: tuple[float, JointTrajectory] | None = None

    @property
    def ros_ns(self) -> int:
        return round((self.now_s + 5e8) * 1e9)

    def joint_state(self, **change) -> str:
        values = {"position_rad": self.here.position_rad, "velocity_rad_s": self.here.velocity_rad_s, "names": NAMES}
        return self.governor.joint_state(JointState(self.ros_ns, **(values | change)), self.now_s, self.ros_ns)

    def command(self, position, velocity=None, times=(0.0,), stamp_ns=None, names=NAMES) -> str:
        position = np.atleast_2d(np.asarray(position, float))
        velocity = np.zeros_like(position) if velocity is None else np.atleast_2d(np.asarray(velocity, float))
        stamp_ns = self.ros_ns if stamp_ns is None else stamp_ns
        command = JointTrajectory(stamp_ns, names, position, velocity, np.asarray(times, float))
        return self.governor.command(command, self.now_s, self.ros_ns)

    def wearer(self, right_hand, head=(np.nan,) * 3, sigma_m=0.0, problem="") -> str:
        pose = np.eye(4)
        pose[:3, 3] = head
        state = WearerState(self.ros_ns, pose, right_hand_m=np.asarray(right_hand, float), sigma_m=sigma_m)
        return self.governor.wearer(state, self.now_s, self.ros_ns, problem)

    def follow(self, seconds: float) -> None:
        """Lets time pass; the controller follows the last horizon."""
        self.now_s += seconds
        if self._horizon is not None:
            began_s, motion = self._horizon
            self.here = sample(motion, self.now_s - began_s)

    def tick(self):
        output = self.governor.tick(self.now_s)
        if output.trajectory is not None:
            sent = output.trajectory
            motion = JointTrajectory(
                0,
                NAMES,
                np.vstack([self.here.position_rad, sent.position_rad]),
                np.vstack([self.here.velocity_rad_s, sent.velocity_rad_s]),
                np.r_[0.0, sent.time_from_start_s],
            )
            self._horizon = self.now_s, motion
        return output

    def armed(self) -> Bench:
        self.joint_state()
        self.governor.heard(Input.POLICY, self.now_s)
        assert self.governor.arm(self.now_s) == ""
        return self

    def run(self, seconds: float, goal, each=lambda: None):
        """Joint states, the policy's command and a tick every period; the last output."""
        output = None
        for _ in range(round(seconds / TICK_S)):
            self.joint_state()
            if goal is not None:
                self.command(goal)
            each()
            output = self.tick()
            self.follow(TICK_S)
        return output


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def make_bench():
    return Bench
