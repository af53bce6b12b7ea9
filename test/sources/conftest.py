"""Real recordings where they are, and small ROS 2 recordings made without a ROS installation."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from gaze_vlm_ros.recording.definitions import MessageDefinitions
from gaze_vlm_ros.recording.writer import McapWriter, WriterSettings

REPOSITORY = Path(__file__).resolve().parents[2]
TEST_DATA = Path(os.environ.get("GAZE_VLM_TEST_DATA", REPOSITORY.parent / "shared" / "data"))


def _recording(name, tmp_path):
    folder = TEST_DATA / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent; set GAZE_VLM_TEST_DATA to the folder with {name}")
    copy = tmp_path / name
    shutil.copytree(folder, copy)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


@pytest.fixture
def aria_folder(tmp_path):
    """A writable copy of the Project Aria sample."""
    pytest.importorskip("projectaria_tools.core", reason="the extra [aria] is not installed")
    return _recording("aria_everyday_activities", tmp_path)


@pytest.fixture
def neon_folder(tmp_path):
    """A writable copy of the Neon sample (gaze without video)."""
    pytest.importorskip("pupil_labs.neon_recording", reason="the extra [neon] is not installed")
    return _recording("neon_recording", tmp_path)


class BagMaker:
    """Writes messages given as nested dictionaries into an MCAP file."""

    def __init__(self, share):
        self._share = share
        self._store = get_typestore(Stores.ROS2_JAZZY)
        types = {}
        for file in sorted((REPOSITORY / "gaze_vlm_msgs" / "msg").glob("*.msg")):
            types.update(get_types_from_msg(file.read_text(), f"gaze_vlm_msgs/msg/{file.stem}"))
        self._store.register(types)

    def write(self, path, messages, settings=None):
        """``messages``: (topic, type, fields, log_ns)."""
        for ros_type in {message[1] for message in messages}:
            self._keep_definitions(ros_type)
        writer = McapWriter(path, MessageDefinitions([self._share, REPOSITORY]), settings or WriterSettings())
        for topic, ros_type, fields, log_ns in messages:
            cdr = self._store.serialize_cdr(self._build(ros_type, fields), ros_type)
            writer.write(topic, ros_type, bytes(cdr), log_ns, log_ns)
        return writer.close()

    def _build(self, ros_type, fields):
        kind = self._store.types[ros_type]
        values = {}
        for name, description in kind.__dataclass_fields__.items():
            if name.isupper() or name.startswith("_"):
                continue
            value = fields[name]
            values[name] = self._build(description.type.replace("__", "/"), value) if isinstance(value, dict) else value
        return kind(**values)

    def _keep_definitions(self, ros_type):
        """Write the ``.msg`` files that a type needs, as an installation has them."""
        if ros_type.startswith("gaze_vlm_msgs"):
            ros_types = ["std_msgs/msg/Header", "builtin_interfaces/msg/Time"]
        else:
            parts = self._store.generate_msgdef(ros_type, ros_version=2)[0].split("=" * 80 + "\n")
            ros_types = [ros_type] + [part.split("\n")[0].removeprefix("MSG: ") for part in parts[1:]]
        for needed in ros_types:
            package, name = needed.split("/")[0], needed.split("/")[-1]
            text = self._store.generate_msgdef(f"{package}/msg/{name}", ros_version=2)[0].split("=" * 80)[0]
            file = self._share / package / "msg" / f"{name}.msg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


@pytest.fixture
def bag_maker(tmp_path):
    return BagMaker(tmp_path / "share")


def header(stamp_ns):
    return {
        "stamp": {"sec": stamp_ns // 10**9, "nanosec": stamp_ns % 10**9},
        "frame_id": "scene_camera_optical",
    }


def gaze_fields(stamp_ns, sequence=0):
    eye = {"ray": np.array([0.1, 0, 1], np.float32), "valid": True, "pupil_diameter_mm": 3.25}
    return {
        "header": header(stamp_ns),
        "sequence": sequence,
        "point_px": np.array([3.0, 2.0], np.float32),
        "ray": np.array([0.0, 0.6, 0.8], np.float32),
        "distance_m": float("nan"),
        "sigma_rad": np.array([0.02, 0.03], np.float32),
        "confidence": 0.75,
        "worn": True,
        "left": eye,
        "right": {**eye, "valid": False, "pupil_diameter_mm": float("nan")},
    }


def image_fields(stamp_ns, array, encoding):
    rows = np.ascontiguousarray(array).reshape(array.shape[0], -1).view(np.uint8)
    return {
        "header": header(stamp_ns),
        "height": array.shape[0],
        "width": array.shape[1],
        "encoding": encoding,
        "is_bigendian": 0,
        "step": rows.shape[1],
        "data": rows.ravel(),
    }


def camera_info_fields(stamp_ns, model="plumb_bob", focal_px=4.0):
    k = np.array([focal_px, 0, 2.5, 0, focal_px, 1.5, 0, 0, 1.0])
    return {
        "header": header(stamp_ns),
        "height": 4,
        "width": 6,
        "distortion_model": model,
        "d": np.zeros(5),
        "k": k,
        "r": np.eye(3).ravel(),
        "p": np.zeros(12),
        "binning_x": 0,
        "binning_y": 0,
        "roi": {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False},
    }


GAZE = "gaze_vlm_msgs/msg/GazeSample"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"


@pytest.fixture
def scene():
    """Messages of one second of a scene camera (10 Hz, with depth) and gaze (100 Hz), in order of arrival.

    Pictures arrive 40 ms late, depth 60 ms late, so that arrival and stamps differ in order.
    """

    def build(namespace="/sim", depth=True):
        messages = [(f"{namespace}/scene_camera/camera_info", INFO, camera_info_fields(0), 1)]
        for index in range(100):
            stamp_ns = 10**9 + index * 10_000_000
            messages.append((f"{namespace}/gaze/sample", GAZE, gaze_fields(stamp_ns, index), stamp_ns + 1_000_000))
            if index % 10 == 0:
                picture = np.full((4, 6, 3), index, np.uint8)
                fields = image_fields(stamp_ns, picture, "rgb8")
                messages.append((f"{namespace}/scene_camera/image_raw", IMAGE, fields, stamp_ns + 40_000_000))
                metres = np.full((4, 6), 0.5 + index, np.float32)
                fields = image_fields(stamp_ns, metres, "32FC1")
                if depth:
                    messages.append((f"{namespace}/scene_camera/depth/image_raw", IMAGE, fields, stamp_ns + 60_000_000))
        return sorted(messages, key=lambda message: message[3])

    return build
