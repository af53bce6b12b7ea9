"""The set-up does each step once, says what is missing, and stops with the reason."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The modules set_up and system_libraries, with their products in a temporary folder."""
    monkeypatch.syspath_prepend(str(ROOT))
    set_up = importlib.import_module("scripts.set_up")
    for name, path in {"VENV": ".", "STAMPS": "stamps", "LOG": "setup.log"}.items():
        monkeypatch.setattr(set_up, name, tmp_path / path)
    return set_up, importlib.import_module("scripts.system_libraries")


def test_a_step_is_done_once_for_each_key(scripts):
    set_up, done = scripts[0], []
    for key in ("a", "a", "b", "b"):
        set_up.step("a step", key, lambda key=key: done.append(key))
    assert done == ["a", "b"]


def test_a_step_that_failed_is_done_again(scripts):
    set_up, done = scripts[0], []
    with pytest.raises(ZeroDivisionError):
        set_up.step("a step", "key", lambda: 1 / 0)
    set_up.step("a step", "key", lambda: done.append(True))
    assert done == [True]


def test_a_failing_command_shows_the_end_of_its_output_and_the_log(scripts):
    set_up = scripts[0]
    with pytest.raises(SystemExit, match=r"(?s)no such wheel.*set-up failed at: sh.*setup\.log"):
        set_up.run(["sh", "-c", "echo no such wheel; exit 1"])


def test_another_version_of_python_is_refused_in_one_line(scripts, monkeypatch: pytest.MonkeyPatch):
    set_up = scripts[0]
    monkeypatch.setattr(set_up, "OLDEST", (4, 0))
    with pytest.raises(SystemExit) as raised:
        set_up.main()
    assert "PYTHON=python3.12" in raised.value.code
    assert "\n" not in raised.value.code


def test_an_environment_of_another_version_is_not_mixed(scripts, tmp_path: Path):
    set_up = scripts[0]
    set_up.check_version()
    (tmp_path / "lib" / "python3.99").mkdir(parents=True)
    with pytest.raises(SystemExit, match=r"3\.99.*make distclean"):
        set_up.check_version()


def test_wheels_and_a_sourced_installation_are_refused(scripts, tmp_path: Path):
    set_up = scripts[0]
    set_up.step("ROS 2 wheels", "key", lambda: None)
    set_up.check_flavour(())
    with pytest.raises(SystemExit, match=r"/opt/ros/x.*make distclean"):
        set_up.check_flavour((Path("/opt/ros/x"),))


def test_without_the_right_to_install_the_user_gets_the_line_to_run(scripts, monkeypatch: pytest.MonkeyPatch):
    libraries = scripts[1]
    monkeypatch.setattr(libraries, "_apt", lambda: None)
    with pytest.raises(SystemExit, match=r"sudo apt-get install .* libegl1 g\+\+$"):
        libraries.install(["libegl1", "g++"], run=pytest.fail)


def test_what_is_absent_is_named_by_its_package(scripts, monkeypatch: pytest.MonkeyPatch):
    libraries = scripts[1]
    monkeypatch.setattr(libraries, "LIBRARIES", {"libc.so.6": "libc6", "libnowhere.so.1": "libnowhere1"})
    monkeypatch.setattr(libraries, "PROGRAMS", {"sh": "dash", "no-such-program": "nothing"})
    assert libraries.missing_packages() == ["libnowhere1", "nothing"]


def test_message_build_points_the_cmake_files_of_the_wheels_at_this_interpreter(tmp_path: Path):
    script = ROOT / "scripts" / "build_messages.py"
    spec = importlib.util.spec_from_file_location("build_messages", script)
    build_messages = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build_messages)
    path = tmp_path / "share" / "std_msgs" / "cmake" / "export.cmake"
    path.parent.mkdir(parents=True)
    there = "/opt/python/cp312-cp312"
    path.write_text(f'"{there}/include/python3.12;{there}/lib/python3.12/site-packages/numpy/_core/include"')
    assert build_messages.mend_cmake_files(tmp_path, "/here/python", "/here/numpy") == 1
    assert path.read_text() == '"/here/python;/here/numpy"'
    assert build_messages.mend_cmake_files(tmp_path, "/here/python", "/here/numpy") == 0


def test_unchanged_messages_are_not_built_again():
    command = [sys.executable, str(ROOT / "scripts" / "build_messages.py")]
    subprocess.run(command, check=True, timeout=300)
    second = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    assert "up to date" in second.stdout
