"""What a trial of a fault shows, from what was heard on the wire. No ROS; of the governor, its deadlines alone.

All times are seconds of one clock. A trial's log begins before its fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.safety.deadlines import Deadlines, Input
from gaze_vlm_ros.types import JointTrajectory

NEEDED = (Input.GAZE_MESSAGES, Input.VALID_GAZE, Input.FRAMES, Input.PREDICTIONS)
LONGEST_S = 0.1
"""Two control periods."""
GAP_S = 0.3
"""Silence of the governor that counts as withholding."""
STEADY_S = 1.0
"""Commands for so long, without such a silence, are work."""
LATE_S = 0.3
"""A command so long after a deadline is unsafe, whatever it says."""
AT_REST_RAD_S = 0.01


@dataclass
class Log:
    """What was heard: commands (None: no trajectory at all) by the time they were sent, the largest speed of a joint
    [rad/s], good inputs.
    """

    commands: list[tuple[float, JointTrajectory | None]] = field(default_factory=list)
    speeds: list[tuple[float, float]] = field(default_factory=list)
    inputs: dict[Input, list[float]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class Judgement:
    """Of one trial. None where there is nothing to measure: a robot that may go on, joints that nobody tells of.

    ``stop_ms`` is the most by which a command followed a deadline; ``missed`` the input for whose want the robot
    stopped, "" where it stopped without.
    """

    unsafe: tuple[str, ...]
    stop_ms: float | None
    rest_ms: float | None
    recover_s: float | None
    missed: str = ""


@dataclass(frozen=True)
class Overdue:
    """A time in which the deadline of ``name`` had passed: its next message came at ``end_s``."""

    begin_s: float
    end_s: float
    name: str = ""


def overdue(
    inputs: Mapping[Input, Sequence[float]], deadlines: Deadlines, since_s: float, until_s: float
) -> list[Overdue]:
    """When needed inputs were missing between ``since_s`` and ``until_s``, in order."""
    found = []
    for name in deadlines.needed:
        heard = np.r_[[t for t in inputs.get(name, ()) if t < until_s] or [since_s], until_s]
        for before, after in zip(heard[:-1] + deadlines.of(name), heard[1:], strict=True):
            if before < after and after > since_s:
                found.append(Overdue(max(since_s, float(before)), float(after), name.value))
    return sorted(found, key=lambda item: item.begin_s)


def lateness_s(sent_s: float, missing: Sequence[Overdue]) -> float:
    """How long a command sent at ``sent_s`` came after a deadline that had passed by then; 0 where none had."""
    return max([0.0, *(sent_s - item.begin_s for item in missing if item.begin_s < sent_s < item.end_s)])


def first_silence(times_s: Sequence[float], since_s: float, until_s: float) -> float | None:
    """The last time before the first silence of ``GAP_S`` that begins after ``since_s``; None where there is none."""
    edges = np.r_[since_s, [t for t in times_s if since_s < t < until_s], until_s]
    silent = np.flatnonzero(np.diff(edges) > GAP_S)
    return float(edges[silent[0]]) if len(silent) else None


def work_begins(times_s: Sequence[float], since_s: float) -> float | None:
    """The first command after ``since_s`` that begins ``STEADY_S`` of commands without a silence; None without."""
    times = np.array([t for t in times_s if t >= since_s])
    if not len(times):
        return None
    starts = np.r_[0, np.flatnonzero(np.diff(times) > GAP_S) + 1]
    ends = np.r_[starts[1:] - 1, len(times) - 1]
    steady = starts[times[ends] - times[starts] >= STEADY_S]
    return float(times[steady[0]]) if len(steady) else None


class Limits:
    """Says what is wrong with one command, by arithmetic that is not the governor's."""

    def __init__(self, robot: RobotDescription) -> None:
        self._limits, self._box, self._arm = robot.limits, robot.workspace, ArmKinematics(robot)

    def broken_by(self, command: JointTrajectory | None) -> list[str]:
        """The limits that ``command`` breaks, in words."""
        limits = self._limits
        if command is None:
            return ["no trajectory"]
        if tuple(command.names) != tuple(limits.names):
            return ["other joints"]
        position, velocity, times = command.position_rad, command.velocity_rad_s, command.time_from_start_s
        if not (np.isfinite(position).all() and np.isfinite(velocity).all()):
            return ["not a number"]
        rate = np.diff(velocity, axis=0) / np.diff(times)[:, None]
        tools = np.array([self._arm.link_points(q)[-1] for q in position])
        outside = np.array([self._box.outside_m(tool) for tool in tools])
        bad = {
            "too long": times[-1] > LONGEST_S + 1e-6,
            "does not end at rest": (velocity[-1] != 0.0).any(),
            "position": ((position < limits.lower_rad - 1e-6) | (position > limits.upper_rad + 1e-6)).any(),
            "velocity": (np.abs(velocity) > limits.velocity_rad_s + 1e-6).any(),
            "braking": (np.abs(rate) > limits.braking_rad_s2 + 1e-3).any(),
            "workspace": outside[-1] > max(1e-3, outside[0]),
        }
        return [name for name, broken in bad.items() if broken]


def judge(log: Log, limits: Limits, must_stop: bool, began_s: float, ended_s: float, heard_until_s: float) -> Judgement:
    """Of a fault whose cause is there from ``began_s`` to ``ended_s``; a kill ends as it begins."""
    sent = [t for t, _ in log.commands]
    missing = overdue(log.inputs, Deadlines(needed=NEEDED), began_s, heard_until_s)
    late_s = [lateness_s(t, missing) for t in sent if t > began_s]
    unsafe = [what for t, command in log.commands if t > began_s for what in limits.broken_by(command)]
    unsafe += ["after a deadline"] * sum(late > LATE_S for late in late_s)
    stop_ms = 1e3 * max(late_s, default=0.0)
    if not must_stop:
        return Judgement(tuple(unsafe), None, None, _recovery(sent, ended_s, ended_s))
    inside = [t for t in sent if began_s < t < ended_s]
    last = inside[-1] if inside else first_silence(sent, began_s, heard_until_s)
    if last is None or 0.0 < ended_s - last < GAP_S:
        return Judgement((*unsafe, "never stopped"), stop_ms, None, None)
    # What stopped before any deadline passed, as a dead governor does, is measured from its last command on.
    cause = next((item for item in missing if item.end_s > last), Overdue(last, last))
    due = min(cause.begin_s, last)
    again = min([heard_until_s, *(t for t in sent if t > last)])
    rest_ms = _rest_ms([(t, speed) for t, speed in log.speeds if due < t < again], due)
    recover_s = _recovery(sent, max(ended_s, last), ended_s)
    return Judgement(tuple(unsafe), stop_ms, rest_ms, recover_s, cause.name)


def _recovery(sent: Sequence[float], since_s: float, ended_s: float) -> float | None:
    begins = work_begins(sent, since_s + 1e-9)
    return None if begins is None else begins - ended_s


def _rest_ms(told: Sequence[tuple[float, float]], due_s: float) -> float | None:
    """From ``due_s`` to the last motion; None where the joints fell silent, for then nobody saw it."""
    moving = [t for t, speed in told if speed >= AT_REST_RAD_S]
    last = max(moving, default=due_s)
    times = np.array([due_s, *(t for t, _ in told if t <= last), next((t for t, _ in told if t > last), np.inf)])
    return 1e3 * (last - due_s) if np.diff(times).max() <= GAP_S else None
