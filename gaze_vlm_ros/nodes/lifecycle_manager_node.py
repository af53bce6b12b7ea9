"""Brings the nodes of the graph up in order, watches over them, and takes them down in reverse."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Bool, UInt64

from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.parameters import Parameters, declare, parameter
from gaze_vlm_ros.nodes.run import run

_LABELS = {
    Transition.TRANSITION_CONFIGURE: "configure",
    Transition.TRANSITION_ACTIVATE: "activate",
    Transition.TRANSITION_DEACTIVATE: "deactivate",
    Transition.TRANSITION_INACTIVE_SHUTDOWN: "shut down",
}
REASON_WITHIN_S = 1.0
_REPEATED = re.compile(r"^(cannot [\w ]+|failed): ")
_RAISED = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
_LOWERED = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_INACTIVE_SHUTDOWN)


@dataclass(frozen=True)
class LifecycleManagerParameters(Parameters):
    """Parameters of the life-cycle manager."""

    nodes: tuple[str, ...] = parameter(("",), "nodes in the order in which they are brought up")
    appears_within_s: float = parameter(30.0, "how long a node may take to appear", unit="s", low=1, high=600)
    transition_within_s: float = parameter(60.0, "how long a transition may take", unit="s", low=1, high=600)
    silent_after_s: float = parameter(
        5.0, "silence of a node's diagnostics that counts as failure", unit="s", low=2, high=60
    )
    ends_with_replay: bool = parameter(False, "take the graph down once a recording was replayed to its end")


@dataclass(frozen=True)
class _Step:
    """One transition of one node."""

    node: str
    transition: int

    def __str__(self) -> str:
        return f"{_LABELS[self.transition]} {self.node}"


class LifecycleManager(Node):
    """A plain node that asks for one transition after the other and never blocks."""

    def __init__(self) -> None:
        super().__init__("lifecycle_manager")
        self.parameters = declare(self, LifecycleManagerParameters)
        self._order = [name for name in self.parameters.nodes if name]
        # `change_state` is the service of each node's own life cycle.
        self._change = {name: self.create_client(ChangeState, f"{name}/change_state") for name in self._order}
        self._raised: list[str] = []
        self._steps: list[_Step] = []
        self._pending: Callable[[], bool] | None = None
        self._code: int | None = None
        self._errors: dict[str, str] = {}
        self._heard_s: dict[str, float] = {}
        self._fallen: dict[str, float] = {}
        self._ready = self.create_publisher(Bool, names.MANAGER_READY, qos.LATCHED)
        self.create_subscription(DiagnosticArray, names.DIAGNOSTICS, self._on_diagnostics, qos.RESULT)
        for name in self._order:
            self.create_subscription(
                TransitionEvent,
                f"{name}/transition_event",
                lambda event, name=name: self._on_event(name, event),
                qos.RESULT,
            )
        if self.parameters.ends_with_replay:
            self.create_subscription(UInt64, names.PREDICTIONS_DONE, self._on_replayed, qos.LATCHED)
        self._say_ready(False)
        self._begin([_Step(name, transition) for transition in _RAISED for name in self._order])
        self.create_timer(0.02, self._advance, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def _is_up(self) -> bool:
        return not self._steps and self._code is None

    def _say_ready(self, ready: bool) -> None:
        self._ready.publish(Bool(data=ready))

    def _begin(self, steps: list[_Step]) -> None:
        self._steps, self._pending = steps, None

    def _advance(self) -> None:
        """Waits for the step under way, then asks for the next; looks after the nodes once all are up."""
        if not self._steps:
            self._watch()
            return
        step = self._steps[0]
        if self._pending is None:
            self._pending = self._ask(step)
        if self._pending():
            self._pending = None
            if self._steps and self._steps[0] is step:
                self._steps.pop(0)
                self._after(step)

    def _ask(self, step: _Step) -> Callable[[], bool]:
        """Begins ``step``; the returned function says whether it is over, well or badly."""
        client, began = self._change[step.node], time.monotonic()
        request = ChangeState.Request(transition=Transition(id=step.transition))
        calls, answered = [], []

        def over() -> bool:
            waited = time.monotonic() - began
            if not calls:
                if client.service_is_ready():
                    calls.append(client.call_async(request))
                elif waited > (self.parameters.appears_within_s if step.transition in _RAISED else 0.5):
                    return self._failed(step, f"it did not appear within {waited:.0f} s; did its process start?")
                return False
            if calls[0].done():
                answered.append(time.monotonic())
                if calls[0].result().success:
                    return True
                # The reason comes by another way than the answer and may be a little later.
                if step.node not in self._errors and time.monotonic() < answered[0] + REASON_WITHIN_S:
                    return False
                return self._failed(step, self._errors.get(step.node, "it did not say why"))
            if waited > self.parameters.transition_within_s:
                return self._failed(step, f"no answer within {waited:.0f} s")
            return False

        return over

    def _after(self, step: _Step) -> None:
        if step.transition == Transition.TRANSITION_ACTIVATE:
            self._raised.append(step.node)
            self._heard_s[step.node] = time.monotonic()
        if self._steps:
            return
        if self._code is not None:
            raise SystemExit(self._code)
        self.get_logger().info(f"ready: {', '.join(self._raised)}")
        self._say_ready(True)

    def _failed(self, step: _Step, reason: str) -> bool:
        if self._code is not None and step.transition in _LOWERED:
            self.get_logger().warning(f"cannot {step}: {reason}")
        else:
            self._lower(f"{step.node} cannot {_LABELS[step.transition]}: {reason}")
        return True

    def _lower(self, failure: str = "") -> None:
        """Takes everything down in reverse order and ends, with exit code 1 for a failure."""
        if self._code is not None:
            return
        self._code = 1 if failure else 0
        if failure:
            self.get_logger().error(failure)
        self._say_ready(False)
        self._begin([_Step(name, transition) for name in reversed(self._raised) for transition in _LOWERED])
        if not self._steps:
            raise SystemExit(self._code)

    def _watch(self) -> None:
        now = time.monotonic()
        for name, fell_s in self._fallen.items():
            if now - fell_s > REASON_WITHIN_S:
                self._lower(f"{name} is no longer active: {self._errors.get(name, 'somebody deactivated it')}")
                return
        for name in self._raised:
            if now - self._heard_s[name] > self.parameters.silent_after_s:
                self._lower(f"{name} has been silent for {now - self._heard_s[name]:.0f} s; did its process end?")
                return

    def _on_event(self, name: str, event: TransitionEvent) -> None:
        """A node that leaves the active state without being asked to has failed, or was told to by somebody else."""
        if self._is_up and name in self._raised and event.start_state.label == "active":
            self._fallen.setdefault(name, time.monotonic())

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.rsplit("/", 1)[-1]
            self._heard_s[name] = time.monotonic()
            if status.level == DiagnosticStatus.ERROR:
                self._errors[name] = _REPEATED.sub("", status.message)
            else:
                self._errors.pop(name, None)

    def _on_replayed(self, message: UInt64) -> None:
        self.get_logger().info(f"the recording has been replayed: {message.data} predictions")
        self._lower()


def main() -> None:
    sys.exit(run(LifecycleManager))


if __name__ == "__main__":
    main()
