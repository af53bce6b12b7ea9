#!/usr/bin/env python3
"""Build `gaze_vlm_msgs` and install it into the running environment. Run it again after editing a definition.

    .venv/bin/python scripts/build_messages.py [--force]

The messages go into the environment itself, so that `import gaze_vlm_msgs.msg` works without sourcing anything.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy

from gaze_vlm_ros.environment import sourced_prefixes

PACKAGE = Path(__file__).resolve().parents[1] / "gaze_vlm_msgs"
PREFIX = Path(sys.prefix)
BUILD = PREFIX / "build" / PACKAGE.name
LOG = PREFIX / "build" / f"{PACKAGE.name}.log"
STAMP = PREFIX / "build" / f"{PACKAGE.name}.sha256"

# The wheels' cmake files name the folders of the machine they were built on.
FOREIGN_NUMPY = re.compile(r"/opt/python/cp\d+-cp\d+/lib/python[\d.]+/site-packages/numpy/_core/include")
FOREIGN_PYTHON = re.compile(r"/opt/python/cp\d+-cp\d+/include/python[\d.]+")


def mend_cmake_files(prefix: Path, python_include: str, numpy_include: str) -> int:
    """Point the wheels' cmake files at this interpreter's headers; return how many files changed."""
    changed = 0
    for path in prefix.glob("share/*/cmake/*.cmake"):
        before = path.read_text()
        after = FOREIGN_PYTHON.sub(python_include, FOREIGN_NUMPY.sub(numpy_include, before))
        if after != before:
            path.write_text(after)
            changed += 1
    return changed


def digest() -> str:
    """Hash of everything that the build depends on: definitions, interpreter, ROS prefix, this script."""
    files = [path for path in PACKAGE.rglob("*") if path.is_file()]
    total = hashlib.sha256(f"{sys.version}{PREFIX}{ros_prefixes()}".encode())
    for path in sorted([*files, PACKAGE.parent / "requirements-ros.txt", Path(__file__).resolve()]):
        total.update(str(path.relative_to(PACKAGE.parent)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def ros_prefixes() -> list[str]:
    """Where ROS 2 is found: a sourced installation first, else the wheels in this environment."""
    return [*map(str, sourced_prefixes()), str(PREFIX)]


def configure_command() -> list[str]:
    """The cmake call; the Python folder is given because distributions patch sysconfig's answer."""
    site_packages = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    return [
        "cmake", "-S", str(PACKAGE), "-B", str(BUILD), "-Wno-dev",
        "-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Release",
        f"-DCMAKE_INSTALL_PREFIX={PREFIX}", f"-DCMAKE_PREFIX_PATH={';'.join(ros_prefixes())}",
        f"-DPython3_EXECUTABLE={sys.executable}", f"-DPYTHON_INSTALL_DIR={site_packages}",
    ]  # fmt: skip


def build_environment() -> dict[str, str]:
    """Environment of the build: the generators run with this interpreter and find the ROS packages."""
    return {
        **os.environ,
        "AMENT_PREFIX_PATH": os.pathsep.join(ros_prefixes()),
        "PATH": os.pathsep.join([str(PREFIX / "bin"), os.environ.get("PATH", os.defpath)]),
    }


def run_logged(commands: list[list[str]]) -> None:
    """Run the commands in turn with their output in the log; exit with the log's tail where one fails."""
    environment = build_environment()
    with LOG.open("w") as log:
        for command in commands:
            log.write("+ " + " ".join(command) + "\n")
            log.flush()
            if subprocess.call(command, stdout=log, stderr=subprocess.STDOUT, env=environment):
                tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-25:])
                sys.exit(f"{tail}\n{PACKAGE.name} was not built; the whole log is {LOG}")


def installed_files() -> set[Path]:
    """Files that the last installation put into the environment."""
    manifest = BUILD / "install_manifest.txt"
    return {Path(line) for line in manifest.read_text().splitlines()} if manifest.exists() else set()


def build() -> None:
    """Generate, compile and install the messages, and remove what a deleted definition left behind."""
    mend_cmake_files(PREFIX, sysconfig.get_path("include"), numpy.get_include())
    before = installed_files()
    jobs = str(os.cpu_count() or 1)
    run_logged([configure_command(), ["cmake", "--build", str(BUILD), "-j", jobs], ["cmake", "--install", str(BUILD)]])
    for leftover in before - installed_files():
        leftover.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--force", action="store_true", help="build from nothing even where nothing changed")
    arguments = parser.parse_args()
    if sys.prefix == sys.base_prefix:
        sys.exit("build_messages.py installs into a virtual environment: run it with .venv/bin/python")
    BUILD.parent.mkdir(parents=True, exist_ok=True)
    with (BUILD.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = digest()
        if not arguments.force and STAMP.exists() and STAMP.read_text() == wanted:
            print(f"{PACKAGE.name} is up to date")
            return
        STAMP.unlink(missing_ok=True)
        if arguments.force:
            shutil.rmtree(BUILD, ignore_errors=True)
        build()
        STAMP.write_text(wanted)
    print(f"{PACKAGE.name} is built and installed in {PREFIX}")


if __name__ == "__main__":
    main()
