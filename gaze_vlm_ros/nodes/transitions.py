"""The life cycle of another node, asked for from outside, without ever blocking."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.node import Node

REASON_WITHIN_S = 1.0
"""The reason of a failure comes by another way than the answer, and may be a little later."""
STATE_WITHIN_S = 1.0
"""A node that does not say in which state it is within this time is asked again."""
LOWERED_APPEARS_S, LOWERED_ANSWERS_S = 0.5, 5.0
"""How long a node is waited for that may well be dead, because the graph is taken down."""
_LABELS = {
    Transition.TRANSITION_CONFIGURE: "configure",
    Transition.TRANSITION_ACTIVATE: "activate",
    Transition.TRANSITION_DEACTIVATE: "deactivate",
    Transition.TRANSITION_INACTIVE_SHUTDOWN: "shut down",
}
_LEADS_TO = {
    Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
}
_BEGINS_IN = {
    Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_ACTIVE,
    Transition.TRANSITION_INACTIVE_SHUTDOWN: State.PRIMARY_STATE_INACTIVE,
}
RAISED, LOWERED = tuple(_LEADS_TO), tuple(_BEGINS_IN)
Waiting = Generator[None, None, None]
"""Yields while there is something to wait for. Raises StepFailed."""


class StepFailed(Exception):
    """A step that did not succeed, with its reason."""


@dataclass(frozen=True)
class Step:
    """One transition of one node."""

    node: str
    transition: int

    @property
    def label(self) -> str:
        return _LABELS[self.transition]

    def __str__(self) -> str:
        return f"{self.label} {self.node}"


class RemoteLifeCycle:
    """Of the node ``name``, asked by ``asker``; ``reason`` gives the last error that it told of, or ""."""

    def __init__(self, asker: Node, name: str, reason: Callable[[], str]) -> None:
        # `change_state` and `get_state` are the services of each node's own life cycle.
        self._change = asker.create_client(ChangeState, f"{name}/change_state")
        self._get = asker.create_client(GetState, f"{name}/get_state")
        self._reason = reason

    def perform(self, step: Step, appears_within_s: float, transition_within_s: float) -> Waiting:
        """Up to where ``step`` leads, from wherever the node is; or down, if it is where the step begins."""
        if step.transition in LOWERED:
            state = yield from self._state(LOWERED_APPEARS_S, LOWERED_ANSWERS_S)
            if state == _BEGINS_IN[step.transition]:
                yield from self._call(step.transition, transition_within_s)
            return
        state = yield from self._state(appears_within_s, appears_within_s)
        for transition, reached in _LEADS_TO.items():
            if state < reached <= _LEADS_TO[step.transition]:
                yield from self._call(transition, transition_within_s)

    def _state(self, appears_within_s: float, answers_within_s: float) -> Generator[None, None, int]:
        """The node's state. A question may go to a process that has just died, so it is asked again."""
        began_s = time.monotonic()
        while not (self._get.service_is_ready() and self._change.service_is_ready()):
            if time.monotonic() > began_s + appears_within_s:
                raise StepFailed(f"it did not appear within {appears_within_s:.0f} s; did its process start?")
            yield
        end = time.monotonic() + answers_within_s
        while True:
            asked_s, answer = time.monotonic(), self._get.call_async(GetState.Request())
            while not answer.done() and time.monotonic() < asked_s + STATE_WITHIN_S:
                yield
            if answer.done():
                return answer.result().current_state.id
            self._get.remove_pending_request(answer)
            if time.monotonic() > end:
                raise StepFailed(f"it did not say its state within {answers_within_s:.0f} s; does its process hang?")

    def _call(self, transition: int, within_s: float) -> Waiting:
        began_s = time.monotonic()
        answer = self._change.call_async(ChangeState.Request(transition=Transition(id=transition)))
        while not answer.done():
            if time.monotonic() > began_s + within_s:
                raise StepFailed(f"no answer within {within_s:.0f} s")
            yield
        if answer.result().success:
            return
        answered_s = time.monotonic()
        while not self._reason() and time.monotonic() < answered_s + REASON_WITHIN_S:
            yield
        raise StepFailed(self._reason() or "it did not say why")
