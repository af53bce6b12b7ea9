"""A subscription that is emptied when its node wants to, instead of waking it for every message.

At 200 Hz an executor spends four times as much on waking up as on the messages (8.7 % against 2.3 % of a core).
"""

from __future__ import annotations

from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.subscription import Subscription


class NeverCalled(CallbackGroup):
    """Keeps its entities out of the executor's wait set."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        """Nothing was begun."""


def take_all(subscription: Subscription) -> list[tuple[Any, dict[str, int]]]:
    """Every message that waits, oldest first, with its ``received_timestamp`` [ns] among the rest of its info."""
    taken = []
    with subscription.handle:
        while (item := subscription.handle.take_message(subscription.msg_type, subscription.raw)) is not None:
            taken.append(item)
    return taken
