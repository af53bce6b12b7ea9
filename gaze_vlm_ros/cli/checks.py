"""The things that ``doctor`` looks at; each check tries what it speaks about instead of guessing."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from gaze_vlm_ros.environment import (
    PROFILE_VARIABLES,
    ROOT,
    DomainLease,
    child_environment,
    extra_command,
    find_ros,
    rendering_backend,
    require_messages,
    resource,
)  # fmt: skip
from gaze_vlm_ros.errors import GazeVlmError

OLDEST_PYTHON = (3, 11)
_PROBE_WITHIN_S = 60
SDKS = {
    "projectaria_tools": ("Project Aria recordings", extra_command("aria")),
    "pupil_labs.neon_recording": ("Pupil Labs Neon recordings", extra_command("neon")),
    "open3d": ("the robot's own depth camera (surface: robot_depth)", "make setup"),
}
RENDER = """
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig
frame = Simulation(SimulationConfig(width=160, height=120)).render()
assert frame.rgb.std() > 1.0, "the picture is empty"
"""


class Level(Enum):
    GOOD = "good"
    OPTIONAL = "optional"
    BAD = "bad"


@dataclass(frozen=True)
class Finding:
    """``remedy`` is empty where nothing has to be done."""

    level: Level
    what: str
    state: str
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    """``slow``: it starts processes and takes seconds."""

    look: Callable[[], list[Finding]]
    slow: bool = False


def _needed(what: str, look: Callable[[], str], remedy: str = "") -> Finding:
    """Good with what ``look`` says, bad with the GazeVlmError that it raises."""
    try:
        return Finding(Level.GOOD, what, look())
    except GazeVlmError as error:
        return Finding(Level.BAD, what, str(error), remedy)


def python() -> list[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        return [Finding(Level.BAD, "Python", version, "use Python 3.11 to 3.13: `make setup PYTHON=python3.12`")]
    return [Finding(Level.GOOD, "Python", f"{version} in {sys.prefix}")]


def ros() -> list[Finding]:
    def installation() -> str:
        found = find_ros()
        return f"{found.distribution} ({found.kind}) in {found.prefixes[0]}"

    def messages() -> str:
        require_messages()
        return "built"

    return [_needed("ROS 2", installation), _needed("gaze_vlm_msgs", messages)]


def dds() -> list[Finding]:
    """Sends pictures between two processes, with the profile and in a domain of its own."""
    own = str(resource("config/fastdds.xml"))
    chosen = next((os.environ[name] for name in PROFILE_VARIABLES if os.environ.get(name)), own)
    with DomainLease() as lease:
        failed, told = _probe(["-m", "gaze_vlm_ros.cli.picture_probe"], lease.domain_id)
    if failed:
        return [Finding(Level.BAD, "DDS profile", f"{chosen}: {told}", f"unset {' and '.join(PROFILE_VARIABLES)}")]
    return [Finding(Level.GOOD, "DDS profile", f"{chosen}: {told}")]


def rendering() -> list[Finding]:
    backend = os.environ.get("MUJOCO_GL") or rendering_backend()
    remedy = "apt install libegl1 libgl1 libosmesa6; or set MUJOCO_GL to egl, osmesa or glfw"
    if backend is None:
        return [Finding(Level.BAD, "OpenGL", "neither libEGL.so.1 nor libOSMesa.so.8 is there", remedy)]
    failed, told = _probe(["-c", RENDER], None)
    if failed:
        return [Finding(Level.BAD, "OpenGL", f"rendering by {backend} failed: {told}", remedy)]
    return [Finding(Level.GOOD, "OpenGL", f"renders by {backend}")]


def gpu() -> list[Finding]:
    import torch

    if torch.cuda.is_available():
        return [Finding(Level.GOOD, "GPU", torch.cuda.get_device_name(0))]
    return [Finding(Level.OPTIONAL, "GPU", "none; the shipped model needs none, larger ones do")]


def devices() -> list[Finding]:
    cameras = sorted(Path("/dev").glob("video*"))
    if not cameras:
        return [Finding(Level.OPTIONAL, "camera", "no /dev/video*; plug one in for source:=webcam:0")]
    closed = [str(camera) for camera in cameras if not os.access(camera, os.R_OK | os.W_OK)]
    if closed:
        remedy = "sudo usermod -aG video $USER, then log in again"
        return [Finding(Level.OPTIONAL, "camera", f"{', '.join(closed)} may not be opened", remedy)]
    return [Finding(Level.GOOD, "camera", ", ".join(map(str, cameras)))]


def checkpoint() -> list[Finding]:
    def load() -> str:
        from gaze_vlm_ros.vlm.checkpoint import default_checkpoint, load_checkpoint
        from gaze_vlm_ros.vlm.domain import load_domain

        folder = default_checkpoint()
        model, _ = load_checkpoint(folder)
        domain = load_domain(folder, model.config.hidden)
        check = "foreign pictures are noticed" if domain else "no domain.safetensors: foreign pictures go unnoticed"
        return f"{model.config.name} {model.config.version} in {folder}; {check}"

    return [_needed("checkpoint", load)]


def robots() -> list[Finding]:
    def load() -> str:
        from gaze_vlm_ros.robots.description import RobotDescription

        names = RobotDescription.available()
        for name in names:
            RobotDescription.load(name)
        return ", ".join(names)

    return [_needed("robots", load)]


def sdks() -> list[Finding]:
    findings = []
    for module, (what, remedy) in SDKS.items():
        if _is_installed(module):
            findings.append(Finding(Level.GOOD, module, f"for {what}"))
        else:
            findings.append(Finding(Level.OPTIONAL, module, f"not installed; it is for {what}", remedy))
    return findings


def recordings() -> list[Finding]:
    """The real recordings that some tests replay."""
    folder = Path(os.environ.get("GAZE_VLM_TEST_DATA", ROOT.parent / "shared" / "data"))
    if folder.is_dir():
        return [Finding(Level.GOOD, "test data", str(folder))]
    remedy = "set GAZE_VLM_TEST_DATA to a folder with aria_everyday_activities/ and neon_recording/"
    return [Finding(Level.OPTIONAL, "test data", "none; tests on real recordings are left out", remedy)]


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False


def _probe(arguments: list[str], domain_id: int | None) -> tuple[bool, str]:
    """Runs Python in the graph's environment: whether it failed, and its last line."""
    try:
        done = subprocess.run(
            [sys.executable, *arguments], env=child_environment(domain_id), capture_output=True, text=True,
            timeout=_PROBE_WITHIN_S, check=False,
        )  # fmt: skip
    except GazeVlmError as error:
        return True, str(error)
    except subprocess.TimeoutExpired:
        return True, f"no answer within {_PROBE_WITHIN_S} s"
    lines = (done.stdout.strip() if done.returncode == 0 else done.stderr.strip()).splitlines()
    return done.returncode != 0, lines[-1] if lines else f"exit code {done.returncode}"


CHECKS = (
    Check(python), Check(ros), Check(dds, slow=True), Check(rendering, slow=True), Check(gpu), Check(devices),
    Check(checkpoint), Check(robots), Check(sdks), Check(recordings),
)  # fmt: skip
