"""Degraded modes in the whole graph, and that its nodes do no more than their SROS 2 policies allow."""

from __future__ import annotations

import os
import signal

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray

from gaze_vlm_msgs.msg import EyeMovement, GazeSample, GovernorState, Prediction
from gaze_vlm_ros.graph import build
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.access import Access, access_of
from gaze_vlm_ros.nodes.conversions.common import nanoseconds, stamp_of
from gaze_vlm_ros.types import NS_PER_S

ASIDE = f"{names.GAZE_SAMPLE}/aside"
STOPPED_S = 3.0
WINDOW_S = 5
NOT_USED_BY_SIM = {
    "vlm": {names.SCENE_IMAGE_COMPRESSED, names.SOURCE_DONE},
    "simulator": {names.GAZE_SAMPLE},
}
"""What other arguments of the same deployment need, and what this test has renamed."""


class Tracker:
    """Stands between the simulated eye tracker and the graph; ``change`` makes a list of messages of each."""

    def __init__(self, watcher) -> None:
        self.change = lambda message: [message]
        self._out = watcher.node.create_publisher(GazeSample, names.GAZE_SAMPLE, qos.SAMPLES)
        watcher.node.create_subscription(GazeSample, ASIDE, self._pass_on, qos.SAMPLES)

    def _pass_on(self, message) -> None:
        for changed in self.change(message):
            self._out.publish(changed)


@pytest.fixture(scope="module")
def run(running, checkpoint, tmp_path_factory):
    record = str(tmp_path_factory.mktemp("run") / "run.mcap")
    remap = {"simulator": {names.GAZE_SAMPLE: ASIDE}}
    with running("sim", remap=remap, checkpoint=checkpoint, record=record, seed="3") as run:
        run.tracker = Tracker(run.watcher)
        run.wait_ready()
        for kind, topic in (
            (Prediction, names.EVENT), (EyeMovement, names.EYE_MOVEMENT), (GovernorState, names.GOVERNOR_STATE),
            (DiagnosticArray, names.DIAGNOSTICS),
        ):  # fmt: skip
            run.watcher.listen(kind, topic)
        yield run


@pytest.fixture
def events(run):
    """The event predictions, once they rest on gaze; the tracker is as before afterwards."""
    heard = run.watcher.heard[names.EVENT]
    assert run.watcher.spin(60.0, until=lambda: bool(heard) and heard[-1].used_gaze)
    heard.clear()
    run.watcher.heard[names.EYE_MOVEMENT].clear()
    yield heard
    run.tracker.change = lambda message: [message]


def unworn(message):
    message.worn = False
    return [message]


def lost(message):
    return []


@pytest.mark.parametrize(("change", "said"), [(unworn, "no valid gaze"), (lost, "no gaze messages")])
def test_without_gaze_predictions_go_on_from_frames_and_the_robot_is_held(run, events, change, said):
    run.tracker.change = change
    changed_ns, states = run.watcher.node.get_clock().now().nanoseconds, run.watcher.heard[names.GOVERNOR_STATE]
    states.clear()
    gone_ns = changed_ns + (WINDOW_S + 1) * NS_PER_S
    assert run.watcher.spin(60.0, until=lambda: bool(events) and stamp_of(events[-1]) > gone_ns + NS_PER_S)
    after = [event for event in events if stamp_of(event) > gone_ns]
    assert len(after) > 1 and not any(event.used_gaze for event in after)
    assert run.watcher.spin(10.0, until=lambda: any(said in state.reason for state in states)), {
        state.reason for state in states
    }
    ends = [nanoseconds(movement.end) for movement in run.watcher.heard[names.EYE_MOVEMENT]]
    assert not [end for end in ends if end > changed_ns + NS_PER_S], "no eye movements are made of what is no gaze"
    run.tracker.change = lambda message: [message]
    assert run.watcher.spin(60.0, until=lambda: events[-1].used_gaze), "gaze is used again"


def test_a_model_that_stood_still_goes_on_with_the_newest_frame_and_has_no_queue(run, events):
    assert run.watcher.spin(20.0, until=lambda: bool(events))
    vlm = run.graph.pids["vlm"]
    os.kill(vlm, signal.SIGSTOP)
    try:
        run.watcher.spin(0.5)  # what was under way arrives
        stopped_ns = run.watcher.node.get_clock().now().nanoseconds
        run.watcher.spin(STOPPED_S)
    finally:
        os.kill(vlm, signal.SIGCONT)
    went_on_ns = run.watcher.node.get_clock().now().nanoseconds
    assert run.watcher.spin(30.0, until=lambda: stamp_of(events[-1]) > went_on_ns)
    between = [event for event in events if stopped_ns < stamp_of(event) < went_on_ns - NS_PER_S // 2]
    assert len(between) <= 1, "of 3 s of frames none waited but perhaps one"


def test_no_node_has_more_than_its_policy_allows_and_no_policy_allows_more(run):
    deployment = build("sim", {"record": "run.mcap"})
    node = run.watcher.node

    def real(name: str) -> Access:
        ask = (
            node.get_publisher_names_and_types_by_node, node.get_subscriber_names_and_types_by_node,
            node.get_service_names_and_types_by_node, node.get_client_names_and_types_by_node,
        )  # fmt: skip
        return Access(*(tuple(sorted(full for full, _ in by_node(name, "/sim"))) for by_node in ask))

    def full(name: str, expressions: tuple[str, ...]) -> set[str]:
        own = {"~": f"/sim/{name}", "/": ""}
        return {own.get(text[0], "/sim/") + text.removeprefix("~") for text in expressions}

    for spec in deployment.nodes:
        allowed, has = access_of(spec, deployment), real(spec.name)
        unused = full(spec.name, tuple(NOT_USED_BY_SIM.get(spec.name, ())))
        for what in ("publishes", "subscribes", "serves", "calls"):
            found = {name for name in getattr(has, what) if "/_action/" not in name} - {f"/sim/{ASIDE}"}
            granted = full(spec.name, getattr(allowed, what))
            assert found <= granted, f"{spec.name} {what} more"
            assert granted - found <= unused | {f"/sim/{spec.name}/get_type_description"}, f"{spec.name} {what} less"
    enclaves = {(name, where) for name, _, where in node.get_node_names_and_namespaces_with_enclaves()}
    assert {(spec.name, spec.enclave) for spec in deployment.nodes} <= enclaves
