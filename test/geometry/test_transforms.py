"""Axioms of rigid transforms, and derivatives against finite differences."""

import numpy as np
import pytest

from gaze_vlm_ros.geometry.transforms import (
    angle_between,
    invert_transform,
    make_transform,
    matrix_from_quaternion,
    quaternion_from_matrix,
    rotate_vectors,
    rotation_from_vector,
    skew,
    transform_points,
)

RNG = np.random.default_rng(3)
VECTORS = [*RNG.normal(0.0, 1.5, (20, 3)), np.zeros(3), np.array([np.pi, 0.0, 0.0]), np.array([0.0, 1e-9, 0.0])]
HALF_TURNS = [np.pi * np.eye(3)[0], np.pi * np.eye(3)[1], np.pi * np.array([0.6, 0.0, -0.8])]


@pytest.mark.parametrize("vector", VECTORS + HALF_TURNS)
def test_rotations_keep_lengths_and_handedness(vector):
    rotation = rotation_from_vector(vector)
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.isclose(np.linalg.det(rotation), 1.0)


@pytest.mark.parametrize("vector", VECTORS + HALF_TURNS)
def test_quaternions_survive_the_round_trip(vector):
    rotation = rotation_from_vector(vector)
    quaternion = quaternion_from_matrix(rotation)
    assert np.isclose(np.linalg.norm(quaternion), 1.0)
    assert quaternion[3] >= 0.0
    assert np.allclose(matrix_from_quaternion(quaternion), rotation)


def test_quaternion_order_is_xyzw():
    half = np.sqrt(0.5)
    assert np.allclose(matrix_from_quaternion([0.0, 0.0, half, half]) @ [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])


def test_a_quaternion_of_any_length_is_normalised():
    assert np.allclose(matrix_from_quaternion([0.0, 0.0, 3.0, 3.0]), matrix_from_quaternion([0.0, 0.0, 1.0, 1.0]))


@pytest.mark.parametrize("quaternion", [np.zeros(4), [np.nan, 0.0, 0.0, 1.0]])
def test_a_quaternion_that_is_no_rotation_is_refused(quaternion):
    with pytest.raises(ValueError, match="quaternion"):
        matrix_from_quaternion(quaternion)


def test_transforms_form_a_group():
    a_T_b = make_transform(rotation_from_vector(VECTORS[0]), VECTORS[1])
    b_T_c = make_transform(rotation_from_vector(VECTORS[2]), VECTORS[3])
    point = VECTORS[4]
    assert np.allclose(invert_transform(a_T_b) @ a_T_b, np.eye(4))
    assert np.allclose(transform_points(a_T_b @ b_T_c, point), transform_points(a_T_b, transform_points(b_T_c, point)))
    assert np.allclose(rotate_vectors(a_T_b, point), transform_points(a_T_b, point) - a_T_b[:3, 3])


@pytest.mark.parametrize("matrix", [np.diag([1.0, 1.0, -1.0]), 2.0 * np.eye(3), np.eye(4)])
def test_what_is_no_rotation_is_refused(matrix):
    with pytest.raises(ValueError, match="rotation must be"):
        make_transform(matrix, np.zeros(3))


def test_skew_is_the_cross_product():
    assert np.allclose(skew(VECTORS[0]) @ VECTORS[1], np.cross(VECTORS[0], VECTORS[1]))


def test_derivative_of_a_turned_point():
    rotation, point, step = rotation_from_vector(VECTORS[0]), VECTORS[1], 1e-6
    turned = rotation @ point
    numeric = np.column_stack(
        [
            (rotation_from_vector(step * axis) @ turned - rotation_from_vector(-step * axis) @ turned) / (2 * step)
            for axis in np.eye(3)
        ]
    )
    assert np.allclose(numeric, -skew(turned), atol=1e-8)


@pytest.mark.parametrize("angle", [1e-9, 1e-4, 1.0, np.pi - 1e-7])
def test_angles_are_exact_small_and_large(angle):
    assert np.isclose(angle_between(np.array([1.0, 0.0, 0.0]), [np.cos(angle), np.sin(angle), 0.0]), angle, rtol=1e-7)
