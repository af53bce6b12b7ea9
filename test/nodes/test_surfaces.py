"""Three ways to the same gazed point: the scene camera's depth, a plane, the robot's depth camera."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.geometry.camera import unproject
from gaze_vlm_ros.geometry.gaze_target import NoIntersection
from gaze_vlm_ros.geometry.transforms import (
    invert_transform,
    make_transform,
    quaternion_from_matrix,
    rotation_from_vector,
    transform_points,
)  # fmt: skip
from gaze_vlm_ros.nodes.conversions.images import camera_info_message, float_message
from gaze_vlm_ros.nodes.surfaces import SURFACES, Seen
from gaze_vlm_ros.policies.memory import ThingMemory
from gaze_vlm_ros.types import CameraModel, GazeSample, GazeTarget

STAMP = 10**18
CAMERA = CameraModel(160, 120, np.array([[120.0, 0, 79.5], [0, 120.0, 59.5], [0, 0, 1]]))
DOWN = rotation_from_vector(np.array([0.6 - np.pi, 0.0, 0.0]))
BASE_T_SCENE = make_transform(DOWN, np.array([0.1, -0.5, 0.6]))
BASE_T_ROBOT = make_transform(rotation_from_vector(np.array([np.pi, 0.0, 0.0])), np.array([0.1, -0.1, 0.9]))


def parameters(**changes):
    pose = [*BASE_T_ROBOT[:3, 3], *quaternion_from_matrix(BASE_T_ROBOT[:3, :3])]
    usual = {"plane_point_m": (0.0, 0.0, 0.0), "plane_normal": (0.0, 0.0, 1.0), "plane_sigma_m": 0.02}
    usual["robot_camera_pose"] = pose
    return SimpleNamespace(**(usual | changes))


def depth_of_the_table(base_T_camera):
    """Depth (H, W) of the plane z = 0 in the base."""
    columns, rows = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    rays = unproject(CAMERA, np.column_stack([columns.ravel(), rows.ravel()]).astype(float))
    world = rays @ base_T_camera[:3, :3].T
    distance = -base_T_camera[2, 3] / world[:, 2]
    depth = (rays[:, 2] * distance).astype(np.float32)
    return np.where(distance > 0, depth, np.nan).reshape(CAMERA.height, CAMERA.width).astype(np.float32)


@pytest.fixture
def looking():
    """Gaze at a known point of the table, and that point."""
    point = np.array([0.12, -0.15, 0.0])
    ray = transform_points(invert_transform(BASE_T_SCENE), point)
    ray = ray / np.linalg.norm(ray)
    sample = GazeSample(STAMP, np.array([80.0, 60.0]), ray, sigma_rad=np.full(2, 0.005))
    return Seen(STAMP, sample, CAMERA, BASE_T_SCENE, np.diag([1e-6] * 6)), point


def tell(surface, **messages):
    for topic, _, callback in surface.inputs():
        callback(messages["info" if topic.endswith("camera_info") else "depth"])


@pytest.mark.parametrize("name", SURFACES)
def test_every_surface_finds_the_point_on_the_table(name, looking):
    seen, point = looking
    surface = SURFACES[name](parameters())
    view = BASE_T_ROBOT if name == "robot_depth" else BASE_T_SCENE
    depth = float_message(depth_of_the_table(view), STAMP, "camera")
    tell(surface, info=camera_info_message(CAMERA, STAMP), depth=depth)
    found = surface.meet(seen)
    np.testing.assert_allclose(found.position_m, point, atol=0.012)
    assert np.linalg.eigvalsh(found.covariance_m2).min() > 1e-9
    memory = ThingMemory()
    memory.observe(GazeTarget(STAMP, found.position_m, found.covariance_m2, "mug"))
    known = memory.find("mug", STAMP)
    assert known is not None and known.sigma_m < 0.1
    error = found.position_m - point
    assert error @ np.linalg.solve(found.covariance_m2 + 1e-5 * np.eye(3), error) < 9.0


@pytest.mark.parametrize("name", ["depth", "robot_depth"])
def test_without_a_depth_image_there_is_no_point(name, looking):
    with pytest.raises(NoIntersection):
        SURFACES[name](parameters()).meet(looking[0])


def test_depth_of_another_frame_does_not_count(looking):
    surface = SURFACES["depth"](parameters())
    tell(surface, depth=float_message(depth_of_the_table(BASE_T_SCENE), STAMP + 50_000_000, "camera"))
    with pytest.raises(NoIntersection, match="frame's stamp"):
        surface.meet(looking[0])


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("plane", {"plane_normal": (0.0, 0.0, 0.0)}, "normal"),
        ("plane", {"plane_point_m": (0.0, 0.0)}, "three numbers"),
        ("robot_depth", {"robot_camera_pose": (0.0,) * 6}, "seven numbers, got 6"),
    ],
)
def test_parameters_that_do_not_fit_are_named(name, change, words):
    with pytest.raises(GazeVlmError, match=words):
        SURFACES[name](parameters(**change))
