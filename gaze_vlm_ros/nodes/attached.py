"""What a program beside the graph, such as a benchmark, needs of ROS: a node of its own, messages as bytes."""

from __future__ import annotations

from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import serialize_message


class Attached:
    """A plain ``node`` in a context of its own, in any domain; nothing happens in it but in ``spin_once``."""

    def __init__(self, name: str, domain_id: int, namespace: str = "") -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self.node = Node(name, context=self._context, namespace=namespace)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)

    def spin_once(self, timeout_s: float) -> None:
        """Does one thing that is due, waiting for it at most so long."""
        self._executor.spin_once(timeout_sec=timeout_s)

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)


def begin() -> None:
    """Begins ROS in this process, as the environment has it, for nodes that are made and called by hand."""
    rclpy.init()


def as_bytes(message: Any) -> bytes:
    """A message as it goes over the wire and into recordings (CDR)."""
    return serialize_message(message)
