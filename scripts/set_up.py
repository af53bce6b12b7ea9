"""Make `.venv`, the whole environment of the package; `make setup` calls this. What is unchanged is left out.

TORCH_INDEX_URL names another package index for torch alone, for a build without CUDA or with another one.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

from gaze_vlm_ros.environment import sourced_prefixes
from scripts import system_libraries

OLDEST, NEWEST = (3, 11), (3, 13)
VERSION = "{}.{}".format(*sys.version_info[:2])
ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "setup.log"
STAMPS = VENV / "stamps"
PIP = [str(PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
PINNED = [*PIP, "-c", "constraints.txt"]
BEAT_S = 30.0
BEGAN_S = time.monotonic()


def run(command):
    """Run the command into the log with a sign of life now and then; exit with the log's tail if it fails."""
    with LOG.open("a") as log:
        log.write("\n+ " + " ".join(map(str, command)) + "\n")
        log.flush()
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        while True:
            try:
                code = process.wait(timeout=BEAT_S)
                break
            except subprocess.TimeoutExpired:
                print(f"      ... {time.monotonic() - BEGAN_S:.0f} s since the start", flush=True)
            except KeyboardInterrupt:
                process.terminate()
                process.wait()
                sys.exit("interrupted: `make setup` goes on where it stopped")
    if code:
        tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-20:])
        sys.exit(f"{tail}\n\nset-up failed at: {' '.join(map(str, command))}\nthe whole log is {LOG}")


def digest(names, *extra):
    """Hash of files below the repository's root and of further texts."""
    total = hashlib.sha256(repr(extra).encode())
    for name in names:
        total.update(name.encode() + b"\0" + (ROOT / name).read_bytes())
    return total.hexdigest()


def step(title, key, act):
    """Carry out `act` unless it was done before with the same key."""
    stamp = STAMPS / title.replace(" ", "_")
    if stamp.exists() and stamp.read_text() == key:
        return
    print(f"  {title} ...", flush=True)
    start = time.monotonic()
    stamp.unlink(missing_ok=True)
    act()
    STAMPS.mkdir(exist_ok=True)
    stamp.write_text(key)
    print(f"  {title}: done in {time.monotonic() - start:.0f} s", flush=True)


def make_venv():
    """An empty environment; one that was left half made is completed."""
    run([sys.executable, "-m", "venv", str(VENV)])


def install_packages():
    """torch first, from its own index where one is named, then all other pinned packages."""
    index = os.environ.get("TORCH_INDEX_URL")
    torch = next(line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.startswith("torch=="))
    run([*PIP, torch, *(["--index-url", index] if index else [])])
    run([*PINNED, "-r", "requirements.txt", "-r", "requirements-dev.txt"])
    run([*PIP, "--no-deps", "-r", "requirements-no-deps.txt"])


def check_flavour(sourced):
    """Exit where ROS wheels and a sourced installation would meet in one environment."""
    wheels = (STAMPS / "ROS_2_wheels").exists()
    if sourced and wheels:
        sys.exit(
            f"{VENV} holds the ROS 2 wheels, but the installation in {sourced[-1]} is sourced as well: "
            "use a shell that does not source it, or run `make distclean` first"
        )


def check_version():
    """Exit where the environment was made with another version of Python than the one that runs this."""
    used = sorted(path.name[len("python") :] for path in (VENV / "lib").glob("python3.*"))
    if used and VERSION not in used:
        sys.exit(f"{VENV} was made with Python {used[0]}, not {VERSION}: `make distclean`, or leave PYTHON out")


def set_up():
    """All steps, each only where it is needed."""
    sourced = sourced_prefixes()
    check_version()
    check_flavour(sourced)
    missing = system_libraries.missing_packages()
    if missing:
        print("  system packages: " + " ".join(missing), flush=True)
        system_libraries.install(missing, run)
    step("environment", VERSION, make_venv)
    pins = ["requirements.txt", "requirements-dev.txt", "requirements-no-deps.txt", "constraints.txt"]
    step("Python packages", digest(pins, VERSION), install_packages)
    if not sourced:
        wheels = ["requirements-ros.txt", "constraints.txt"]
        step("ROS 2 wheels", digest(wheels, VERSION), lambda: run([*PINNED, "-r", "requirements-ros.txt"]))
    package = ["setup.py", "setup.cfg", "pyproject.toml", "package.xml"]
    nodes = sorted(path.name for path in (ROOT / "gaze_vlm_ros" / "nodes").glob("*_node.py"))
    editable = [*PIP, "--no-deps", "--no-build-isolation", "--editable", "."]
    step("gaze_vlm_ros", digest(package, VERSION, nodes), lambda: run(editable))
    definitions = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "gaze_vlm_msgs").rglob("*") if path.is_file())
    inputs = [*definitions, "requirements-ros.txt", "scripts/build_messages.py"]
    build = [str(PYTHON), "scripts/build_messages.py"]
    step("gaze_vlm_msgs", digest(inputs, VERSION, sourced), lambda: run(build))


def main():
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(f"Python {VERSION} does not do: name one of 3.11 to 3.13, as in `make setup PYTHON=python3.12`")
    VENV.mkdir(exist_ok=True)
    with (VENV / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another set-up is running here: waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        start = time.monotonic()
        print(f"Set-up of {VENV}", flush=True)
        set_up()
        print(f"Set-up is complete ({time.monotonic() - start:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
