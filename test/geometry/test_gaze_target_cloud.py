"""The wearer's gaze meets the cloud of another depth camera, the robot's."""

import numpy as np
import pytest
from camera_examples import matrix

from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.gaze_target import (
    DepthNoise,
    NoIntersection,
    cloud_from_depth,
    intersect_cloud,
    intersect_plane,
)
from gaze_vlm_ros.geometry.transforms import make_transform, rotation_from_vector
from gaze_vlm_ros.types import CameraModel

EXACT = DepthNoise(0.0, 0.0)
SIGMA = np.radians(1.0)
SMALL = CameraModel(160, 120, matrix(104.0, 79.5, 59.5))
BASE_T_ROBOT_CAMERA = make_transform(rotation_from_vector([np.pi, 0.0, 0.0]), [0.0, 0.0, 1.5])
"""The robot's camera looks straight down from 1.5 m."""


def robot_cloud(depth):
    return cloud_from_depth(depth, SMALL).transform(BASE_T_ROBOT_CAMERA)


def test_a_cloud_is_its_depth_image_in_space():
    x, y = np.meshgrid(np.arange(160), np.arange(120))
    depth = 1.0 + 0.002 * x + 0.003 * y
    depth[5, 7] = np.nan
    points = np.asarray(cloud_from_depth(depth, SMALL).points)
    assert len(points) == 160 * 120 - 1
    pixels = np.round(project(SMALL, points)).astype(int)
    assert np.allclose(depth[pixels[:, 1], pixels[:, 0]], points[:, 2])


def test_the_wearers_gaze_meets_the_table_seen_by_the_robot():
    eye = np.array([0.0, -0.6, 0.5])
    target = np.array([0.1, 0.05, 0.0])
    hit = intersect_cloud(eye, target - eye, SIGMA, robot_cloud(np.full((120, 160), 1.5)))
    assert np.allclose(hit.position_m, target, atol=0.005)


def test_the_wearers_gaze_meets_the_thing_on_the_table():
    depth = np.full((120, 160), 1.5)
    depth[55:65, 75:85] = 1.3  # a box, 20 cm high
    eye, top = np.array([0.0, -0.6, 0.5]), np.array([0.0, 0.0, 0.2])
    hit = intersect_cloud(eye, top - eye, SIGMA, robot_cloud(depth))
    assert np.allclose(hit.position_m, top, atol=0.01)


def test_covariance_in_a_cloud_agrees_with_the_plane():
    eye = np.array([0.0, -0.6, 0.5])
    ray = np.array([0.1, 0.65, -0.5]) / np.linalg.norm([0.1, 0.65, -0.5])
    pose_covariance = np.diag([0.01, 0.01, 0.01, 0.02, 0.02, 0.02]) ** 2
    cloud = robot_cloud(np.full((120, 160), 1.5))
    hit = intersect_cloud(eye, ray, SIGMA, cloud, noise=EXACT, pose_covariance=pose_covariance)
    expected = intersect_plane(eye, ray, SIGMA, np.zeros(3), [0.0, 0.0, 1.0], pose_covariance=pose_covariance)
    assert np.allclose(hit.covariance_m2, expected.covariance_m2, rtol=0.02, atol=1e-6)


def test_what_lies_behind_the_eye_is_not_looked_at():
    with pytest.raises(NoIntersection, match="no point of the cloud"):
        intersect_cloud([0.0, 0.0, 0.5], [0.0, 0.0, 1.0], SIGMA, robot_cloud(np.full((120, 160), 1.5)))
