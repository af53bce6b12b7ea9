"""Starts the nodes of a deployment as processes, again where they die, and leaves none of them behind."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from gaze_vlm_ros.environment import child_environment, clear_shared_memory
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.graph import PARENT_VARIABLE, Deployment, NodeSpec, Value, parameters_path
from gaze_vlm_ros.supervision import WRONG_INPUT, Restarts

STOP_WITHIN_S = 8.0
_ERROR = re.compile(r"^(\[?(ERROR|FATAL)\]?|[\w.-]+: error:) ")
_LINE_FORMAT = "{severity} {message}"


class NodeDied(GazeVlmError):
    """A node of the graph cannot start, or died too often."""


@dataclass
class _Process:
    spec: NodeSpec
    popen: subprocess.Popen
    reader: threading.Thread
    restarts: Restarts = field(default_factory=Restarts)
    due_s: float | None = None
    """When it is started again; None while it runs."""
    complaint: str = ""
    """Its first error, else its last line."""
    has_complained: bool = False

    @property
    def told(self) -> str:
        """How it ended, and why."""
        self.reader.join(1.0)
        if self.popen.returncode == -signal.SIGKILL:  # nothing that it said was why
            return f"{self.spec.name} ended {_how(self.popen.returncode)}"
        return f"{self.spec.name} ended {_how(self.popen.returncode)}: {self.complaint or 'it said nothing'}"

    def hear(self, line: str) -> None:
        error = _ERROR.search(line)
        if not self.has_complained:
            self.complaint = line[error.end() :] if error else line
        self.has_complained |= error is not None


def command(spec: NodeSpec, deployment: Deployment) -> list[str]:
    """The command line of one node."""
    words = [
        sys.executable,
        "-m",
        spec.module,
        "--ros-args",
        "--disable-external-lib-logs",
        "-r",
        f"__node:={spec.name}",
        "--enclave",
        spec.enclave,
    ]
    words += ["-r", f"__ns:=/{deployment.namespace}", "--params-file", str(parameters_path(deployment))]
    for name, value in spec.given.items():
        words += ["-p", f"{name}:={_as_yaml(value)}"]
    for topic, other in spec.remap.items():
        words += ["-r", f"{topic}:={other}"]
    return words


def _as_yaml(value: Value) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=10_000).removesuffix("\n").removesuffix("\n...")


class ProcessGraph:
    """The running processes of one deployment; use it as a context, from the main thread.

    Each node leads a session of its own, so that Ctrl-C reaches this process alone, which then ends the nodes in
    reverse order. Where this process is killed, the kernel ends the nodes. ``check`` starts again what died; to bring
    it back to its state is the life-cycle manager's part.
    """

    def __init__(self, deployment: Deployment, domain_id: int | None, on_line: Callable[[str], None] = print) -> None:
        """Starts the processes. ``on_line`` gets each line of output, with the node's name before it."""
        self.deployment = deployment
        self._on_line = on_line
        self._processes: list[_Process] = []
        self._environment = child_environment(domain_id, local_only=deployment.own_domain) | {
            PARENT_VARIABLE: str(os.getpid()),
            "RCUTILS_COLORIZED_OUTPUT": "0",
            "PYTHONUNBUFFERED": "1",
            "RCUTILS_CONSOLE_OUTPUT_FORMAT": _LINE_FORMAT,
        }
        for name in end_orphans():
            on_line(f"{name:>17} | WARN was left hanging by an earlier run; it was killed")
        clear_shared_memory()
        try:
            for spec in deployment.nodes:
                self._processes.append(self._start(spec, Restarts(deployment.restarts)))
        except BaseException:
            self.stop()
            raise

    def _start(self, spec: NodeSpec, restarts: Restarts) -> _Process:
        popen = subprocess.Popen(
            command(spec, self.deployment),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        process = _Process(spec, popen, threading.Thread(daemon=True), restarts)
        process.reader = threading.Thread(target=self._pass_on, args=(process,), daemon=True)
        process.reader.start()
        return process

    def _pass_on(self, process: _Process) -> None:
        for line in process.popen.stdout:
            text = line.rstrip()
            if text:
                process.hear(text)
                self._on_line(f"{process.spec.name:>17} | {text}")

    @property
    def pids(self) -> dict[str, int]:
        return {process.spec.name: process.popen.pid for process in self._processes}

    def check(self) -> bool:
        """Whether the graph runs; False once it has ended well. Starts again what died, after a pause if need be.

        Raises NodeDied, with the node and its reason, for one that cannot start or died too often, and with the
        life-cycle manager's own words where that gave up.
        """
        manager = self._processes[-1]
        for process in self._processes:
            if process.popen.poll() is not None and process is not manager:
                self._revive(process)
        if manager.popen.poll() is None:
            return True
        if manager.popen.returncode == 0:
            return False
        if manager.popen.returncode > 0:
            manager.reader.join(1.0)
            raise NodeDied(manager.complaint or manager.told)
        self._revive(manager)
        return True

    def _revive(self, process: _Process) -> None:
        """Has a process that ended started again once its pause is over. Raises NodeDied where it is given up."""
        now = time.monotonic()
        if process.due_s is None:
            pause_s = None if process.popen.returncode == WRONG_INPUT else process.restarts.pause_s(now)
            if pause_s is None:
                raise NodeDied(process.restarts.in_words + process.told)
            process.due_s = now + pause_s
            self._on_line(f"{process.spec.name:>17} | WARN {process.told}; it is started again in {pause_s:g} s")
        if now >= process.due_s:
            self._kill_session(process)
            self._processes[self._processes.index(process)] = self._start(process.spec, process.restarts)

    def wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Waits until ``until`` holds or the time is over; False once the graph has ended well. Raises NodeDied."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            if not self.check():
                return False
            time.sleep(0.05)
        return self.check()

    def stop(self) -> None:
        """Ends every process, the last one first, and kills what does not end in time."""
        end = time.monotonic() + STOP_WITHIN_S
        for process in reversed(self._processes):
            if process.popen.poll() is None:
                process.popen.send_signal(signal.SIGTERM)
                self._wait_for(process, max(0.1, end - time.monotonic()))
        for process in self._processes:
            self._kill_session(process)
            process.popen.wait()
            process.reader.join(1.0)

    def _wait_for(self, process: _Process, seconds: float) -> None:
        try:
            process.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._on_line(f"{process.spec.name:>17} | does not end")

    @staticmethod
    def _kill_session(process: _Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.popen.pid, signal.SIGKILL)

    def __enter__(self) -> ProcessGraph:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def end_orphans() -> list[str]:
    """Kills nodes that hang (stopped) although the launcher that started them is gone; returns their names.

    A node is told to end when its launcher dies, but one that is stopped hears nothing and keeps its ports.
    """
    mark, ended = f"{PARENT_VARIABLE}=".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):  # others' processes, and those that end meanwhile
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "Tt":
                continue
            variables = (folder / "environ").read_bytes().split(b"\0")
            launcher = next((int(one.removeprefix(mark)) for one in variables if one.startswith(mark)), None)
            if launcher is None or launcher == int(parent):
                continue
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            ended.append(next((w.removeprefix("__node:=") for w in words if w.startswith("__node:=")), words[0]))
            os.kill(int(folder.name), signal.SIGKILL)
    return ended


def _how(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
