"""The streaming figures of the vision-language model: ``python -m benchmarks.vlm_streaming``, one JSON line.

What goes on is on standard error. benchmarks/README.md says what each key is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.lane import ROOT, LaneError
from benchmarks.memory import resident_mib
from gaze_vlm_ros.cli.demo import DEMO_FIRST_SEED
from gaze_vlm_ros.cli.processes import ProcessGraph
from gaze_vlm_ros.cli.recorded_run import run_graph
from gaze_vlm_ros.environment import rendering_backend, require_messages
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.report.collect import collect
from gaze_vlm_ros.report.summary import summarise
from gaze_vlm_ros.vlm.checkpoint import default_checkpoint

TOPIC = "gaze_vlm/event"
PARTS = ("graph", "process")


@dataclass(frozen=True)
class Counts:
    """Windows that are timed beside the rivals, and how long the graph runs [s]."""

    windows: int = 40
    graph_s: float = 60.0


QUICK = Counts(3, 8.0)
"""Shows that everything runs; the figures mean nothing."""


def measure(
    seed: int, counts: Counts | None = None, checkpoint: Path | None = None, parts: Sequence[str] = PARTS
) -> dict:
    """The streaming keys of the VLM's JSON line, measured now; ``seed`` chooses kitchen and wearer.

    ``graph``: ``age_ms`` (``p50``, ``p95``), ``rate_hz``, ``rss_mib``. ``process``: ``speedup_vs_generate``,
    ``block_overhead`` and what they are made of. Raises GazeVlmError where a node dies or ROS is missing, LaneError
    where the rivals cannot run.
    """
    counts, checkpoint = counts or Counts(), checkpoint or default_checkpoint()
    found: dict = {"seed": seed}
    if "graph" in parts:
        found |= in_graph(checkpoint, DEMO_FIRST_SEED + seed, counts.graph_s)
    if "process" in parts:
        found |= in_process(checkpoint, DEMO_FIRST_SEED + seed, counts.windows)
    return found


def in_process(checkpoint: Path, seed: int, windows: int) -> dict:
    """``benchmarks.vlm_lanes`` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.vlm_lanes", str(checkpoint), str(seed), str(windows)]
    backend = os.environ.get("MUJOCO_GL") or rendering_backend() or "osmesa"
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "MUJOCO_GL": backend}, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise LaneError(f"benchmarks.vlm_lanes ended with exit code {done.returncode}; its own words are above")
    return json.loads(done.stdout.splitlines()[-1])


def in_graph(checkpoint: Path, seed: int, seconds: float) -> dict:
    """Age and rate of the event predictions, and the most resident memory of the VLM node, in the recorded graph."""
    require_messages()
    resident: list[float] = []

    def watch(graph: ProcessGraph) -> None:
        resident.append(resident_mib(graph.pids["vlm"]))

    with tempfile.TemporaryDirectory() as folder, Progress() as progress:
        recording, log = Path(folder) / "run.mcap", Path(folder) / "log.txt"
        arguments = {"seed": str(seed), "record": str(recording), "checkpoint": str(checkpoint)}
        run_graph("sim", arguments, log, progress, seconds, watch)
        figures = summarise(collect(recording)[0], {})
    age = figures["age_ms"].get(TOPIC) or {}
    return {
        "age_ms": {name: age.get(name) for name in ("p50", "p95")},
        "rate_hz": figures["rate_hz"].get(TOPIC),
        "rss_mib": round(max(resident), 1),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vlm_streaming", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of kitchen and wearer (default %(default)s)")
    parser.add_argument("--checkpoint", type=Path, help="folder of the model; the shipped one by default")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--quick", action="store_true", help="tiny counts, to see that all runs; figures mean nothing")
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error("--seed must not be negative")
    print(json.dumps(measure(options.seed, QUICK if options.quick else Counts(), options.checkpoint, options.only)))


if __name__ == "__main__":
    main()
