"""Eye pictures go in, gaze samples come out; a person who looks at targets is calibrated."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from eye_person import PixelReader, pictures_towards
from geometry_msgs.msg import PointStamped, PoseStamped, PoseWithCovarianceStamped
from patience import patience
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image

from gaze_vlm_msgs.action import CalibrateEyes
from gaze_vlm_msgs.msg import GazeSample
from gaze_vlm_ros.gaze.eyes import session
from gaze_vlm_ros.gaze.eyes.calibration import Calibration
from gaze_vlm_ros.gaze.eyes.estimator import EyeEstimator
from gaze_vlm_ros.geometry.transforms import angle_between, make_transform, rotation_from_vector, transform_points
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.conversions.common import camera_pose_message, header_message, pose_message, position_from
from gaze_vlm_ros.nodes.conversions.gaze import gaze_from
from gaze_vlm_ros.nodes.conversions.images import camera_info_message, grey_message
from gaze_vlm_ros.nodes.eye_gaze_node import EyeGazeNode
from gaze_vlm_ros.types import CameraModel

CAMERA = CameraModel(640, 480, np.array([[400.0, 0, 319.5], [0, 400.0, 239.5], [0, 0, 1]]))
FACING = rotation_from_vector(np.array([-np.pi / 2, 0.0, 0.0]))
BASE_T_CAMERA = make_transform(FACING, np.array([0.1, -0.4, 1.0]))
PERIOD_NS = 33_333_333
ERROR_DEG = (4.0, -3.0)


class Person(Node):
    """Wears the glasses: publishes eye pictures, scene camera and pose; looks at the target that is shown."""

    def __init__(self):
        super().__init__("person")
        self.eyes = [self.create_publisher(Image, topic, qos.EYE_PICTURES) for topic in names.EYE_IMAGES.values()]
        self.info = self.create_publisher(CameraInfo, names.SCENE_INFO, qos.SENSOR)
        self.pose = self.create_publisher(PoseWithCovarianceStamped, names.SCENE_POSE, qos.SAMPLES)
        self.rig = self.create_publisher(PoseStamped, names.EYE_RIG, qos.SENSOR)
        self.samples, self.feedback = [], []
        self.create_subscription(
            GazeSample, names.GAZE_SAMPLE, lambda m: self.samples.append(gaze_from(m)), qos.SAMPLES
        )
        self.create_subscription(PointStamped, names.EYE_TARGET, self.on_target, qos.LATCHED)
        self.client = ActionClient(self, CalibrateEyes, names.CALIBRATE_EYES)
        self.stamp_ns, self.looks_at = 10**18, np.array([0.0, 0.0, 0.6])
        self.shown, self.shuts_at, self.misses_by_m = [], (), lambda: 0.0

    def on_target(self, message):
        place = position_from(message.point)
        if np.isfinite(place).all():
            self.shown.append(place)
            self.looks_at = transform_points(np.linalg.inv(BASE_T_CAMERA), place) + self.misses_by_m()

    def live(self, sides=(0, 1), pictures=None):
        """One moment of the glasses."""
        self.stamp_ns += PERIOD_NS
        shut = len(self.shown) in self.shuts_at
        made = pictures or pictures_towards(None if shut else self.looks_at)
        for side in sides:
            self.eyes[side].publish(grey_message(made[side], self.stamp_ns, "eye"))
        self.info.publish(camera_info_message(CAMERA, self.stamp_ns))
        self.pose.publish(camera_pose_message(self.stamp_ns, BASE_T_CAMERA, np.zeros((6, 6)), "robot_base"))


@pytest.fixture
def lab(spin, monkeypatch):
    """``begin(**parameters)`` gives the active node, the person, and ``live(until, ...)``."""
    monkeypatch.setattr(EyeEstimator, "load", lambda *_, **__: PixelReader())
    monkeypatch.setattr(PixelReader, "error_deg", (0.0, 0.0))
    quick = session.SessionSettings(settle_s=0.15, look_s=0.4, give_up_s=1.5)
    monkeypatch.setattr(session, "SessionSettings", lambda: quick)
    person, node = Person(), EyeGazeNode("eye_gaze")

    def live(until, seconds=20.0, **moment):
        for _ in patience(seconds):
            if until():
                return True
            person.live(**moment)
            spin(person, seconds=0.01)
        return False

    def begin(**parameters):
        spin(node, seconds=0.0)
        node.set_parameters([Parameter(name, value=value) for name, value in parameters.items()])
        assert node.trigger_configure().name == "SUCCESS" and node.trigger_activate().name == "SUCCESS", node.failure
        assert spin(person, lambda: all(one.get_subscription_count() for one in person.eyes))
        return node, person, live

    yield begin
    node.trigger_shutdown()


def off_deg(sample, point_m):
    return float(np.degrees(angle_between(sample.ray, np.asarray(point_m))))


def test_gaze_comes_with_the_stamp_at_which_the_eyes_were_imaged(lab):
    node, person, live = lab()
    assert live(lambda: sum(sample.valid for sample in person.samples) >= 10), node._figures()
    sample = person.samples[-1]
    assert (sample.stamp_ns - 10**18) % PERIOD_NS == 0 and sample.confidence == 1.0
    assert off_deg(sample, person.looks_at) < 0.5 and sample.distance_m == pytest.approx(0.6, abs=0.05)
    assert sample.left.valid and sample.right.pupil_diameter_mm == pytest.approx(4.0)
    numbers, stamps = ([getattr(one, name) for one in person.samples] for name in ("sequence", "stamp_ns"))
    np.testing.assert_array_equal(np.diff(numbers), np.diff(stamps) // PERIOD_NS, "a number for each pair, seen or not")


def test_the_rig_that_the_source_tells_is_used(lab):
    _, person, live = lab()
    turned = make_transform(rotation_from_vector(np.array([0.0, 0.2, 0.0])), np.zeros(3))
    message = PoseStamped(header=header_message(10**18, CAMERA.frame_id), pose=pose_message(turned))

    def is_turned():
        person.rig.publish(message)
        return bool(person.samples) and off_deg(person.samples[-1], turned[:3, :3] @ person.looks_at) < 1.0

    assert live(is_turned)


def test_one_eye_only_gives_gaze_without_a_distance(lab):
    _, person, live = lab()
    assert live(lambda: sum(sample.valid for sample in person.samples) >= 5, sides=(1,))
    sample = person.samples[-1]
    assert sample.confidence == 0.5 and np.isnan(sample.distance_m) and not sample.left.valid
    assert off_deg(sample, person.looks_at) < 3.0


def test_dark_pictures_give_invalid_samples_with_their_reason_in_diagnostics(lab):
    node, person, live = lab()
    dark = np.full((64, 64), 5, np.uint8)
    assert live(lambda: len(person.samples) >= 10, pictures=(dark, dark))
    assert not any(sample.valid for sample in person.samples)
    assert np.isnan(person.samples[-1].ray).all() and person.samples[-1].confidence == 0.0
    (warning,) = node._warnings()
    assert warning.startswith("gaze is invalid: left eye: dark") and "right eye: dark" in warning
    (reason,) = [key for key in node._figures() if key.startswith("invalid: ")]
    assert int(node._figures()[reason]) >= 10


def test_a_camera_at_another_rate_than_announced_is_named(lab):
    node, person, live = lab(rate_hz=200.0)
    assert live(lambda: len(person.samples) >= 30)
    said = [warning for warning in node._warnings() if "200 announced" in warning]
    assert len(said) == 2 and "30.0 pictures per second" in said[0]


def test_a_picture_that_is_none_is_refused_and_the_next_one_used(lab):
    node, person, live = lab()
    person.stamp_ns += PERIOD_NS
    broken = grey_message(np.zeros((64, 64), np.uint8), person.stamp_ns, "eye")
    broken.encoding = "yuv"
    assert live(lambda: len(person.samples) >= 3)
    person.eyes[0].publish(broken)
    count = len(person.samples)
    assert live(lambda: len(person.samples) >= count + 5)
    assert sum(stream.refused for stream in node._streams) == 1


def calibrate(person, live, **goal):
    """The result's status and content."""
    assert live(person.client.server_is_ready) and live(lambda: bool(person.samples))
    request = CalibrateEyes.Goal(**({"targets": 5, "method": "offset", "display": "scene"} | goal))
    sent = person.client.send_goal_async(request, feedback_callback=lambda m: person.feedback.append(m.feedback))
    assert live(sent.done)
    if not sent.result().accepted:
        return None
    finished = sent.result().get_result_async()
    assert live(finished.done, seconds=60.0)
    return finished.result().result


