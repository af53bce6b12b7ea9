"""A lane: a process on one core that does as many frames as it is told, and says how long they took.

Lanes stay alive, so that rivals take turns within seconds on a machine whose speed drifts. This module and what the
rivals' environment runs need nothing but the standard library.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FRAMES_PER_S = 15
PHYSICS_STEP_S = 0.004


class LaneError(RuntimeError):
    """A lane could not be set up or has died; its own words are in the message."""


@dataclass(frozen=True)
class Burst:
    """``frames`` done in ``wall_s``, for which the process and its threads used ``cpu_s`` of a core."""

    frames: int
    wall_s: float
    cpu_s: float

    @property
    def per_s(self) -> float:
        return self.frames / self.wall_s

    @property
    def per_cpu_s(self) -> float:
        return self.frames / self.cpu_s


def stay_on_one_core() -> None:
    """Keeps this process and what it starts on one core, the last it may use. Call it before the software renderer
    counts the cores, so before the first picture.
    """
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def steps_of_frame(number: int) -> int:
    """Physics steps of frame ``number``: 16 or 17, so that 15 frames are a second of simulated time."""
    per_frame = 1.0 / FRAMES_PER_S / PHYSICS_STEP_S
    return round((number + 1) * per_frame) - round(number * per_frame)


def serve(next_scene: Callable[[], Callable[[], None]]) -> None:
    """In the lane: for each number read, does so many frames of the next scene and prints one line about it.

    ``next_scene`` returns the function that does a frame; setting it up is not measured, and neither are three frames
    to warm up.
    """
    out, sys.stdout = sys.stdout, sys.stderr
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        frame, frames = next_scene(), int(line)
        for _ in range(3):
            frame()
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        for _ in range(frames):
            frame()
        spent = {"wall_s": time.perf_counter() - wall_s, "cpu_s": time.process_time() - cpu_s}
        print(json.dumps({"frames": frames, **spent}), file=out, flush=True)


class Lane:
    """The other end: starts ``command`` and lets it run bursts."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self._name, self._log = " ".join(command), log
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with log.open("w") as errors:
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=errors, **pipes)
        self._read()

    def burst(self, frames: int) -> Burst:
        print(frames, file=self._process.stdin, flush=True)
        return Burst(**json.loads(self._read()))

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _read(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise LaneError(f"{self._name} ended:\n{self._log.read_text()[-1500:].strip()}")
        return line
