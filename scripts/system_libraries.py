"""What has to come from the operating system: looked for by its presence, installed through apt where allowed."""

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

# Shared library or program, and the Debian and Ubuntu package that holds it.
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libOSMesa.so.8": "libosmesa6",
    "libgthread-2.0.so.0": "libglib2.0-0",
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libgomp.so.1": "libgomp1",
}
PROGRAMS = {"cmake": "cmake", "g++": "g++", "make": "make"}


def missing_packages():
    """Names of the packages whose library, program or header is not on this machine."""
    packages = [package for library, package in LIBRARIES.items() if not _loads(library)]
    packages += [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    version = "python{}.{}".format(*sys.version_info[:2])
    if importlib.util.find_spec("ensurepip") is None:
        packages.append(version + "-venv")
    if not Path(sysconfig.get_path("include", vars={"installed_base": sys.base_prefix}), "Python.h").is_file():
        packages.append(version + "-dev")
    return packages


def install(packages, run):
    """Install the packages with `run(command)`; where that is not allowed, exit with the one line for the user."""
    apt = _apt()
    by_hand = "sudo apt-get install --yes --no-install-recommends " + " ".join(packages)
    if apt is None:
        sys.exit("These system packages are missing and only root can install them. Run:\n    " + by_hand)
    run([*apt, "update"])
    run([*apt, "install", "--yes", "--no-install-recommends", *packages])
    left = missing_packages()
    if left:
        sys.exit("apt installed everything, but what {} should hold was not found".format(", ".join(left)))


def _apt():
    """The start of an apt-get call that asks nothing, or None where this user may not make it."""
    if not shutil.which("apt-get"):
        return None
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"]
    if os.geteuid() == 0:
        return quiet
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], check=False, capture_output=True).returncode == 0:
        return [sudo, "-n", *quiet]
    return None


def _loads(library):
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
