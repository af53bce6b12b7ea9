"""SkillAssist: helps with a thing by means of a trained policy, and moves only while everything is as it should be."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.policies.arm import ArmModel
from gaze_vlm_ros.policies.assist import AssistDecision
from gaze_vlm_ros.policies.choice import Choice, Chooser
from gaze_vlm_ros.policies.courtesy import Courtesy, CourtesySettings
from gaze_vlm_ros.policies.memory import KnownThing, MemorySettings, ThingMemory
from gaze_vlm_ros.policies.skills.skill import VIEWS_SHAPE, Look, Skill, SkillError
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

_POINTS_S = np.arange(1, 7) / 30.0
"""So far ahead a command reaches; the last point is at rest."""


@dataclass(frozen=True)
class SkillSettings:
    """``eye_hz``: steps of the skill. ``moved_m``: a thing that is elsewhere by more starts the skill anew.
    ``changes`` choices within ``changes_s`` contradict one another. ``eye_off_m``: how far the eye may be from where
    the skill expects it. Ages and speeds as in ``AssistSettings``.
    """

    memory: MemorySettings = field(default_factory=lambda: MemorySettings(max_age_s=5.0))
    courtesy: CourtesySettings = field(default_factory=CourtesySettings)
    eye_hz: float = 15.0
    speed: float = 0.9
    moved_m: float = 0.03
    changes: int = 4
    changes_s: float = 3.0
    eye_off_m: float = 0.05
    eye_max_age_s: float = 0.3
    joints_max_age_s: float = 0.2
    table_clearance_m: float = 0.0


class SkillAssist:
    """Fed and stepped as an ``AssistPolicy``, beside what the robot's eye sees (``on_look``). Not thread-safe.

    ``eye_action`` is what the eye should do after the last step (0..24, None: nothing new); ``opening`` what the
    gripper should (0 closed .. 1 open). ``eye_steps`` counts the steps of the eye in ``helped_s`` of help. Never
    raises for what the inputs hold: the state says what is wrong.
    """

    def __init__(
        self, skill: Skill, arm: ArmModel, chooser: Chooser, settings: SkillSettings, eye_m: np.ndarray | None = None
    ) -> None:
        """``eye_m`` (3,): where the eye is in the base. Raises SkillError where the skill expects it elsewhere."""
        off = skill.eye_m is not None and eye_m is not None and np.linalg.norm(skill.eye_m - eye_m)
        if off > settings.eye_off_m:
            raise SkillError(
                f"policy {skill.name} is for an eye at {np.round(skill.eye_m, 2).tolist()} m, not at "
                f"{np.round(eye_m, 2).tolist()} m; train one for this camera"
            )
        self.skill, self.arm, self.settings = skill, arm, settings
        self.memory = ThingMemory(settings.memory)
        self.eye_action: int | None = None
        self.opening = 1.0
        self.eye_steps, self.helped_s = 0, 0.0
        self._helped_ns: int | None = None
        self._chooser = chooser
        self._courtesy = Courtesy(settings.courtesy)
        self._joints: JointState | None = None
        self._joints_problem = "no joint states yet"
        self._look: Look | None = None
        self._look_problem = "the robot's eye has not been seen yet"
        self._run: tuple[str, np.ndarray] | None = None
        self._stepped_ns = 0
        self._chosen: deque[tuple[int, str]] = deque()

    # --- what comes in

    def on_prediction(self, prediction: Prediction) -> None:
        self._chooser.on_prediction(prediction)

    def on_gaze_target(self, target: GazeTarget) -> None:
        if target.frame_id == self.arm.robot.base_frame:
            self.memory.observe(target)

    def on_wearer(self, wearer: WearerState) -> None:
        self._courtesy.on_wearer(wearer)

    def on_joint_state(self, joints: JointState) -> None:
        names = self.arm.robot.joint_names
        if missing := [name for name in names if name not in joints.names]:
            self._joints_problem = f"joint states lack {', '.join(missing)}: another robot?"
            return
        order = [joints.names.index(name) for name in names]
        position, velocity = np.asarray(joints.position_rad)[order], np.asarray(joints.velocity_rad_s)[order]
        if not (np.isfinite(position).all() and np.isfinite(velocity).all()):
            self._joints_problem = "joint states are not numbers"
            return
        self._joints = JointState(joints.stamp_ns, names, position, velocity)

    def on_look(self, look: Look) -> None:
        """What the eye sees; pictures of another camera are not used, and ``AssistState.limited_by`` says so."""
        if np.shape(look.views) != VIEWS_SHAPE or np.asarray(look.views).dtype != np.uint8:
            self._look_problem = f"the eye's views are {np.shape(look.views)}, not {VIEWS_SHAPE}: another camera?"
        elif not np.isfinite(look.direction).all():
            self._look_problem = "where the eye looks is not a number"
        elif self._look is None or look.stamp_ns > self._look.stamp_ns:
            self._look, self._look_problem = look, ""

    # --- what comes out

    def step(self, now_ns: int) -> AssistDecision:
        """What to do now, at 30 Hz or faster."""
        self.eye_action = None
        helped_ns, self._helped_ns = self._helped_ns, None
        settings, joints = self.settings, self._joints
        if joints is None or now_ns - joints.stamp_ns > settings.joints_max_age_s * NS_PER_S:
            problem = self._joints_problem if joints is None else "joint states are too old"
            self._run = None
            state = AssistState(now_ns, AssistMode.BLOCKED, reason="Where the arm is is not known.", limited_by=problem)
            return AssistDecision(None, state)
        choice = self._chooser.choose(now_ns, self.memory, self._courtesy.wearer(now_ns))
        distance, part = self._courtesy.nearest([self.arm.kinematics.link_points(joints.position_rad)], now_ns)
        if self._courtesy.update(distance):
            limit = f"the wearer's {part} is near"
            return self._still(now_ns, AssistMode.YIELDING, choice, "The arm keeps out of the wearer's way.", limit)
        if not choice.label:
            return self._still(now_ns, AssistMode.IDLE, choice, choice.reason, "")
        thing = self.memory.find(choice.label, now_ns)
        problem = self._contradiction(choice.label, now_ns) or self._unfit(choice.label, thing, now_ns)
        if problem:
            return self._still(now_ns, AssistMode.BLOCKED, choice, choice.reason, problem, thing)
        self.helped_s += 0.0 if helped_ns is None else (now_ns - helped_ns) / NS_PER_S
        self._helped_ns = now_ns
        return self._help(now_ns, choice, thing)

    def _contradiction(self, label: str, now_ns: int) -> str:
        """What was chosen changes too often to be followed."""
        if not self._chosen or self._chosen[-1][1] != label:
            self._chosen.append((now_ns, label))
        while now_ns - self._chosen[0][0] > self.settings.changes_s * NS_PER_S and len(self._chosen) > 1:
            self._chosen.popleft()
        if len(self._chosen) < self.settings.changes:
            return ""
        return f"the predictions contradict one another: {', '.join(dict.fromkeys(one for _, one in self._chosen))}"

    def _unfit(self, label: str, thing: KnownThing | None, now_ns: int) -> str:
        """What forbids to help with ``label`` as things are; "" for nothing."""
        if thing is None:
            gone = self._run is not None and self._run[0] == label
            return f"the {label} is gone" if gone else f"where the {label} is is not known"
        box = self.arm.robot.workspace
        # A thing may lie lower than the tool point ever goes: the fingers are below it.
        above = np.maximum(thing.position_m, [-np.inf, -np.inf, box.lower_m[2]])
        if (outside := box.outside_m(above)) > 0.0:
            return f"the {label} is out of reach: {outside:.2f} m outside the workspace"
        if self.skill.eye_m is None:
            return ""
        if self._look is None or self._look_problem:
            return self._look_problem
        age_s = (now_ns - self._look.stamp_ns) / NS_PER_S
        return f"what the robot's eye sees is {age_s:.1f} s old" if age_s > self.settings.eye_max_age_s else ""

    def _help(self, now_ns: int, choice: Choice, thing: KnownThing) -> AssistDecision:
        moved = self._run is not None and np.linalg.norm(self._run[1] - thing.position_m) > self.settings.moved_m
        try:
            if self._run is None or self._run[0] != choice.label or moved:
                self.skill.reset(choice.label, thing.position_m)
                self._run, self._stepped_ns = (choice.label, thing.position_m), 0
            if now_ns - self._stepped_ns >= (1.0 / self.settings.eye_hz - 0.005) * NS_PER_S:
                asked = np.append(self._joints.position_rad, self.opening)
                self.eye_action = self.skill.step(self._look, asked, now_ns / NS_PER_S)
                self._stepped_ns = now_ns
                self.eye_steps += 1
            wanted = np.array([self.skill.joints_at(now_ns / NS_PER_S + ahead) for ahead in _POINTS_S])
        except GazeVlmError as error:
            return self._still(now_ns, AssistMode.BLOCKED, choice, choice.reason, str(error), thing)
        if problem := self._unreachable(wanted):
            return self._still(now_ns, AssistMode.BLOCKED, choice, choice.reason, problem, thing)
        self.opening = float(np.clip(wanted[0, -1], 0.0, 1.0))
        state = self._state(now_ns, AssistMode.POINTING, choice, choice.reason, "", thing)
        return AssistDecision(self._trajectory(wanted[:, :-1], now_ns), state)

    def _unreachable(self, wanted: np.ndarray) -> str:
        if not np.isfinite(wanted).all():
            return f"policy {self.skill.name} asks for a posture that is not a number"
        limits = self.arm.robot.limits
        beyond = np.maximum(limits.lower_rad - wanted[0, :-1], wanted[0, :-1] - limits.upper_rad)
        if beyond.max() > 0.05:
            joint = limits.names[int(np.argmax(beyond))]
            return f"policy {self.skill.name} asks for a posture beyond the limits of {joint}"
        if problem := self.arm.problem_of(np.clip(wanted[0, :-1], limits.lower_rad, limits.upper_rad)):
            return f"where policy {self.skill.name} wants to go {problem}"
        return ""

    def _trajectory(self, wanted_rad: np.ndarray, now_ns: int) -> JointTrajectory:
        """From the measured posture along (K, n) as fast as the limits allow, at rest at its end."""
        limits = self.arm.robot.limits
        most = self.settings.speed * limits.velocity_rad_s * _POINTS_S[0]
        posture, points = self._joints.position_rad, []
        for row in wanted_rad:
            posture = np.clip(posture + np.clip(row - posture, -most, most), limits.lower_rad, limits.upper_rad)
            points.append(posture)
        positions = np.array(points)
        velocity = np.gradient(np.vstack([self._joints.position_rad, positions]), _POINTS_S[0], axis=0)[1:]
        velocity[-1] = 0.0
        return JointTrajectory(now_ns, tuple(limits.names), positions, velocity, _POINTS_S.copy())

    def _still(
        self,
        now_ns: int,
        mode: AssistMode,
        choice: Choice,
        reason: str,
        limited_by: str,
        thing: KnownThing | None = None,
    ) -> AssistDecision:
        """The arm stays where it is; what was under way begins anew later. What was being helped with counts as under
        way while it is only not seen, so that its going is told as such."""
        if mode is not AssistMode.BLOCKED:
            self._run = None
        elif self._run is not None:
            self._stepped_ns = 0
        posture = self._joints.position_rad
        names = tuple(self.arm.robot.limits.names)
        hold = JointTrajectory(now_ns, names, posture[None], np.zeros((1, len(names))), _POINTS_S[:1].copy())
        moving = float(np.abs(self._joints.velocity_rad_s).max()) > 1e-3
        return AssistDecision(
            hold if moving or mode is not AssistMode.IDLE else None,
            self._state(now_ns, mode, choice, reason, limited_by, thing),
        )

    def _state(
        self,
        now_ns: int,
        mode: AssistMode,
        choice: Choice,
        reason: str,
        limited_by: str,
        thing: KnownThing | None,
    ) -> AssistState:
        position = np.full(3, np.nan) if thing is None else thing.position_m
        return AssistState(now_ns, mode, choice.label, position, reason, limited_by, choice.prediction_stamp_ns)


class RefusedSkill:
    """Stands in for a skill that cannot be used: says why, and never moves. Fed and stepped as ``SkillAssist``."""

    eye_action: int | None = None
    opening = 1.0
    eye_steps, helped_s = 0, 0.0

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def on_prediction(self, prediction: Prediction) -> None: ...

    def on_gaze_target(self, target: GazeTarget) -> None: ...

    def on_wearer(self, wearer: WearerState) -> None: ...

    def on_joint_state(self, joints: JointState) -> None: ...

    def on_look(self, look: Look) -> None: ...

    def step(self, now_ns: int) -> AssistDecision:
        state = AssistState(now_ns, AssistMode.BLOCKED, reason="The policy cannot be used.", limited_by=self._problem)
        return AssistDecision(None, state)
