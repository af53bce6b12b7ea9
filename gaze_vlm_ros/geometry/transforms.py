"""Rigid transforms as 4x4 matrices, quaternions in the order x, y, z, w, and how pose errors spread.

A pose covariance is 6x6 in the order of ``geometry_msgs/PoseWithCovariance``: x, y, z [m], then rotations about the
*parent* frame's fixed x, y, z axes [rad]. The perturbed pose of ``(R, t)`` is ``(exp(w) R, t + d)``.
"""

from __future__ import annotations

import numpy as np


def make_transform(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """The (4, 4) transform of a rotation (3, 3) and a translation (3,) [m]; ValueError for no rotation."""
    rotation = np.asarray(rotation, dtype=np.float64)
    if rotation.shape != (3, 3) or not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6):
        raise ValueError("rotation must be an orthonormal 3x3 matrix")
    if np.linalg.det(rotation) < 0.0:
        raise ValueError("rotation must be right-handed, got a reflection")
    transform = np.eye(4)
    transform[:3, :3] = rotation
    transform[:3, 3] = np.asarray(translation, dtype=np.float64).reshape(3)
    return transform


def invert_transform(transform: np.ndarray) -> np.ndarray:
    """``b_T_a`` (4, 4) from ``a_T_b``."""
    rotation = transform[:3, :3].T
    return make_transform(rotation, -rotation @ transform[:3, 3])


def transform_points(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (3,) or (N, 3) [m] of frame b in frame a, by ``a_T_b``."""
    return np.asarray(points, dtype=np.float64) @ transform[:3, :3].T + transform[:3, 3]


def rotate_vectors(transform: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Directions (3,) or (N, 3) of frame b in frame a, by ``a_T_b``."""
    return np.asarray(vectors, dtype=np.float64) @ transform[:3, :3].T


def matrix_from_quaternion(quaternion: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) of a quaternion (4,) x, y, z, w of any length; ValueError where it is zero or not finite."""
    quaternion = np.asarray(quaternion, dtype=np.float64)
    length = np.linalg.norm(quaternion)
    if not np.isfinite(length) or length < 1e-9:
        raise ValueError(f"a rotation needs a finite quaternion that is not zero, got {quaternion.tolist()}")
    vector, w = quaternion[:3] / length, quaternion[3] / length
    return (w * w - vector @ vector) * np.eye(3) + 2.0 * np.outer(vector, vector) + 2.0 * w * skew(vector)


def quaternion_from_matrix(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternion (4,) x, y, z, w with w >= 0 of a rotation (3, 3)."""
    r = np.asarray(rotation, dtype=np.float64)
    # The largest eigenvector of Bar-Itzhack's matrix needs no case distinction and tolerates rounding.
    k = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], 0.0, 0.0, 0.0],
            [r[0, 1] + r[1, 0], r[1, 1] - r[0, 0] - r[2, 2], 0.0, 0.0],
            [r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], r[2, 2] - r[0, 0] - r[1, 1], 0.0],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], np.trace(r)],
        ]
    )
    quaternion = np.linalg.eigh(k, UPLO="L")[1][:, -1]
    return quaternion if quaternion[3] >= 0.0 else -quaternion


def skew(vector: np.ndarray) -> np.ndarray:
    """The matrix (3, 3) with ``skew(a) @ b == cross(a, b)``."""
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def rotation_from_vector(vector: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) about the axis and by the length [rad] of ``vector`` (3,): Rodrigues' formula."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3) + skew(vector)
    axis = skew(np.asarray(vector, dtype=np.float64) / angle)
    return np.eye(3) + np.sin(angle) * axis + (1.0 - np.cos(angle)) * axis @ axis


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle [rad] between vectors (..., 3); exact for small angles too."""
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(np.asarray(a) * np.asarray(b), axis=-1))
