"""The node of the fault trials: it stands between publishers and readers, keeps the arm moving, and writes down."""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, Image
from sensor_msgs.msg import JointState as JointStateMsg
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg

from benchmarks.fault_filters import Filter
from benchmarks.fault_judgement import Log
from benchmarks.faults import FRAMES, GAZE, JOINTS, STRANGER_HZ
from gaze_vlm_msgs.msg import AssistState, GazeSample, GovernorState
from gaze_vlm_msgs.msg import Prediction as PredictionMsg
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.graph import Deployment
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.attached import Attached
from gaze_vlm_ros.nodes.conversions.common import stamp_of
from gaze_vlm_ros.nodes.conversions.gaze import gaze_from
from gaze_vlm_ros.nodes.conversions.predictions import prediction_message
from gaze_vlm_ros.nodes.conversions.robot import joint_state_from, trajectory_from, trajectory_message
from gaze_vlm_ros.nodes.inbox import NeverCalled, take_all
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.safety.deadlines import Input
from gaze_vlm_ros.types import NS_PER_S, JointTrajectory

ASIDE = "/undisturbed"
RELAYED = {FRAMES: (Image, qos.SENSOR), GAZE: (GazeSample, qos.SAMPLES), JOINTS: (JointStateMsg, qos.SAMPLES)}
SWING_RAD, SWING_S, AHEAD_S = 0.3, 4.0, 0.3
OWN_MOTION_RAD_S = 1e-3
PRESENT_S = {Input.JOINT_STATES: (-0.1, 0.02)}
"""Stamps before and after now that are of the present; of other inputs, up to a second before."""
_ARM_EVERY_S = 0.5


def disturbable(deployment: Deployment) -> Deployment:
    """The same nodes, whose streams pass through a ``Bystander`` on their way to the readers."""
    aside = {
        "simulator": {topic: topic + ASIDE for topic in RELAYED},
        "assist_policy": {names.POLICY_TRAJECTORY: names.POLICY_TRAJECTORY + ASIDE},
    }
    return replace(deployment, nodes=tuple(replace(node, remap=aside.get(node.name, {})) for node in deployment.nodes))


