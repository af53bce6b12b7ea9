"""A calibration on a screen: its picture is a file, and the scene picture tells where the wearer should look."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from rclpy.node import Node
from sensor_msgs.msg import Image

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.geometry.calibration_screen import CalibrationScreen
from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.transforms import invert_transform, make_transform, rotation_from_vector
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.calibration_targets import ScreenTargets
from gaze_vlm_ros.nodes.conversions.images import rgb_message
from gaze_vlm_ros.types import CameraModel

CAMERA = CameraModel(640, 480, np.array([[500.0, 0, 319.5], [0, 500.0, 239.5], [0, 0, 1]]))
SCREEN = CalibrationScreen(960, 540, 0.53)
FACING = rotation_from_vector(np.array([np.pi, 0.0, 0.0])) @ rotation_from_vector(np.array([0.25, -0.2, 0.05]))
BOARD_T_CAMERA = make_transform(FACING, np.array([0.05, -0.03, 0.6]))
STAMP = 10**18


class WithScreen(ManagedNode):
    """A node that has nothing but the targets."""

    file = ""

    def _setup(self) -> None:
        self.targets = ScreenTargets(self, SCREEN, self.file, "raw")
        self.targets.camera = CAMERA


def scene(file):
    """What the scene camera sees of the screen that shows ``file``."""
    shown = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
    per_px = SCREEN.width_m / SCREEN.width_px
    to_board = np.array([[per_px, 0, -479.5 * per_px], [0, -per_px, 269.5 * per_px], [0, 0, 1]])
    homography = CAMERA.matrix @ invert_transform(BOARD_T_CAMERA)[:3, [0, 1, 3]] @ to_board
    return cv2.warpPerspective(shown, homography, (640, 480), flags=cv2.INTER_AREA, borderValue=(80, 80, 80))


def red_spot(rgb):
    values = rgb.astype(int)
    rows, columns = np.nonzero((values[..., 0] - values[..., 1] > 70) & (values[..., 0] - values[..., 2] > 70))
    return np.array([columns.mean(), rows.mean()])


@pytest.fixture
def lab(spin, tmp_path, monkeypatch):
    for variable in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(variable, raising=False)
    file = tmp_path / "screen.png"
    monkeypatch.setattr(WithScreen, "file", str(file))
    node, other = WithScreen("with_screen"), Node("lab")
    publisher = other.create_publisher(Image, names.SCENE_IMAGE, qos.SENSOR)
    spin(node, seconds=0.0)
    assert node.trigger_configure().name == "SUCCESS" and node.trigger_activate().name == "SUCCESS"
    assert spin(other, publisher.get_subscription_count)
    stamp = [STAMP]

    def show(rgb, until):
        for _ in range(200):
            stamp[0] += 50_000_000
            publisher.publish(rgb_message(rgb, stamp[0], CAMERA.frame_id))
            if spin(other, until, seconds=0.2):
                return True
        return False

    yield node.targets, file, show
    node.trigger_shutdown()


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
def test_each_target_is_drawn_and_found_where_the_scene_camera_sees_it(lab):
    targets, file, show = lab
    targets.begin(5)
    for index in (0, 1):
        targets.show(index)
        seen = scene(file)
        newest = targets.newest_ns
        assert show(seen, lambda newest=newest: targets.newest_ns > newest), targets.problem
        place_m = targets.place_m(targets.newest_ns)
        assert np.linalg.norm(project(CAMERA, place_m[None])[0] - red_spot(seen)) < 2.0
    targets.hide()
    assert targets.place_m(targets.newest_ns) is None
    assert np.isnan(red_spot(cv2.imread(str(file))[..., ::-1])).all(), "an empty screen is left behind"


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")
def test_a_scene_without_the_screen_says_why_there_is_no_place(lab):
    targets, _, show = lab
    targets.begin(1)
    targets.show(0)
    assert show(np.full((480, 640, 3), 90, np.uint8), lambda: bool(targets.problem))
    assert "calibration screen is not found" in targets.problem and targets.place_m(targets.newest_ns) is None


def test_a_picture_that_cannot_be_written_is_an_error_with_the_remedy(lab, tmp_path, monkeypatch):
    targets, _, _ = lab
    targets._file = tmp_path / "no folder" / "screen.png"
    targets.begin(1)
    with pytest.raises(GazeVlmError, match="cannot be written; see that its folder exists"):
        targets.show(0)
