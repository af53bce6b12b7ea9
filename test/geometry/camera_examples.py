"""Cameras of the kinds that sources have; the distorted ones resemble Neon's and Aria's scene cameras."""

import numpy as np

from gaze_vlm_ros.types import CameraKind, CameraModel


def matrix(focal: float, x: float, y: float) -> np.ndarray:
    return np.array([[focal, 0.0, x], [0.0, focal, y], [0.0, 0.0, 1.0]])


IDEAL = CameraModel(640, 480, matrix(417.0, 319.5, 239.5))
BROWN = CameraModel(1280, 720, matrix(900.0, 640.0, 355.0), [-0.17, 0.025, 0.0005, -0.0003, 0.001])
RATIONAL = CameraModel(
    1600, 1200, matrix(888.0, 805.0, 618.0), [-0.1302, 0.1085, 7.7e-5, -2.0e-4, 3.5e-5, 0.1697, 0.0522, 0.0249]
)
FISHEYE = CameraModel(
    1408, 1408, matrix(610.0, 703.0, 705.0), [0.05, -0.02, 0.01, -0.003], CameraKind.FISHEYE, "camera_rgb_optical"
)
ALL = [IDEAL, BROWN, RATIONAL, FISHEYE]
NAMES = ["ideal", "brown", "rational", "fisheye"]
