"""Both packages build and install in every way that is promised, with all their files, and agree about themselves."""

import ast
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

import pytest

import gaze_vlm_ros
from gaze_vlm_ros.environment import PREFIX, child_environment, wheel_distribution

ROOT = Path(__file__).resolve().parents[2]
NAME = "gaze_vlm_ros"
OUTPUTS = {".git", ".venv", "out", "build", "install", "log", "data", "runs"}
ROS_PACKAGES = ("msgs", "interfaces", "rclpy", "std_srvs", "launch", "launch_ros")
OPTIONAL = {"cv_bridge", "ament_index_python"}


def not_copied(folder: str, names: list[str]) -> set[str]:
    """Products at the root and caches anywhere."""
    caches = {name for name in names if name == "__pycache__" or name.endswith(("_cache", ".egg-info"))}
    return caches | OUTPUTS if Path(folder) == ROOT else caches


def shipped(root: Path, *names: str) -> set[str]:
    """Files of the folders of a checkout, links followed, as paths from its root."""
    found = set()
    for parent, folders, files in chain.from_iterable(os.walk(root / name, followlinks=True) for name in names):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found |= {str(Path(parent, name).relative_to(root)) for name in files if not name.endswith(".pyc")}
    return found


def nodes_of(root: Path) -> set[str]:
    """Names of the executables of a checkout's nodes."""
    return {path.stem for path in (root / NAME / "nodes").glob("*_node.py")}


def imported(folder: Path) -> set[str]:
    """Top-level names of every import below the folder."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module.partition(".")[0])
    return names


def requirements(name: str) -> dict[str, str]:
    """Lower-case package name -> pinned version of a requirements file."""
    lines = [line.partition("#")[0].partition(";")[0].strip() for line in (ROOT / name).read_text().splitlines()]
    pins = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line]
    assert all(pins), f"{name} holds a line without an exact version"
    return {re.sub(r"[-_.]+", "-", pin[1]).lower(): pin[2] for pin in pins}


def run(command: list[str], folder: Path, environ: dict[str, str] | None = None) -> str:
    result = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=400)
    assert result.returncode == 0, (result.stdout + result.stderr)[-3000:]
    return result.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a copy of this checkout in src/gaze_vlm_ros, its links kept."""
    workspace = tmp_path_factory.mktemp("workspace")
    shutil.copytree(ROOT, workspace / "src" / NAME, symlinks=True, ignore=not_copied)
    return workspace


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    run([*pip, str(checkout / "src" / NAME)], checkout)
    return next(folder.glob("*.whl"))


def test_wheel_holds_every_file_of_every_room(checkout: Path, wheel: Path):
    root = checkout / "src" / NAME
    held = set(zipfile.ZipFile(wheel).namelist())
    assert shipped(root, NAME) - held == set()
    shared = {path.partition(f"/share/{NAME}/")[2] for path in held}
    assert shipped(root, "launch", "config") | {"package.xml"} <= shared


def test_installed_package_finds_its_own_files_and_not_the_checkout(wheel: Path, tmp_path: Path):
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path)]
    run([*pip, str(wheel)], tmp_path)
    code = (
        "import gaze_vlm_ros.sim, gaze_vlm_ros.policies, gaze_vlm_ros.training as t, gaze_vlm_ros.environment as e; "
        "print(t.__file__, e.resource('config/fastdds.xml'))"
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path), "AMENT_PREFIX_PATH": str(tmp_path)}
    module, profile = run([sys.executable, "-c", code], tmp_path, environ).split()
    assert module == str(tmp_path / NAME / "training" / "__init__.py")
    assert str(ROOT / "config") not in profile


