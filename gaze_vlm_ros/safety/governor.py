"""Governor: the last gate before the controller.

It lets a policy's motion through in horizons of at most two control periods that end at rest. As long as it agrees it
sends the next horizon before the last one brakes; when it does not, or dies, nothing follows and the arm comes to rest
within the horizon already sent. So every way of failing is the same way: silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gaze_vlm_ros.robots.limits import Box, JointLimits
from gaze_vlm_ros.robots.trajectory import Point, sample
from gaze_vlm_ros.safety import checks
from gaze_vlm_ros.safety.clearance import ArmShape, Clearances
from gaze_vlm_ros.safety.deadlines import Input
from gaze_vlm_ros.safety.horizon import acceleration, reference, wanted_velocity
from gaze_vlm_ros.safety.settings import GovernorSettings
from gaze_vlm_ros.safety.step import Stepper
from gaze_vlm_ros.types import NS_PER_S, JointState, JointTrajectory, WearerState

UNCHECKED = "no wearer state is heard, so the distance to the wearer is not checked"


class GovernorMode(StrEnum):
    DISARMED = "disarmed"
    HOLDING = "holding"
    MOVING = "moving"
    PROTECTIVE_STOP = "protective_stop"


@dataclass(frozen=True)
class GovernorOutput:
    """A horizon to send now (None: send nothing), the one state, its one reason, and the counts so far."""

    trajectory: JointTrajectory | None
    state: GovernorMode
    reason: str
    passed: int
    refused: int


@dataclass(frozen=True)
class _Sent:
    """A horizon on its way: when it went out, and the controller's reference then."""

    at_s: float
    start: Point
    trajectory: JointTrajectory


@dataclass(frozen=True)
class _Command:
    """What the policy wants, when it came in, and when on the steady clock its time began."""

    heard_s: float
    began_s: float
    trajectory: JointTrajectory


