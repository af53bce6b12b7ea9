"""The closed loop in simulation: every process, every topic, and what happens when something goes wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing

import numpy as np
import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseWithCovarianceStamped
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory
from watcher import Watcher

from gaze_vlm_msgs.msg import (
    AssistState,
    GazeSample,
    GazeTarget,
    GovernorState,
    ObjectMap,
    Prediction,
    SimTruth,
    WearerState,
)  # fmt: skip
from gaze_vlm_msgs.srv import AskGaze
from gaze_vlm_ros.environment import resource
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.conversions.common import position_from, stamp_of
from gaze_vlm_ros.nodes.conversions.robot import joint_state_from, trajectory_message
from gaze_vlm_ros.recording.reader import summarize
from gaze_vlm_ros.recording.recovery import is_cut_off, recover
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.types import JointTrajectory as Trajectory

RATES_HZ = {
    names.GAZE_SAMPLE: (GazeSample, qos.SAMPLES, 150),
    names.GAZE_FILTERED: (GazeSample, qos.SAMPLES, 150),
    names.JOINT_STATES: (JointState, qos.SAMPLES, 75),
    names.WEARER_STATE: (WearerState, qos.RESULT, 15),
    names.SCENE_INFO: (CameraInfo, qos.SENSOR, 10),
    names.SCENE_POSE: (PoseWithCovarianceStamped, qos.RESULT, 10),
    names.SCENE_IMAGE: (Image, qos.SENSOR, 10),
    names.SCENE_IMAGE_COMPRESSED: (CompressedImage, qos.SENSOR, 10),
    names.SCENE_DEPTH: (Image, qos.SENSOR, 10),
    names.ACTIVITY: (Prediction, qos.RESULT, 3),
    names.EVENT: (Prediction, qos.RESULT, 3),
    names.ATTENTION: (Image, qos.RESULT, 3),
    names.OBJECTS: (ObjectMap, qos.RESULT, 3),
    names.GAZE_TARGET: (GazeTarget, qos.RESULT, 1),
    names.POLICY_STATE: (AssistState, qos.RESULT, 20),
    names.GOVERNOR_STATE: (GovernorState, qos.RESULT, 5),
    names.SIM_TRUTH: (SimTruth, qos.RESULT, 7),
    names.DIAGNOSTICS: (DiagnosticArray, qos.RESULT, 2),
}
LISTENED_S = 4.0
WATCHED = (
    names.JOINT_STATES, names.GAZE_FILTERED, names.EVENT, names.GAZE_TARGET, names.GOVERNOR_STATE, names.DIAGNOSTICS,
)  # fmt: skip


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return tmp_path_factory.mktemp("run") / "run.mcap"


@pytest.fixture(scope="module")
def quiet_policy(tmp_path_factory):
    """The usual parameters, but the policy asks for no motion of its own: the tests do."""
    usual = resource("config/sim.yaml").read_text()
    file = tmp_path_factory.mktemp("params") / "sim.yaml"
    quiet = usual.replace("start_confidence: 0.3", "start_confidence: 1").replace("after_s: 2.0", "after_s: 600")
    file.write_text(quiet)
    return str(file)


@pytest.fixture(scope="module")
def run(running, checkpoint, recording, quiet_policy):
    with running("sim", checkpoint=checkpoint, record=str(recording), seed="3", params=quiet_policy) as run:
        run.wait_ready()
        for topic in WATCHED:
            kind, profile, _ = RATES_HZ[topic]
            run.watcher.listen(kind, topic, profile)
        yield run


@pytest.fixture(scope="module")
def heard(run):
    """What came in some seconds of normal life, heard by a listener that may be late but loses nothing."""
    states, targets = run.watcher.heard[names.GOVERNOR_STATE], run.watcher.heard[names.GAZE_TARGET]
    run.watcher.spin(15.0, until=lambda: bool(targets and states) and states[-1].state == GovernorState.HOLDING)
    with closing(Watcher(run.watcher.domain_id)) as patient:
        for topic, (kind, profile, _) in RATES_HZ.items():
            patient.listen(kind, topic, QoSProfile(depth=2000, reliability=profile.reliability))
        patient.spin(LISTENED_S)
        ended_ns, fastest = now_ns(run), [patient.heard[topic] for topic in (names.GAZE_SAMPLE, names.SCENE_INFO)]
        patient.spin(20.0, until=lambda: all(heard and stamp_of(heard[-1]) > ended_ns for heard in fastest))
        return {topic: list(messages) for topic, messages in patient.heard.items()}


def usual_rate_hz(messages) -> float:
    """By the median interval of the stamps: a machine that stands still for a moment does not change it."""
    stamps_s = np.unique([stamp_of(message) for message in messages]) / 1e9
    return 1.0 / np.median(np.diff(stamps_s)) if len(stamps_s) > 1 else 0.0


@pytest.mark.parametrize("topic", RATES_HZ)
def test_every_topic_carries_messages_at_its_rate(heard, topic):
    assert usual_rate_hz(heard[topic]) >= RATES_HZ[topic][2]


def test_every_node_tells_again_and_again_how_it_is(run, heard):
    heard_of, nodes = run.watcher.heard[names.DIAGNOSTICS], set(run.graph.pids) - {"lifecycle_manager"}
    for _ in range(2):
        heard_of.clear()
        assert run.watcher.spin(20.0, until=lambda: {a.status[0].name for a in heard_of} == {f"sim/{n}" for n in nodes})


def test_results_carry_the_stamp_of_the_frame_that_they_used(heard):
    frames = {stamp_of(message) for message in heard[names.SCENE_POSE]}
    for topic in (names.ACTIVITY, names.EVENT, names.ATTENTION, names.OBJECTS, names.GAZE_TARGET):
        inside = [stamp_of(m) for m in heard[topic] if min(frames) <= stamp_of(m) <= max(frames)]
        assert inside and set(inside) <= frames, topic


def test_gaze_targets_are_where_the_wearer_really_looks(heard):
    truth = {stamp_of(message): position_from(message.gaze_position) for message in heard[names.SIM_TRUTH]}
    stamps = np.array(sorted(truth))
    errors = []
    for target in heard[names.GAZE_TARGET]:
        nearest = int(stamps[np.argmin(np.abs(stamps - stamp_of(target)))])
        if abs(nearest - stamp_of(target)) < 60_000_000:
            errors.append(np.linalg.norm(position_from(target.position) - truth[nearest]))
    assert len(errors) >= 4 and np.median(errors) < 0.06


def test_attention_is_a_distribution_over_the_objects_grid(heard):
    image, objects = heard[names.ATTENTION][-1], heard[names.OBJECTS][-1]
    assert (image.height, image.width) == (objects.rows, objects.columns)
    assert np.frombuffer(image.data, np.float32).sum() == pytest.approx(1.0, abs=1e-3)


def test_the_command_line_calls_the_services_of_the_graph(run):
    domain = str(run.watcher.domain_id)
    words = [sys.executable, "-m", "gaze_vlm_ros.cli.main", "call", "governor/reset", "--domain", domain]
    done = subprocess.run([*words, "--namespace", "sim"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and done.stdout.strip(), done.stderr
    lost = subprocess.run([*words, "--within", "5"], capture_output=True, text=True, timeout=60, check=False)
    assert lost.returncode == 2 and lost.stderr.count("\n") == 1
    assert "no service /governor/reset" in lost.stderr and "others of its kind: /sim/governor/" in lost.stderr


def test_the_simulator_armed_its_governor_and_nothing_is_ill(run, heard):
    states = [message.state for message in heard[names.GOVERNOR_STATE]]
    assert set(states) <= {GovernorState.HOLDING, GovernorState.MOVING} and states
    statuses = [status for array in heard[names.DIAGNOSTICS] for status in array.status]
    assert not [status.message for status in statuses if status.level == DiagnosticStatus.ERROR] and run.graph.check()


def test_a_question_about_the_gaze_is_answered_and_another_is_not(run, heard):
    def ask(question):
        return run.watcher.call(AskGaze, names.ASK_GAZE, AskGaze.Request(question=question))

    answers = []
    for question in ("What does the wearer look at?", "Where does she look?"):
        assert run.watcher.spin(20.0, until=lambda q=question: not (answers.append(ask(q)) or answers[-1]).abstained), [
            answer.answer for answer in answers
        ]
    where = answers[-1]
    assert where.answer.startswith("at ") and np.isfinite(position_from(where.point.point)).all()
    assert ask("What time is it?").abstained


def test_a_parameter_that_does_not_fit_is_refused_and_the_node_goes_on(run, heard):
    value = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=-1.0)
    for name, words in (("rate_hz", "rate_hz out of range"), ("rate", "unknown parameter rate")):
        request = SetParameters.Request(parameters=[Parameter(name=name, value=value)])
        result = run.watcher.call(SetParameters, "vlm/set_parameters", request).results[0]
        assert not result.successful and words in result.reason
    run.watcher.heard[names.EVENT].clear()
    assert run.watcher.spin(5.0, until=lambda: bool(run.watcher.heard[names.EVENT]))


def warned(run, node: str, words: str) -> bool:
    return any(
        words in status.message
        for array in run.watcher.heard[names.DIAGNOSTICS]
        for status in array.status
        if status.name == f"sim/{node}"
    )


def test_a_second_eye_tracker_and_bad_gaze_are_named(run, heard):
    second = run.watcher.node.create_publisher(GazeSample, names.GAZE_SAMPLE, qos.SAMPLES)
    assert run.watcher.spin(10.0, until=lambda: second.get_subscription_count() >= 3)
    bad = GazeSample(confidence=1.0, ray=np.array([0.0, 0.0, 5.0], np.float32))

    def complain():
        second.publish(bad)
        doubled = warned(run, "gaze", "gaze/sample has 2 publishers; stop all but one")
        return doubled and warned(run, "gaze", "the gaze ray must have length 1, got 5.000")

    assert run.watcher.spin(10.0, until=complain)
    run.watcher.node.destroy_publisher(second)
    run.watcher.heard[names.GAZE_FILTERED].clear()
    assert run.watcher.spin(5.0, until=lambda: len(run.watcher.heard[names.GAZE_FILTERED]) > 20)


def fell_silent(run, topic: str) -> bool:
    """Whether what was still under way ends, and then nothing comes for a second."""
    messages = run.watcher.heard[topic]

    def more() -> bool:
        messages.clear()
        return run.watcher.spin(1.0, until=lambda: bool(messages))

    return any(not more() for _ in range(5))


def test_sensors_that_stop_hold_the_robot_and_are_reported(run, heard):
    states = run.watcher.heard[names.GOVERNOR_STATE]
    simulator = run.graph.pids["simulator"]
    os.kill(simulator, signal.SIGSTOP)
    try:
        states.clear()
        assert run.watcher.spin(3.0, until=lambda: any("no joint states for" in state.reason for state in states))
        assert run.watcher.spin(5.0, until=lambda: warned(run, "vlm", "scene_camera/image_raw: silent for"))
        assert fell_silent(run, names.EVENT)
    finally:
        os.kill(simulator, signal.SIGCONT)
    run.watcher.heard[names.EVENT].clear()
    assert run.watcher.spin(10.0, until=lambda: bool(run.watcher.heard[names.EVENT]))


def wave(run, seconds: float, until) -> bool:
    """Asks the governor, in the policy's place, for a slow swing of the first joint."""
    robot = RobotDescription.load("jaco")
    publisher = run.watcher.node.create_publisher(JointTrajectory, names.POLICY_TRAJECTORY, qos.RESULT)
    began = time.monotonic()
    home = np.array(robot.home_rad, dtype=float)

    def send():
        phase = time.monotonic() - began
        times = np.array([0.0, 0.2, 0.4])
        position, velocity = np.tile(home, (3, 1)), np.zeros((3, len(home)))
        position[:, 0] += 0.3 * (phase + times)
        velocity[:, 0] = 0.3
        stamp_ns = run.watcher.node.get_clock().now().nanoseconds
        swing = Trajectory(stamp_ns, robot.joint_names, position, velocity, times)
        publisher.publish(trajectory_message(swing, stamp_ns))
        return until()

    done = run.watcher.spin(seconds, send)
    run.watcher.node.destroy_publisher(publisher)
    return done