@pytest.mark.slow
@pytest.mark.parametrize("option", [[], ["--symlink-install"]], ids=["copied", "symlinked"])
def test_colcon_builds_both_packages(checkout: Path, option: list[str]):
    suffix = "symlinked" if option else "copied"
    install = checkout / f"install_{suffix}"
    build = [
        sys.executable, "-m", "colcon", "build", "--base-paths", "src", f"src/{NAME}/gaze_vlm_msgs", *option,
        "--build-base", f"build_{suffix}", "--install-base", str(install), "--cmake-args", "-DBUILD_TESTING=OFF",
        f"-DPython3_EXECUTABLE={sys.executable}",
    ]  # fmt: skip
    environ = child_environment()
    environ["CMAKE_PREFIX_PATH"] = str(PREFIX)
    environ["MAKEFLAGS"] = f"-j{os.cpu_count()}"  # colcon's own also waits while the machine is busy
    run(build, checkout, environ)

    share, executables = install / NAME / "share", install / NAME / "lib" / NAME
    assert (share / "ament_index/resource_index/packages" / NAME).exists()
    root = checkout / "src" / NAME
    for relative in (*shipped(root, "launch", "config"), "package.xml"):
        assert (share / NAME / relative).exists(), relative
    assert {"gaze-vlm-ros", *nodes_of(root)} <= {path.name for path in executables.iterdir()}
    for path in executables.iterdir():
        assert path.read_text().startswith("#!/usr/bin/env python3\n"), path

    code = "import gaze_vlm_msgs as m, gaze_vlm_msgs.msg, gaze_vlm_ros.sim as s; print(m.__file__); print(s.__file__)"
    script = f". {install}/setup.sh && python3 -c '{code}' && {executables}/gaze-vlm-ros --help >&2"
    messages, sim = run(["sh", "-c", script], checkout.parent, environ).split()
    assert messages.startswith(str(install))
    assert sim.startswith(str(checkout))


def test_every_node_is_an_executable_that_can_be_started():
    commands = {entry.name: entry for entry in metadata.distribution(NAME).entry_points}
    assert nodes_of(ROOT)
    assert {"gaze-vlm-ros", *nodes_of(ROOT)} == set(commands)
    for entry in commands.values():
        assert callable(entry.load()), entry


def test_versions_agree():
    manifests = [ROOT / "package.xml", ROOT / "gaze_vlm_msgs" / "package.xml"]
    versions = {ElementTree.parse(path).findtext("version") for path in manifests}
    assert versions | {metadata.version(NAME)} == {gaze_vlm_ros.__version__}


def test_manifest_names_every_ros_package_that_is_used():
    used = {name for name in imported(ROOT / NAME) | imported(ROOT / "launch") if name.endswith(ROS_PACKAGES)}
    declared = {element.text for element in ElementTree.parse(ROOT / "package.xml").findall("exec_depend")}
    assert used - declared - OPTIONAL - {NAME} == set()


def test_message_manifest_and_build_name_every_package_that_a_definition_uses():
    folder = ROOT / "gaze_vlm_msgs"
    text = "\n".join(path.read_text() for path in folder.glob("*/*.[msa][sre]*") if path.suffix != ".xml")
    used = set(re.findall(r"^([a-z_]+)/[A-Z]", text, re.MULTILINE))
    declared = {element.text for element in ElementTree.parse(folder / "package.xml").findall("depend")}
    build = (folder / "CMakeLists.txt").read_text()
    assert used
    assert used <= declared
    assert used <= set(re.search(r"DEPENDENCIES ([\w ]+)", build)[1].split())


def test_every_import_is_covered_by_a_pinned_requirement():
    pinned = requirements("requirements.txt") | requirements("requirements-no-deps.txt")
    providers = metadata.packages_distributions()
    third_party = {
        name
        for name in imported(ROOT / NAME)
        if name not in sys.stdlib_module_names and name != NAME and not name.endswith(ROS_PACKAGES)
    } - OPTIONAL
    names = {name: {re.sub(r"[-_.]+", "-", dist).lower() for dist in providers.get(name, [])} for name in third_party}
    assert {name for name, dists in names.items() if not dists & pinned.keys()} == set()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-ros.txt"])
def test_requirements_agree_with_what_is_installed_and_with_the_constraints(name: str):
    if name == "requirements-ros.txt" and wheel_distribution() is None:
        pytest.skip("a ROS 2 installation is sourced")
    constraints = requirements("constraints.txt")
    for package, version in requirements(name).items():
        assert constraints.get(package, version) == version, package
        assert metadata.version(package).partition("+")[0] == version, package
