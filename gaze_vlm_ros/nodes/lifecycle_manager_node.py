"""Brings the nodes of the graph up in order, brings back who died or failed, and takes them down in reverse."""

from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from functools import partial

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition, TransitionEvent
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Bool, UInt64

from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.parameters import Parameters, declare, parameter
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.nodes.transitions import LOWERED, RAISED, REASON_WITHIN_S, RemoteLifeCycle, Step, StepFailed, Waiting
from gaze_vlm_ros.supervision import RESTARTS, Restarts, Silence
from gaze_vlm_ros.types import NS_PER_S

BUSY_S, WATCH_S = 0.02, 0.1
"""Between two looks while there are steps to take, and while there are none: each wakes a whole executor."""
_REPEATED = re.compile(r"^(cannot [\w ]+|failed): ")


@dataclass(frozen=True)
class LifecycleManagerParameters(Parameters):
    """Parameters of the life-cycle manager."""

    nodes: tuple[str, ...] = parameter(("",), "nodes in the order in which they are brought up")
    appears_within_s: float = parameter(30.0, "how long a node may take to appear", unit="s", low=1, high=600)
    transition_within_s: float = parameter(60.0, "how long a transition may take", unit="s", low=1, high=600)
    silent_after_s: float = parameter(
        5.0, "silence of a node's diagnostics that is worth a warning", unit="s", low=2, high=60
    )
    restarts: int = parameter(RESTARTS, "how often in a row a node that failed is brought back", low=0, high=100)
    ends_with_replay: bool = parameter(False, "take the graph down once a recording was replayed to its end")


class LifecycleManager(Node):
    """A plain node that asks for one transition after the other and never blocks.

    A node that came up once and then fails, or whose process was started again, is brought back to its state with
    growing pauses. It is given up after a number of tries, and the graph with it. A manager that was itself started
    again finds the nodes in their states and goes on from there.
    """

    def __init__(self) -> None:
        super().__init__("lifecycle_manager")
        self.parameters = declare(self, LifecycleManagerParameters)
        self._order = [name for name in self.parameters.nodes if name]
        self._remote = {name: RemoteLifeCycle(self, name, partial(self._error_of, name)) for name in self._order}
        self._restarts = {name: Restarts(self.parameters.restarts) for name in self._order}
        self._raised: list[str] = []
        self._steps: list[Step] = []
        self._under_way: Waiting | None = None
        self._code: int | None = None
        self._errors: dict[str, str] = {}
        self._silence = Silence(self.parameters.silent_after_s, time.monotonic())
        self._fallen: dict[str, float] = {}
        self._again_s: dict[str, float] = {}
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
        self._timer = self.create_timer(BUSY_S, self._advance, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._begin([Step(name, transition) for transition in RAISED for name in self._order])

    @property
    def _is_up(self) -> bool:
        return not self._steps and self._code is None

    def _say_ready(self, ready: bool) -> None:
        self._ready.publish(Bool(data=ready))

    def _begin(self, steps: list[Step]) -> None:
        self._steps, self._under_way = steps, None
        self._timer.timer_period_ns = round(BUSY_S * NS_PER_S)

    def _advance(self) -> None:
        """Waits for the step under way, then asks for the next; looks after the nodes once all are up."""
        if not self._steps:
            self._timer.timer_period_ns = round(WATCH_S * NS_PER_S)
            self._watch()
            return
        step = self._steps[0]
        if self._under_way is None:
            p = self.parameters
            self._under_way = self._remote[step.node].perform(step, p.appears_within_s, p.transition_within_s)
        try:
            next(self._under_way)
            return
        except StopIteration:
            succeeded = True
        except StepFailed as error:
            succeeded = False
            self._failed(step, str(error))
        self._under_way = None
        if self._steps and self._steps[0] is step:
            self._steps.pop(0)
            self._after(step, succeeded)

    # --- steps

    def _after(self, step: Step, succeeded: bool) -> None:
        if succeeded and step.transition == Transition.TRANSITION_ACTIVATE:
            self._silence.heard(step.node, time.monotonic())
            if step.node not in self._raised:
                self._raised.append(step.node)
        if self._steps:
            return
        if self._code is not None:
            raise SystemExit(self._code)
        if not self._again_s:
            self.get_logger().info(f"ready: {', '.join(self._raised)}")
            self._say_ready(True)

    def _failed(self, step: Step, reason: str) -> None:
        if self._code is not None:
            self.get_logger().warning(f"cannot {step}: {reason}")
        elif step.node in self._raised:
            self._try_again(step.node, f"it cannot {step.label}: {reason}")
        else:
            self._lower(f"{step.node} cannot {step.label}: {reason}")

    def _lower(self, failure: str = "") -> None:
        """Takes everything down in reverse order and ends, with exit code 1 for a failure."""
        if self._code is not None:
            return
        self._code = 1 if failure else 0
        if failure:
            self.get_logger().error(failure)
        self._say_ready(False)
        self._begin([Step(name, transition) for name in reversed(self._raised) for transition in LOWERED])
        if not self._steps:
            raise SystemExit(self._code)

    def _error_of(self, name: str) -> str:
        return self._errors.get(name, "")

    # --- the graph that is up

    def _try_again(self, name: str, reason: str) -> None:
        now = time.monotonic()
        pause_s = self._restarts[name].pause_s(now)
        if pause_s is None:
            self._lower(f"{name} failed {self._restarts[name].in_words or 'and is not brought back: '}{reason}")
            return
        self._say_ready(False)
        self._again_s[name] = now + pause_s
        self.get_logger().warning(f"{name}: {reason}; it is brought back in {pause_s:g} s")

    def _watch(self) -> None:
        now = time.monotonic()
        for name, silent_s in self._silence.broken_off(self._raised, now):
            self.get_logger().warning(f"{name} has been silent for {silent_s:.0f} s; does its process hang?")
        for name, fell_s in list(self._fallen.items()):
            if now - fell_s > REASON_WITHIN_S:
                del self._fallen[name]
                if name not in self._errors:
                    self._lower(f"{name} is no longer active: somebody deactivated it")
                    return
                self._try_again(name, self._errors[name])
        due = [name for name in self._order if self._again_s.get(name, now + 1.0) <= now]
        if due and self._code is None:
            for name in due:
                del self._again_s[name]
            self._begin([Step(name, Transition.TRANSITION_ACTIVATE) for name in due])

    def _on_event(self, name: str, event: TransitionEvent) -> None:
        """A node that is deactivated without being asked to has failed, or was told to by somebody else."""
        if self._is_up and name in self._raised and event.goal_state.label == "deactivating":
            self._fallen.setdefault(name, time.monotonic())

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            name = status.name.rsplit("/", 1)[-1]
            self._silence.heard(name, time.monotonic())
            if status.level == DiagnosticStatus.ERROR:
                self._errors[name] = _REPEATED.sub("", status.message)
            else:
                self._errors.pop(name, None)
                self._look_at(name, {item.key: item.value for item in status.values}.get("state", ""))

    def _look_at(self, name: str, state: str) -> None:
        """A node that was up and is unconfigured without a failure is a new process."""
        is_known = name in self._again_s or name in self._fallen
        if self._is_up and name in self._raised and state == "unconfigured" and not is_known:
            self._try_again(name, "its process was started again")

    def _on_replayed(self, message: UInt64) -> None:
        self.get_logger().info(f"the recording has been replayed: {message.data} predictions")
        self._lower()


def main() -> None:
    sys.exit(run(LifecycleManager))


if __name__ == "__main__":
    main()
