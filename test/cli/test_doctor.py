import argparse

import pytest

from gaze_vlm_ros.cli import checks, doctor
from gaze_vlm_ros.cli.checks import Check, Finding, Level
from gaze_vlm_ros.environment import RosUnavailable

GOOD = Finding(Level.GOOD, "lamp", "bright")
BAD = Finding(Level.BAD, "oil", "none", "buy some")
OPTIONAL = Finding(Level.OPTIONAL, "shade", "none", "sew one")


def run(monkeypatch, *found, quick=False, slow=()):
    looked = [Check(lambda finding=finding: [finding]) for finding in found]
    looked += [Check(lambda finding=finding: [finding], slow=True) for finding in slow]
    monkeypatch.setattr(doctor, "CHECKS", looked)
    return doctor.run(argparse.Namespace(quick=quick))


def test_all_is_well_although_something_optional_is_not_there(monkeypatch, capsys):
    assert run(monkeypatch, GOOD, OPTIONAL) == 0
    told = capsys.readouterr().out
    assert "ok      lamp: bright" in told and "-> sew one" in told and "Everything needed is there." in told


def test_what_is_missing_is_named_with_its_remedy(monkeypatch, capsys):
    assert run(monkeypatch, GOOD, BAD) == 1
    told = capsys.readouterr().out
    assert "MISSING oil: none\n        -> buy some" in told and "Still needed: oil." in told


def test_quick_leaves_the_slow_checks_out(monkeypatch):
    assert run(monkeypatch, GOOD, slow=[BAD]) == 1
    assert run(monkeypatch, GOOD, slow=[BAD], quick=True) == 0


def test_missing_ros_and_messages_are_found(monkeypatch):
    def missing(*_):
        raise RosUnavailable("ROS 2 was not found: run `make setup`")

    monkeypatch.setattr(checks, "find_ros", missing)
    monkeypatch.setattr(checks, "require_messages", missing)
    assert [finding.level for finding in checks.ros()] == [Level.BAD, Level.BAD]


def test_missing_libraries_and_failing_rendering_are_found(monkeypatch):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setattr(checks, "rendering_backend", lambda: None)
    (finding,) = checks.rendering()
    assert finding.level is Level.BAD and "libegl1" in finding.remedy
    monkeypatch.setattr(checks, "rendering_backend", lambda: "egl")
    monkeypatch.setattr(checks, "_probe", lambda *_: (True, "no display"))
    (finding,) = checks.rendering()
    assert finding.level is Level.BAD and "egl failed: no display" in finding.state


def test_a_profile_that_loses_pictures_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", str(tmp_path / "mine.xml"))
    monkeypatch.setattr(checks, "_probe", lambda *_: (True, "2 of 20 pictures arrived"))
    (finding,) = checks.dds()
    assert finding.level is Level.BAD and "mine.xml: 2 of 20" in finding.state and "unset" in finding.remedy


def test_a_missing_checkpoint_and_missing_sdks_are_found(monkeypatch):
    checkpoint = pytest.importorskip("gaze_vlm_ros.vlm.checkpoint")
    monkeypatch.setattr(checkpoint, "SHIPPED", checkpoint.Path("/nowhere"))
    assert checks.checkpoint()[0].level is Level.BAD
    monkeypatch.setattr(checks, "SDKS", {"no_such_package.sub": ("nothing", "pip install it")})
    (finding,) = checks.sdks()
    assert finding.level is Level.OPTIONAL and finding.remedy == "pip install it"


def test_pictures_and_rendering_really_work_here():
    pytest.importorskip("rclpy")
    assert [finding.level for finding in checks.dds() + checks.rendering()] == [Level.GOOD, Level.GOOD]
