"""The policy's node and its action, with joint states, a known thing and predictions from a test."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from gaze_vlm_msgs.action import Assist
from gaze_vlm_msgs.msg import AssistState, GazeTarget
from gaze_vlm_ros import types
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.assist_policy_node import AssistPolicyNode
from gaze_vlm_ros.nodes.conversions.common import stamp_of
from gaze_vlm_ros.nodes.conversions.predictions import target_message
from gaze_vlm_ros.nodes.conversions.robot import joint_state_message, trajectory_from
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.trajectory import sample

ROBOT = RobotDescription.load("jaco")
MUG_M = np.array([0.1, -0.35, 0.05])


class Arm(Node):
    """An arm that is at once where it is sent, and a mug that is being looked at."""

    def __init__(self):
        super().__init__("arm")
        self.position, self.velocity = np.array(ROBOT.home_rad, dtype=float), np.zeros(len(ROBOT.home_rad))
        self.states, self.trajectories = [], []
        self.joints = self.create_publisher(JointState, names.JOINT_STATES, qos.SAMPLES)
        self.targets = self.create_publisher(GazeTarget, names.GAZE_TARGET, qos.RESULT)
        self.create_subscription(AssistState, names.POLICY_STATE, self.states.append, qos.RESULT)
        self.create_subscription(JointTrajectory, names.POLICY_TRAJECTORY, self.on_trajectory, qos.RESULT)
        self.client = ActionClient(self, Assist, names.ASSIST)
        self.create_timer(0.01, self.live)

    def on_trajectory(self, message):
        self.trajectories.append(message)

    def live(self):
        now_ns = self.get_clock().now().nanoseconds
        if self.trajectories:
            wanted = trajectory_from(self.trajectories[-1], 0)
            point = sample(wanted, (now_ns - wanted.stamp_ns) / 1e9)
            self.position, self.velocity = point.position_rad, point.velocity_rad_s
        joints = types.JointState(now_ns, ROBOT.joint_names, self.position, self.velocity)
        mug = types.GazeTarget(now_ns, MUG_M, 1e-5 * np.eye(3), "mug", frame_id=ROBOT.base_frame)
        self.joints.publish(joint_state_message(joints))
        self.targets.publish(target_message(mug))


@pytest.fixture
def lab(spin):
    node, arm = AssistPolicyNode("assist_policy"), Arm()
    spin(node, seconds=0.0)
    assert node.trigger_configure().name == "SUCCESS" and node.trigger_activate().name == "SUCCESS"
    assert spin(arm, lambda: len(arm.states) > 3 and arm.states[-1].mode == AssistState.IDLE, 10.0)
    yield node, arm, spin
    node.trigger_shutdown()
    arm.client.destroy()


def ask(spin, arm, label):
    assert spin(arm, arm.client.server_is_ready, 10.0)
    feedback = []
    sent = arm.client.send_goal_async(Assist.Goal(label=label), feedback_callback=feedback.append)
    assert spin(arm, sent.done)
    return sent.result(), feedback


def test_asked_by_name_the_arm_points_and_the_goal_succeeds(lab):
    _, arm, spin = lab
    goal, feedback = ask(spin, arm, "mug")
    result = goal.get_result_async()
    assert goal.accepted and spin(arm, result.done, 20.0)
    assert result.result().status == GoalStatus.STATUS_SUCCEEDED and result.result().result.success
    assert any(message.feedback.state.mode == AssistState.POINTING for message in feedback)
    assert all(stamp_of(message) for message in arm.trajectories)


def test_a_goal_can_be_cancelled_and_only_one_is_taken_at_a_time(lab):
    _, arm, spin = lab
    goal, feedback = ask(spin, arm, "mug")
    second, _ = ask(spin, arm, "bowl")
    assert goal.accepted and not second.accepted
    result = goal.get_result_async()
    assert spin(arm, lambda: bool(feedback))
    cancelled = goal.cancel_goal_async()
    assert spin(arm, cancelled.done) and spin(arm, result.done)
    assert result.result().status == GoalStatus.STATUS_CANCELED


def test_a_thing_that_nobody_has_seen_ends_without_success(lab, monkeypatch):
    monkeypatch.setattr("gaze_vlm_ros.nodes.assist_action.REACHES_WITHIN_S", 0.5)
    _, arm, spin = lab
    goal, _ = ask(spin, arm, "teapot")
    result = goal.get_result_async()
    assert spin(arm, result.done, 10.0)
    assert result.result().status == GoalStatus.STATUS_ABORTED and "teapot" in result.result().result.message


def test_without_joint_states_the_policy_says_so_and_moves_nothing(lab):
    _, arm, spin = lab
    arm.joints.publish = lambda _: None
    arm.trajectories.clear()
    arm.states.clear()
    assert spin(arm, lambda: any("too old" in state.limited_by for state in arm.states))
    count = len(arm.trajectories)
    spin(arm, seconds=0.2)
    assert len(arm.trajectories) == count and arm.states[-1].mode == AssistState.BLOCKED
