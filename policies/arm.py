"""ArmModel: where the joints must be for the tool to point at a thing."""

from __future__ import annotations

from dataclasses import dataclass

import mink
import numpy as np

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.types import JointState

_STEPS = 30
_LARGEST_STEP_RAD = 0.3
_DAMPING = 1e-2
# Pointing decides, the standoff only advises: the arm gets there in half the time where it may stay further away.
_LOOK_COST = 1.0
_STANDOFF_COST = 0.06
_HOME_COST = 0.01
_ELEVATION_RAD = 0.9


@dataclass(frozen=True)
class PointingSettings:
    """How the tool stands when it points; distances in metres, angles in radians."""

    standoff_m: float = 0.25
    largest_standoff_m: float = 0.55
    tolerance_rad: float = 0.05
    table_clearance_m: float = 0.04

    def __post_init__(self) -> None:
        if not 0.0 < self.standoff_m <= self.largest_standoff_m:
            raise ValueError(f"standoff_m must lie in (0, largest_standoff_m], got {self.standoff_m}")
        if not 0.0 < self.tolerance_rad < np.pi / 2:
            raise ValueError(f"tolerance_rad must lie in (0, pi/2), got {self.tolerance_rad}")
        if self.table_clearance_m < 0.0:
            raise ValueError(f"table_clearance_m must not be negative, got {self.table_clearance_m}")


@dataclass(frozen=True)
class PointingSolution:
    """Joint positions ``q`` (n,) [rad], the angle by which the tool's axis misses, its distance from the target.

    ``problem`` is empty where the solution may be used, else it says in words what is wrong with it.
    """

    q: np.ndarray
    error_rad: float
    standoff_m: float
    problem: str = ""

    @property
    def reachable(self) -> bool:
        return not self.problem


class ArmModel:
    """Kinematics of one arm in its base frame, whose plane z = 0 is the table the arm stands on."""

    def __init__(self, robot: RobotDescription, settings: PointingSettings | None = None) -> None:
        self.robot = robot
        self.settings = settings or PointingSettings()
        self.kinematics = ArmKinematics(robot)
        self._look = mink.LookAtTask(robot.tool_site, "site", axis=(0.0, 0.0, 1.0), cost=_LOOK_COST)
        self._place = mink.FrameTask(robot.tool_site, "site", position_cost=_STANDOFF_COST, orientation_cost=0.0)
        self._home = mink.PostureTask(self.kinematics.model, cost=_HOME_COST)
        self._home.set_target(robot.home_rad)
        self._limits = [mink.ConfigurationLimit(self.kinematics.model)]
        self._fingers: dict[str, np.ndarray] | None = None

    def opening_of(self, joints: JointState) -> float | None:
        """The gripper's opening, 0 closed .. 1 open, where ``joints`` have its fingers; None else."""
        fingers = [name for name in self.robot.gripper_rad if name in joints.names]
        if not fingers:
            return None
        angles = np.array([joints.position_rad[joints.names.index(name)] for name in fingers])
        if self._fingers is None:
            whole = self.robot.build_spec().compile()
            self._fingers = {name: whole.joint(name).range.copy() for name in self.robot.gripper_rad}
        # By convention a finger is open at the lower end of its range and closed at the upper one.
        low, high = np.array([self._fingers[name] for name in fingers]).T
        return float(np.clip(((high - angles) / (high - low)).mean(), 0.0, 1.0))

    def solve_pointing(self, target_m: np.ndarray, q0: np.ndarray) -> PointingSolution:
        """Joint positions near (n,) ``q0`` whose tool z axis passes through (3,) ``target_m``, both in the base frame.

        Starts from ``q0`` and, where that fails, from home; the solution says when none will do.
        """
        target = np.asarray(target_m, dtype=np.float64)
        if target.shape != (3,) or not np.isfinite(target).all():
            return PointingSolution(self.robot.home_rad, float("inf"), float("nan"), "the target has no position")
        first = self._solve_from(target, q0)
        if first.reachable:
            return first
        second = self._solve_from(target, self.robot.home_rad)
        return second if second.reachable or second.error_rad < first.error_rad else first

    def _solve_from(self, target: np.ndarray, q0: np.ndarray) -> PointingSolution:
        limits = self.robot.limits
        configuration = mink.Configuration(self.kinematics.model, np.clip(q0, limits.lower_rad, limits.upper_rad))
        self._look.set_target(target)
        site = self.robot.tool_site, "site"
        wanted = self._standing_point(target, configuration.get_transform_frame_to_world(*site))
        tasks = [self._look, self._place, self._home]
        for _ in range(_STEPS):
            here = configuration.get_transform_frame_to_world(*site)
            self._place.set_target(mink.SE3.from_rotation_and_translation(here.rotation(), wanted))
            step = mink.solve_ik(configuration, tasks, 1.0, "daqp", damping=_DAMPING, limits=self._limits)
            configuration.integrate_inplace(np.clip(step, -_LARGEST_STEP_RAD, _LARGEST_STEP_RAD), 1.0)
            if np.abs(step).max() < 1e-3:
                break
        return self._judge(target, np.clip(configuration.q, limits.lower_rad, limits.upper_rad))

    def _standing_point(self, target: np.ndarray, tool: mink.SE3) -> np.ndarray:
        """A standoff from the target, between where the tool is now and the robot's side of it, above the table."""
        flat = np.array([*-target[:2], 0.0]) / max(np.linalg.norm(target[:2]), 1e-6)
        homeward = np.cos(_ELEVATION_RAD) * flat + np.sin(_ELEVATION_RAD) * np.array([0.0, 0.0, 1.0])
        present = tool.translation() - target
        way = homeward + present / max(np.linalg.norm(present), 1e-6)
        return target + self.settings.standoff_m * way / max(np.linalg.norm(way), 1e-6)

    def _judge(self, target: np.ndarray, q: np.ndarray) -> PointingSolution:
        pose = self.kinematics.base_T_tool(q)
        way = target - pose[:3, 3]
        distance = float(np.linalg.norm(way))
        axis = pose[:3, 2]
        error = float(np.arctan2(np.linalg.norm(np.cross(axis, way)), axis @ way))
        problem = ""
        if error > self.settings.tolerance_rad:
            problem = f"the tool misses it by {np.degrees(error):.0f} degrees"
        elif distance > self.settings.largest_standoff_m:
            problem = f"the tool stays {distance:.2f} m away"
        else:
            problem = self.problem_of(q)
        return PointingSolution(q, error, distance, problem)

    def problem_of(self, q: np.ndarray) -> str:
        """What forbids joint positions (n,): the tool outside its workspace or a link at the table; "" for nothing."""
        chain = self.kinematics.link_points(q)
        if (outside := self.robot.workspace.outside_m(chain[-1])) > 0.0:
            return f"the tool would be {outside:.2f} m outside its workspace"
        # The first points are the base itself, which stands on the table.
        if chain[3:, 2].min() < self.settings.table_clearance_m:
            return "the arm would touch the table"
        return ""