def newest_speed(run) -> float:
    return float(np.abs(joint_state_from(run.watcher.heard[names.JOINT_STATES][-1]).velocity_rad_s).max())


def way_to_rest(run, since_ns: int) -> float:
    """How far [rad] the first joint moved after ``since_ns`` until the arm rested, though the policy asked for more."""
    states = run.watcher.heard[names.JOINT_STATES]
    rested = wave(run, 5.0, until=lambda: stamp_of(states[-1]) > since_ns + 300_000_000 and newest_speed(run) < 0.01)
    assert rested, f"still moving at {newest_speed(run):.2f} rad/s"
    way = [joint_state_from(state).position_rad[0] for state in states if stamp_of(state) >= since_ns]
    return float(np.ptp(way))


def now_ns(run) -> int:
    return run.watcher.node.get_clock().now().nanoseconds


def test_stop_reset_and_arm(run, heard):
    states = run.watcher.heard[names.GOVERNOR_STATE]
    assert wave(run, 10.0, until=lambda: states[-1].state == GovernorState.MOVING and newest_speed(run) > 0.1)
    assert run.watcher.call(Trigger, names.GOVERNOR_STOP).success
    assert way_to_rest(run, now_ns(run)) < 0.1 and states[-1].state == GovernorState.PROTECTIVE_STOP
    assert not run.watcher.call(Trigger, names.GOVERNOR_ARM).success
    assert run.watcher.call(Trigger, names.GOVERNOR_RESET).success
    assert run.watcher.spin(10.0, until=lambda: run.watcher.call(Trigger, names.GOVERNOR_ARM).success)


