"""What the governor answers when it is armed, and what it says while it lets motion through."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from gaze_vlm_msgs.msg import AssistState, GovernorState, WearerState
from gaze_vlm_ros import types
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.conversions.robot import (
    assist_state_message,
    joint_state_message,
    trajectory_message,
    wearer_message,
)
from gaze_vlm_ros.nodes.governor_node import GovernorNode
from gaze_vlm_ros.robots.description import RobotDescription

ROBOT = RobotDescription.load("jaco")
NOT_CHECKED = "no wearer state is heard, so the distance to the wearer is not checked"


class Surroundings(Node):
    """An arm at home, a policy that wants it to stay there, and perhaps somebody who says where the wearer is."""

    def __init__(self):
        super().__init__("surroundings")
        self.knows_wearer, self.wearer_frame, self.states = False, ROBOT.base_frame, []
        self.joints = self.create_publisher(JointState, names.JOINT_STATES, qos.SAMPLES)
        self.policy = self.create_publisher(AssistState, names.POLICY_STATE, qos.RESULT)
        self.commands = self.create_publisher(JointTrajectory, names.POLICY_TRAJECTORY, qos.RESULT)
        self.wearer = self.create_publisher(WearerState, names.WEARER_STATE, qos.RESULT)
        self.create_subscription(GovernorState, names.GOVERNOR_STATE, self.states.append, qos.RESULT)
        self.arm = self.create_client(Trigger, names.GOVERNOR_ARM)
        self.reset = self.create_client(Trigger, names.GOVERNOR_RESET)
        self.stop = self.create_publisher(Bool, names.PROTECTIVE_STOP, qos.LATCHED)
        self.create_timer(0.01, self.live)

    def live(self):
        now_ns, home = self.get_clock().now().nanoseconds, np.array(ROBOT.home_rad, dtype=float)
        rest = np.zeros_like(home)
        self.joints.publish(joint_state_message(types.JointState(now_ns, ROBOT.joint_names, home, rest)))
        idle = types.AssistState(now_ns, types.AssistMode.IDLE, reason="")
        self.policy.publish(assist_state_message(idle, ROBOT.base_frame))
        stay = types.JointTrajectory(now_ns, ROBOT.joint_names, home[None], rest[None], np.zeros(1))
        self.commands.publish(trajectory_message(stay))
        if self.knows_wearer:
            head = np.eye(4)
            head[:3, 3] = 5.0
            self.wearer.publish(wearer_message(types.WearerState(now_ns, head), self.wearer_frame))


@pytest.fixture
def lab(spin, request):
    """A governor that needs what the test's parameter names, its surroundings, and ``spin``."""
    node, around = GovernorNode("governor"), Surroundings()
    patient = {"joint_states_s": 1.0, "policy_s": 1.0, "wearer_s": 1.0}
    changes = {"needed": [getattr(request, "param", "joint_states")]} | patient
    node.set_parameters([Parameter(name, value=value) for name, value in changes.items()])
    spin(node, seconds=0.0)
    assert node.trigger_configure().name == "SUCCESS" and node.trigger_activate().name == "SUCCESS"
    around.governor = node
    yield around, spin
    node.trigger_shutdown()


def arm(around, spin):
    """The first answer that is a yes: before it, the governor has yet to hear its inputs."""
    assert spin(around, around.arm.service_is_ready)
    for _ in range(50):
        future = around.arm.call_async(Trigger.Request())
        assert spin(around, future.done)
        if future.result().success:
            return future.result().message
        spin(around, seconds=0.1)
    raise AssertionError(future.result().message)


def moving(around, spin):
    """The reason that the governor gives while it lets motion through."""
    states = around.states
    assert spin(around, lambda: bool(states) and states[-1].state == GovernorState.MOVING)
    spin(around, seconds=0.3)
    return states[-1].reason


def test_armed_without_a_wearer_it_says_that_the_distance_is_not_checked(lab):
    assert arm(*lab) == f"armed; {NOT_CHECKED}"
    assert moving(*lab) == f"the policy's command passes; {NOT_CHECKED}"


def test_with_a_wearer_there_is_nothing_to_add(lab):
    around, spin = lab
    around.knows_wearer = True
    assert spin(around, lambda: around.wearer.get_subscription_count() > 0)
    spin(around, seconds=0.5)
    assert arm(*lab) == "armed"
    assert moving(*lab) == "the policy's command passes"


def test_a_wearer_given_in_another_frame_lets_nothing_move(lab):
    around, spin = lab
    around.knows_wearer, around.wearer_frame = True, "world"
    assert spin(around, lambda: around.wearer.get_subscription_count() > 0 and around.arm.service_is_ready())
    spin(around, seconds=0.5)
    future = around.arm.call_async(Trigger.Request())
    assert spin(around, future.done) and not future.result().success
    assert future.result().message.startswith("the wearer's state cannot be used: the wearer is given in 'world'")


@pytest.mark.parametrize("lab", ["wearer"], indirect=True)
def test_required_by_parameter_it_does_not_arm_without_a_wearer(lab):
    around, spin = lab
    assert spin(around, around.arm.service_is_ready)
    spin(around, seconds=1.0)
    future = around.arm.call_async(Trigger.Request())
    assert spin(around, future.done)
    assert (future.result().success, future.result().message) == (False, "no wearer yet")


def test_a_stop_that_was_published_stays_until_it_is_reset(lab):
    around, spin = lab
    arm(*lab)
    moving(*lab)
    around.stop.publish(Bool(data=True))
    assert spin(around, lambda: around.states[-1].state == GovernorState.PROTECTIVE_STOP)
    assert around.states[-1].reason == "somebody published protective_stop"
    around.stop.publish(Bool(data=False))
    spin(around, seconds=0.5)
    assert around.states[-1].state == GovernorState.PROTECTIVE_STOP
    future = around.reset.call_async(Trigger.Request())
    assert spin(around, future.done) and future.result().success
    assert spin(around, lambda: around.states[-1].state == GovernorState.DISARMED)


def test_a_command_is_answered_at_once_but_a_flood_of_them_only_once_in_a_tick(lab, monkeypatch):
    around, spin = lab
    arm(around, spin)
    moving(around, spin)
    governor, sent = around.governor, []
    monkeypatch.setattr(governor._controller, "publish", sent.append)

    def freshly(act):
        """How much was sent once ``act`` was done, the joints having been heard just before."""
        now_ns, home = governor.now_ns(), np.array(ROBOT.home_rad, dtype=float)
        rest = np.zeros_like(home)
        governor._on_joints(joint_state_message(types.JointState(now_ns, ROBOT.joint_names, home, rest)))
        stay = types.JointTrajectory(now_ns, ROBOT.joint_names, home[None], rest[None], np.zeros(1))
        act(trajectory_message(stay, now_ns))
        return len(sent)

    before = freshly(lambda _: governor._tick())
    assert [freshly(governor._on_command) - before for _ in range(3)] == [1, 1, 1]
    assert freshly(lambda _: governor._tick()) == before + 2
    assert freshly(governor._on_command) == before + 3
