import logging

import numpy as np
import pytest

from gaze_vlm_ros.recording.bag import write_metadata
from gaze_vlm_ros.recording.images import DEPTH_FORMAT, encode_depth, encode_jpeg
from gaze_vlm_ros.recording.writer import WriterSettings
from gaze_vlm_ros.sources.base import SCENE_CAMERA, Source, SourceError, item_stamp_ns, open_source
from gaze_vlm_ros.types import CameraKind, CameraPose, Frame, GazeSample

GAZE = "gaze_vlm_msgs/msg/GazeSample"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"
POSE = "geometry_msgs/msg/PoseWithCovarianceStamped"


def items_of(source, kind):
    return [item for item in source if isinstance(item, kind)]


def renamed(messages, old, new):
    return [(topic.replace(old, new), *rest) for topic, *rest in messages]


@pytest.mark.parametrize("namespace", ["", "/sim", "/lab/left"])
def test_everything_comes_in_order_of_its_stamps(tmp_path, bag_maker, scene, namespace):
    bag_maker.write(tmp_path / "a.mcap", scene(namespace))
    source = open_source(tmp_path / "a.mcap")
    assert isinstance(source, Source)
    assert source.info.counts == {"frames": 10, "gaze": 100, "eye_movements": 0}
    assert source.info.has_depth
    assert f"{namespace}/gaze/sample" in source.info.notes[0]
    items = list(source)
    stamps = [item_stamp_ns(item) for item in items]
    assert len(items) == 110 and stamps == sorted(stamps)
    assert [sample.sequence for sample in items if isinstance(sample, GazeSample)] == list(range(100))
    first_frame = next(index for index, item in enumerate(items) if isinstance(item, Frame))
    assert items[first_frame - 1].stamp_ns == items[first_frame].stamp_ns, "gaze goes before the frame of its instant"


def test_frames_carry_the_depth_of_their_stamp(tmp_path, bag_maker, scene):
    bag_maker.write(tmp_path / "a.mcap", scene())
    for frame in items_of(open_source(tmp_path / "a.mcap"), Frame):
        index = (frame.stamp_ns - 10**9) // 10_000_000
        assert (frame.rgb == index).all() and frame.rgb.shape == (4, 6, 3)
        assert frame.depth_m == pytest.approx(0.5 + index) and frame.depth_m.dtype == np.float32


def test_gaze_keeps_all_its_fields(tmp_path, bag_maker, scene):
    bag_maker.write(tmp_path / "a.mcap", scene())
    sample = items_of(open_source(tmp_path / "a.mcap"), GazeSample)[7]
    assert sample.stamp_ns == 1_070_000_000
    assert sample.point_px == pytest.approx([3, 2])
    assert sample.ray == pytest.approx([0, 0.6, 0.8])
    assert sample.sigma_rad == pytest.approx([0.02, 0.03])
    assert (sample.confidence, sample.worn, sample.left.valid, sample.right.valid) == (0.75, True, True, False)
    assert sample.left.pupil_diameter_mm == 3.25
    assert np.isnan(sample.distance_m) and np.isnan(sample.right.pupil_diameter_mm)


def test_camera_comes_from_camera_info(tmp_path, bag_maker, scene):
    bag_maker.write(tmp_path / "a.mcap", scene())
    camera = open_source(tmp_path / "a.mcap").cameras[SCENE_CAMERA]
    assert (camera.width, camera.height, camera.kind) == (6, 4, CameraKind.PINHOLE)
    assert camera.matrix[0].tolist() == [4.0, 0.0, 2.5]


