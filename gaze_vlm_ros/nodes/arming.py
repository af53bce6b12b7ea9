"""Arming a graph's own governor, where the arm is simulated."""

from __future__ import annotations

from functools import partial

from std_srvs.srv import Trigger

from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.base import ManagedNode

EVERY_S = 0.5


class Arming:
    """Asks until the governor agrees, which it does when its inputs are all there; never again after that."""

    def __init__(self, node: ManagedNode) -> None:
        self._asked, self._is_armed = None, False
        self._client = node.create_client(Trigger, names.GOVERNOR_ARM)
        self.destroy = partial(node.destroy_client, self._client)
        node.every(EVERY_S, self._ask)

    def _ask(self) -> None:
        if self._asked is not None and self._asked.done():
            self._is_armed, self._asked = self._asked.result().success, None
        if not self._is_armed and self._asked is None and self._client.service_is_ready():
            self._asked = self._client.call_async(Trigger.Request())
