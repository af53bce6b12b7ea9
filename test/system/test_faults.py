"""Each fault does what it says, alone: what goes through a filter, what a signal does to a process."""

import array
import importlib
import math
import multiprocessing
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gaze_vlm_ros.graph import build
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.safety.clearance import ArmShape
from gaze_vlm_ros.safety.governor import Governor

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def faults(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.faults")


@pytest.fixture
def filters(faults):
    return faults.filters


def message(ns, **fields):
    stamp = SimpleNamespace(sec=ns // 10**9, nanosec=ns % 10**9)
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp), **fields)


def picture(ns, value):
    return message(ns, data=array.array("B", [value] * 6))


def gaze(ns, point=(10.0, 20.0), ray=(0.0, 0.0, 1.0)):
    return message(ns, point_px=np.array(point, np.float32), ray=np.array(ray, np.float32))


class TestTable:
    def test_has_two_dozen_faults_of_different_names(self, faults):
        names = [fault.name for fault in faults.FAULTS]
        assert len(names) == len(set(names)) >= 24

    def test_every_node_dies_and_hangs_once(self, faults):
        nodes = [node.name for node in build("sim", {"record": "x.mcap"}).nodes]
        struck = [fault.signal_to for fault in faults.FAULTS if fault.signal_to]
        assert sorted(struck) == sorted((node, s) for node in nodes for s in (signal.SIGKILL, signal.SIGSTOP))

    def test_a_fault_comes_about_in_one_way(self, faults):
        with pytest.raises(ValueError, match="exactly one way"):
            faults.Fault("nothing", faults.Follows.STOPS)


class TestFilters:
    def test_lost(self, filters):
        assert filters.lost()(picture(1, 1)) == []

    def test_frozen_keeps_the_first_picture_and_the_new_stamps(self, filters):
        apply = filters.frozen()
        seen = [apply(picture(ns, ns))[0][1] for ns in (1, 2, 3)]
        assert [m.data[0] for m in seen] == [1, 1, 1]
        assert [m.header.stamp.nanosec for m in seen] == [1, 2, 3]

    def test_black_is_black_and_leaves_the_original_alone(self, filters):
        original = picture(1, 7)
        dark = filters.black()(original)[0][1]
        assert set(dark.data) == {0} and len(dark.data) == 6 and set(original.data) == {7}

    def test_delayed_and_duplicated(self, filters):
        one = picture(1, 1)
        assert filters.delayed(0.5)(one) == [(0.5, one)]
        assert filters.duplicated(3)(one) == [(0.0, one)] * 3

    def test_reordered(self, filters):
        apply = filters.reordered(0.1)
        due = sorted((index * 0.033 + delay, index) for index in range(6) for delay, _ in apply(picture(index, 1)))
        assert [index for _, index in due] != sorted(range(6))

    @pytest.mark.parametrize("seconds", [1.0, -1.0, 3600.0, -3600.0])
    def test_shifted(self, filters, seconds):
        original = picture(10_000 * 10**9 + 5, 1)
        stamp = filters.shifted(seconds)(original)[0][1].header.stamp
        assert (stamp.sec, stamp.nanosec) == (10_000 + seconds, 5)
        assert original.header.stamp.sec == 10_000
        assert filters.shifted(-1.0)(picture(5, 1))[0][1].header.stamp.sec == 0

    def test_gaze_nan_stuck_and_jumping(self, filters):
        lost = filters.nan_gaze()(gaze(1))[0][1]
        assert math.isnan(lost.point_px[0]) and np.isnan(lost.ray).all()
        stuck = filters.stuck_gaze()
        stuck(gaze(1))
        assert stuck(gaze(2, point=(50.0, 60.0)))[0][1].point_px.tolist() == [10.0, 20.0]
        jumping = filters.jumping_gaze()
        first, second = jumping(gaze(1))[0][1], jumping(gaze(2))[0][1]
        assert np.arccos(np.clip(first.ray @ second.ray, -1, 1)) == pytest.approx(0.6, abs=1e-3)
        assert np.linalg.norm(second.ray) == pytest.approx(1.0, abs=1e-6)


class TestStrangers:
    def test_the_governor_refuses_every_trajectory_beyond_the_limits(self, faults):
        robot = RobotDescription.load("jaco")
        arm = ArmKinematics(robot)
        governor = Governor(robot.limits, robot.workspace, ArmShape(arm.link_points))
        say = next(fault for fault in faults.FAULTS if fault.name == "trajectories beyond the limits").says[1]
        random = np.random.default_rng(0)
        for index in range(200):
            assert governor.command(say(index * 10**7, random), index * 0.01, index * 10**7)
        assert governor.refused == 200

    def test_predictions_contradict_each_other(self, faults):
        random = np.random.default_rng(0)
        said = {faults.contradicting(1, random).text for _ in range(50)}
        assert len(said) >= 4


class TestProcesses:
    def state(self, pid):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

    def test_a_stopped_process_stands_still_and_goes_on(self, faults):
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
            with faults.signalled(process.pid, signal.SIGSTOP):
                end = time.monotonic() + 30
                while self.state(process.pid) != "T" and time.monotonic() < end:
                    time.sleep(0.02)
                assert self.state(process.pid) == "T"
            end = time.monotonic() + 30
            while self.state(process.pid) == "T" and time.monotonic() < end:
                time.sleep(0.02)
            assert self.state(process.pid) != "T"
            with faults.signalled(process.pid, signal.SIGKILL):
                assert process.wait(30) == -signal.SIGKILL

    def test_busy_neighbours_come_and_go(self, faults):
        with faults.starved(1):
            (busy,) = multiprocessing.active_children()
            assert busy.is_alive()
        assert not busy.is_alive() and not multiprocessing.active_children()
