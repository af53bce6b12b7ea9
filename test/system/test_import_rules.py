"""The rules of the house hold, and the check that says so can fail."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KNOW_ROS = {"cli", "nodes"}


def lint(folder: Path) -> subprocess.CompletedProcess:
    """Check the package in the folder; the folder comes before the installed package."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    return subprocess.run(
        [*command, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package, with the links to the rooms at the top level resolved."""
    ignored = shutil.ignore_patterns("__pycache__", "*.safetensors")
    shutil.copytree(ROOT / "gaze_vlm_ros", tmp_path / "gaze_vlm_ros", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_point_downwards_and_only_nodes_and_the_command_line_know_ros():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "said"),
    [
        ("types.py", "import gaze_vlm_ros.geometry", "gaze_vlm_ros.types is not allowed to import"),
        ("sim/__init__.py", "import gaze_vlm_ros.vlm", "gaze_vlm_ros.sim is not allowed to import gaze_vlm_ros.vlm"),
        ("safety/__init__.py", "import rclpy", "gaze_vlm_ros.safety is not allowed to import rclpy"),
        ("graph.py", "import launch", "gaze_vlm_ros.graph is not allowed to import launch"),
    ],
)
def test_a_forbidden_import_is_found(copy: Path, module: str, line: str, said: str):
    path = copy / "gaze_vlm_ros" / module
    path.write_text(f"{path.read_text()}\n{line}\n")
    result = lint(copy)
    assert result.returncode != 0
    assert said in " ".join(result.stdout.split())


def test_a_new_room_has_to_be_given_its_place(copy: Path):
    (copy / "gaze_vlm_ros" / "attic").mkdir()
    (copy / "gaze_vlm_ros" / "attic" / "__init__.py").touch()
    result = lint(copy)
    assert result.returncode != 0
    assert "attic" in result.stdout


def test_every_room_without_ros_is_under_the_rule_that_keeps_it_so():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    forbidden = next(contract for contract in contracts if contract["type"] == "forbidden")
    package = ROOT / "gaze_vlm_ros"
    rooms = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert {name.rpartition(".")[2] for name in forbidden["source_modules"]} == rooms - KNOW_ROS - {"__init__"}