class Governor:
    """Holds every limit. ``now_s`` is the steady clock, ``ros_ns`` the clock of the stamps; one thread only.

    Raises ValueError where ``shape`` and ``limits`` do not fit.
    """

    def __init__(
        self, limits: JointLimits, workspace: Box, shape: ArmShape, settings: GovernorSettings | None = None
    ) -> None:
        self.limits, self.workspace, self.shape = limits, workspace, shape
        self.settings = settings or GovernorSettings()
        middle = 0.5 * (limits.lower_rad + limits.upper_rad)
        clearances = Clearances(
            shape, middle, workspace, self.settings.separation, self.settings.keep_out,
            self.settings.least_manipulability_m,
        )  # fmt: skip
        self._stepper = Stepper(limits, clearances, self.settings)
        self.state, self.reason = GovernorMode.DISARMED, "not armed"
        self.passed = self.refused = 0
        self._heard: dict[Input, float] = {}
        self._joints: Point | None = None
        self._command: _Command | None = None
        self._refusal = ""
        self._wearer: WearerState | None = None
        self._refused_wearer = ("", -np.inf)
        self._sent: _Sent | None = None

    # --- what it is told

    def heard(self, name: Input | str, now_s: float) -> None:
        """A message of ``name`` came in. Raises ValueError for a name that is no Input."""
        self._heard[Input(name)] = now_s

    def told(self, name: Input | str, stamp_ns: int, now_s: float, ros_ns: int) -> str:
        """As ``heard``, for a message whose stamp must lie in the present; returns why it does not, or ""."""
        problem = self._stamp_problem(stamp_ns, ros_ns, self.settings.history_s)
        if not problem:
            self.heard(name, now_s)
        return problem

    def joint_state(self, state: JointState, now_s: float, ros_ns: int) -> str:
        """Takes in joint states; returns why not, or ""."""
        problem = self._stamp_problem(state.stamp_ns, ros_ns) or checks.joint_state_problem(state, self.limits)
        if not problem:
            order = self._order(state.names)
            self._joints = Point(
                np.array(state.position_rad, float)[order], np.array(state.velocity_rad_s, float)[order]
            )
            self.heard(Input.JOINT_STATES, now_s)
        return problem

    def wearer(self, wearer: WearerState, now_s: float, ros_ns: int, problem: str = "") -> str:
        """Takes in the wearer's state, if there is no ``problem`` with it; from then on it must stay fresh. Returns why
        not, or "". While what is said cannot be used and nothing better was heard, nothing moves."""
        oldest_s = self.settings.deadlines.wearer_s
        problem = problem or self._stamp_problem(wearer.stamp_ns, ros_ns, oldest_s) or checks.wearer_problem(wearer)
        if problem:
            self._refused_wearer = problem, now_s
        else:
            self._wearer = wearer
            self.heard(Input.WEARER, now_s)
        return problem

    def command(self, command: JointTrajectory, now_s: float, ros_ns: int) -> str:
        """Takes in what the policy wants, to be followed until ``policy_s`` from now; returns why not, or "".

        A refused command also ends the one before it.
        """
        problem = self._stamp_problem(command.stamp_ns, ros_ns) or checks.command_problem(command, self.limits)
        if problem:
            self.refused += 1
            self._command, self._refusal = None, f"the policy's command was refused: {problem}"
            return problem
        order = self._order(command.names)
        ordered = JointTrajectory(
            command.stamp_ns,
            self.limits.names,
            np.array(command.position_rad, float)[:, order],
            np.array(command.velocity_rad_s, float)[:, order],
            np.array(command.time_from_start_s, float),
        )
        began_s = now_s - max(0.0, (ros_ns - command.stamp_ns) / NS_PER_S)
        self._command, self._refusal = _Command(now_s, began_s, self._from_here(ordered, now_s)), ""
        self.heard(Input.POLICY, now_s)
        return ""

    def _order(self, names: tuple[str, ...]) -> list[int] | slice:
        return slice(None) if names == self.limits.names else [names.index(name) for name in self.limits.names]

    def _from_here(self, command: JointTrajectory, now_s: float) -> JointTrajectory:
        """A command whose first point lies in the future leads there from where the arm is."""
        if command.time_from_start_s[0] <= 0.0 or self._joints is None:
            return command
        here = self._reference(now_s, self._stands_elsewhere(now_s))
        return JointTrajectory(
            command.stamp_ns,
            command.names,
            np.vstack([here.position_rad, command.position_rad]),
            np.vstack([here.velocity_rad_s, command.velocity_rad_s]),
            np.concatenate([[0.0], command.time_from_start_s]),
        )

    # --- what people tell it

    def arm(self, now_s: float) -> str:
        """Allows motion from now on; returns why not, or ""."""
        if self.state is GovernorMode.PROTECTIVE_STOP:
            return f"protective stop: {self.reason}; reset it first"
        if self.state is GovernorMode.DISARMED and Input.WEARER not in self.settings.deadlines.needed:
            self._wearer = None
        if problem := self._missing(now_s):
            return problem
        if self.state is GovernorMode.DISARMED:
            self._command, self._refusal = None, ""
            self._say(GovernorMode.HOLDING, "armed")
        return ""

    def unchecked(self, now_s: float) -> str:
        """What this governor cannot check for want of an input that it does not need, in words; "" for nothing."""
        silent = self.settings.deadlines.silence(Input.WEARER, self._heard, now_s)
        return UNCHECKED if self._wearer is None and silent else ""

    def disarm(self) -> None:
        if self.state is not GovernorMode.PROTECTIVE_STOP:
            self._say(GovernorMode.DISARMED, "not armed")

    def stop(self, reason: str) -> None:
        """Protective stop, latched: nothing moves until ``reset`` and ``arm``. The first reason stays."""
        if self.state is not GovernorMode.PROTECTIVE_STOP:
            self._say(GovernorMode.PROTECTIVE_STOP, reason)

    def reset(self) -> str:
        """Ends a protective stop; the governor is disarmed then. Returns what was done, in words."""
        if self.state is not GovernorMode.PROTECTIVE_STOP:
            return "there is no protective stop; nothing was changed"
        self._say(GovernorMode.DISARMED, "reset after a protective stop; not armed")
        return self.reason

    # --- what it does

    def tick(self, now_s: float) -> GovernorOutput:
        """Decides anew. Call every ``tick_s``, and after a command where its delay matters."""
        if self.state in (GovernorMode.DISARMED, GovernorMode.PROTECTIVE_STOP):
            return self._output(None)
        if problem := self._missing(now_s) or self._idle(now_s) or self._backwards(now_s):
            return self._hold(problem)
        elsewhere = self._stands_elsewhere(now_s)
        here = self._reference(now_s, elsewhere)
        if problem := self._astray(here, elsewhere):
            return self._hold(problem)
        sent = self._sent
        before = np.zeros(len(here.position_rad))
        if not elsewhere:
            before = acceleration(sent.start, sent.trajectory, now_s - sent.at_s)
        step = self._stepper.step(here, before, self._wanted(here, now_s), self._wearer)
        if step.trajectory is None:
            return self._hold(step.limit)
        return self._pass(_Sent(now_s, here, step.trajectory), step.limit)

    def _missing(self, now_s: float) -> str:
        deadlines = self.settings.deadlines
        if self._joints is None:
            return "no joint states yet"
        if problem := deadlines.overdue(self._heard, now_s):
            return problem
        if self._wearer is not None:
            return deadlines.silence(Input.WEARER, self._heard, now_s)
        refused, at_s = self._refused_wearer
        return f"the wearer's state cannot be used: {refused}" if now_s - at_s <= deadlines.wearer_s else ""

    def _idle(self, now_s: float) -> str:
        if self._command is None:
            return self._refusal or "the policy asks for no motion"
        age_s = now_s - self._command.heard_s
        return "" if 0.0 <= age_s <= self.settings.deadlines.policy_s else "the policy asks for no motion"

    def _backwards(self, now_s: float) -> str:
        return "the steady clock runs backwards" if self._sent is not None and now_s < self._sent.at_s else ""

    def _reference(self, now_s: float, elsewhere: bool) -> Point:
        """Where the controller's reference is: on the last horizon or, where that no longer holds, where the arm is."""
        if elsewhere:
            return Point(self._joints.position_rad, np.zeros(len(self.limits.names)))
        return reference(self._sent.start, self._sent.trajectory, now_s - self._sent.at_s)

    def _stands_elsewhere(self, now_s: float) -> bool:
        """Whether nothing was sent, or what was sent is over and the arm does not stand at its end."""
        if self._sent is None:
            return True
        if now_s - self._sent.at_s < self._sent.trajectory.time_from_start_s[-1]:
            return False
        gap = np.abs(self._sent.trajectory.position_rad[-1] - self._joints.position_rad).max()
        return bool(gap > self.settings.standing_error_rad)

    def _astray(self, here: Point, elsewhere: bool) -> str:
        """An arm that is not where it was sent, too fast, or moves although nothing was sent."""
        gap = np.abs(self._joints.position_rad - here.position_rad)
        if gap.max() > self.settings.following_error_rad:
            return f"{self.limits.names[int(gap.argmax())]} is {gap.max():.2f} rad away from where it was sent"
        speed, allowed = np.abs(self._joints.velocity_rad_s), 1.5 * self.limits.velocity_rad_s
        if elsewhere:
            allowed = np.full(len(speed), self.settings.at_rest_rad_s)
        worst = int((speed - allowed).argmax())
        if speed[worst] <= allowed[worst]:
            return ""
        return f"{self.limits.names[worst]} moves at {speed[worst]:.2f} rad/s, at most {allowed[worst]:.2f} is expected"

    def _wanted(self, here: Point, now_s: float) -> np.ndarray:
        """Velocity (n,) at the horizon's first point that follows the policy's command."""
        command, elapsed_s = self._command.trajectory, now_s - self._command.began_s
        ahead = sample(command, elapsed_s + self.settings.tick_s).velocity_rad_s
        desired = Point(sample(command, elapsed_s).position_rad, ahead)
        return wanted_velocity(here.position_rad, desired, self.limits, self.settings.gain_per_s)

    def _pass(self, sent: _Sent, limit: str) -> GovernorOutput:
        self._sent = sent
        self.passed += 1
        unchecked = f"; {UNCHECKED}" if self._wearer is None else ""
        self._say(GovernorMode.MOVING, limit or f"the policy's command passes{unchecked}")
        return self._output(sent.trajectory)

    def _hold(self, reason: str) -> GovernorOutput:
        self._say(GovernorMode.HOLDING, reason)
        return self._output(None)

    def _say(self, state: GovernorMode, reason: str) -> None:
        self.state, self.reason = state, reason

    def _output(self, trajectory: JointTrajectory | None) -> GovernorOutput:
        return GovernorOutput(trajectory, self.state, self.reason, self.passed, self.refused)

    def _stamp_problem(self, stamp_ns: int, ros_ns: int, behind_s: float | None = None) -> str:
        behind_s = self.settings.stamp_behind_s if behind_s is None else behind_s
        return checks.stamp_problem(stamp_ns, ros_ns, self.settings.stamp_ahead_s, behind_s)