def test_the_arm_stops_when_the_governor_dies_in_mid_motion_and_the_next_one_waits_to_be_armed(run, heard, recording):
    speeds, states = run.watcher.heard[names.JOINT_STATES], run.watcher.heard[names.GOVERNOR_STATE]
    assert wave(run, 10.0, until=lambda: bool(speeds) and newest_speed(run) > 0.1)
    os.kill(run.graph.pids["governor"], signal.SIGKILL)
    assert way_to_rest(run, now_ns(run)) < 0.1
    states.clear()
    assert run.watcher.spin(60.0, until=lambda: run.graph.check() and bool(states)), "\n".join(run.lines[-20:])
    assert run.said("governor ended by SIGKILL") and states[-1].state == GovernorState.DISARMED
    assert run.watcher.spin(20.0, until=lambda: run.watcher.call(Trigger, names.GOVERNOR_ARM).success)
    run.graph.stop()
    summary = summarize(recording)
    assert not summary.problem and summary.topics["/sim/gaze/sample"].messages > 500
    assert (recording.parent / "metadata.yaml").is_file()


def test_a_recorder_that_dies_leaves_its_file_and_goes_on_in_the_next(running, checkpoint, tmp_path):
    path = tmp_path / "run.mcap"
    with running("sim", checkpoint=checkpoint, record=str(path)) as run:
        run.wait_ready()
        run.graph.wait(2.0)  # a kill may cost a chunk, and the first one lasts half a second
        os.kill(run.graph.pids["recorder"], signal.SIGKILL)
        ready = [line for line in run.lines if "ready:" in line]
        assert run.graph.wait(60.0, until=lambda: len([ln for ln in run.lines if "ready:" in ln]) > len(ready))
        run.graph.wait(3.0)
    assert is_cut_off(path) and recover(path).messages > 0
    assert not summarize(tmp_path / "run-2.mcap").problem
