"""Reach: joint positions that bring the tool to a point, looking straight down."""

from __future__ import annotations

import mink
import numpy as np

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics

_STEPS = 40
_LARGEST_STEP_RAD = 0.3
_DAMPING = 1e-4
_POSTURE_COST = 1e-3
_TOLERANCE_M, _TOLERANCE_RAD = 0.003, 0.05
_CLEARANCE_M = 0.015


class Reach:
    """Inverse kinematics for grasps from above, in the base frame. Not safe to share between threads."""

    def __init__(self, robot: RobotDescription) -> None:
        self.robot = robot
        self.kinematics = ArmKinematics(robot)
        model = self.kinematics.model
        self._frame = mink.FrameTask(robot.tool_site, "site", position_cost=1.0, orientation_cost=0.3)
        self._posture = mink.PostureTask(model, cost=_POSTURE_COST)
        self._limits = [mink.ConfigurationLimit(model)]
        self._configuration = mink.Configuration(model)
        self._home_azimuth_rad, self._turn = self._first_joint()

    def _first_joint(self) -> tuple[float, float]:
        """Azimuth of the tool at home, and the sign with which the first joint changes it (0 where it does not)."""
        azimuths = []
        for angle in (0.0, 0.1):
            q = self.robot.home_rad.copy()
            q[0] += angle
            azimuths.append(_azimuth(self.kinematics.base_T_tool(q)[:3, 3]))
        change = azimuths[1] - azimuths[0]
        return azimuths[0], float(np.sign(change)) if abs(change) > 0.05 else 0.0

    def home_towards(self, point_m: np.ndarray) -> np.ndarray:
        """The home posture (n,), turned at the base to face (3,) ``point_m``."""
        q = self.robot.home_rad.copy()
        q[0] += self._turn * (_azimuth(point_m) - self._home_azimuth_rad)
        return np.clip(q, self.robot.limits.lower_rad, self.robot.limits.upper_rad)

    def travel_s(self, start: np.ndarray, goal: np.ndarray) -> float:
        """The least time between two postures (n,) at full speed."""
        return float(np.max(np.abs(goal - start) / self.robot.limits.velocity_rad_s))

    def choose(self, point_m: np.ndarray, yaws_rad: list[float], start: np.ndarray) -> tuple[np.ndarray, float] | None:
        """Of the ways to stand over (3,) ``point_m`` with the fingers closing along one of ``yaws_rad``, the one that
        is nearest to posture ``start``: (posture, yaw); None where the arm reaches none of them."""
        best: tuple[float, np.ndarray, float] | None = None
        for yaw in yaws_rad:
            for seed in (start, self.home_towards(point_m)):
                q = self.solve(point_m, yaw, seed)
                if q is not None and (best is None or self.travel_s(start, q) < best[0]):
                    best = self.travel_s(start, q), q, yaw
        return None if best is None else best[1:]

    def solve(self, point_m: np.ndarray, yaw_rad: float, seed: np.ndarray) -> np.ndarray | None:
        """The posture (n,) near ``seed``, or None where that leads nowhere or into the table."""
        wanted = _looking_down(point_m, yaw_rad)
        q = self.step(wanted, seed, _STEPS)
        pose = self.kinematics.base_T_tool(q)
        turned = np.arccos(np.clip((np.trace(pose[:3, :3].T @ wanted[:3, :3]) - 1.0) / 2.0, -1.0, 1.0))
        if np.linalg.norm(pose[:3, 3] - point_m) > _TOLERANCE_M or turned > _TOLERANCE_RAD:
            return None
        # The first points of the chain are the base, which stands on the table.
        return q if self.kinematics.link_points(q)[3:, 2].min() > _CLEARANCE_M else None

    def follow(self, point_m: np.ndarray, yaw_rad: float, q: np.ndarray) -> np.ndarray:
        """The posture (n,) for a point close to where ``q`` has the tool: a few iterations only."""
        return self.step(_looking_down(point_m, yaw_rad), q, 4)

    def step(self, base_T_tool: np.ndarray, q: np.ndarray, steps: int) -> np.ndarray:
        configuration, tasks = self._configuration, [self._frame, self._posture]
        configuration.update(q)
        self._posture.set_target(q)
        self._frame.set_target(mink.SE3.from_matrix(base_T_tool))
        for _ in range(steps):
            move = mink.solve_ik(configuration, tasks, 1.0, "daqp", damping=_DAMPING, limits=self._limits)
            configuration.integrate_inplace(np.clip(move, -_LARGEST_STEP_RAD, _LARGEST_STEP_RAD), 1.0)
            if np.abs(move).max() < 1e-4:
                break
        return np.clip(configuration.q, self.robot.limits.lower_rad, self.robot.limits.upper_rad)


def _looking_down(point_m: np.ndarray, yaw_rad: float) -> np.ndarray:
    """Tool pose (4, 4): z down, x, along which the fingers close, at ``yaw_rad`` in the plane of the table."""
    pose = np.eye(4)
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    pose[:3, :3] = np.array([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]])
    pose[:3, 3] = point_m
    return pose


def _azimuth(point_m: np.ndarray) -> float:
    return float(np.arctan2(point_m[1], point_m[0]))