class Bystander:
    """In the graph of ``domain_id``; ``step`` does what is due and must be called again and again.

    Every heartbeat of the policy is followed by a command: the policy's own while it wants to move, else a swing of
    the first joint, so that there is motion to be stopped. A disarmed governor is armed again, as an operator would.
    """

    def __init__(self, domain_id: int, namespace: str, seed: int) -> None:
        self._attached = Attached("bystander", domain_id, namespace)
        self._node = self._attached.node
        self._random = np.random.default_rng(seed)
        self._robot = RobotDescription.load("jaco")
        self.log, self.governor_state, self.reason = Log(), GovernorState.DISARMED, ""
        self._filters: dict[str, Filter] = {}
        self._order, self._late = itertools.count(), []
        self._own: tuple[float, JointTrajectoryMsg] | None = None
        self._stranger: tuple[Callable[[int], None], float] | None = None
        self._arming, self._asked_s = None, 0.0
        self._arm = self._node.create_client(Trigger, names.GOVERNOR_ARM)
        self._ears = [self._ear(kind, topic + ASIDE, self._passer(topic), profile)
                      for topic, (kind, profile) in RELAYED.items()]  # fmt: skip
        self._out = {
            topic: self._node.create_publisher(kind, topic, profile) for topic, (kind, profile) in RELAYED.items()
        }
        self._out[names.POLICY_TRAJECTORY] = self._node.create_publisher(
            JointTrajectoryMsg, names.POLICY_TRAJECTORY, qos.RESULT
        )
        for kind, topic, hear in (
            (CameraInfo, names.SCENE_INFO, lambda m, info: self._note(Input.FRAMES, m, info)),
            (PredictionMsg, names.EVENT, lambda m, info: self._note(Input.PREDICTIONS, m, info)),
            (AssistState, names.POLICY_STATE, self._on_heartbeat),
            (JointTrajectoryMsg, names.POLICY_TRAJECTORY + ASIDE, self._on_own),
            (JointTrajectoryMsg, names.CONTROLLER_TRAJECTORY, self._on_command),
            (GovernorState, names.GOVERNOR_STATE, self._on_governor),
        ):
            self._ears.append(self._ear(kind, topic, hear, qos.SAMPLES if kind is not CameraInfo else qos.SENSOR))

    def _ear(self, kind: type, topic: str, hear: Callable[[Any, dict], None], profile) -> Callable[[], None]:
        subscription = self._node.create_subscription(
            kind, topic, lambda _: None, profile, callback_group=NeverCalled()
        )

        def empty() -> None:
            for message, info in take_all(subscription):
                hear(message, info)

        return empty

    # --- what the trials ask for

    def disturb(self, topic: str, apply: Filter | None) -> None:
        """From now on everything on ``topic`` goes through ``apply``; None: unchanged again."""
        self._filters.pop(topic, None)
        if apply is not None:
            self._filters[topic] = apply

    def speak(self, topic: str, make: Callable[[int, np.random.Generator], object] | None) -> None:
        """A stranger publishes on ``topic`` what ``make`` gives; None: falls silent."""
        if make is None:
            self._stranger = None
            return
        is_command = topic == names.POLICY_TRAJECTORY
        publisher = self._out[topic] if is_command else self._node.create_publisher(PredictionMsg, topic, qos.RESULT)

        def say(stamp_ns: int) -> None:
            said = make(stamp_ns, self._random)
            publisher.publish(
                trajectory_message(said, stamp_ns) if is_command else prediction_message(said, "stranger")
            )

        self._stranger = say, time.time()

    def is_commanded(self) -> bool:
        """Whether the governor has sent commands all through the last half second."""
        times = [t for t, _ in self.log.commands if t > time.time() - 0.5]
        return len(times) > 5 and max(np.diff(times)) < 0.15 and time.time() - times[-1] < 0.15

    def step(self) -> None:
        self._attached.spin_once(0.003)
        for empty in self._ears:
            empty()
        while self._late and self._late[0][0] <= time.time():
            _, _, topic, message = heapq.heappop(self._late)
            self._publish(topic, message)
        if self._stranger is not None:
            say, due_s = self._stranger
            if time.time() >= due_s:
                say(time.time_ns())
                self._stranger = say, due_s + 1.0 / STRANGER_HZ
        self._see_to_arming()

    def spin(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Steps for ``seconds`` or until ``until`` holds, which it says."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()
            if until():
                return True
        return False

    def close(self) -> None:
        self._attached.close()

    # --- messages

    def _passer(self, topic: str) -> Callable[[Any, dict], None]:
        def hear(message: Any, info: dict) -> None:
            if topic == JOINTS:
                speed = float(np.abs(joint_state_from(message).velocity_rad_s).max())
                self.log.speeds.append((info["source_timestamp"] / NS_PER_S, speed))
            for delay_s, changed in self._filters.get(topic, lambda same: [(0.0, same)])(message):
                if delay_s > 0.0:
                    heapq.heappush(self._late, (time.time() + delay_s, next(self._order), topic, changed))
                else:
                    self._publish(topic, changed)

        return hear

    def _publish(self, topic: str, message: Any) -> None:
        self._out[topic].publish(message)
        if topic == JOINTS:
            self._note(Input.JOINT_STATES, message)
        elif topic == GAZE:
            self._note(Input.GAZE_MESSAGES, message)
            try:
                valid = gaze_from(message).valid
            except GazeVlmError:
                valid = False
            if valid:
                self._note(Input.VALID_GAZE, message)

    def _note(self, name: Input, message: Any, info: dict | None = None) -> None:
        """A message with a stamp of the present is good input from when it was sent, which is now without ``info``: the
        governor may have it before it is heard here."""
        now_s = time.time() if info is None else info["source_timestamp"] / NS_PER_S
        before, after = PRESENT_S.get(name, (-1.0, 0.02))
        if before <= (stamp_of(message) or 0) / NS_PER_S - now_s <= after:
            self.log.inputs[name].append(now_s)

    def _on_heartbeat(self, message: AssistState, info: dict) -> None:
        self._note(Input.POLICY, message, info)
        own, self._own = self._own, None
        fresh = own is not None and time.time() - own[0] < 0.1
        if fresh and max(abs(v) for point in own[1].points for v in point.velocities) > OWN_MOTION_RAD_S:
            self._out[names.POLICY_TRAJECTORY].publish(own[1])
            return
        now_ns = time.time_ns()
        phase = 2.0 * math.pi * (now_ns / NS_PER_S + AHEAD_S) / SWING_S
        position, velocity = np.array([self._robot.home_rad], float), np.zeros((1, len(self._robot.home_rad)))
        position[0, 0] += SWING_RAD * math.sin(phase)
        velocity[0, 0] = SWING_RAD * 2.0 * math.pi / SWING_S * math.cos(phase)
        swing = JointTrajectory(now_ns, self._robot.joint_names, position, velocity, np.array([AHEAD_S]))
        self._out[names.POLICY_TRAJECTORY].publish(trajectory_message(swing, now_ns))

    def _on_own(self, message: JointTrajectoryMsg, _: dict) -> None:
        self._own = time.time(), message

    def _on_command(self, message: JointTrajectoryMsg, info: dict) -> None:
        sent_ns = info["source_timestamp"]
        try:
            command = trajectory_from(message, sent_ns)
        except GazeVlmError:
            command = None
        self.log.commands.append((sent_ns / NS_PER_S, command))

    def _on_governor(self, message: GovernorState, _: dict) -> None:
        self.governor_state, self.reason = message.state, message.reason

    def _see_to_arming(self) -> None:
        if self._arming is not None and self._arming.done():
            self._arming = None
        if self.governor_state != GovernorState.DISARMED or time.time() < self._asked_s + _ARM_EVERY_S:
            return
        if self._arm.service_is_ready():
            self._arming, self._asked_s = self._arm.call_async(Trigger.Request()), time.time()