def test_compressed_pictures_and_depth(tmp_path, bag_maker, scene):
    messages = []
    for topic, ros_type, fields, log_ns in scene():
        if ros_type == IMAGE:
            depth = "depth" in topic
            if depth:
                picture = np.frombuffer(fields["data"].tobytes(), np.float32).reshape(4, 6)
                payload, form, ending = encode_depth(picture, 200.0), DEPTH_FORMAT, "/compressedDepth"
            else:
                picture = fields["data"].reshape(4, 6, 3)
                payload, form, ending = encode_jpeg(picture), "rgb8; jpeg compressed bgr8", "/compressed"
            compressed = {"header": fields["header"], "format": form, "data": np.frombuffer(payload, np.uint8)}
            messages.append((topic + ending, COMPRESSED, compressed, log_ns))
        else:
            messages.append((topic, ros_type, fields, log_ns))
    bag_maker.write(tmp_path / "a.mcap", messages)
    frames = items_of(open_source(tmp_path / "a.mcap"), Frame)
    assert len(frames) == 10
    for index, frame in enumerate(frames):
        assert frame.rgb == pytest.approx(10.0 * index, abs=3)
        assert frame.depth_m == pytest.approx(0.5 + 10 * index, rel=0.01)


def pose_message(stamp_ns, orientation):
    x, y, z, w = orientation
    pose = {"position": {"x": 0.1, "y": 0.2, "z": 0.3}, "orientation": {"x": x, "y": y, "z": z, "w": w}}
    covariance = np.diag([1e-4] * 6).ravel()
    stamp = {"sec": stamp_ns // 10**9, "nanosec": stamp_ns % 10**9}
    fields = {"header": {"stamp": stamp, "frame_id": "arm_base"}, "pose": {"pose": pose, "covariance": covariance}}
    return ("/sim/scene_camera/pose", POSE, fields, stamp_ns + 5_000_000)


def test_recorded_camera_poses_come_along(tmp_path, bag_maker, scene):
    half = np.sqrt(0.5)
    poses = [pose_message(10**9 + index * 100_000_000, (0.0, 0.0, half, half)) for index in range(10)]
    bag_maker.write(tmp_path / "a.mcap", sorted([*scene(), *poses], key=lambda message: message[3]))
    source = open_source(tmp_path / "a.mcap")
    assert source.info.has_poses
    found = items_of(source, CameraPose)
    assert [pose.stamp_ns for pose in found] == [10**9 + index * 100_000_000 for index in range(10)]
    expected = [[0, -1, 0, 0.1], [1, 0, 0, 0.2], [0, 0, 1, 0.3], [0, 0, 0, 1]]
    np.testing.assert_allclose(found[3].base_T_camera, expected, atol=1e-9)
    assert found[3].base_frame == "arm_base" and found[3].covariance[0, 0] == pytest.approx(1e-4)
    bag_maker.write(tmp_path / "b.mcap", [*scene(), pose_message(10**9, (0.0, 0.0, 0.0, 0.0))])
    with pytest.raises(SourceError, match="a pose of the scene camera is not usable"):
        list(open_source(tmp_path / "b.mcap"))


def test_rosbag2_folder(tmp_path, bag_maker, scene):
    write_metadata(bag_maker.write(tmp_path / "bag" / "demo.mcap", scene()))
    assert open_source(tmp_path / "bag").info.counts["frames"] == 10


def test_fuller_namespace_is_taken_and_the_other_named(tmp_path, bag_maker, scene):
    messages = [*scene("/robot"), *scene("/idle")[:20]]
    bag_maker.write(tmp_path / "a.mcap", messages)
    source = open_source(tmp_path / "a.mcap")
    assert "/robot/gaze/sample" in source.info.notes[0] and "/idle" not in source.info.notes[0]
    assert "/idle/" in source.info.notes[1] and "passed over" in source.info.notes[1]
    assert source.info.counts["gaze"] == 100


def test_gaze_alone_and_frames_alone(tmp_path, bag_maker, scene):
    bag_maker.write(tmp_path / "gaze.mcap", [m for m in scene() if m[1] == GAZE])
    gaze = open_source(tmp_path / "gaze.mcap")
    assert gaze.info.counts == {"frames": 0, "gaze": 100, "eye_movements": 0} and gaze.cameras == {}
    assert any("has no frames" in note for note in gaze.info.notes)
    bag_maker.write(tmp_path / "frames.mcap", [m for m in scene(depth=False) if m[1] != GAZE])
    frames = open_source(tmp_path / "frames.mcap")
    assert frames.info.counts["gaze"] == 0 and not frames.info.has_depth
    assert all(frame.depth_m is None for frame in frames)


def test_similar_names_and_wrong_types_are_not_taken(tmp_path, bag_maker, scene):
    messages = renamed(renamed(scene(), "scene_camera", "my_scene_camera"), "/gaze/sample", "/raw_gaze/sample")
    bag_maker.write(tmp_path / "a.mcap", messages)
    with pytest.raises(SourceError, match=r"it has .*my_scene_camera/image_raw \(sensor_msgs/msg/Image, 10\)"):
        open_source(tmp_path / "a.mcap")
    wrong = [("/scene_camera/image_raw", GAZE, fields, log) for _, kind, fields, log in scene() if kind == GAZE]
    bag_maker.write(tmp_path / "b.mcap", wrong)
    with pytest.raises(SourceError, match="has no gaze/sample and no scene_camera/image_raw"):
        open_source(tmp_path / "b.mcap")


def test_frames_without_calibration_are_refused(tmp_path, bag_maker, scene):
    bag_maker.write(tmp_path / "a.mcap", [m for m in scene() if m[1] != INFO])
    with pytest.raises(SourceError, match="record the camera's calibration too"):
        open_source(tmp_path / "a.mcap")


@pytest.mark.parametrize(
    ("change", "words"),
    [({"distortion_model": "kb6"}, "distortion model 'kb6'"), ({"k": np.zeros(9)}, "is the camera calibrated")],
)
def test_unusable_calibration_is_named(tmp_path, bag_maker, scene, change, words):
    messages = [(t, kind, {**f, **change} if kind == INFO else f, log) for t, kind, f, log in scene()]
    bag_maker.write(tmp_path / "a.mcap", messages)
    with pytest.raises(SourceError, match=words):
        open_source(tmp_path / "a.mcap")


def test_stamp_left_at_zero_is_replaced_by_the_log_time(tmp_path, bag_maker, scene):
    zero = {"stamp": {"sec": 0, "nanosec": 0}, "frame_id": ""}
    messages = [(t, kind, {**f, "header": zero}, log) for t, kind, f, log in scene() if kind == GAZE]
    bag_maker.write(tmp_path / "a.mcap", messages)
    assert [sample.stamp_ns for sample in open_source(tmp_path / "a.mcap")] == [log for _, _, _, log in messages]


def test_message_that_comes_seconds_late_is_left_out_and_counted(tmp_path, bag_maker, scene, caplog):
    messages = scene()
    late = next(m for m in messages if m[1] == GAZE)
    shifted = []
    for topic, kind, fields, log_ns in messages:
        stamp_ns = log_ns * 5
        header = {"stamp": {"sec": stamp_ns // 10**9, "nanosec": stamp_ns % 10**9}, "frame_id": ""}
        shifted.append((topic, kind, {**fields, "header": header}, log_ns))
    bag_maker.write(tmp_path / "a.mcap", [*shifted, (*late[:3], 10**10)])
    with caplog.at_level(logging.WARNING):
        items = list(open_source(tmp_path / "a.mcap"))
    stamps = [item_stamp_ns(item) for item in items]
    assert stamps == sorted(stamps) and len(items) == 110
    assert "1 messages came too late" in caplog.text


def test_cut_recording_yields_what_is_readable(tmp_path, bag_maker, scene, caplog):
    path = tmp_path / "a.mcap"
    bag_maker.write(path, scene(), WriterSettings(chunk_bytes=1000))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING):
        source = open_source(path)
        items = list(source)
    assert 10 < len(items) < 100
    assert source.info.counts["gaze"] == sum(isinstance(item, GazeSample) for item in items)
    assert any("ends too early" in note for note in source.info.notes)
    assert "ends too early" in caplog.text


@pytest.mark.parametrize(("content", "words"), [(b"", "is empty"), (b"some text\n" * 30, "no MCAP recording")])
def test_foreign_file_is_one_line(tmp_path, content, words):
    path = tmp_path / "a.mcap"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=words) as caught:
        open_source(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_folder_with_foreign_metadata_is_one_line(tmp_path):
    (tmp_path / "metadata.yaml").write_text("name: something else")
    with pytest.raises(SourceError, match="is no rosbag2 metadata"):
        open_source(tmp_path)
