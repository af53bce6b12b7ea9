"""How much of a recording a kill loses: a real writer in a process of its own, a real SIGKILL, a real recovery."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.recording.reader import iter_messages
from gaze_vlm_ros.recording.recovery import recover

AT_ONCE = 4
"""Recorders that write beside each other, each slow, into a file of its own."""


class Unmeasured(GazeVlmError):
    """The writing process did not start."""


def write_for_ever(path: Path) -> None:
    """200 messages a second of one topic, each with the time at which it was handed over as its log time."""
    from gaze_vlm_ros.recording.definitions import MessageDefinitions
    from gaze_vlm_ros.recording.writer import McapWriter

    share = path.parent / "share"
    (share / "std_msgs" / "msg").mkdir(parents=True)
    (share / "std_msgs" / "msg" / "Bool.msg").write_text("bool data\n")
    writer = McapWriter(path, MessageDefinitions([share]))
    print("writing", flush=True)
    while True:
        now_ns = time.time_ns()
        writer.write("/t", "std_msgs/msg/Bool", b"\0\1\0\0\1", now_ns, now_ns)
        time.sleep(0.005)


def loss_s(after_s: float) -> float:
    """From the last message that was recovered to the kill, which comes ``after_s`` after the start of writing [s]."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.mcap"
        command = [sys.executable, "-m", "benchmarks.recording_loss", str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            if process.stdout.readline().strip() != "writing":
                raise Unmeasured("the writing process did not start; run it alone to see why: " + " ".join(command))
            time.sleep(after_s)
            killed_ns = time.time_ns()
            os.kill(process.pid, signal.SIGKILL)
        finally:
            process.kill()
            process.wait()
        summary = recover(path)
        assert [item.sequence for item in iter_messages(summary.path)] == list(range(summary.messages))
        return (killed_ns - summary.end_ns) / 1e9


def measure(trials: int, seed: int, report: Callable[[float], None] = lambda share: None) -> dict:
    """The key ``recording_loss_s_max`` over kills at random moments."""
    moments = np.random.default_rng(seed).uniform(1.5, 4.0, trials).tolist()
    losses = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for loss in pool.map(loss_s, moments):
            losses.append(loss)
            report(len(losses) / trials)
    return {"recording_loss_s_max": round(max(losses), 3), "recording_kills": trials}


if __name__ == "__main__":
    write_for_ever(Path(sys.argv[1]))
