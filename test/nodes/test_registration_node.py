"""A picture of the marker board goes in, the camera's pose in the robot's base comes out."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image

from gaze_vlm_ros.geometry.registration import MarkerBoard
from gaze_vlm_ros.geometry.transforms import invert_transform, make_transform, rotation_from_vector
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.conversions.common import camera_pose_from
from gaze_vlm_ros.nodes.conversions.images import camera_info_message, rgb_message
from gaze_vlm_ros.nodes.registration_node import RegistrationNode
from gaze_vlm_ros.types import CameraModel

STAMP = 10**18
CAMERA = CameraModel(640, 480, np.array([[500.0, 0, 319.5], [0, 500.0, 239.5], [0, 0, 1]]))
BOARD = MarkerBoard()
BASE_T_BOARD = make_transform(np.eye(3), np.array([0.3, -0.2, 0.0]))


def picture(board_T_camera):
    """The printed board as the camera sees it, (H, W, 3)."""
    printed = BOARD.image(1000)
    width, height = BOARD.size_m
    camera_T_board = invert_transform(board_T_camera)
    to_board = np.array([[width / 1000, 0, -width / 2], [0, -width / 1000, height / 2], [0, 0, 1]])
    homography = CAMERA.matrix @ camera_T_board[:3, [0, 1, 3]] @ to_board
    seen = cv2.warpPerspective(printed, homography, (640, 480), flags=cv2.INTER_AREA, borderValue=120)
    return np.repeat(seen[..., None], 3, axis=2)


@pytest.fixture
def lab(spin):
    node, other = RegistrationNode("registration"), Node("lab")
    images = other.create_publisher(Image, names.SCENE_IMAGE, qos.SENSOR)
    infos = other.create_publisher(CameraInfo, names.SCENE_INFO, qos.SENSOR)
    poses = []
    other.create_subscription(PoseWithCovarianceStamped, names.SCENE_POSE, poses.append, qos.SAMPLES)
    spin(node, seconds=0.0)
    node.set_parameters([Parameter("board_pose", value=[0.3, -0.2, 0.0, 0.0, 0.0, 0.0, 1.0])])
    assert node.trigger_configure().name == "SUCCESS" and node.trigger_activate().name == "SUCCESS"
    assert spin(other, lambda: images.get_subscription_count() and infos.get_subscription_count())
    stamp = [STAMP]

    def show(rgb, until, times=100):
        for _ in range(times):
            stamp[0] += 200_000_000
            infos.publish(camera_info_message(CAMERA, stamp[0]))
            images.publish(rgb_message(rgb, stamp[0], CAMERA.frame_id))
            if spin(other, lambda: until(poses), seconds=0.2):
                return True
        return False

    yield show, node, poses
    node.trigger_shutdown()


def test_the_pose_comes_in_the_base_with_the_stamp_of_its_frame(lab):
    show, node, poses = lab
    turn = rotation_from_vector(np.array([np.pi, 0.0, 0.0])) @ rotation_from_vector(np.array([0.25, -0.2, 0.1]))
    board_T_camera = make_transform(turn, np.array([0.05, -0.1, 0.5]))
    assert show(picture(board_T_camera), until=bool), node._figures()
    stamp_ns, base_T_camera, covariance, frame = camera_pose_from(poses[-1])
    assert stamp_ns > STAMP and frame == node._base
    np.testing.assert_allclose(base_T_camera, BASE_T_BOARD @ board_T_camera, atol=0.01)
    assert np.linalg.eigvalsh(covariance).min() > 0.0


def test_without_a_board_in_sight_there_is_no_pose_and_diagnostics_say_so(lab):
    show, node, poses = lab
    assert show(np.full((480, 640, 3), 90, np.uint8), until=lambda _: bool(node._missed))
    assert not poses and node._found == 0 and node._figures()["last miss"]
