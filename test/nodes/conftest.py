"""A ROS context of this test session alone, and the helpers that drive one node in it."""

import gc
import os

import pytest

pytest.importorskip("rclpy")

import rclpy
from patience import patience
from rclpy.executors import SingleThreadedExecutor

from gaze_vlm_ros.environment import DomainLease, clear_shared_memory


@pytest.fixture(scope="session")
def domain():
    clear_shared_memory()
    with DomainLease() as lease:
        before = {name: os.environ.get(name) for name in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE")}
        os.environ |= {"ROS_DOMAIN_ID": str(lease.domain_id), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
        yield lease.domain_id
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


@pytest.fixture
def spin(domain):
    """``spin(node, until)`` spins nodes made in a fresh context until ``until()`` holds; False where it never did."""
    rclpy.init()
    executor = SingleThreadedExecutor()
    nodes = []

    def run(node, until=lambda: False, seconds=20.0):
        if node not in nodes:
            nodes.append(node)
            executor.add_node(node)
        for _ in patience(seconds):
            executor.spin_once(timeout_sec=0.02)
            if until():
                return True
        return until()

    yield run
    for node in nodes:
        executor.remove_node(node)
        node.destroy_node()
    executor.shutdown()
    rclpy.shutdown()
    nodes.clear()
    gc.collect()  # only with its last object does a node give back its threads and 35 MB of shared memory
