"""The manager with small nodes in one process: it brings up, brings back, and gives up."""

import itertools
import sys

import pytest

pytest.importorskip("rclpy")

from std_msgs.msg import Header

from gaze_vlm_ros.nodes import lifecycle_manager_node, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.lifecycle_manager_node import LifecycleManager
from gaze_vlm_ros.supervision import Restarts

_numbers = itertools.count()


class Lamp(ManagedNode):
    """Cannot be configured while ``broken``; a header breaks what is lit."""

    broken = False

    def _setup(self) -> None:
        if Lamp.broken:
            raise ValueError("no bulb")
        self.subscribe(Header, "hit", self._on_hit, qos.RESULT)

    def _on_hit(self, _: Header) -> None:
        raise KeyError("glass")


@pytest.fixture
def lamp_names(monkeypatch):
    """Names that no other test uses: of nodes that have just gone, ROS may still speak for a while."""
    Lamp.broken = False
    found = [f"lamp_{next(_numbers)}" for _ in range(2)]
    monkeypatch.setattr(sys, "argv", ["lamps", "--ros-args", "-p", f"lifecycle_manager:nodes:=[{', '.join(found)}]"])
    monkeypatch.setattr(lifecycle_manager_node, "Restarts", lambda tries: Restarts(tries=2, first_pause_s=0.05))
    return found


@pytest.fixture
def lamps(lamp_names, spin):
    """Two lamps that a manager has lit, and ``until`` to spin all until something holds."""
    lamps = [Lamp(name) for name in lamp_names]
    manager = LifecycleManager()
    for node in (*lamps, manager):
        spin(node, seconds=0.0)
    assert spin(manager, lambda: all(lamp.active for lamp in lamps) and manager._is_up)
    return manager, lamps, lambda holds, seconds=20.0: spin(manager, holds, seconds)


def test_a_node_that_fails_is_brought_back_to_its_state(lamps):
    manager, (first, second), until = lamps
    first.fail(RuntimeError("dropped"))
    assert until(lambda: not first.active)
    assert until(lambda: first.active) and second.active and not first.failure
    assert until(lambda: manager._is_up)


def test_a_node_in_a_new_process_is_brought_to_its_state(lamps, spin):
    _, (first, second), until = lamps
    name = first.get_name()
    first.destroy_node()
    reborn = Lamp(name)
    spin(reborn, seconds=0.0)
    assert until(lambda: reborn.active, 40.0) and second.active


def test_a_new_manager_finds_the_nodes_as_they_are_and_leaves_them_so(lamps, spin):
    manager, nodes, _ = lamps
    manager.destroy_node()
    transitions = []
    for lamp in nodes:
        lamp._transition = lambda name, step: transitions.append(name)
    again = LifecycleManager()
    spin(again, seconds=0.0)
    assert spin(again, lambda: len(again._raised) == 2 and again._is_up)
    assert transitions == [] and all(lamp.active for lamp in nodes)


def test_a_node_that_keeps_failing_is_given_up_and_the_graph_with_it(lamps):
    manager, (first, second), until = lamps
    Lamp.broken = True
    said = []
    manager.get_logger().error = said.append
    first.fail(RuntimeError("dropped"))
    with pytest.raises(SystemExit) as end:
        until(lambda: False, 40.0)
    assert end.value.code == 1 and not second.active
    assert said == [
        f"{first.get_name()} failed 3 times in a row, the last time: it cannot activate: ValueError: no bulb"
    ]


def test_a_node_that_somebody_deactivates_ends_the_graph(lamps):
    _, (first, second), until = lamps
    first.trigger_deactivate()
    with pytest.raises(SystemExit):
        until(lambda: False, 20.0)
    assert not second.active
