"""A listener in a running graph."""

from __future__ import annotations

import rclpy
from patience import patience
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from gaze_vlm_ros.nodes import qos


class Watcher:
    """A node of the test in the graph's domain and namespace."""

    def __init__(self, domain_id: int, namespace: str = "sim") -> None:
        self.domain_id = domain_id
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self.node = Node("watcher", context=self._context, namespace=namespace)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.heard: dict[str, list] = {}

    def listen(self, kind: type, topic: str, profile=qos.RESULT) -> list:
        """The list to which every message of ``topic`` is added."""
        self.heard[topic] = []
        self.node.create_subscription(kind, topic, self.heard[topic].append, profile)
        return self.heard[topic]

    def spin(self, seconds: float, until=lambda: False) -> bool:
        for _ in patience(seconds):
            self._executor.spin_once(timeout_sec=0.02)
            if until():
                return True
        return until()

    def call(self, kind: type, name: str, request=None, seconds: float = 10.0):
        client = self.node.create_client(kind, name)
        assert self.spin(seconds, client.service_is_ready), f"no service {name}"
        future = client.call_async(request or kind.Request())
        assert self.spin(seconds, future.done), f"{name} does not answer"
        self.node.destroy_client(client)
        return future.result()

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)
