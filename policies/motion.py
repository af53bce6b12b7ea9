"""Motion: the arm's planned way and where on it the arm should be."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.policies.arm import ArmModel
from gaze_vlm_ros.robots.trajectory import Point, braking_motion, fastest_motion, rest_of, sample
from gaze_vlm_ros.types import NS_PER_S, JointState, JointTrajectory

_PATH_SAMPLES = 8
_LOOK_AHEAD_S = 0.6


class Motion:
    """One plan at a time, from where the arm is towards a goal.

    ``speed`` is the share of the robot's velocity and acceleration limits that is used, so that the governor, which
    holds the limits, has nothing to correct. A plan that the arm does not follow within ``tolerance_rad`` is dropped.
    """

    def __init__(self, arm: ArmModel, speed: float, tolerance_rad: float) -> None:
        self.arm = arm
        self._limits = arm.robot.limits
        self._speed = speed
        self._tolerance_rad = tolerance_rad
        self._plan: JointTrajectory | None = None
        self._began_ns = 0
        self.goal: np.ndarray | None = None
        self._here = Point(arm.robot.home_rad, np.zeros(len(self._limits.names)))

    def update(self, joints: JointState, now_ns: int) -> None:
        """Where the arm is: on its plan, or, where it has left the plan, where it was measured to be."""
        if self._plan is not None and now_ns >= self._began_ns:
            planned = sample(self._plan, self._elapsed_s(now_ns))
            if np.abs(planned.position_rad - joints.position_rad).max() <= self._tolerance_rad:
                self._here = planned
                return
        self._plan, self.goal = None, None
        self._here = Point(joints.position_rad, joints.velocity_rad_s)

    @property
    def position_rad(self) -> np.ndarray:
        return self._here.position_rad

    @property
    def moving(self) -> bool:
        return bool(np.abs(self._here.velocity_rad_s).max() > 1e-6)

    def plan_to(self, goal: np.ndarray) -> JointTrajectory:
        return fastest_motion(
            self._limits.names,
            self._here,
            goal,
            self._speed * self._limits.velocity_rad_s,
            self._speed * self._limits.acceleration_rad_s2,
        )

    def go(self, plan: JointTrajectory, goal: np.ndarray, now_ns: int) -> None:
        self._plan, self.goal, self._began_ns = plan, goal, now_ns

    def stop(self, now_ns: int) -> None:
        """Comes to rest as fast as the limits of acceleration allow and stays; a stop under way goes on."""
        if self._plan is None or self.goal is not None:
            plan = braking_motion(self._limits.names, self._here, self._speed * self._limits.acceleration_rad_s2)
            self._plan, self.goal, self._began_ns = plan, None, now_ns

    def drop(self) -> None:
        """Nothing is planned any more: somebody else moves the arm."""
        self._plan, self.goal = None, None

    def command(self, now_ns: int) -> JointTrajectory | None:
        """What remains of the plan, from now on."""
        return None if self._plan is None else rest_of(self._plan, self._elapsed_s(now_ns), now_ns)

    def chains_ahead(self, now_ns: int) -> list[np.ndarray]:
        """The arm as chains of points (k, 3), now and along the next part of its plan."""
        chains = [self.arm.kinematics.link_points(self._here.position_rad)]
        if self._plan is not None and self.moving:
            elapsed = self._elapsed_s(now_ns)
            for ahead_s in np.linspace(0.0, _LOOK_AHEAD_S, 4)[1:]:
                chains.append(self.arm.kinematics.link_points(sample(self._plan, elapsed + ahead_s).position_rad))
        return chains

    def path(self, plan: JointTrajectory) -> list[np.ndarray]:
        """Joint positions (n,) along ``plan``, its end included."""
        times = np.linspace(0.0, plan.time_from_start_s[-1], _PATH_SAMPLES + 1)[1:]
        return [sample(plan, time).position_rad for time in times]

    def _elapsed_s(self, now_ns: int) -> float:
        return (now_ns - self._began_ns) / NS_PER_S
