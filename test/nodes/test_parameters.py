"""Parameter dataclasses: what they refuse, and that nothing else documents them differently."""

from dataclasses import dataclass

import pytest

pytest.importorskip("rclpy")

import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter

from gaze_vlm_ros.nodes.documentation import files
from gaze_vlm_ros.nodes.parameters import ParameterError, Parameters, changed, declare, parameter


@dataclass(frozen=True)
class Example(Parameters):
    rate_hz: float = parameter(5.0, "rate", unit="Hz", low=1, high=100, live=True)
    mode: str = parameter("live", "mode", choices=("live", "replay"))
    count: int = parameter(3, "count", low=0)
    point_m: tuple[float, ...] = parameter((0.0, 1.0), "point", unit="m")


def test_integers_pass_for_floats_also_in_lists():
    values = Example(rate_hz=7, point_m=[1, 2])
    assert (values.rate_hz, values.point_m) == (7.0, (1.0, 2.0))
    assert isinstance(values.rate_hz, float) and all(isinstance(value, float) for value in values.point_m)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("rate_hz", 0.5, "rate_hz must be 1 to 100 Hz, got 0.5"),
        ("rate_hz", float("nan"), "rate_hz must be 1 to 100 Hz"),
        ("rate_hz", True, "rate_hz must be of type float"),
        ("mode", "both", "mode must be one of live, replay"),
        ("count", 2.5, "count must be of type int"),
        ("count", -1, "count must be at least 0"),
        ("point_m", "1,2", "point_m must be a list"),
        ("point_m", [1.0, "x"], "point_m must be of type float"),
    ],
)
def test_what_is_wrong_is_named(name, value, words):
    with pytest.raises(ParameterError, match=words):
        Example(**{name: value})


def test_a_live_parameter_changes_while_configured_and_another_does_not():
    before = Example()
    after, result = changed(before, [Parameter("rate_hz", value=9)], configured=True)
    assert result.successful and after.rate_hz == 9.0
    after, result = changed(before, [Parameter("mode", value="replay")], configured=True)
    assert not result.successful and after is before and "mode" in result.reason
    after, result = changed(before, [Parameter("mode", value="replay")], configured=False)
    assert result.successful and after.mode == "replay"


def test_a_refused_change_leaves_everything_as_it_was():
    before = Example()
    changes = [Parameter("rate_hz", value=9.0), Parameter("count", value=-1)]
    after, result = changed(before, changes, configured=False)
    assert after is before and "count" in result.reason
    after, result = changed(before, [Parameter("cuont", value=1)], configured=False)
    assert after is before and "unknown parameter cuont" in result.reason and "count" in result.reason


@pytest.mark.parametrize(
    ("override", "words"), [("cuont:=1", "unknown parameter cuont"), ("rate_hz:=1000", "rate_hz must be 1 to 100 Hz")]
)
def test_an_override_at_the_start_is_checked(domain, override, words):
    rclpy.init(args=["--ros-args", "-p", override])
    node = Node("example")
    try:
        with pytest.raises(ParameterError, match=words):
            declare(node, Example)
    finally:
        node.destroy_node()
        rclpy.shutdown()


def test_overrides_are_declared_with_their_descriptors(domain):
    rclpy.init(args=["--ros-args", "-p", "rate_hz:=12"])
    node = Node("example")
    try:
        assert declare(node, Example).rate_hz == 12.0
        assert node.get_parameter("rate_hz").value == 12.0
        descriptor = node.describe_parameter("rate_hz")
        assert (descriptor.floating_point_range[0].from_value, descriptor.description) == (1.0, "rate [Hz]")
    finally:
        node.destroy_node()
        rclpy.shutdown()


def test_configuration_and_documentation_say_what_the_dataclasses_say():
    stale = [path.name for path, text in files().items() if not path.is_file() or path.read_text() != text]
    assert not stale, f"run `python -m gaze_vlm_ros.nodes.documentation`: {', '.join(stale)} differ"
