"""Every value survives the way through its message, over the wire's bytes; what must not come in is named."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("rclpy")

from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState as JointStateMsg
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg

from gaze_vlm_msgs.msg import GazeSample as GazeSampleMsg
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.geometry.transforms import make_transform, rotation_from_vector
from gaze_vlm_ros.nodes.conversions import common, gaze, images, predictions, robot
from gaze_vlm_ros.types import (
    AssistMode,
    AssistState,
    CameraKind,
    CameraModel,
    EyeMovement,
    EyeMovementKind,
    EyeState,
    GazeSample,
    GazeTarget,
    Hypothesis,
    JointState,
    JointTrajectory,
    ObjectMap,
    Prediction,
    PredictionKind,
    WearerState,
)  # fmt: skip

STAMP = 1_795_237_157_123_456_789
RNG = np.random.default_rng(0)


def wired(message):
    """The message after it was serialized and read again."""
    return deserialize_message(serialize_message(message), type(message))


def assert_same(one, other, tolerance=1e-6):
    for item in dataclasses.fields(one):
        a, b = getattr(one, item.name), getattr(other, item.name)
        if dataclasses.is_dataclass(a):
            assert_same(a, b, tolerance)
        elif isinstance(a, (np.ndarray, float)):
            np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance, err_msg=item.name)
        elif isinstance(a, tuple) and a and dataclasses.is_dataclass(a[0]):
            assert len(a) == len(b)
            for first, second in zip(a, b, strict=True):
                assert_same(first, second, tolerance)
        else:
            assert a == b, item.name


def unit(vector):
    return vector / np.linalg.norm(vector)


@given(st.integers(0, 2**62))
def test_stamps_keep_every_nanosecond(stamp_ns):
    assert common.nanoseconds(common.time_message(stamp_ns)) == stamp_ns


@settings(max_examples=30)
@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_poses_survive(numbers):
    transform = make_transform(rotation_from_vector(np.array(numbers[:3])), np.array(numbers[3:]))
    np.testing.assert_allclose(common.transform_from(common.pose_message(transform)), transform, atol=1e-9)


def test_gaze_samples_survive_with_what_is_not_known():
    full = GazeSample(
        STAMP, np.array([320.5, 200.25]), unit(np.array([0.1, -0.2, 1.0])), 7, 0.8, np.array([0.01, 0.02]), 0.75, True,
        EyeState(unit(np.array([0.0, 0.1, 1.0])), True, 3.5), EyeState(),
    )  # fmt: skip
    assert_same(full, gaze.gaze_from(wired(gaze.gaze_message(full, "camera"))))
    lost = GazeSample(STAMP, np.full(2, np.nan), np.full(3, np.nan), 8, confidence=0.0)
    back = gaze.gaze_from(wired(gaze.gaze_message(lost, "camera")))
    assert_same(lost, back)
    assert not back.valid and np.isnan(back.distance_m)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ray": np.array([0.0, 0.0, 2.0], np.float32)}, "length 1, got 2"),
        ({"ray": np.zeros(3, np.float32)}, "length 1, got 0"),
        ({"confidence": 1.5}, "confidence must be 0..1"),
        ({"confidence": float("nan")}, "confidence must be 0..1"),
    ],
)
def test_bad_gaze_is_named(change, words):
    message = gaze.gaze_message(GazeSample(STAMP, np.zeros(2), np.array([0.0, 0.0, 1.0])), "camera")
    for name, value in change.items():
        setattr(message, name, value)
    with pytest.raises(common.ConversionError, match=words):
        gaze.gaze_from(message)


def test_gaze_without_a_stamp_is_refused():
    with pytest.raises(common.ConversionError, match="stamp"):
        gaze.gaze_from(GazeSampleMsg(ray=np.array([0, 0, 1], np.float32), confidence=1.0))


@pytest.mark.parametrize("kind", list(EyeMovementKind))
def test_eye_movements_survive(kind):
    movement = EyeMovement(kind, STAMP, STAMP + 5, np.array([1.0, 2.0]), 0.1, 3.0)
    message = wired(gaze.movement_message(movement, STAMP + 9, "camera"))
    assert_same(movement, gaze.movement_from(message))
    assert common.stamp_of(message) == STAMP + 9


@pytest.mark.parametrize("kind", list(PredictionKind))
def test_predictions_survive(kind):
    hypotheses = (Hypothesis("pick up the mug", "pick up", "mug", "", 0.75), Hypothesis("give", "give", "", "x", 0.25))
    prediction = Prediction(STAMP, kind, "pick up the mug", 0.75, hypotheses, 5.0, 2.0, "model", "1", True, True)
    assert_same(prediction, predictions.prediction_from(wired(predictions.prediction_message(prediction, "camera"))))


def test_object_maps_survive_and_bad_ones_are_named():
    index = RNG.integers(0, 3, (4, 5)).astype(np.int32)
    objects = ObjectMap(STAMP, ("background", "mug", "bowl"), index, RNG.random((4, 5)).astype(np.float32))
    message = wired(predictions.object_map_message(objects, "camera"))
    assert_same(objects, predictions.object_map_from(message))
    message.labels = ["background"]
    with pytest.raises(common.ConversionError, match="not among 1 labels"):
        predictions.object_map_from(message)
    message.rows = 5
    with pytest.raises(common.ConversionError, match="5x5 cannot have 20 entries"):
        predictions.object_map_from(message)


def test_gaze_targets_survive():
    covariance = np.diag([1e-4, 2e-4, 3e-4])
    target = GazeTarget(STAMP, np.array([0.1, 0.2, 0.3]), covariance, "mug", "mug", 0.5, np.arange(4.0), "base")
    assert_same(target, predictions.target_from(wired(predictions.target_message(target))))
    with pytest.raises(common.ConversionError, match="finite position"):
        predictions.target_from(predictions.target_message(replace(target, position_m=np.full(3, np.nan))))


def test_the_marker_is_the_ellipsoid_of_two_sigma():
    turn = rotation_from_vector(np.array([0.3, -0.5, 0.9]))
    covariance = turn @ np.diag([1e-4, 4e-4, 9e-4]) @ turn.T
    target = GazeTarget(STAMP, np.array([1.0, 2.0, 3.0]), covariance, "mug")
    ellipsoid, label = predictions.target_markers(target).markers
    np.testing.assert_allclose([ellipsoid.scale.x, ellipsoid.scale.y, ellipsoid.scale.z], [0.04, 0.08, 0.12], rtol=1e-6)
    axes = common.transform_from(ellipsoid.pose)[:3, :3]
    np.testing.assert_allclose(axes @ np.diag([1e-4, 4e-4, 9e-4]) @ axes.T, covariance, atol=1e-9)
    assert label.text == "mug" and label.pose.position.z > 3.0


def test_joints_trajectories_and_states_survive():
    joints = JointState(STAMP, ("a", "b"), np.array([0.1, 0.2]), np.array([0.3, 0.4]))
    assert_same(joints, robot.joint_state_from(wired(robot.joint_state_message(joints))))
    trajectory = JointTrajectory(STAMP, ("a", "b"), RNG.random((3, 2)), RNG.random((3, 2)), np.array([0.0, 0.05, 1.1]))
    assert_same(trajectory, robot.trajectory_from(wired(robot.trajectory_message(trajectory, STAMP)), 0))
    start_now = robot.trajectory_message(trajectory)
    assert common.stamp_of(start_now) is None and robot.trajectory_from(start_now, 5).stamp_ns == 5
    for mode in AssistMode:
        state = AssistState(STAMP, mode, "mug", np.array([1.0, 2.0, 3.0]), "why", "what", STAMP - 5)
        assert_same(state, robot.assist_state_from(wired(robot.assist_state_message(state, "base"))))
    head = make_transform(rotation_from_vector(np.array([0.1, 0.2, 0.3])), np.array([1.0, 2.0, 3.0]))
    wearer = WearerState(STAMP, head, np.full(3, np.nan), np.array([0.1, 0.2, 0.3]), 0.005)
    assert_same(wearer, robot.wearer_from(wired(robot.wearer_message(wearer, "base"))))


def test_a_wearer_whose_head_is_not_seen_keeps_the_hands():
    wearer = WearerState(STAMP, np.full((4, 4), np.nan), np.full(3, 0.2), np.full(3, np.nan), 0.005)
    assert_same(wearer, robot.wearer_from(wired(robot.wearer_message(wearer, "base"))))


def test_a_wearer_in_another_frame_is_refused_by_name():
    message = robot.wearer_message(WearerState(STAMP, np.eye(4)), "world")
    assert robot.wearer_from(message).stamp_ns == STAMP
    with pytest.raises(common.ConversionError, match="given in 'world'; this robot's base is 'base_link'"):
        robot.wearer_from(message, "base_link")


def test_joint_states_without_velocity_and_with_wrong_lengths():
    assert np.isnan(robot.joint_state_from(JointStateMsg(name=["a"], position=[0.1])).velocity_rad_s).all()
    with pytest.raises(common.ConversionError, match="2 joints with 1 positions"):
        robot.joint_state_from(JointStateMsg(name=["a", "b"], position=[0.1]))
    with pytest.raises(common.ConversionError, match="joint 'b' is not finite"):
        robot.joint_state_from(JointStateMsg(name=["a", "b"], position=[0.1, float("nan")]))


@pytest.mark.parametrize("times", [[0.2, 0.1], [0.1, 0.1], [-0.1, 0.1]])
def test_a_trajectory_whose_times_do_not_rise_is_refused(times):
    rest = np.zeros((2, 1))
    message = robot.trajectory_message(JointTrajectory(0, ("a",), rest, rest, np.array([0.1, 0.2])))
    for point, seconds in zip(message.points, times, strict=True):
        point.time_from_start.sec = int(np.floor(seconds))
        point.time_from_start.nanosec = round((seconds - np.floor(seconds)) * 1e9)
    with pytest.raises(common.ConversionError, match="times must rise"):
        robot.trajectory_from(message, 0)
    with pytest.raises(common.ConversionError, match="at least one point"):
        robot.trajectory_from(JointTrajectoryMsg(joint_names=["a"]), 0)


def test_pictures_survive_and_jpeg_nearly():
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[:, :32, 0], rgb[24:, :, 2] = 200, 120
    assert (images.rgb_from(wired(images.rgb_message(rgb, STAMP, "camera"))) == rgb).all()
    assert np.abs(images.rgb_from(wired(images.jpeg_message(rgb, STAMP, "camera"))).astype(int) - rgb).mean() < 5.0


def test_depth_survives_with_its_holes():
    depth = np.linspace(0.3, 2.0, 48 * 64, dtype=np.float32).reshape(48, 64)
    depth[10:20] = np.nan
    np.testing.assert_array_equal(images.depth_from(wired(images.float_message(depth, STAMP, "camera"))), depth)
    packed = images.depth_from(wired(images.depth_png_message(depth, STAMP, "camera")))
    np.testing.assert_array_equal(np.isnan(packed), np.isnan(depth))
    np.testing.assert_allclose(packed, depth, atol=1e-3)


@pytest.mark.parametrize(
    "message",
    [
        Image(encoding="yuv422", width=2, height=2, step=4, data=bytes(8)),
        Image(encoding="rgb8", width=2, height=2, step=6, data=bytes(5)),
        Image(encoding="rgb8", width=2, height=2, step=5, data=bytes(10)),
    ],
)
def test_bad_pictures_are_refused(message):
    with pytest.raises(GazeVlmError):
        images.rgb_from(message)


@pytest.mark.parametrize("kind", list(CameraKind))
def test_calibrations_survive(kind):
    matrix = np.array([[500.0, 0, 320], [0, 510.0, 240], [0, 0, 1]])
    camera = CameraModel(640, 480, matrix, np.array([0.1, -0.2, 0.01, 0.02]), kind, "camera")
    assert_same(camera, images.camera_from(wired(images.camera_info_message(camera, STAMP))))


def test_an_uncalibrated_camera_and_an_unknown_model_are_named():
    message = images.camera_info_message(CameraModel(640, 480, np.eye(3)), STAMP)
    message.distortion_model = "magic"
    with pytest.raises(common.ConversionError, match="'magic' is unknown"):
        images.camera_from(message)
    message.distortion_model, message.k = "plumb_bob", np.zeros(9)
    with pytest.raises(common.ConversionError, match="calibrated"):
        images.camera_from(message)