def test_a_person_who_looks_at_the_targets_is_calibrated(lab, tmp_path):
    file = tmp_path / "me.json"
    node, person, live = lab(calibration=str(file))
    PixelReader.error_deg = ERROR_DEG
    before = calibrate(person, live, method="")
    assert before.success and np.degrees(before.error_before_rad) == pytest.approx(5.0, abs=0.5)
    assert node.stream.calibration.method == "none" and not file.exists()
    result = calibrate(person, live)
    assert result.success and result.targets_used == 5, result.message
    assert np.degrees(result.error_before_rad) == pytest.approx(5.0, abs=0.5)
    assert np.degrees(result.error_after_rad) < 1.0
    assert Calibration.load(file).method == "offset"
    assert len(person.shown) == 10  # five each time, before the wearer's face
    told = person.feedback[-1]
    assert told.targets == 5 and told.target == 4 and "target 5 of 5" in told.message
    assert np.linalg.norm(position_from(told.direction)) == pytest.approx(1.0)
    count = len(person.samples)
    assert live(lambda: len(person.samples) > count + 3)
    assert off_deg(person.samples[-1], person.looks_at) < 1.0
    again = calibrate(person, live, method="")
    assert again.success and np.degrees(again.error_before_rad) < 1.0


def test_a_calibration_is_found_again_after_a_restart(lab, tmp_path):
    file = tmp_path / "me.json"
    node, person, live = lab(calibration=str(file))
    PixelReader.error_deg = ERROR_DEG
    assert calibrate(person, live, targets=1).success
    assert node.trigger_deactivate().name == "SUCCESS" and node.trigger_cleanup().name == "SUCCESS"
    assert node.trigger_configure().name == "SUCCESS"
    assert node.stream.calibration.method == "offset" and node.stream.calibration.targets == 1


