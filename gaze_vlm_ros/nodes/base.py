"""The one life-cycle base class: a node writes ``_setup``, and perhaps ``_teardown``, ``_start`` and ``_stop``."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.conversions.common import stamp_of
from gaze_vlm_ros.nodes.diagnostics import StreamStatistics, alike, number_of, status
from gaze_vlm_ros.nodes.inbox import NeverCalled, take_all
from gaze_vlm_ros.nodes.parameters import Parameters, changed, declare
from gaze_vlm_ros.nodes.workers import Workers

_STEADY = Clock(clock_type=ClockType.STEADY_TIME)


class ManagedNode(LifecycleNode):
    """A managed node whose callbacks run only while it is active and whose failures say why.

    ``_setup`` runs on configure and makes the core object, publishers and subscriptions through the helpers below,
    which are taken down again by themselves. ``_start`` and ``_stop`` run on activate and deactivate. An exception in
    any of these is logged with its traceback (a GazeVlmError with its one line) and puts the node back to unconfigured,
    with the reason in ``diagnostics``; so does an unexpected exception in a callback or a worker.
    A ValueError or GazeVlmError in a callback refuses that one message.
    """

    Parameters: ClassVar[type[Parameters]] = Parameters

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.parameters: Any = declare(self, self.Parameters)
        self.active = False
        self.failure = self._refusal = ""
        self._configured = False
        self._owned: list[Callable[[], Any]] = []
        self._waiting: list[Subscription] = []
        self._streams: list[StreamStatistics] = []
        self._workers = Workers(self.fail)
        self._diagnostics = self.create_publisher(DiagnosticArray, names.DIAGNOSTICS, qos.RESULT)
        self.create_timer(1.0, self.report, clock=_STEADY)
        self.add_on_set_parameters_callback(self._on_parameters)

    # --- what a node writes

    def _setup(self) -> None:
        """Makes everything that the node needs, on configure."""

    def _teardown(self) -> None:
        """Closes what does not close by itself, on clean-up, shutdown and failure; also after half a ``_setup``."""

    def _start(self) -> None:
        """The last step of activation."""

    def _stop(self) -> None:
        """The first step of deactivation."""

    def _figures(self) -> dict[str, str]:
        """More figures for ``diagnostics``."""
        return {}

    def _warnings(self) -> list[str]:
        """What is not as it should be although the node goes on, for ``diagnostics``."""
        return []

    def _dropped(self) -> int:
        """How many messages or frames were left out since configure, beside the refused; asked of an active node."""
        return 0

    # --- helpers for ``_setup``

    def advertise(self, kind: type, topic: str, profile: QoSProfile) -> Publisher:
        """A publisher that is silent while the node is inactive, with its statistics."""
        publisher = self.create_lifecycle_publisher(kind, topic, profile)
        self._owned.append(partial(self.destroy_lifecycle_publisher, publisher))
        stream = StreamStatistics(topic)
        self._streams.append(stream)
        plain = publisher.publish

        def publish(message: Any) -> None:
            if self.active:
                stream.heard(stamp_of(message), self.now_ns())
                plain(message)

        publisher.publish = publish
        return publisher

    def subscribe(
        self, kind: type, topic: str, callback: Callable[[Any], None], profile: QoSProfile, silent_after_s: float = 0.0
    ) -> StreamStatistics:
        """Calls ``callback`` with each message as it comes. Silence of ``silent_after_s`` gives a warning."""
        stream = StreamStatistics(topic, silent_after_s)

        def received(message: Any, info: dict[str, int]) -> None:
            stream.heard(stamp_of(message), self.now_ns(), number_of(topic, info))
            self._guarded(stream, callback, message)

        subscription = self.create_subscription(kind, topic, received, profile)
        self._owned.append(partial(self.destroy_subscription, subscription))
        self._streams.append(stream)
        return stream

    def inbox(
        self, kind: type, topic: str, callback: Callable[[Any], None], profile: QoSProfile, silent_after_s: float = 0.0
    ) -> Callable[[], None]:
        """As ``subscribe``, but the messages wait until the returned function is called, in the caller's thread."""
        stream = StreamStatistics(topic, silent_after_s)
        subscription = self.create_subscription(kind, topic, lambda _: None, profile, callback_group=NeverCalled())
        self._owned.append(partial(self.destroy_subscription, subscription))
        self._waiting.append(subscription)
        self._streams.append(stream)

        def empty() -> None:
            for message, info in take_all(subscription):
                stream.heard(stamp_of(message), self.now_ns(), number_of(topic, info))
                self._guarded(stream, callback, message)

        return empty

    def every(self, period_s: float, callback: Callable[[], None]) -> None:
        """Calls ``callback`` on the steady clock while the node is active."""
        timer = self.create_timer(period_s, lambda: self._guarded(None, callback), clock=_STEADY)
        self._owned.append(partial(self.destroy_timer, timer))

    def serve(self, kind: type, name: str, callback: Callable[[Any, Any], Any]) -> None:
        """A service that answers in every state of the node that follows configure."""
        service = self.create_service(kind, name, callback)
        self._owned.append(partial(self.destroy_service, service))

    def worker(self, body: Callable[[threading.Event], None]) -> None:
        """Runs ``body(halt)`` in a thread of its own while the node is active; it returns once ``halt`` is set."""
        self._workers.add(body)

    def now_ns(self) -> int:
        """ROS time, which is simulated time under ``use_sim_time``."""
        return self.get_clock().now().nanoseconds

    # --- transitions

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.failure = ""
        self._configured = True
        return self._transition("configure", self._setup)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        super().on_activate(state)
        for stream in self._streams:
            stream.heard_at_s = time.monotonic()
            stream.numbering.forget()
        for subscription in self._waiting:
            take_all(subscription)  # what came before is history
        self.active = True
        result = self._transition("activate", self._start)
        if result == TransitionCallbackReturn.SUCCESS:
            self._workers.start()
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        failed = bool(self.failure)
        result = self._transition("deactivate", self._quieten)
        super().on_deactivate(state)
        return TransitionCallbackReturn.ERROR if failed else result

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._transition("clean up", self._release)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._transition("shut down", self._release)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = self._transition("recover", self._release)
        self.report()
        return result

    def _transition(self, name: str, step: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            step()
        except Exception as error:  # a transition must end in a state with a reason, whatever happens in it
            self._note(f"cannot {name}", error)
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def _quieten(self) -> None:
        """Ends callbacks and workers, then lets the node say its last words."""
        self._workers.end()
        if self.active:
            try:
                self._stop()
            finally:
                self.active = False

    def _release(self) -> None:
        try:
            self._quieten()
            self._teardown()
        finally:
            self._workers.forget()
            self._streams = []
            self._waiting = []
            while self._owned:
                self._owned.pop()()
            self._configured = False

    def destroy_node(self) -> None:
        """Ends the workers too, whatever state the node is in."""
        self._workers.halt()
        super().destroy_node()

    # --- callbacks

    def _guarded(self, stream: StreamStatistics | None, callback: Callable[..., None], *arguments: Any) -> None:
        if not self.active:
            return
        try:
            callback(*arguments)
        except (GazeVlmError, ValueError) as error:
            self.refuse(stream, str(error))
        except Exception as error:  # the node fails as a whole, not its process without a word
            self.fail(error)

    def refuse(self, stream: StreamStatistics | None, reason: str) -> None:
        """Counts a message that was no good and logs each new reason once; another number in it makes none new."""
        line = f"{stream.topic}: {reason}" if stream else reason
        if stream is None:
            new, self._refusal = not alike(reason, self._refusal), reason
        else:
            new = stream.refuse(reason)
        if new:
            self.get_logger().warning(line, throttle_duration_sec=1.0)

    def fail(self, error: Exception) -> None:
        """Puts the node into its error state for ``error``, from any thread."""
        if not self.failure:
            self._note("failed", error)
            self.executor.create_task(self._give_up)

    def _give_up(self) -> None:
        if self.active:
            self.trigger_deactivate()

    def _note(self, what: str, error: Exception) -> None:
        self.failure = (
            f"{what}: {error}" if isinstance(error, GazeVlmError) else f"{what}: {type(error).__name__}: {error}"
        )
        detail = "" if isinstance(error, GazeVlmError) else "\n" + "".join(traceback.format_exception(error))
        self.get_logger().error(self.failure + detail)
        self.report()

    # --- parameters and diagnostics

    def _on_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        self.parameters, result = changed(self.parameters, changes, self._configured)
        return result

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """As rclpy's, but an unknown parameter is refused with a reason that names it."""
        unknown = [parameter for parameter in parameter_list if not self.has_parameter(parameter.name)]
        if unknown:
            return changed(self.parameters, unknown, self._configured)[1]
        return super().set_parameters_atomically(parameter_list)

    def report(self) -> None:
        """Publishes the node's diagnostics."""
        for stream in self._streams:
            self._count_publishers(stream)
        state = "active" if self.active else "inactive" if self._configured else "unconfigured"
        name = self.get_fully_qualified_name().lstrip("/")
        dropped = sum(stream.refused for stream in self._streams) + (self._dropped() if self.active else 0)
        lost = sum(stream.numbering.lost for stream in self._streams)
        figures = {"dropped": str(dropped), "lost": str(lost)} | self._figures()
        message = DiagnosticArray(status=[status(name, state, self.failure, self._streams, figures, self._warnings())])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _count_publishers(self, stream: StreamStatistics) -> None:
        if stream.topic in names.SHARED:
            return
        count = nodes = self.count_publishers(stream.topic)
        if count > 1:
            infos = self.get_publishers_info_by_topic(self.resolve_topic_name(stream.topic))
            nodes = len({(info.node_namespace, info.node_name) for info in infos})
        count = stream.living(count, nodes)
        if count > 1 and count != stream.publishers:
            self.get_logger().warning(f"{stream.topic} has {count} publishers; stop all but one")
        stream.publishers = max(count, 1)
