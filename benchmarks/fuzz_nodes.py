"""A node's callbacks, called directly with strange messages: no executor, no traffic, the node's own code."""

from __future__ import annotations

import importlib
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.fuzz_mutation import Random, disturb
from gaze_vlm_ros.environment import DomainLease
from gaze_vlm_ros.errors import GazeVlmError

_SHARES = (0.02, 0.05, 0.2, 1.0)
_NODES = {
    "governor": ("governor_node", "GovernorNode"),
    "gaze": ("gaze_node", "GazeNode"),
    "gaze_target": ("gaze_target_node", "GazeTargetNode"),
    "assist_policy": ("assist_policy_node", "AssistPolicyNode"),
}
_EVERY = 20
"""Messages to one call of what the node does periodically."""


def callbacks_of(name: str, random: Random) -> Callable[[], None]:
    """Configures the node ``name`` and returns what gives it one more message.

    The returned function raises what the callback or the periodic work raises; a ValueError or GazeVlmError is how
    a node refuses one message, and must not come out of its periodic work.
    """
    lease = DomainLease().__enter__()  # held until the process ends
    os.environ |= {"ROS_DOMAIN_ID": str(lease.domain_id), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    from diagnostic_msgs.msg import DiagnosticArray

    from gaze_vlm_ros.nodes.attached import begin
    from gaze_vlm_ros.nodes.base import ManagedNode

    inputs: list[tuple[type, Callable[[Any], None]]] = []
    periodic: list[Callable[[], None]] = []

    def remember(self, kind, topic, callback, profile, silent_after_s=0.0):
        inputs.append((kind, callback))
        return lambda: None

    ManagedNode.inbox = ManagedNode.subscribe = remember
    ManagedNode.every = lambda self, period_s, callback: periodic.append(callback)
    begin()
    module, kind = _NODES[name]
    node = getattr(importlib.import_module(f"gaze_vlm_ros.nodes.{module}"), kind)(name)
    if not (node.trigger_configure().name == node.trigger_activate().name == "SUCCESS"):
        raise RuntimeError(f"{name} cannot be activated: {node.failure}")
    if name == "governor":
        periodic.append(lambda: node.governor.arm(time.monotonic()))
    seeds, count = {kind: _plausible(kind) for kind, _ in inputs}, [0]
    assert all(kind is not DiagnosticArray for kind in seeds)

    def once() -> None:
        count[0] += 1
        kind, callback = inputs[random.integers(len(inputs))]
        message = seeds[kind](node.now_ns())
        disturb(message, random, float(random.choice(_SHARES)))
        try:
            callback(message)
        finally:
            if count[0] % _EVERY == 0:
                _work(periodic)

    once.lease = lease
    return once


def _work(periodic: list[Callable[[], None]]) -> None:
    try:
        for call in periodic:
            call()
    except (ValueError, GazeVlmError) as error:
        raise RuntimeError(f"periodic work failed: {type(error).__name__}: {error}") from error


def _plausible(kind: type) -> Callable[[int], Any]:
    """Makes a message of ``kind`` as the graph has it, stamped with the given time [ns]."""
    from gaze_vlm_ros import types
    from gaze_vlm_ros.nodes.conversions import gaze, images, predictions, robot
    from gaze_vlm_ros.nodes.conversions.common import camera_pose_message
    from gaze_vlm_ros.robots.description import RobotDescription

    arm = RobotDescription.load("jaco")
    home, rest = np.array(arm.home_rad), np.zeros(6)
    camera = types.CameraModel(64, 48, np.array([[40.0, 0, 32], [0, 40, 24], [0, 0, 1]]))
    ray = np.array([0.0, 0.0, 1.0])
    depth = np.ones((48, 64), np.float32)
    one = types.Hypothesis("pick up the mug", "pick up", "mug", probability=0.9)
    makers: dict[str, Callable[[int], Any]] = {
        "JointState": lambda t: robot.joint_state_message(types.JointState(t, arm.joint_names, home, rest)),
        "JointTrajectory": lambda t: robot.trajectory_message(
            types.JointTrajectory(t, arm.joint_names, home[None], rest[None], np.zeros(1)), t
        ),
        "WearerState": lambda t: robot.wearer_message(
            types.WearerState(t, np.eye(4), np.full(3, 2.0), np.full(3, 2.0), 0.01), arm.base_frame
        ),
        "AssistState": lambda t: robot.assist_state_message(types.AssistState(t, types.AssistMode.IDLE), "robot_base"),
        "GazeSample": lambda t: gaze.gaze_message(
            types.GazeSample(t, np.array([32.0, 24.0]), ray, sequence=t % 2**31, sigma_rad=np.full(2, 0.02)), "scene"
        ),
        "CameraInfo": lambda t: images.camera_info_message(camera, t),
        "Image": lambda t: images.float_message(depth, t, "scene"),
        "CompressedImage": lambda t: images.depth_png_message(depth, t, "scene"),
        "PoseWithCovarianceStamped": lambda t: camera_pose_message(t, np.eye(4), np.eye(6) * 1e-4, arm.base_frame),
        "ObjectMap": lambda t: predictions.object_map_message(
            types.ObjectMap(t, ("background", "mug"), np.ones((2, 2), int), np.full((2, 2), 0.9)), "scene"
        ),
        "Prediction": lambda t: predictions.prediction_message(
            types.Prediction(t, types.PredictionKind.EVENT, one.text, 0.9, (one,), model_name="m"), "scene"
        ),
        "GazeTarget": lambda t: predictions.target_message(
            types.GazeTarget(t, np.array([0.5, 0.1, 0.05]), np.eye(3) * 1e-4, "mug", probability=0.9)
        ),
    }
    return makers.get(kind.__name__, lambda t: kind())
