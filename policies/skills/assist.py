"""SkillAssist: helps with a thing by means of a trained policy, and moves only while everything is as it should be."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.policies.arm import ArmModel
from gaze_vlm_ros.policies.assist import AssistDecision
from gaze_vlm_ros.policies.choice import Choice, Chooser
from gaze_vlm_ros.policies.courtesy import Courtesy
from gaze_vlm_ros.policies.fresh import is_fresh, is_late
from gaze_vlm_ros.policies.handing import REACH_M, SURELY_M, handing_point, is_in_reach
from gaze_vlm_ros.policies.joints import KnownJoints
from gaze_vlm_ros.policies.memory import KnownThing, ThingMemory
from gaze_vlm_ros.policies.motion import Motion
from gaze_vlm_ros.policies.skills.aim import aim_at
from gaze_vlm_ros.policies.skills.settings import SkillSettings
from gaze_vlm_ros.policies.skills.skill import VIEWS_SHAPE, Look, Skill, SkillError
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

_POINTS_S = np.arange(1, 7) / 30.0
"""So far ahead a command reaches; the last point is at rest."""
_TOLERANCE_RAD, _EMPTY = 0.15, 0.03
"""How far the arm may be off its way home; fingers that have closed so far hold nothing."""


class SkillAssist:
    """Fed and stepped as an ``AssistPolicy``, beside what the robot's eye sees (``on_look``). Not thread-safe.

    ``eye_action`` is what the eye should do after the last step (0..24, None: nothing new); ``opening`` what the
    gripper should (0 closed .. 1 open; None before the first help: it keeps what it may hold). ``eye_steps`` counts
    the steps of the eye in ``helped_s`` of help. Never raises for what the inputs hold: the state says what is wrong.
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
        self.opening: float | None = None
        self.eye_steps, self.helped_s = 0, 0.0
        self._helped_ns: int | None = None
        self._chooser = chooser
        self._courtesy = Courtesy(settings.courtesy)
        self._known_joints = KnownJoints(arm.robot.joint_names, settings.joints_max_age_s)
        self._joints: JointState | None = None
        self._look: Look | None = None
        self._look_problem = "the robot's eye has not been seen yet"
        self._run: tuple[str, np.ndarray, np.ndarray | None] | None = None
        self._stepped_ns = self._helped_last_ns = 0
        self._motion = Motion(arm, settings.speed, _TOLERANCE_RAD)
        self._ways = Ways(arm, self._motion, self._courtesy)
        self._measured_opening: float | None = None
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
        """As for an ``AssistPolicy``; fingers may come with the arm's joints or by messages of their own."""
        self._known_joints.take(joints)
        if (opening := self.arm.opening_of(joints)) is not None:
            self._measured_opening = opening

    def on_look(self, look: Look) -> None:
        """What the eye sees; pictures of another camera are not used, and ``AssistState.limited_by`` says so."""
        if np.shape(look.views) != VIEWS_SHAPE or np.asarray(look.views).dtype != np.uint8:
            self._look_problem = f"the eye's views are {np.shape(look.views)}, not {VIEWS_SHAPE}: another camera?"
        elif not np.isfinite(look.direction).all():
            self._look_problem = "where the eye looks is not a number"
        elif self._look is None or not is_late(look.stamp_ns, self._look.stamp_ns):
            self._look, self._look_problem = look, ""

    # --- what comes out

    def step(self, now_ns: int) -> AssistDecision:
        """What to do now, at 30 Hz or faster."""
        self.eye_action = None
        helped_ns, self._helped_ns = self._helped_ns, None
        joints, problem = self._known_joints.at(now_ns)
        self._joints = joints
        if joints is None:
            if not self._is_under_way:
                self._run = None
            state = AssistState(now_ns, AssistMode.BLOCKED, reason="Where the arm is is not known.", limited_by=problem)
            return AssistDecision(None, state)
        self._motion.update(joints, now_ns)
        choice = self._chooser.choose(now_ns, self.memory, self._courtesy.wearer(now_ns))
        if self._is_under_way:
            choice = replace(choice, label=self._run[0], reason=f"The {self._run[0]} is on its way.")
        distance, part = self._courtesy.nearest([self.arm.kinematics.link_points(joints.position_rad)], now_ns)
        if self._courtesy.update(distance):
            limit = f"the wearer's {part} is near"
            return self._still(now_ns, AssistMode.YIELDING, choice, "The arm keeps out of the wearer's way.", limit)
        if not choice.label:
            return self._rest(now_ns, choice)
        thing = self.memory.find(choice.label, now_ns)
        if self._is_in_reach(thing, now_ns):
            return self._rest(now_ns, replace(choice, reason=f"The {choice.label} is within the wearer's reach."))
        thing, problem = self._aim(choice.label, thing)
        problem = self._contradiction(choice.label, now_ns) or problem
        problem = self._unseen(now_ns) if self._is_under_way else problem or self._unseen(now_ns)
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

    def _aim(self, label: str, thing: KnownThing | None) -> tuple[KnownThing | None, str]:
        """Where ``label`` is fetched, and what forbids it as things are; "" for nothing."""
        if thing is not None:
            return aim_at(thing, self.arm.robot.workspace)
        gone = self._run is not None and self._run[0] == label
        return None, f"the {label} is gone" if gone else f"where the {label} is is not known"

    def _unseen(self, now_ns: int) -> str:
        """What is wrong with what the skill's eye sees; "" for nothing."""
        if self.skill.eye_m is None:
            return ""
        if self._look is None or self._look_problem:
            return self._look_problem
        if is_fresh(self._look.stamp_ns, now_ns, self.settings.eye_max_age_s):
            return ""
        return f"what the robot's eye sees is {(now_ns - self._look.stamp_ns) / NS_PER_S:.1f} s old"

    @property
    def _is_under_way(self) -> bool:
        """What the gripper closes about or holds is brought first, and what was let go of is left in peace."""
        if self._run is None or not self.skill.brings:
            return False
        empty = self._measured_opening is not None and self._measured_opening < _EMPTY
        return self.skill.under_way or (self.opening is not None and self.opening < 0.5 and not empty)

    def _help(self, now_ns: int, choice: Choice, thing: KnownThing | None) -> AssistDecision:
        try:
            if not self._is_under_way and (problem := self._begin(choice.label, thing, now_ns)):
                return self._still(now_ns, AssistMode.BLOCKED, choice, choice.reason, problem, thing)
            if thing is not None and not self._is_under_way:
                self.skill.told(thing.position_m)
            if now_ns - self._stepped_ns >= (1.0 / self.settings.eye_hz - 0.005) * NS_PER_S:
                commanded = 1.0 if self.opening is None else self.opening
                opening = commanded if self._measured_opening is None else self._measured_opening
                asked = np.append(self._joints.position_rad, opening)
                self.eye_action = self.skill.step(self._look, asked, now_ns / NS_PER_S)
                self._stepped_ns = now_ns
                self.eye_steps += 1
            wanted = np.array([self.skill.joints_at(now_ns / NS_PER_S + ahead) for ahead in _POINTS_S])
        except GazeVlmError as error:
            return self._still(now_ns, AssistMode.BLOCKED, choice, choice.reason, str(error), thing)
        if problem := self._unreachable(wanted):
            return self._still(now_ns, AssistMode.BLOCKED, choice, choice.reason, problem, thing)
        self.opening = float(np.clip(wanted[0, -1], 0.0, 1.0))
        self._motion.drop()
        self._helped_last_ns = now_ns
        if self.skill.done:
            self.memory.put(choice.label, self._run[2], now_ns)
            self._run = None
        state = self._state(now_ns, AssistMode.HELPING, choice, choice.reason, "", thing)
        return AssistDecision(self._trajectory(wanted[:, :-1], now_ns), state)

    def _is_in_reach(self, thing: KnownThing | None, now_ns: int) -> bool:
        """Whether there is nothing left to bring."""
        if not self.skill.brings or self._is_under_way or thing is None:
            return False
        wearer = self._courtesy.wearer(now_ns)
        near_m = REACH_M if thing.brought else SURELY_M
        return wearer is not None and is_in_reach(thing.position_m, wearer, near_m)

    def _begin(self, label: str, thing: KnownThing, now_ns: int) -> str:
        """Starts the skill where it is not at work on this very thing, here; "" or what forbids it."""
        at_it = self._run is not None and self._run[0] == label
        if at_it and np.linalg.norm(self._run[1] - thing.position_m) <= self.skill.moved_m:
            return ""
        goal_m = None
        if self.skill.brings:
            if self._measured_opening is None:
                return "how far the gripper is open is not measured: joint_states lack its joints, as in robot.yaml"
            wearer = self._courtesy.wearer(now_ns)
            if wearer is None or not np.isfinite(wearer.base_T_head).all():
                return "where the wearer's head is is not known"
            things = [thing for thing in self.memory.things(now_ns) if thing.label in OBJECT_KINDS]
            others = [other.position_m for other in things if other.label != label]
            goal_m = handing_point(thing.position_m, wearer, others, self.arm.robot.workspace)
            if goal_m is None:
                return f"there is no room for the {label} within the wearer's reach"
        self.skill.reset(label, thing.position_m, goal_m)
        self._run, self._stepped_ns = (label, thing.position_m, goal_m), 0
        return ""

    def _rest(self, now_ns: int, choice: Choice) -> AssistDecision:
        """Stays, and a while after help goes home. Fingers that bring hold nothing now, and open."""
        if self.skill.brings and self._helped_last_ns:
            self.opening = 1.0
        home = self.arm.robot.home_rad
        waited_s = (now_ns - self._helped_last_ns) / NS_PER_S
        if not self._helped_last_ns or waited_s < self.settings.home_after_s or self._ways.go(home, now_ns):
            return self._still(now_ns, AssistMode.IDLE, choice, choice.reason, "")
        self._run = None
        state = self._state(now_ns, AssistMode.IDLE, choice, choice.reason, "", None)
        return AssistDecision(self._motion.command(now_ns), state)

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
        """The arm stays where it is; what was begun begins anew later, but for what is in the gripper. What was being
        helped with counts as begun while it is only not seen, so that its going is told as such."""
        self._motion.drop()
        if mode is not AssistMode.BLOCKED and not self._is_under_way:
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
        self, now_ns: int, mode: AssistMode, choice: Choice, reason: str, limited_by: str, thing: KnownThing | None
    ) -> AssistState:
        position = np.full(3, np.nan) if thing is None else thing.position_m
        return AssistState(now_ns, mode, choice.label, position, reason, limited_by, choice.prediction_stamp_ns)
