"""Processes get an environment in which ROS works, images arrive, and runs do not disturb each other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gaze_vlm_ros import environment
from gaze_vlm_ros.environment import (
    PROFILE_VARIABLES,
    DomainLease,
    NoFreeDomain,
    ResourceMissing,
    RosUnavailable,
    child_environment,
    clear_shared_memory,
    find_ros,
    resource,
    sourced_prefixes,
)

EXCHANGE = Path(__file__).with_name("image_exchange.py")
ENTER = Path(__file__).resolve().parents[2] / "scripts" / "enter.py"
needs_wheels = pytest.mark.skipif(environment.wheel_distribution() is None, reason="a ROS 2 installation is sourced")


def make_ros(prefix: Path) -> Path:
    """A folder that looks like a ROS 2 installation."""
    manifest = prefix / "share" / "rclpy" / "package.xml"
    manifest.parent.mkdir(parents=True)
    manifest.touch()
    return prefix


def start(role: list[str], environ: dict[str, str], **options) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, str(EXCHANGE), *role], env=environ, **options)


def test_leased_domains_differ_and_come_back():
    few = range(200, 202)
    with DomainLease(few) as first, DomainLease(few) as second:
        assert {first.domain_id, second.domain_id} == set(few)
        with pytest.raises(NoFreeDomain, match="200 to 201"):
            DomainLease(few)
    DomainLease(few).close()


def test_a_domain_comes_back_when_its_process_is_killed():
    code = "from gaze_vlm_ros.environment import DomainLease as L; l = L(range(203, 204)); print(1, flush=1); input()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    with pytest.raises(NoFreeDomain):
        DomainLease(range(203, 204))
    holder.kill()
    holder.communicate()
    DomainLease(range(203, 204)).close()


@needs_wheels
def test_what_killed_nodes_left_in_shared_memory_is_removed_and_nothing_of_the_living():
    def node():
        code = "import rclpy; rclpy.init(); n = rclpy.create_node('a'); print(1, flush=1); input()"
        process = subprocess.Popen([sys.executable, "-c", code], env=environ, stdin=-1, stdout=-1)
        process.stdout.readline()
        return process

    def held():
        return {path.name for path in Path("/dev/shm").glob("fastrtps_*")}

    with DomainLease() as lease:
        environ, before = child_environment(lease.domain_id), held()
        living = node()
        of_living = held() - before
        dead = node()
        dead.kill()
        dead.communicate()
        left = held() - before - of_living
        try:
            assert len(of_living) >= 2 and len(left) >= 2
            clear_shared_memory()
            assert not left & held() and of_living <= held()
        finally:
            living.kill()
            living.communicate()


def test_child_is_confined_to_this_host_in_its_domain():
    child = child_environment(domain_id=42, environ={**os.environ, "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"})
    assert child["ROS_DOMAIN_ID"] == "42"
    assert child["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"


def test_child_for_a_real_robot_keeps_the_users_network():
    given = {**os.environ, "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET", "ROS_DOMAIN_ID": "7"}
    child = child_environment(local_only=False, environ=given)
    assert (child["ROS_AUTOMATIC_DISCOVERY_RANGE"], child["ROS_DOMAIN_ID"]) == ("SUBNET", "7")


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MUJOCO_GL", *PROFILE_VARIABLES])
def test_what_the_user_set_stays(name: str):
    assert child_environment(environ={**os.environ, name: "mine"})[name] == "mine"


def test_an_environment_is_reached_in_one_step():
    once = child_environment(domain_id=5)
    assert child_environment(domain_id=5, environ=once) == once


def test_sourced_installation_is_told_from_a_workspace_and_from_this_environment(tmp_path: Path):
    ros, workspace = make_ros(tmp_path / "ros"), tmp_path / "workspace"
    both = os.pathsep.join([str(workspace), str(environment.PREFIX), str(ros)])
    assert sourced_prefixes({"AMENT_PREFIX_PATH": both}) == (workspace, ros)
    assert sourced_prefixes({"AMENT_PREFIX_PATH": f"{workspace}{os.pathsep}{environment.PREFIX}"}) == ()


def test_wheels_and_a_sourced_installation_are_not_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sourced = {"AMENT_PREFIX_PATH": str(make_ros(tmp_path)), "ROS_DISTRO": "jazzy"}
    monkeypatch.setattr(environment, "wheel_distribution", lambda: "jazzy")
    with pytest.raises(RosUnavailable, match=str(tmp_path)):
        find_ros(sourced)
    monkeypatch.setattr(environment, "wheel_distribution", lambda: None)
    assert find_ros(sourced).kind == "sourced"
    with pytest.raises(RosUnavailable, match="make setup"):
        find_ros({})


def test_missing_resource_names_it_and_the_remedy():
    with pytest.raises(ResourceMissing, match=r"config/none\.yaml.*make setup"):
        resource("config/none.yaml")


@needs_wheels
def test_enter_mends_the_library_path_of_a_process_that_started_without_it():
    code = "from gaze_vlm_ros.environment import enter; enter(); import gaze_vlm_msgs.msg, rclpy; print('well')"
    bare = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    bare["_ROS_WHEELS_BOOTSTRAP_COMPLETE"] = "1"  # as a process of another environment leaves it behind
    result = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True, timeout=60)
    assert result.stdout.split() == ["well"], result.stderr


def test_script_runs_a_command_and_passes_its_exit_code_on():
    script = "echo $ROS_AUTOMATIC_DISCOVERY_RANGE; exit 3"
    command = [sys.executable, str(ENTER), "sh", "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stdout.strip()) == (3, "LOCALHOST")


@pytest.mark.slow
def test_no_image_is_lost_and_a_node_without_the_profile_hears_all():
    count = 20
    with DomainLease() as lease:
        ours = child_environment(lease.domain_id)
        default = {key: value for key, value in ours.items() if key not in PROFILE_VARIABLES}
        listeners = [start(["hear", "ours"], ours), start(["hear", "default"], default)]
        try:
            sender = start(["send", str(count), "ours", "default"], ours, stdout=subprocess.PIPE, text=True)
            counts, _ = sender.communicate(timeout=90)
        finally:
            for listener in listeners:
                listener.kill()
                listener.wait()
    assert dict(line.split() for line in counts.splitlines()) == {"ours": str(count), "default": str(count)}
