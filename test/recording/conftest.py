"""Message definitions and serialized messages without a ROS installation, from the ``rosbags`` type store."""

from pathlib import Path

import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from gaze_vlm_ros.recording.definitions import MessageDefinitions

REPOSITORY = Path(__file__).resolve().parents[2]
STANDARD_TYPES = (
    "builtin_interfaces/msg/Time",
    "std_msgs/msg/Bool",
    "std_msgs/msg/Header",
    "sensor_msgs/msg/Image",
    "sensor_msgs/msg/JointState",
    "geometry_msgs/msg/Point",
)


@pytest.fixture(scope="session")
def share(tmp_path_factory):
    """A ``share`` folder with the ``.msg`` files of a few standard types, as an installation has them."""
    folder = tmp_path_factory.mktemp("share")
    store = get_typestore(Stores.ROS2_JAZZY)
    for ros_type in STANDARD_TYPES:
        package, _, name = ros_type.split("/")
        text = store.generate_msgdef(ros_type, ros_version=2)[0].split("=" * 80)[0]
        file = folder / package / "msg" / f"{name}.msg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.fixture(scope="session")
def definitions(share):
    return MessageDefinitions([share, REPOSITORY])


@pytest.fixture(scope="session")
def typestore():
    """A type store that also knows the messages of ``gaze_vlm_msgs``."""
    store = get_typestore(Stores.ROS2_JAZZY)
    types = {}
    for file in sorted((REPOSITORY / "gaze_vlm_msgs" / "msg").glob("*.msg")):
        types.update(get_types_from_msg(file.read_text(), f"gaze_vlm_msgs/msg/{file.stem}"))
    store.register(types)
    return store


@pytest.fixture(scope="session")
def bool_cdr(typestore):
    """Serialized ``std_msgs/Bool`` messages, false and true."""
    kind = typestore.types["std_msgs/msg/Bool"]
    return [bytes(typestore.serialize_cdr(kind(data=value), "std_msgs/msg/Bool")) for value in (False, True)]


@pytest.fixture(scope="session")
def gaze_cdr(typestore):
    """Serializes a ``gaze_vlm_msgs/GazeSample`` with a given sequence number and stamp [ns]."""
    types = typestore.types
    sample_type = "gaze_vlm_msgs/msg/GazeSample"

    def serialize(sequence: int, stamp_ns: int) -> bytes:
        eye = types["gaze_vlm_msgs/msg/Eye"](
            ray=np.array([0.0, 0.0, 1.0], np.float32), valid=True, pupil_diameter_mm=3.5
        )
        header = types["std_msgs/msg/Header"](
            stamp=types["builtin_interfaces/msg/Time"](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9),
            frame_id="scene_camera_optical",
        )
        sample = types[sample_type](
            header=header,
            sequence=sequence,
            point_px=np.array([320.0, 240.0], np.float32),
            ray=np.array([0.0, 0.0, 1.0], np.float32),
            distance_m=float("nan"),
            sigma_rad=np.array([0.02, 0.03], np.float32),
            confidence=1.0,
            worn=True,
            left=eye,
            right=eye,
        )
        return bytes(typestore.serialize_cdr(sample, sample_type))

    return serialize
