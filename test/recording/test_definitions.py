import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from gaze_vlm_ros.recording.definitions import MessageDefinitions
from gaze_vlm_ros.recording.summary import RecordingError


def test_definition_holds_every_type_it_needs_once(definitions):
    text = definitions.full_text("gaze_vlm_msgs/msg/GazeSample")
    parts = text.split("=" * 80 + "\n")
    assert [part.splitlines()[0] for part in parts[1:]] == [
        "MSG: std_msgs/Header",
        "MSG: gaze_vlm_msgs/Eye",
        "MSG: builtin_interfaces/Time",
    ]
    assert "uint32 sequence" in parts[0]


def test_definition_is_understood_by_rosbags(definitions):
    store = get_typestore(Stores.EMPTY)
    text = definitions.full_text("gaze_vlm_msgs/msg/Prediction")
    store.register(get_types_from_msg(text, "gaze_vlm_msgs/msg/Prediction"))
    fields = store.types["gaze_vlm_msgs/msg/Prediction"].__dataclass_fields__
    assert {"header", "hypotheses", "out_of_domain"} <= set(fields)


def test_arrays_bounds_constants_and_comments_are_no_types(tmp_path):
    messages = tmp_path / "p" / "msg"
    messages.mkdir(parents=True)
    (messages / "A.msg").write_text(
        "# Other is not needed\nuint8 ONE=1\nB[<=3] several  # C\nstring<=10 name\nfloat32[2] pair [1.0, 2.0]\nq/D d\n"
    )
    (messages / "B.msg").write_text("int64 value\n")
    (tmp_path / "q" / "msg").mkdir(parents=True)
    (tmp_path / "q" / "msg" / "D.msg").write_text("bool yes\n")
    text = MessageDefinitions([tmp_path]).full_text("p/msg/A")
    assert [line for line in text.splitlines() if line.startswith("MSG:")] == ["MSG: p/B", "MSG: q/D"]


@pytest.mark.parametrize("ros_type", ["nowhere_msgs/msg/Thing", "std_msgs/Bool", "../msg/passwd"])
def test_unknown_type_is_named(definitions, ros_type):
    with pytest.raises(RecordingError, match=ros_type.replace(".", r"\.")):
        definitions.full_text(ros_type)


def test_installed_definitions_include_the_source_tree():
    assert "uint32 sequence" in MessageDefinitions.installed()._text("gaze_vlm_msgs/msg/GazeSample")