def test_three_of_five_looks_unusable_leave_the_old_calibration_in_force(lab, tmp_path):
    node, person, live = lab(calibration=str(tmp_path / "me.json"))
    PixelReader.error_deg = ERROR_DEG
    assert calibrate(person, live, targets=1).success
    old, text = node.stream.calibration, (tmp_path / "me.json").read_text()
    person.shown.clear()
    person.shuts_at = (1, 3, 4)
    result = calibrate(person, live)
    assert not result.success and node.stream.calibration is old
    assert "3 of 5 looks unusable: target 1:" in result.message and "the eye is closed" in result.message
    assert "the calibration before stays in force" in result.message
    assert (tmp_path / "me.json").read_text() == text


def test_a_calibration_that_would_be_worse_is_not_taken(lab):
    node, person, live = lab()
    assert calibrate(person, live).success
    good, random = node.stream.calibration, np.random.default_rng(0)
    person.misses_by_m = lambda: np.append(random.normal(0.0, 0.04, 2), 0.0)
    result = calibrate(person, live)
    assert not result.success and node.stream.calibration is good
    assert "would be worse" in result.message
    assert "stays in force" in result.message


@pytest.mark.parametrize("goal", [{"targets": 4}, {"method": "magic"}, {"display": "wall"}])
def test_a_goal_that_cannot_be_is_refused(lab, goal):
    _, person, live = lab()
    assert calibrate(person, live, **goal) is None


def test_a_screen_without_a_display_is_refused_with_the_remedy(lab, monkeypatch):
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    _, person, live = lab()
    result = calibrate(person, live, display="screen")
    assert not result.success and "screen_file" in result.message


def test_a_damaged_calibration_file_keeps_the_node_from_configuring_and_is_named(lab, tmp_path, spin, monkeypatch):
    monkeypatch.setattr(EyeEstimator, "load", lambda *_, **__: PixelReader())
    file = tmp_path / "me.json"
    file.write_text("{}")
    node = EyeGazeNode("eye_gaze")
    spin(node, seconds=0.0)
    node.set_parameters([Parameter("calibration", value=str(file))])
    assert node.trigger_configure().name != "SUCCESS"
    assert "me.json: cannot be used as a calibration" in node.failure
