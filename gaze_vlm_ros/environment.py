"""Where ROS 2, the messages and the shared files are, and the variables that a process of the graph needs.

Nothing has to be sourced: the wheels in `.venv` set their library path when Python starts, and `enter` does the same
where a ROS 2 installation is sourced. `scripts/enter.py` runs any command in the environment of the graph.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from gaze_vlm_ros.errors import GazeVlmError

ROOT = Path(__file__).resolve().parents[1]
PREFIX = Path(sys.prefix)
WHEEL_DISTRIBUTIONS = ("jazzy", "kilted")
# Fast DDS 2 (Jazzy) reads the first name, Fast DDS 3 (Kilted and later) the second.
PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# The ports of higher domains meet those that Linux gives to any program; 0 is everybody's default.
DOMAINS = range(1, 102)
CLEARED_WITHIN_S = 20.0
_PR_SET_PDEATHSIG = 1


class RosUnavailable(GazeVlmError):
    """ROS 2 or the messages of this package cannot be used here."""


class ResourceMissing(GazeVlmError):
    """A file that belongs to the package is not where it was installed."""


class NoFreeDomain(GazeVlmError):
    """Every ROS domain that may be used is taken by another run."""


@dataclass(frozen=True)
class RosInstallation:
    """A usable ROS 2: `kind` is "wheels" (in this environment) or "sourced"; `prefixes` hold `share/` and `lib/`."""

    kind: str
    distribution: str
    prefixes: tuple[Path, ...]


def sourced_prefixes(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Prefixes of a sourced ROS 2 installation or workspace, best first; empty where none is sourced."""
    prefixes = [Path(entry) for entry in environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]
    foreign = tuple(prefix for prefix in prefixes if prefix.resolve() != PREFIX.resolve())
    has_ros = any((prefix / "share" / "rclpy" / "package.xml").is_file() for prefix in foreign)
    return foreign if has_ros else ()


def wheel_distribution() -> str | None:
    """Name of the ROS 2 distribution whose wheels are in this environment, None where there are none."""
    for name in WHEEL_DISTRIBUTIONS:
        try:
            metadata.version(f"ros-{name}-rclpy")
        except metadata.PackageNotFoundError:
            continue
        return name
    return None


def find_ros(environ: Mapping[str, str] = os.environ) -> RosInstallation:
    """The ROS 2 that this process uses.

    Raises:
        RosUnavailable: there is none, or wheels and a sourced installation would get mixed.
    """
    sourced, wheels = sourced_prefixes(environ), wheel_distribution()
    if sourced and wheels:
        raise RosUnavailable(
            f"{PREFIX} holds the ROS 2 {wheels} wheels, but the installation in {sourced[-1]} is sourced as well: "
            "use a shell that does not source it, or run `make distclean setup` in this one"
        )
    if sourced:
        return RosInstallation("sourced", environ.get("ROS_DISTRO", "unknown"), sourced)
    if wheels:
        return RosInstallation("wheels", wheels, (PREFIX,))
    raise RosUnavailable("ROS 2 was not found: run `make setup`, or source an installation before starting")


def extra_command(extra: str) -> str:
    """The command that installs an extra of this package (``aria``, ``neon``) into the environment that runs."""
    what = f"-e '{ROOT}[{extra}]'" if (ROOT / "setup.py").is_file() else f"'gaze-vlm-ros[{extra}]'"
    return f"{sys.executable} -m pip install {what}"


def require_messages() -> None:
    """Raise RosUnavailable where `gaze_vlm_msgs` was not built; rclpy is not imported."""
    find_ros()
    spec = importlib.util.find_spec("gaze_vlm_msgs")
    if spec is None or spec.origin is None:
        raise RosUnavailable("the message package gaze_vlm_msgs is not built: run `make setup`")


def resource(relative: str) -> Path:
    """A shipped file or folder such as `config/fastdds.xml` or `launch`: in the checkout, else where it was installed.

    Raises:
        ResourceMissing: it is in neither place.
    """
    shares = [PREFIX, *(Path(entry) for entry in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry)]
    candidates = [ROOT / relative] if (ROOT / "package.xml").is_file() else []
    candidates += [prefix / "share" / "gaze_vlm_ros" / relative for prefix in shares]
    for candidate in candidates:
        if candidate.exists():
            return candidate
    raise ResourceMissing(f"{relative} is missing: install the package again with `make setup`")


