import os

import pytest

from gaze_vlm_ros.sources.base import SourceError
from gaze_vlm_ros.sources.vendor import captured_output, require


def test_missing_package_names_the_extra():
    words = r"An Aria recording needs .* no_such_vendor .*pip install -e .*\[aria\]"
    with pytest.raises(SourceError, match=words):
        require("no_such_vendor.core", "An Aria recording", "aria")


def test_native_output_is_captured_and_streams_come_back(capfd):
    with captured_output() as lines:
        os.write(1, b"\x1b[38;2;255;0;0mred\x1b[0m\n")
        os.write(2, b"trouble\n\n")
    os.write(2, b"after\n")
    assert lines == ["red", "trouble"]
    assert capfd.readouterr().err == "after\n"


def test_streams_come_back_after_an_error(capfd):
    with pytest.raises(RuntimeError), captured_output():
        raise RuntimeError
    os.write(1, b"after\n")
    assert capfd.readouterr().out == "after\n"
