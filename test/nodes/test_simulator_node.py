"""The simulator with a wearer who cannot reach everything: fingers that are told, and what is counted."""

import pytest

pytest.importorskip("rclpy")

from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64

from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.simulator_node import SimulatorNode

pytestmark = pytest.mark.slow


def test_fingers_go_where_they_are_told_and_waits_are_counted(spin):
    simulator, lab, openings = SimulatorNode("simulator"), Node("lab"), []
    spin(simulator, seconds=0.0)
    given = {"seed": 3, "limited_reach": True, "arm_governor": False, "width": 160, "height": 120}
    simulator.set_parameters([Parameter(name, value=value) for name, value in given.items()])
    assert simulator.trigger_configure().name == "SUCCESS", simulator.failure
    kitchen = simulator.simulation
    fingers = tuple(kitchen.robot.gripper_rad)
    lab.create_subscription(JointState, names.JOINT_STATES, openings.append, qos.SAMPLES)
    publisher = lab.create_publisher(Float64, names.POLICY_OPENING, qos.RESULT)
    assert simulator.trigger_activate().name == "SUCCESS", simulator.failure
    spin(lab, seconds=0.0)
    assert spin(lab, lambda: openings and tuple(openings[-1].name[-3:]) == fingers)

    def closed():
        publisher.publish(Float64(data=0.0))
        return kitchen.gripper.opening == 0.0

    assert spin(lab, closed)
    publisher.publish(Float64(data=7.0))  # refused
    spin(lab, seconds=0.3)
    assert kitchen.gripper.opening == 0.0 and simulator.active
    assert simulator._figures()["things waited for"] == "0"
    simulator.trigger_shutdown()
    lab.destroy_node()


def test_other_kitchens_have_an_arm_without_fingers_among_its_joints(spin):
    simulator = SimulatorNode("simulator")
    spin(simulator, seconds=0.0)
    simulator.set_parameters([Parameter("arm_governor", value=False)])
    assert simulator.trigger_configure().name == "SUCCESS", simulator.failure
    assert simulator.simulation.joint_state().names == tuple(simulator.simulation.robot.joint_names)
    assert "things waited for" not in simulator._figures()
    simulator.trigger_shutdown()
