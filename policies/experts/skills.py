"""Expert: what all scripted experts can do, as generators that yield one action per control step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gaze_vlm_ros.policies.experts.reach import Reach
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.trajectory import Point, fastest_motion, sample

CONTROL_HZ = 15.0
OPEN, CLOSED = -1.0, 1.0
HOVER_M = 0.27
"""Height of the tool above the table while it travels: over what stands there."""
_LIFT_M = 0.1
"""The open hand approaches from at least so far above the grip."""
_SPEED = 0.95
_ACCELERATION = 1.2
_EYE_STEP_RAD = np.radians(10.0)
_GRIP_STEPS = 9
_SETTLE_STEPS = 2
_MOVED_M = 0.03
_CATCH_UP_STEPS = 12

Actions = Iterator[np.ndarray]
State = dict[str, np.ndarray]


class ExpertLost(Exception):
    """The expert sees no way on."""


class Expert:
    """A script for one task, played from the true state. Subclasses write :meth:`script`.

    ``act`` gives an action for the state that the environment's ``info["state"]`` holds; its size is the number of
    joints + 1, + 2 more for the eye with ``eye_actions``. A script that is at its end, or lost, holds still.

    With ``keeps_yaw`` it takes, where any yaw would do, the one at hand: then situations that differ by a turn about
    the robot's base are solved alike, and a demonstration says the same wherever it happens.
    """

    def __init__(self, robot: RobotDescription, eye_actions: bool = False, keeps_yaw: bool = False) -> None:
        self.robot, self.reach = robot, Reach(robot)
        self._eye_actions, self.keeps_yaw = eye_actions, keeps_yaw
        self.state: State = {}
        self._script: Actions = iter(())

    def reset(self) -> None:
        """A new episode begins."""
        self.closing = OPEN
        self.focus_m: np.ndarray | None = None
        self._script = self.script()

    def act(self, state: State) -> np.ndarray:
        """Action (k,) float32 in -1..1."""
        self.state = state
        try:
            arm = next(self._script, np.zeros(len(self.robot.joint_names)))
        except ExpertLost:
            self._script = iter(())
            arm = np.zeros(len(self.robot.joint_names))
        eye = self._eye_action() if self._eye_actions else []
        return np.clip([*arm, self.closing, *eye], -1.0, 1.0).astype(np.float32)

    def script(self) -> Actions:
        raise NotImplementedError

    # --- motions

    def go(self, posture: np.ndarray) -> Actions:
        """Straight in joint space to (n,) ``posture``, all joints arriving together."""
        start = self.state["joint_target_rad"]
        way = posture - start
        limits = self.robot.limits
        length = max(float(np.max(np.abs(way) / limits.velocity_rad_s)), 1e-3)
        pull = float(np.max(np.abs(way) / limits.acceleration_rad_s2))
        speed, acceleration = _SPEED / length, _ACCELERATION / max(pull, 1e-3)
        plan = fastest_motion(
            ("way",), Point(np.zeros(1), np.zeros(1)), np.ones(1), np.array([speed]), np.array([acceleration])
        )
        for step in range(1, int(np.ceil(plan.time_from_start_s[-1] * CONTROL_HZ)) + 1):
            yield self.towards(start + way * sample(plan, step / CONTROL_HZ).position_rad)

    def line(
        self, goal_m: np.ndarray, yaw_rad: float, speed_m_s: float, until: Callable[[], bool] = lambda: False
    ) -> Actions:
        """The tool straight to (3,) ``goal_m``, looking down, or until ``until`` holds."""
        q = self.state["joint_target_rad"]
        start = self.reach.kinematics.base_T_tool(q)[:3, 3]
        steps = max(1, int(np.ceil(np.linalg.norm(goal_m - start) / speed_m_s * CONTROL_HZ)))
        for step in range(1, steps + 1):
            if until():
                return
            q = self.reach.follow(start + (goal_m - start) * step / steps, yaw_rad, q)
            yield self.towards(q)
        # Near a stretched elbow the joints may have fallen behind.
        for _ in range(_CATCH_UP_STEPS):
            if until() or np.abs(self.towards(q)).max() < 0.1:
                return
            yield self.towards(q)

    def wait(self, steps: int) -> Actions:
        for _ in range(steps):
            yield np.zeros(len(self.robot.joint_names))

    def grip(self, closing: float) -> Actions:
        """Opens or closes the fingers and gives them time."""
        self.closing = closing
        yield from self.wait(_GRIP_STEPS)

    def towards(self, posture: np.ndarray) -> np.ndarray:
        """The action (n,) after which the joints' targets are (n,) ``posture``, as far as one step goes."""
        return (posture - self.state["joint_target_rad"]) / self.state["joint_step_rad"]

    def any_yaw(self, point_m: np.ndarray) -> list[float]:
        """The yaws for a round thing at (3,) ``point_m``: eight, or with ``keeps_yaw`` that of now, turned along."""
        if not self.keeps_yaw:
            return any_yaw()
        pose = self.reach.kinematics.base_T_tool(self.state["joint_target_rad"])
        turn = np.arctan2(point_m[1], point_m[0]) - np.arctan2(pose[1, 3], pose[0, 3])
        return [wrapped(np.arctan2(pose[1, 0], pose[0, 0]) + turn)]

    # --- skills

    def over(self, point_m: np.ndarray, yaws_rad: list[float], height_m: float = HOVER_M) -> Iterator[np.ndarray]:
        """Goes to stand ``height_m`` above the table over (3,) ``point_m``; returns the yaw taken from ``yaws_rad``."""
        found = self.reach.choose(np.array([*point_m[:2], height_m]), yaws_rad, self.state["joint_target_rad"])
        if found is None:
            raise ExpertLost
        yield from self.go(found[0])
        return found[1]

    def pick(
        self,
        thing: Callable[[], tuple[np.ndarray, list[float]]],
        grip_m: float,
        held: Callable[[], bool],
        carry_m: float = HOVER_M,
    ) -> Iterator[np.ndarray]:
        """Pre-grasp, grasp and lift; a miss is tried once more. Returns the yaw of the grasp.

        ``thing`` says where it is now (3,) and along which yaws it can be gripped, ``grip_m`` is the height of the tool
        above the table, ``held`` whether the thing has come along, ``carry_m`` how high the tool lifts it.
        """
        for _ in range(2):
            self.closing = OPEN
            point, yaws = thing()
            self.focus_m = point
            yaw = yield from self.over(point, yaws, max(HOVER_M, grip_m + _LIFT_M))
            if np.linalg.norm(thing()[0] - point) > _MOVED_M:
                continue
            point = thing()[0]
            yield from self.line(np.array([*point[:2], grip_m]), yaw, 0.2)
            yield from self.wait(_SETTLE_STEPS)
            yield from self.grip(CLOSED)
            yield from self.line(np.array([*point[:2], carry_m]), yaw, 0.25)
            if held():
                return yaw
        raise ExpertLost

    def near_tool(self, point_m: np.ndarray, distance_m: float = 0.07) -> bool:
        return float(np.linalg.norm(point_m - self.state["tool_m"])) < distance_m

    def _eye_action(self) -> np.ndarray:
        if self.focus_m is None:
            return np.zeros(2)
        way = self.focus_m - self.state["eye_m"]
        wanted = np.array([np.arctan2(way[1], way[0]), np.arctan2(way[2], np.hypot(way[0], way[1]))])
        return (wanted - self.state["eye_rad"]) / _EYE_STEP_RAD


def square_yaws(rotation: np.ndarray) -> list[float]:
    """The four yaws along which a square thing with (9,) ``rotation`` can be gripped."""
    yaw = yaw_of(rotation)
    return [wrapped(yaw + turn) for turn in np.arange(4) * np.pi / 2]


def wrapped(angle_rad: float) -> float:
    """The same angle within -pi..pi."""
    return float(np.arctan2(np.sin(angle_rad), np.cos(angle_rad)))


def yaw_of(rotation: np.ndarray) -> float:
    """Direction of the x axis of (9,) ``rotation`` in the plane of the table."""
    return float(np.arctan2(rotation[3], rotation[0]))


def any_yaw() -> list[float]:
    """Eight yaws for a round thing."""
    return list(np.arange(-4, 4) * np.pi / 4)
