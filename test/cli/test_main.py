import argparse
import importlib
import subprocess
import sys
from importlib.metadata import version

import pytest

from gaze_vlm_ros.cli import main as cli
from gaze_vlm_ros.cli.up import parse
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.graph import GraphError


@pytest.mark.parametrize("name", cli.available())
def test_each_command_adds_its_arguments_and_runs(name, capsys):
    module = importlib.import_module(cli.available()[name][0])
    assert callable(module.add_arguments) and callable(module.run)
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    assert end.value.code == 0 and f"gaze-vlm-ros {name}" in capsys.readouterr().out


@pytest.mark.parametrize("name", cli.available())
def test_the_help_names_every_default(name, capsys):
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    parser = argparse.ArgumentParser()
    importlib.import_module(cli.available()[name][0]).add_arguments(parser)
    for action in parser._actions:
        if action.option_strings and action.default not in (None, "", False, argparse.SUPPRESS):
            value = "0/1" if action.dest == "shard" else action.default
            assert f"default {value}" in said, f"--{action.dest}"


@pytest.mark.parametrize("command", ["call governor/arm", "status", "calibrate"])
def test_a_domain_that_cannot_be_is_named(command, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([*command.split(), "--domain", "999"])
    assert end.value.code == 2 and "a number from 0 to 232, got '999'" in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0 and capsys.readouterr().out == f"gaze-vlm-ros {version('gaze_vlm_ros')}\n"


def test_the_help_imports_no_command():
    heavy = "torch", "mujoco", "rclpy", "gaze_vlm_ros.cli.demo"
    program = (
        "import sys; from gaze_vlm_ros.cli.main import main\n"
        "try: main(['--help'])\n"
        f"except SystemExit: print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in cli.available())


def test_an_error_of_the_user_is_one_line_without_a_traceback(monkeypatch, capsys):
    def fail(_):
        raise GazeVlmError("the lamp\nis broken; buy one")

    monkeypatch.setattr("gaze_vlm_ros.cli.doctor.run", fail)
    assert cli.main(["doctor"]) == 2
    told = capsys.readouterr()
    assert told.err == "gaze-vlm-ros: error: the lamp is broken; buy one\n" and not told.out


@pytest.mark.parametrize("method", ["affine", "adapters"])
def test_one_target_is_refused_where_it_is_too_few(method, capsys):
    assert cli.main(["calibrate", "--targets", "1", "--method", method]) == cli.USER_ERROR
    assert "show 5 or 9" in capsys.readouterr().err


def test_an_unknown_command_is_refused_with_those_that_exist(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["fly"])
    assert end.value.code == 2 and "invalid choice: 'fly'" in capsys.readouterr().err


def test_name_value_words():
    assert parse(["seed:=3", "params:=a:=b.yaml", "record:="]) == {"seed": "3", "params": "a:=b.yaml", "record": ""}
    for word in ("seed=3", ":=3", "seed"):
        with pytest.raises(GraphError, match="name:=value"):
            parse([word])
