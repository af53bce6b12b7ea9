"""The policy's node and its action, with joint states, a known thing and predictions from a test."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Vector3Stamped
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory

from gaze_vlm_msgs.action import Assist
from gaze_vlm_msgs.msg import AssistState, GazeTarget
from gaze_vlm_ros import types
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.assist_action import AskedChooser
from gaze_vlm_ros.nodes.assist_policy_node import AssistPolicyNode
from gaze_vlm_ros.nodes.conversions.common import stamp_of
from gaze_vlm_ros.nodes.conversions.images import rgb_message
from gaze_vlm_ros.nodes.conversions.predictions import target_message
from gaze_vlm_ros.nodes.conversions.robot import joint_state_message, trajectory_from
from gaze_vlm_ros.nodes.eye_link import EyeLink, direction_message
from gaze_vlm_ros.policies.choice import Choice
from gaze_vlm_ros.policies.foveated import FoveatedConfig, FoveatedPolicy
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.trajectory import sample

ROBOT = RobotDescription.load("jaco")
MUG_M = np.array([0.12, -0.35, 0.05])


class Arm(Node):
    """An arm that is at once where it is sent, and a mug that is being looked at."""

    def __init__(self):
        super().__init__("arm")
        self.position, self.velocity = np.array(ROBOT.home_rad, dtype=float), np.zeros(len(ROBOT.home_rad))
        self.states, self.trajectories, self.figures = [], [], []
        self.joints = self.create_publisher(JointState, names.JOINT_STATES, qos.SAMPLES)
        self.targets = self.create_publisher(GazeTarget, names.GAZE_TARGET, qos.RESULT)
        self.create_subscription(AssistState, names.POLICY_STATE, self.states.append, qos.RESULT)
        self.create_subscription(JointTrajectory, names.POLICY_TRAJECTORY, self.on_trajectory, qos.RESULT)
        self.create_subscription(DiagnosticArray, names.DIAGNOSTICS, self.on_diagnostics, qos.RESULT)
        self.client = ActionClient(self, Assist, names.ASSIST)
        self.create_timer(0.01, self.live)

    def on_trajectory(self, message):
        self.trajectories.append(message)

    def on_diagnostics(self, message):
        self.figures += [(value.key, value.value) for status in message.status for value in status.values]

    def figure(self, key):
        """The largest that diagnostics told; 0 before they did."""
        return max((float(value) for name, value in self.figures if name == key), default=0.0)

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


def test_a_goal_ends_with_the_node_that_works_at_it(lab):
    node, arm, spin = lab
    goal, feedback = ask(spin, arm, "mug")
    result = goal.get_result_async()
    assert spin(arm, lambda: bool(feedback))
    assert node.trigger_deactivate().name == "SUCCESS"
    assert spin(arm, result.done, 10.0)
    assert result.result().status == GoalStatus.STATUS_ABORTED
    assert result.result().result.message == "the policy was deactivated" and not node._chooser.asked


def test_while_somebody_asks_what_goes_on_is_followed_all_the_same():
    class Beneath:
        seen = 0

        def choose(self, now_ns, memory, wearer):
            self.seen += 1
            return Choice("bowl", "by itself")

    chooser = AskedChooser(Beneath())
    chooser.asked = "mug"
    assert chooser.choose(0, None, None).label == "mug"
    chooser.asked = ""
    assert chooser.choose(0, None, None).label == "bowl" and chooser._beneath.seen == 2


@pytest.mark.parametrize(("source", "mount"), [("camera", (0.0,) * 6), ("views", (0.1, 0.2, 0.3))])
def test_an_eye_whose_place_is_not_told_is_named(source, mount):
    with pytest.raises(GazeVlmError, match="parameter eye_at must be six numbers"):
        EyeLink(None, source, mount, 15.0, ROBOT.base_frame, lambda _: None)


def test_without_joint_states_the_policy_says_so_and_moves_nothing(lab):
    _, arm, spin = lab
    arm.joints.publish = lambda _: None
    arm.trajectories.clear()
    arm.states.clear()
    assert spin(arm, lambda: any("too old" in state.limited_by for state in arm.states))
    count = len(arm.trajectories)
    spin(arm, seconds=0.2)
    assert len(arm.trajectories) == count and arm.states[-1].mode == AssistState.BLOCKED


# --- with a trained policy


class Eye(Node):
    """An eye that looks straight ahead at a grey world, with every frame."""

    def __init__(self):
        super().__init__("eye")
        self.commands = []
        self.directions = self.create_publisher(Vector3Stamped, names.ROBOT_EYE_DIRECTION, qos.RESULT)
        self.views = self.create_publisher(Image, names.ROBOT_EYE_VIEWS, qos.SENSOR)
        self.create_subscription(Vector3Stamped, names.ROBOT_EYE_COMMAND, self.commands.append, qos.RESULT)
        self.create_timer(1 / 15, self.live)

    def live(self):
        now_ns = self.get_clock().now().nanoseconds
        self.directions.publish(direction_message(np.array([0.8, 0.0, -0.6]), now_ns, ROBOT.base_frame))
        self.views.publish(rgb_message(np.full((192, 64, 3), 120, np.uint8), now_ns, "robot_eye"))


def bring_up(spin, folder, **changes):
    node, arm, eye = AssistPolicyNode("assist_policy"), Arm(), Eye()
    spin(node, seconds=0.0)
    settings = {"policy": str(folder), **changes}
    node.set_parameters([Parameter(name, value=value) for name, value in settings.items()])
    assert node.trigger_configure().name == "SUCCESS" and node.trigger_activate().name == "SUCCESS"
    spin(eye, seconds=0.0)
    assert spin(arm, lambda: len(arm.states) > 3, 10.0)
    return node, arm, eye


@pytest.fixture
def folder(tmp_path):
    FoveatedPolicy(FoveatedConfig(name="tiny", eye_blocks=1, hand_blocks=1, hand_width=32)).save(tmp_path)
    return tmp_path


def test_a_trained_policy_moves_eye_and_arm_for_what_was_asked_for(spin, folder):
    node, arm, eye = bring_up(spin, folder)
    goal, feedback = ask(spin, arm, "mug")
    assert goal.accepted
    helping = AssistState.HELPING
    assert spin(arm, lambda: any(m.feedback.state.mode == helping for m in feedback)), arm.states[-1].limited_by
    assert spin(arm, lambda: len(eye.commands) > 3)
    assert spin(arm, lambda: arm.figure("eye [Hz]") > 1 and arm.figure("hand [Hz]") > 1), arm.figures
    node.trigger_shutdown()
    arm.client.destroy()


def test_a_checkpoint_for_another_robot_is_named_and_the_node_stays_up_and_still(spin, folder):
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"joints": 6', '"joints": 5'))
    node, arm, _ = bring_up(spin, folder)
    assert arm.states[-1].mode == AssistState.BLOCKED and "5 joints" in arm.states[-1].limited_by
    heard = len(arm.states)
    spin(arm, seconds=0.3)
    assert node.active and len(arm.states) > heard and not arm.trajectories
    node.trigger_shutdown()
    arm.client.destroy()


def test_a_camera_elsewhere_than_the_policys_is_named(spin, folder):
    node, arm, _ = bring_up(spin, folder, eye_at=[0.9, 0.0, 0.5, 0.0, 0.0, 0.0])
    assert "is for an eye at" in arm.states[-1].limited_by and not arm.trajectories
    node.trigger_shutdown()
    arm.client.destroy()
