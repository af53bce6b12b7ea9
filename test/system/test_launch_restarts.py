"""What `ros2 launch` is told to do when a node ends; `launch` itself is replaced by records of what it is told."""

import sys
from importlib import util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from gaze_vlm_ros.graph import build

ROOT = Path(__file__).resolve().parents[2]
ACTIONS = ("DeclareLaunchArgument", "LogInfo", "OpaqueFunction", "SetEnvironmentVariable", "Shutdown", "TimerAction")


class Told:
    """A record of one action: its kind and its keywords."""

    def __init__(self, *positional, **keywords) -> None:
        self.positional, self.__dict__ = positional, self.__dict__ | keywords


@pytest.fixture
def deployment(monkeypatch):
    """`launch/deployment.py`."""
    kinds = {name: type(name, (Told,), {}) for name in (*ACTIONS, "LaunchConfiguration", "Node")}
    for module, offered in {
        "launch": {"LaunchContext": Told, "LaunchDescription": Told},
        "launch.actions": {name: kinds[name] for name in ACTIONS},
        "launch.substitutions": {"LaunchConfiguration": kinds["LaunchConfiguration"]},
        "launch_ros": {},
        "launch_ros.actions": {"Node": kinds["Node"]},
    }.items():
        stub = ModuleType(module)
        stub.__dict__.update(offered)
        monkeypatch.setitem(sys.modules, module, stub)
    spec = util.spec_from_file_location("deployment", ROOT / "launch" / "deployment.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exits(deployment, name: str, *codes: int) -> list[list[str]]:
    """The kinds of actions that follow each exit code of the node ``name``."""
    graph = build("sim")
    spec = next(node for node in graph.nodes if node.name == name)
    node = deployment._node(spec, graph, deployment.Restarts(tries=2))
    followed = []
    for code in codes:
        actions = node.on_exit(SimpleNamespace(returncode=code), SimpleNamespace(is_shutdown=False))
        followed.append([type(action).__name__ for action in actions])
        if followed[-1][-1] == "TimerAction":
            (node,) = actions[-1].actions
    return followed


def test_what_died_is_started_again_and_given_up_after_some_tries(deployment):
    assert exits(deployment, "vlm", -9, 1, -11) == [["LogInfo", "TimerAction"]] * 2 + [["Shutdown"]]


@pytest.mark.parametrize(("name", "code"), [("vlm", 2), ("lifecycle_manager", 0), ("lifecycle_manager", 1)])
def test_what_cannot_start_and_a_manager_that_gives_up_end_the_launch(deployment, name, code):
    assert exits(deployment, name, code) == [["Shutdown"]]


def test_a_manager_that_was_killed_is_started_again(deployment):
    assert exits(deployment, "lifecycle_manager", -9) == [["LogInfo", "TimerAction"]]


def test_nothing_is_started_while_the_launch_ends(deployment):
    graph = build("sim")
    node = deployment._node(graph.nodes[0], graph, deployment.Restarts())
    assert node.on_exit(SimpleNamespace(returncode=-9), SimpleNamespace(is_shutdown=True)) == []
