"""The life-cycle base class: gates, failures with reasons, parameters, diagnostics."""

import threading
import time
from dataclasses import dataclass

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import Header

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.nodes import diagnostics, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.diagnostics import Numbering, StreamStatistics
from gaze_vlm_ros.nodes.parameters import Parameters, parameter


@dataclass(frozen=True)
class ProbeParameters(Parameters):
    fault: str = parameter("", "where to fail", choices=("", "setup", "error", "callback", "worker"))
    rate_hz: float = parameter(10.0, "rate", low=1, high=100, live=True)


class Probe(ManagedNode):
    """Passes headers on; fails where it is told to."""

    Parameters = ProbeParameters

    def _setup(self):
        self.heard, self.taken, self.closed, self.worked = [], [], 0, threading.Event()
        self.out = self.advertise(Header, "out", qos.RESULT)
        self.subscribe(Header, "in", self._on_header, qos.RESULT, silent_after_s=0.1)
        self.take = self.inbox(Header, "in", lambda message: self.taken.append(message.frame_id), qos.RESULT)
        self.worker(self._work)
        if self.parameters.fault == "setup":
            raise RuntimeError("the lamp is broken")
        if self.parameters.fault == "error":
            raise GazeVlmError("no lamp; buy one")

    def _teardown(self):
        self.closed += 1

    def _on_header(self, message):
        if self.parameters.fault == "callback":
            raise KeyError("no such lamp")
        if not message.frame_id:
            raise ValueError("a header needs a frame_id")
        self.heard.append(message.frame_id)
        self.out.publish(message)

    def _work(self, halt):
        self.worked.set()
        if self.parameters.fault == "worker":
            raise OSError("the lamp fell")
        halt.wait()


@pytest.fixture
def other(spin):
    node = Node("other")
    node.pub = node.create_publisher(Header, "in", qos.RESULT)
    node.got, node.statuses = [], []
    node.create_subscription(Header, "out", lambda message: node.got.append(message.frame_id), qos.RESULT)
    node.create_subscription(DiagnosticArray, "diagnostics", lambda m: node.statuses.extend(m.status), qos.RESULT)
    spin(node, seconds=0.0)
    return node


@pytest.fixture
def probe(spin):
    node = Probe("probe")
    spin(node, seconds=0.0)
    return node


def up(probe, fault=""):
    probe.set_parameters([Parameter("fault", value=fault)])
    configured = probe.trigger_configure()
    return configured if configured.name != "SUCCESS" else probe.trigger_activate()


def state(probe):
    return probe._state_machine.current_state[1]


def send(spin, other, *frames, until):
    assert spin(other, lambda: other.pub.get_subscription_count() >= 2)
    for frame in frames:
        other.pub.publish(Header(frame_id=frame))
    return spin(other, until)


def test_messages_flow_only_while_the_node_is_active(spin, probe, other):
    assert probe.trigger_configure().name == "SUCCESS"
    assert spin(other, lambda: other.pub.get_subscription_count() == 2)
    other.pub.publish(Header(frame_id="before"))
    spin(other, seconds=0.2)
    probe.trigger_activate()
    # The sentinel proves that nothing of "before" is still to come.
    assert send(spin, other, "sentinel", until=lambda: "sentinel" in other.got)
    probe.take()
    assert probe.heard == ["sentinel"] and probe.taken == ["sentinel"] and other.got == ["sentinel"]
    probe.trigger_deactivate()
    probe.out.publish(Header(frame_id="after"))
    probe.trigger_activate()
    probe.out.publish(Header(frame_id="second sentinel"))
    assert spin(other, lambda: "second sentinel" in other.got)
    assert "after" not in other.got


@pytest.mark.parametrize(("fault", "words"), [("setup", "RuntimeError: the lamp"), ("error", "no lamp; buy one")])
def test_a_failed_setup_says_why_tears_down_and_can_be_tried_again(spin, probe, other, fault, words):
    assert up(probe, fault).name == "ERROR"
    assert state(probe) == "unconfigured" and probe.closed == 1 and words in probe.failure
    assert spin(other, lambda: any(s.level == DiagnosticStatus.ERROR and words in s.message for s in other.statuses))
    assert up(probe).name == "SUCCESS" and probe.failure == ""


@pytest.mark.parametrize(("fault", "words"), [("callback", "KeyError"), ("worker", "OSError: the lamp fell")])
def test_an_unexpected_exception_fails_the_node_and_not_the_process(spin, probe, other, fault, words):
    up(probe, fault)
    if fault == "callback":
        send(spin, other, "x", until=lambda: state(probe) == "unconfigured")
    assert spin(probe, lambda: state(probe) == "unconfigured")
    assert words in probe.failure and probe.closed == 1 and not probe.active


def test_a_bad_message_is_refused_named_once_and_the_node_goes_on(spin, probe, other):
    up(probe)
    assert send(spin, other, "", "", "good", until=lambda: probe.heard == ["good"])
    other.statuses.clear()
    probe.report()
    assert spin(other, lambda: bool(other.statuses))
    status = next(s for s in other.statuses if s.name.endswith("probe"))
    assert status.level == DiagnosticStatus.WARN
    assert "in: 2 refused, last because a header needs a frame_id" in status.message