def rendering_backend() -> str | None:
    """Value for MUJOCO_GL on a machine without a screen: "egl", else "osmesa", None where neither library is there."""
    for backend, library in (("egl", "libEGL.so.1"), ("osmesa", "libOSMesa.so.8")):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return backend
    return None


def child_environment(
    domain_id: int | None = None, local_only: bool = True, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """All variables for a process of the graph.

    What the user has set for Fast DDS, threads and rendering stays.

    Args:
        domain_id: ROS domain; None leaves the user's.
        local_only: confine discovery to this host; False leaves the user's range, for a real robot.
        environ: variables to start from.

    Raises:
        RosUnavailable: see `find_ros`.
    """
    ros = find_ros(environ)
    child = dict(environ)
    _prepend(child, "AMENT_PREFIX_PATH", [PREFIX])
    _prepend(child, "LD_LIBRARY_PATH", [PREFIX / "lib"] + (_wheel_libraries() if ros.kind == "wheels" else []))
    _prepend(child, "PATH", [PREFIX / "bin"])
    for name in PROFILE_VARIABLES:
        child.setdefault(name, str(resource("config/fastdds.xml")))
    for name in THREAD_VARIABLES:
        child.setdefault(name, "1")
    backend = rendering_backend()
    if backend:
        child.setdefault("MUJOCO_GL", backend)
    if local_only:
        child["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    if domain_id is not None:
        child["ROS_DOMAIN_ID"] = str(domain_id)
    return child


def enter(domain_id: int | None = None, local_only: bool = True) -> None:
    """Give this process the environment of the graph; call it before rclpy, torch or mujoco are imported.

    Libraries are looked up where the variables pointed when the process started: where that is wrong, the process
    replaces itself once by the same command in the right environment.
    """
    wanted = child_environment(domain_id, local_only)
    restart = wanted["LD_LIBRARY_PATH"] != os.environ.get("LD_LIBRARY_PATH", "")
    os.environ.update(wanted)
    if restart:
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], wanted)


def end_with(parent: int) -> None:
    """Asks the kernel for SIGTERM when the process ``parent``, which started this one, ends, even by SIGKILL.

    Call it early in the child. Only Linux can do this; elsewhere nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(3)


class DomainLease:
    """A ROS domain of one's own on this host, held until `close` or until the process ends.

    Two demos at once never hear each other. The mark is an abstract socket, which the system removes with the process.
    """

    def __init__(self, domains: range = DOMAINS) -> None:
        start = os.getpid() % len(domains)
        for domain in [*domains[start:], *domains[:start]]:
            mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                mark.bind(f"\0gaze_vlm_ros/domain/{domain}")
            except OSError:
                mark.close()
                continue
            self.domain_id, self._mark = domain, mark
            return
        raise NoFreeDomain(f"ROS domains {domains[0]} to {domains[-1]} are all in use: end another run first")

    def close(self) -> None:
        """Give the domain back."""
        self._mark.close()

    def __enter__(self) -> DomainLease:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def clear_shared_memory() -> None:
    """Removes the files of Fast DDS in /dev/shm that no living process holds; does nothing where its tool is absent.

    A killed node leaves 35 MB of them, and perhaps a lock for which the next node would wait.
    """
    tool = shutil.which("fastdds", path=os.pathsep.join([str(PREFIX / "bin"), os.environ.get("PATH", "")]))
    if tool is None:
        return
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run([tool, "shm", "clean"], capture_output=True, timeout=CLEARED_WITHIN_S)


def _wheel_libraries() -> list[Path]:
    """Folders with the libraries that the ROS wheels brought along."""
    packages = PREFIX / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    return sorted(packages.glob("ros_*.libs"))


def _prepend(environ: dict[str, str], name: str, folders: list[Path]) -> None:
    """Put the folders that a search path lacks at its front; a path that has them stays as it is."""
    present = [entry for entry in environ.get(name, "").split(os.pathsep) if entry]
    added = [str(folder) for folder in folders if str(folder) not in present]
    environ[name] = os.pathsep.join([*added, *present])
