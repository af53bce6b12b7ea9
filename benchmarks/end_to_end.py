"""From the policy's command to what the controller hears of it, in the running ``sim`` graph."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.deployments import OwnNode, with_nodes
from benchmarks.fault_runs import FIRST_SEED, Unmeasured
from benchmarks.notes import read_notes
from gaze_vlm_ros.cli.processes import ProcessGraph
from gaze_vlm_ros.cli.recorded_run import run_deployment
from gaze_vlm_ros.environment import require_messages
from gaze_vlm_ros.graph import Deployment, build
from gaze_vlm_ros.progress import Progress

POLICY_TRAJECTORY = "assist_policy/joint_trajectory"
QUIET_NS = 50_000_000
"""Silence of the governor, longer than two of its ticks, after which it speaks only because it is asked anew."""
FIFO_PRIORITY = 10


def probed(notes: Path, seed: int, checkpoint: str = "") -> Deployment:
    """The graph ``sim``, whose policy goes unheard while ``benchmarks.prober`` asks for motion in its place."""
    deployment = build("sim", {"seed": str(FIRST_SEED + seed)} | ({"checkpoint": checkpoint} if checkpoint else {}))
    unheard = {POLICY_TRAJECTORY: f"{POLICY_TRAJECTORY}/unheard"}
    nodes = tuple(replace(node, remap=unheard) if node.name == "assist_policy" else node for node in deployment.nodes)
    prober = OwnNode("prober", "prober", given={"path": str(notes), "seed": seed})
    return with_nodes(replace(deployment, nodes=nodes), prober)


def measure(
    seconds: float, seed: int, report: Callable[[float], None] = lambda share: None, checkpoint: str = ""
) -> dict:
    """The keys ``end_to_end_...`` of ``governor``. Raises NodeDied, or Unmeasured where the governor never answered."""
    require_messages()
    with tempfile.TemporaryDirectory() as folder:
        notes, began_s, is_first = Path(folder) / "notes", [], []

        def watch(graph: ProcessGraph) -> None:
            if not began_s:
                is_first.append(put_first(graph.pids["governor"]))
            began_s.append(time.monotonic())
            report(min(1.0, (began_s[-1] - began_s[0]) / seconds))

        quiet = Progress(console=Console(quiet=True))
        run_deployment(probed(notes, seed, checkpoint), Path(folder) / "log.txt", quiet, seconds, watch)
        heard = read_notes(notes, ("commands", "answers"))
    took_ms, unanswered = answers_ms(heard["commands"][:, 1], heard["answers"][:, 1])
    if not took_ms:
        raise Unmeasured("the governor let none of the probing commands pass")
    p50, p99 = np.percentile(took_ms, [50, 99])
    return {
        "end_to_end_ms_p50": round(float(p50), 2),
        "end_to_end_ms_p99": round(float(p99), 2),
        "end_to_end_commands": len(took_ms),
        "end_to_end_unanswered": unanswered,
        "end_to_end_fifo": is_first[0],
    }


def answers_ms(commands_ns: np.ndarray, answers_ns: np.ndarray) -> tuple[list[float], int]:
    """From each command (n,) to the first answer (m,) after it [ms], and how many commands went without, or unheard.

    Both rise. Commands before the first answer are left out, for the governor may not be armed yet, and so is the last.
    One that came while the governor still spoke of the one before has no answer of its own.
    """
    took, without = [], 0
    for command, following in zip(commands_ns[:-1], commands_ns[1:], strict=True):
        index = int(np.searchsorted(answers_ns, command))
        is_answered = index < len(answers_ns) and answers_ns[index] < following
        if index == 0 and not is_answered:
            continue
        if not is_answered or (index and command - answers_ns[index - 1] < QUIET_NS):
            without += 1
        else:
            took.append((int(answers_ns[index]) - int(command)) / 1e6)
    return took, without


def put_first(pid: int) -> bool:
    """Schedules every thread of a process first in, first out, before all usual ones; False where that is forbidden."""
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
    except PermissionError:
        return False
    return True