def test_silence_and_a_second_publisher_are_reported(spin, probe, other):
    up(probe)
    stranger = Node("stranger")
    stranger.create_publisher(Header, "in", qos.RESULT)
    spin(stranger, seconds=0.0)
    assert spin(other, lambda: probe.count_publishers("in") == 2)
    time.sleep(0.15)
    probe.report()

    def warned():
        return [s.message for s in other.statuses if "in has 2 publishers; stop all but one" in s.message]

    assert spin(other, lambda: bool(warned()))
    assert "in: silent for 0." in warned()[-1]


def test_a_node_that_was_killed_and_came_back_is_no_second_publisher_at_first(monkeypatch):
    stream = StreamStatistics("in")
    assert stream.living(2, nodes=1) == 1 and stream.living(2, nodes=2) == 2
    monkeypatch.setattr(diagnostics, "GHOSTS_FOR_S", 0.0)
    assert stream.living(2, nodes=1) == 1
    time.sleep(0.01)
    assert stream.living(2, nodes=1) == 2
    assert stream.living(1, nodes=1) == 1
    assert stream.living(2, nodes=1) == 1, "a second time it is forgiven anew"


def test_reasons_that_differ_in_their_numbers_are_one():
    stream = StreamStatistics("in")
    told = [stream.refuse(f"its stamp is {age} s old") for age in (0.11, 0.12, 3)]
    assert told == [True, False, False] and stream.refuse("a header needs a frame_id") and stream.refused == 4


def test_drops_are_counted_with_the_refused(spin, probe, other):
    up(probe)
    probe._dropped = lambda: 4
    assert send(spin, other, "", "good", until=lambda: probe.heard == ["good"])
    other.statuses.clear()
    probe.report()

    def told():
        return [item.value for s in other.statuses for item in s.values if item.key == "dropped"]

    assert spin(other, lambda: "5" in told())


def test_a_clock_that_is_ahead_is_named_until_it_is_right_again():
    stream = StreamStatistics("in")
    for age_ns in (30_000_000, -3_000_000_000, 20_000_000):
        stream.heard(10**12 - age_ns, 10**12)
    warnings, figures = stream.report()
    assert figures["in least age [ms]"] == "-3000" and figures["in age [ms]"] == "20"
    assert warnings == ["in: stamps lie 3.00 s in the future; do the clocks agree?"]
    stream.heard(10**12 - 40_000_000, 10**12)
    warnings, figures = stream.report()
    assert not warnings and figures["in least age [ms]"] == "40"


def test_parameters_are_refused_with_a_reason_and_the_node_stays_up(spin, probe):
    up(probe)
    for change, words in (
        (Parameter("rate_hz", value=1000), "rate_hz must be 1 to 100"),
        (Parameter("fault", value="setup"), "takes effect on configure"),
        (Parameter("lamp", value=1), "unknown parameter lamp"),
    ):
        result = probe.set_parameters_atomically([change])
        assert not result.successful and words in result.reason
    assert probe.set_parameters_atomically([Parameter("rate_hz", value=50)]).successful
    assert probe.parameters.rate_hz == 50.0 and probe.active


def test_a_worker_ends_with_the_activity_of_the_node(spin, probe):
    up(probe)
    assert probe.worked.wait(2.0)
    threads = list(probe._workers.threads)
    probe.trigger_deactivate()
    assert not any(thread.is_alive() for thread in threads)
    probe.trigger_shutdown()
    assert state(probe) == "finalized" and probe.closed == 1


class TestNumbering:
    def lost(self, *numbers):
        numbering = Numbering()
        for number in numbers:
            numbering.heard(number)
        return numbering.lost

    def test_gaps_are_lost_and_what_went_before_the_first_is_not_known(self):
        assert self.lost(7, 8, 9) == 0
        assert self.lost(7, 10, 11, 13) == 3

    def test_a_publisher_that_was_started_again_counts_from_its_own_beginning(self):
        assert self.lost(1000, 1001, 1, 2, 4, 5) == 1

    def test_two_publishers_do_not_make_each_other_lose(self):
        assert self.lost(1000, 1, 1001, 2, 1002, 3) == 0
        assert self.lost(5, 5, 6, 6, 8, 7) == 1

    def test_after_a_pause_nothing_is_missed(self):
        numbering = Numbering()
        numbering.heard(3)
        numbering.forget()
        numbering.heard(90)
        assert numbering.lost == 0


class Hasty(Probe):
    """Keeps one message only, and takes it when it is told to."""

    def _setup(self):
        self.taken = []
        self.take = self.inbox(Header, "hasty", lambda message: self.taken.append(message.frame_id), qos.NEWEST)


def test_what_is_overwritten_before_it_is_taken_is_counted_as_lost(spin, other):
    node = Hasty("hasty")
    up(node)
    publisher = other.create_publisher(Header, "hasty", qos.SENSOR)
    assert spin(other, lambda: publisher.get_subscription_count() == 1)

    def taken(words):
        for word in words:
            publisher.publish(Header(frame_id=word))
        return spin(other, lambda: (node.take(), node.taken[-1:] == [words[-1]])[1])

    assert taken(["first"])
    assert taken(["lost", "lost too", "last"])
    lost = sum(stream.numbering.lost for stream in node._streams)
    assert len(node.taken) + lost == 4
    other.destroy_publisher(publisher)
    node.trigger_shutdown()
    node.destroy_node()
