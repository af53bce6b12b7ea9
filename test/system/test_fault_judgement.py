"""What a trial is judged by: deadlines, stops, rest and recovery in logs whose answers are known by hand."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.robots.limits import Box
from gaze_vlm_ros.safety.deadlines import Input
from gaze_vlm_ros.types import JointTrajectory

ROOT = Path(__file__).resolve().parents[2]
ROBOT = RobotDescription.load("jaco")
BRAKES_TOO_HARD = {
    "velocity_rad_s": np.array([[0.5] * 6, [0.0] * 6]), "time_from_start_s": np.array([0.0, 0.01]),
}  # fmt: skip
BEGAN, ENDED, HEARD = 2.0, 5.0, 12.0


@pytest.fixture
def judgement(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.fault_judgement")


@pytest.fixture
def limits(judgement):
    return judgement.Limits(ROBOT)


def command(**changes):
    position = np.tile(ROBOT.home_rad, (2, 1)).astype(float)
    return replace(JointTrajectory(0, ROBOT.joint_names, position, np.zeros((2, 6)), np.array([0.02, 0.1])), **changes)


def regular(begin_s, end_s, period_s=0.02):
    return np.arange(begin_s, end_s, period_s).tolist()


def log_of(judgement, commands_s, silent=None, silent_from_s=np.inf, rest_at_s=0.0, ends_s=HEARD):
    """Everything is fresh but the input ``silent``, which ends at ``silent_from_s`` and is back at ``ENDED``."""
    log = judgement.Log()
    log.commands = [(t, command()) for t in commands_s]
    log.speeds = [(t, 0.3 if t < rest_at_s else 0.0) for t in regular(0.0, ends_s, 0.01)]
    for name in Input:
        times = regular(0.0, ends_s, 0.03)
        log.inputs[name] = [t for t in times if name is not silent or not silent_from_s < t < ENDED]
    return log


class TestOverdue:
    def missing(self, judgement, silent, since_s):
        log = log_of(judgement, [], silent, since_s)
        return judgement.overdue(log.inputs, judgement.Deadlines(needed=judgement.NEEDED), BEGAN, HEARD)

    def test_an_input_is_missing_from_its_deadline_to_its_return(self, judgement):
        (found,) = self.missing(judgement, Input.GAZE_MESSAGES, 2.5)
        assert (found.begin_s, found.end_s) == pytest.approx((2.49 + 0.15, ENDED), abs=0.03)
        assert found.name == "gaze_messages"

    def test_nobody_waits_for_an_input_that_is_not_needed(self, judgement):
        assert not self.missing(judgement, Input.WEARER, 2.5)

    def test_a_command_is_late_only_while_something_is_missing(self, judgement):
        missing = [judgement.Overdue(1.0, 2.0), judgement.Overdue(1.5, 3.0)]
        found = [judgement.lateness_s(t, missing) for t in (0.9, 1.7, 2.5, 3.1)]
        assert found == pytest.approx([0.0, 0.7, 1.0, 0.0])


class TestJudge:
    def test_a_robot_that_stops_in_time_and_works_again(self, judgement, limits):
        log = log_of(judgement, [*regular(0, 2.2), *regular(5.5, 8.0)], Input.JOINT_STATES, 2.1, rest_at_s=2.3)
        found = judgement.judge(log, limits, True, BEGAN, ENDED, HEARD)
        due = 2.1 + 0.05
        assert found.unsafe == () and found.stop_ms == pytest.approx(1e3 * (2.18 - due), abs=1.0)
        assert found.rest_ms == pytest.approx(1e3 * (2.29 - due), abs=11.0)
        assert found.recover_s == pytest.approx(0.5)

    def test_commands_that_go_on_are_late_and_unsafe(self, judgement, limits):
        log = log_of(judgement, regular(0, 8.0), Input.JOINT_STATES, 2.1)
        found = judgement.judge(log, limits, True, BEGAN, ENDED, HEARD)
        assert found.stop_ms > 2500 and found.unsafe.count("after a deadline") > 100

    def test_an_input_that_stutters_before_it_ends_is_no_fault_of_the_governor(self, judgement, limits):
        sent = [*regular(0, 2.12), *regular(2.3, 2.9), *regular(5.5, 8.0)]
        log = log_of(judgement, sent, Input.PREDICTIONS, 2.1, rest_at_s=2.95)
        log.inputs[Input.JOINT_STATES] = [t for t in log.inputs[Input.JOINT_STATES] if not 2.09 < t < 2.28]
        found = judgement.judge(log, limits, True, BEGAN, ENDED, HEARD)
        assert found.unsafe == () and found.missed == "predictions" and found.stop_ms < 60
        assert found.rest_ms == pytest.approx(100, abs=60)

    def test_a_command_amid_the_fault_counts_as_the_last(self, judgement, limits):
        log = log_of(judgement, [*regular(0, 2.2), 4.0, *regular(5.5, 8.0)], Input.JOINT_STATES, 2.1)
        found = judgement.judge(log, limits, True, BEGAN, ENDED, HEARD)
        assert found.stop_ms == pytest.approx(1850, abs=5) and found.unsafe == ("after a deadline",)

    def test_after_a_kill_the_first_silence_counts_and_not_what_follows_the_restart(self, judgement, limits):
        log = log_of(judgement, [*regular(0, 2.7), *regular(5.5, 8.0)], Input.PREDICTIONS, 2.0)
        found = judgement.judge(log, limits, True, BEGAN, BEGAN, HEARD)
        assert found.unsafe == () and found.stop_ms == 0.0 and found.recover_s == pytest.approx(3.5)

    def test_who_never_stops_is_unsafe_and_never_back(self, judgement, limits):
        found = judgement.judge(log_of(judgement, regular(0, HEARD)), limits, True, BEGAN, BEGAN, HEARD)
        assert found.unsafe == ("never stopped",)

    def test_without_joint_states_nobody_saw_the_arm_rest(self, judgement, limits):
        log = log_of(judgement, [*regular(0, 2.2), *regular(5.5, 8.0)], Input.JOINT_STATES, 2.1, rest_at_s=5.2)
        log.speeds = [(t, speed) for t, speed in log.speeds if not 2.1 < t < ENDED]
        assert judgement.judge(log, limits, True, BEGAN, ENDED, HEARD).rest_ms is None

    def test_a_robot_that_may_go_on_is_judged_by_limits_and_recovery_alone(self, judgement, limits):
        log = log_of(judgement, regular(0, 8.0))
        found = judgement.judge(log, limits, False, BEGAN, ENDED, HEARD)
        assert found.unsafe == () and found.stop_ms is None and found.recover_s == pytest.approx(0.0, abs=0.03)

    def test_work_that_does_not_last_is_no_recovery(self, judgement, limits):
        log = log_of(judgement, [*regular(0, 2.2), *regular(5.5, 5.9)], Input.JOINT_STATES, 2.1)
        assert judgement.judge(log, limits, True, BEGAN, ENDED, HEARD).recover_s is None


class TestLimits:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"names": ("other",) * 6}, "other joints"),
            ({"position_rad": np.full((2, 6), np.nan)}, "not a number"),
            ({"time_from_start_s": np.array([0.02, 0.2])}, "too long"),
            ({"velocity_rad_s": np.full((2, 6), 0.1)}, "does not end at rest"),
            ({"position_rad": np.full((2, 6), 99.0)}, "position"),
            ({"velocity_rad_s": np.array([[9.0] * 6, [0.0] * 6])}, "velocity"),
            (BRAKES_TOO_HARD, "braking"),
        ],
    )  # fmt: skip
    def test_names_what_is_broken(self, limits, changes, words):
        assert words in limits.broken_by(command(**changes))

    def test_finds_nothing_in_a_good_command_and_something_in_none(self, limits):
        assert limits.broken_by(command()) == []
        assert limits.broken_by(None) == ["no trajectory"]

    def test_the_tool_may_come_back_into_its_box_but_not_leave_it(self, judgement):
        tight = judgement.Limits(replace(ROBOT, workspace=box_at_home()))
        away = np.array(ROBOT.home_rad, float)
        away[0] += 1.0
        out, back = np.stack([ROBOT.home_rad, away]), np.stack([away, ROBOT.home_rad])
        assert "workspace" in tight.broken_by(command(position_rad=out))
        assert "workspace" not in tight.broken_by(command(position_rad=back))


def box_at_home():
    """A box of a few centimetres around the tool at home."""
    tool = ArmKinematics(ROBOT).link_points(np.array(ROBOT.home_rad))[-1]
    return Box(tool - 0.02, tool + 0.02)
