"""The simulated wearer's eye cameras and the eye gaze node together: gaze of pictures, and a calibration."""

import time

import numpy as np
import pytest

pytest.importorskip("rclpy")

from eye_checkpoint import write_checkpoint
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.parameter import Parameter

from gaze_vlm_msgs.action import CalibrateEyes
from gaze_vlm_msgs.msg import GazeSample
from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.conversions.gaze import gaze_from
from gaze_vlm_ros.nodes.eye_gaze_node import EyeGazeNode
from gaze_vlm_ros.nodes.simulator_node import SimulatorNode

pytestmark = pytest.mark.slow

SEED = 3


@pytest.fixture
def lab(spin, tmp_path, monkeypatch):
    """Both nodes, active, and an observer that notes each valid sample with where the wearer truly looked then."""
    write_checkpoint(tmp_path / "estimator", SEED)
    simulator, eyes, other = SimulatorNode("simulator"), EyeGazeNode("eye_gaze"), Node("lab")
    parameters = {
        simulator: {"seed": SEED, "eye_cameras": True, "arm_governor": False, "width": 160, "height": 120},
        eyes: {"checkpoint": str(tmp_path / "estimator"), "calibration": str(tmp_path / "me.json")},
    }
    for node, given in parameters.items():
        spin(node, seconds=0.0)
        node.set_parameters([Parameter(name, value=value) for name, value in given.items()])
        assert node.trigger_configure().name == "SUCCESS", node.failure
    truth, errors_deg, tick = {}, [], simulator._eyes.tick

    def noting_tick(step, stamp_ns):
        wearer = simulator.simulation.wearer.eyes
        if not wearer.saccading() and wearer.lid_opening() > 0.95:
            way = np.linalg.inv(wearer.world_T_camera()) @ np.append(wearer.gaze_point_m(), 1.0)
            truth[stamp_ns] = way[:3]
        tick(step, stamp_ns)

    def on_sample(message):
        sample = gaze_from(message)
        if sample.valid and sample.stamp_ns in truth:
            errors_deg.append(float(np.degrees(angle_between(sample.ray, truth[sample.stamp_ns]))))

    monkeypatch.setattr(simulator._eyes, "tick", noting_tick)
    other.create_subscription(GazeSample, names.GAZE_SAMPLE, on_sample, qos.SAMPLES)
    for node in parameters:
        assert node.trigger_activate().name == "SUCCESS", node.failure
    yield simulator, eyes, other, spin, errors_deg
    for node in parameters:
        node.trigger_shutdown()


def test_gaze_of_rendered_eyes_lies_where_the_wearer_looks_and_a_calibration_is_made(lab, tmp_path):
    simulator, eyes, other, spin, errors_deg = lab
    assert spin(other, lambda: len(errors_deg) >= 40, seconds=60.0), eyes._figures()
    assert np.median(errors_deg) < 6.0, errors_deg
    assert other.count_publishers(names.GAZE_SAMPLE) == 1 and simulator._gaze is None
    client = ActionClient(other, CalibrateEyes, names.CALIBRATE_EYES)
    assert spin(other, client.server_is_ready)
    reasons = []
    goal = CalibrateEyes.Goal(targets=5, method="offset", display="scene")
    sent = client.send_goal_async(
        goal, feedback_callback=lambda _: reasons.append(simulator.simulation.wearer.gaze_reason)
    )
    assert spin(other, sent.done) and sent.result().accepted
    finished = sent.result().get_result_async()
    assert spin(other, finished.done, seconds=120.0)
    result = finished.result().result
    assert "asked" in reasons, "the simulated wearer looks at the targets"
    assert result.targets_used >= 3 or "would be worse" in result.message, result.message
    assert result.success == (tmp_path / "me.json").is_file()
    ended_s = time.monotonic()
    spin(other, lambda: time.monotonic() > ended_s + 3.0)
    assert simulator.simulation.wearer.gaze_reason != "asked"
