"""AssistPolicy: when the robot helps, with what, and how it moves to do so."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gaze_vlm_ros.policies.arm import ArmModel, PointingSolution
from gaze_vlm_ros.policies.choice import Choice, ChoiceSettings, Chooser, PredictionChooser
from gaze_vlm_ros.policies.courtesy import Courtesy, CourtesySettings
from gaze_vlm_ros.policies.joints import KnownJoints
from gaze_vlm_ros.policies.memory import KnownThing, MemorySettings, ThingMemory
from gaze_vlm_ros.policies.motion import Motion
from gaze_vlm_ros.policies.ways import Ways
from gaze_vlm_ros.types import (
    NS_PER_S,
    AssistMode,
    AssistState,
    GazeTarget,
    JointState,
    JointTrajectory,
    Prediction,
    WearerState,
)


@dataclass(frozen=True)
class AssistSettings:
    """How the policy decides and moves; see the settings of each part."""

    choice: ChoiceSettings = field(default_factory=ChoiceSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)
    courtesy: CourtesySettings = field(default_factory=CourtesySettings)
    speed: float = 0.9
    follow_tolerance_rad: float = 0.15
    retarget_m: float = 0.02
    home_after_s: float = 2.0
    joints_max_age_s: float = 0.2

    def __post_init__(self) -> None:
        if not 0.0 < self.speed <= 1.0:
            raise ValueError(f"speed must lie in (0, 1], got {self.speed}")
        for name in ("follow_tolerance_rad", "retarget_m", "joints_max_age_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.home_after_s >= 0.0:
            raise ValueError(f"home_after_s must not be negative, got {self.home_after_s}")


@dataclass(frozen=True)
class AssistDecision:
    """A trajectory from now on, to be sent again at each step (None: nothing to ask of the arm), and the state."""

    trajectory: JointTrajectory | None
    state: AssistState


class AssistPolicy:
    """Points the arm's tool at the thing that the wearer is about to pick up, and yields to the wearer.

    Feed it with the ``on_`` methods and call ``step`` at a steady rate, about 30 Hz. Everything is in the robot's
    base frame and in the clock of the stamps. Not safe to share between threads.
    """

    def __init__(self, settings: AssistSettings, arm: ArmModel, chooser: Chooser | None = None) -> None:
        self.settings = settings
        self.arm = arm
        self.memory = ThingMemory(settings.memory)
        self._chooser = chooser or PredictionChooser(settings.choice)
        self._courtesy = Courtesy(settings.courtesy)
        self._motion = Motion(arm, settings.speed, settings.follow_tolerance_rad)
        self._ways = Ways(arm, self._motion, self._courtesy)
        self._joints = KnownJoints(arm.robot.joint_names, settings.joints_max_age_s)
        self._solved: tuple[str, np.ndarray, PointingSolution] | None = None
        self._busy_ns: int | None = None

    def on_prediction(self, prediction: Prediction) -> None:
        self._chooser.on_prediction(prediction)

    def on_gaze_target(self, target: GazeTarget) -> None:
        if target.frame_id == self.arm.robot.base_frame:
            self.memory.observe(target)

    def on_wearer(self, wearer: WearerState) -> None:
        self._courtesy.on_wearer(wearer)

    def on_joint_state(self, joints: JointState) -> None:
        """Joint states of this arm in any order; others are not used, and ``AssistState.limited_by`` says so."""
        self._joints.take(joints)

    def step(self, now_ns: int) -> AssistDecision:
        """What to do now. Never raises for what the inputs hold; the state says what is wrong with them."""
        joints, problem = self._joints.at(now_ns)
        if joints is None:
            state = AssistState(now_ns, AssistMode.BLOCKED, reason="Where the arm is is not known.", limited_by=problem)
            return AssistDecision(None, state)
        self._motion.update(joints, now_ns)
        choice = self._chooser.choose(now_ns, self.memory, self._courtesy.wearer(now_ns))
        distance, part = self._courtesy.nearest(self._motion.chains_ahead(now_ns), now_ns)
        if self._courtesy.update(distance):
            self._yield(now_ns)
            reason, limit = "The arm keeps out of the wearer's way.", f"the wearer's {part} is near"
            return self._decision(now_ns, AssistMode.YIELDING, choice, reason, limited_by=limit)
        if not choice.label:
            self._solved = None
            self._rest(now_ns)
            return self._decision(now_ns, AssistMode.IDLE, choice, choice.reason)
        return self._help(now_ns, choice)

    def _help(self, now_ns: int, choice: Choice) -> AssistDecision:
        thing = self.memory.find(choice.label, now_ns)
        problem = f"where the {choice.label} is is not known" if thing is None else self._point_at(thing, now_ns)
        if problem:
            self._rest(now_ns)
            return self._decision(now_ns, AssistMode.BLOCKED, choice, choice.reason, limited_by=problem, thing=thing)
        self._busy_ns = now_ns
        return self._decision(now_ns, AssistMode.POINTING, choice, choice.reason, thing=thing)

    def _point_at(self, thing: KnownThing, now_ns: int) -> str:
        """Sees to it that the arm goes and points there; "" or what forbids it."""
        if self._solved is None or self._solved[0] != thing.label or self._moved(thing.position_m):
            solution = self.arm.solve_pointing(thing.position_m, self._motion.position_rad)
            self._solved = thing.label, thing.position_m, solution
        solution = self._solved[2]
        if solution.problem:
            return f"the {thing.label} is out of reach: {solution.problem}"
        return self._ways.go(solution.q, now_ns)

    def _moved(self, position_m: np.ndarray) -> bool:
        return bool(np.linalg.norm(position_m - self._solved[1]) > self.settings.retarget_m)

    def _rest(self, now_ns: int) -> None:
        """Stays, and after a while goes home."""
        if self._busy_ns is None or now_ns - self._busy_ns < self.settings.home_after_s * NS_PER_S:
            self._busy_ns = now_ns if self._busy_ns is None else self._busy_ns
            if self._motion.goal is not self.arm.robot.home_rad:
                self._motion.stop(now_ns)
        elif self._ways.go(self.arm.robot.home_rad, now_ns):
            self._motion.stop(now_ns)

    def _yield(self, now_ns: int) -> None:
        """Draws back to home while no part of that way is nearer to the wearer than the arm is now; else stops."""
        self._busy_ns = now_ns
        home = self.arm.robot.home_rad
        plan = self._motion.plan_to(home)
        ahead = [self.arm.kinematics.link_points(q) for q in self._motion.path(plan)]
        here = self._courtesy.nearest([self.arm.kinematics.link_points(self._motion.position_rad)], now_ns)[0]
        if self._courtesy.nearest(ahead, now_ns)[0] < here - 0.005:
            self._motion.stop(now_ns)
        elif self._motion.goal is not home or not self._motion.moving:
            self._motion.go(plan, home, now_ns)

    def _decision(
        self,
        now_ns: int,
        mode: AssistMode,
        choice: Choice,
        reason: str,
        *,
        limited_by: str = "",
        thing: KnownThing | None = None,
    ) -> AssistDecision:
        position = np.full(3, np.nan) if thing is None else thing.position_m
        state = AssistState(now_ns, mode, choice.label, position, reason, limited_by, choice.prediction_stamp_ns)
        idle = mode is AssistMode.IDLE and not self._motion.moving
        return AssistDecision(None if idle and self._motion.goal is None else self._motion.command(now_ns), state)
