"""The layouts for RViz and Foxglove name topics, fields and panels that exist."""

import json
import re
from pathlib import Path

import pytest
import yaml
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from gaze_vlm_ros.nodes import names

ROOT = Path(__file__).resolve().parents[2]
TOPICS = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
FOXGLOVE = json.loads((ROOT / "config" / "foxglove.json").read_text())


def strings(value):
    """Every string in nested lists and dictionaries, keys included."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in [key, *strings(item)]]
    if isinstance(value, list):
        return [found for item in value for found in strings(item)]
    return [value] if isinstance(value, str) else []


def panels(layout):
    """Names of the panels of a Foxglove layout, left to right and top to bottom."""
    return [layout] if isinstance(layout, str) else [*panels(layout["first"]), *panels(layout["second"])]


@pytest.fixture(scope="module")
def types():
    store = get_typestore(Stores.ROS2_JAZZY)
    for file in (ROOT / "gaze_vlm_msgs" / "msg").glob("*.msg"):
        store.register(get_types_from_msg(file.read_text(), f"gaze_vlm_msgs/msg/{file.stem}"))
    return store.fielddefs


def test_rviz_topics_exist_and_are_relative():
    displays = yaml.safe_load((ROOT / "config" / "gaze_vlm.rviz").read_text())["Visualization Manager"]["Displays"]
    given = [display["Topic"]["Value"] for display in displays if "Topic" in display]
    given += [
        display[key] for display in displays for key in ("Depth Map Topic", "Color Image Topic") if display.get(key)
    ]
    assert len(given) >= 7
    assert set(given) <= TOPICS


def test_foxglove_topics_exist_in_the_namespace_of_the_demo():
    paths = [text for text in strings(FOXGLOVE) if text.startswith("/")]
    assert len(paths) > 12
    assert {re.split(r"[.\[]", path)[0].removeprefix("/sim/") for path in paths} <= TOPICS


def test_foxglove_paths_name_fields_of_the_messages(types):
    paths = [text for text in strings(FOXGLOVE) if text.startswith("/") and "." in text]
    for path in paths:
        topic, field = path.removeprefix("/sim/").split(".", maxsplit=1)
        fields = {name for name, _ in types[names.RECORDED[topic]][1]}
        assert re.sub(r"\[\d+\]", "", field) in fields, path


def test_every_foxglove_panel_has_a_place_and_a_configuration():
    placed = panels(FOXGLOVE["layout"])
    assert sorted(placed) == sorted(FOXGLOVE["configById"])
