"""Damaged files and strange messages for everything that reads what comes from outside.

``python -m benchmarks.fuzz --inputs 200000 --seed 0``: one JSON line. Each target runs in a process of its own, so that
a crash of native code is counted and not suffered. What may come out of a target is a result or a GazeVlmError (where
a node refuses the one message, a ValueError too); all else is a crash. A hang is more than a second of processor time.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty

import numpy as np

from benchmarks.fuzz_targets import TARGETS
from gaze_vlm_ros.errors import GazeVlmError

HANG_S = 1.0
SILENT_S = 120.0
"""A process that says nothing for so much of its processor time hangs in native code, which no timer interrupts."""
MEMORY_BYTES = 16 << 30
_REPORT_EVERY = 200


class Hang(BaseException):
    """Raised in the target by the timer; no ``except Exception`` holds it up."""


@dataclass
class Tally:
    """Of one target: inputs tried, refused in words, crashes and hangs with an example of each kind."""

    inputs: int = 0
    refused: int = 0
    crashes: int = 0
    hangs: int = 0
    examples: dict[str, str] = field(default_factory=dict)


def run(name: str, inputs: int, seed: int, say: Callable[[int, Tally], None], seconds: float = float("inf")) -> Tally:
    """``inputs`` of one target, here and now, or as many as ``seconds`` allow."""
    entry = TARGETS[name]
    tally, random, until_s = Tally(), np.random.default_rng([seed, *name.encode()]), time.monotonic() + seconds
    with tempfile.TemporaryDirectory(dir=_memory_folder()) as folder:
        target = entry.make(Path(folder), random)
        while tally.inputs < inputs and time.monotonic() < until_s:
            say(tally.inputs, tally)
            _one(target, (GazeVlmError, *entry.allowed), tally)
    return tally


def _one(target: Callable[[], object], allowed: tuple[type[Exception], ...], tally: Tally) -> None:
    tally.inputs += 1
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    try:
        target()
    except allowed as error:
        tally.refused += 1
        if "\n" in str(error) and isinstance(error, GazeVlmError):
            _keep(tally, "several lines", error)
    except Hang as error:
        tally.hangs += 1
        _keep(tally, "hang", error)
    except Exception as error:  # exactly what is looked for
        tally.crashes += 1
        _keep(tally, type(error).__name__, error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)


def _keep(tally: Tally, kind: str, error: BaseException) -> None:
    """One example of each kind at each place."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "gaze_vlm_ros" in frame.filename] or frames
    place = f"{kind} at {Path(own[-1].filename).name}:{own[-1].lineno}"
    tally.examples.setdefault(place, str(error)[:200])


def _child(name: str, inputs: int, seed: int, seconds: float, queue: multiprocessing.Queue) -> None:
    signal.signal(signal.SIGPROF, _raise_hang)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)

    def say(number: int, tally: Tally) -> None:
        if number % _REPORT_EVERY == 0:
            queue.put((name, tally, False))

    try:
        queue.put((name, run(name, inputs, seed, say, seconds), True))
    except Exception as error:  # the target could not even be set up
        broken = Tally(crashes=1)
        _keep(broken, "set-up", error)
        queue.put((name, broken, True))


def _raise_hang(*_: object) -> None:
    raise Hang(f"more than {HANG_S} s of processor time")


def _memory_folder() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def measure(
    inputs: int, seed: int, report: Callable[[float], None] = lambda share: None, names: Sequence[str] = tuple(TARGETS),
    seconds: float = float("inf"),
) -> dict[str, Tally]:  # fmt: skip
    """``inputs`` shared by the targets by their weights; at least ten each. As many targets at once as processors."""
    weights = {name: TARGETS[name].weight / sum(TARGETS[other].weight for other in names) for name in names}
    workers = len(os.sched_getaffinity(0))
    tallies = {}
    with ThreadPoolExecutor(workers) as pool:

        def tried(name: str) -> Tally:
            count = max(10, math.ceil(inputs * weights[name]))
            return _watched(name, count, seed, min(workers, len(names)) * seconds * weights[name])

        for name, tally in zip(names, pool.map(tried, names), strict=True):
            tallies[name] = tally
            report(len(tallies) / len(names))
    return tallies


def _watched(name: str, inputs: int, seed: int, seconds: float) -> Tally:
    """The tally of a target's process; one that dies or falls silent counts as a crash or a hang."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_child, args=(name, inputs, seed, seconds, queue), daemon=True)
    process.start()
    tally, over, heard_s = Tally(), False, 0.0
    while not over:
        try:
            _, tally, over = queue.get(timeout=0.5)
            heard_s = _processor_s(process.pid)
        except Empty:
            if not process.is_alive() and queue.empty():
                tally.crashes += 1
                tally.examples[f"process ended with {process.exitcode}"] = "native code"
                break
            if _processor_s(process.pid) - heard_s > SILENT_S:
                tally.hangs += 1
                tally.examples["silent"] = "native code"
                break
    process.kill()
    process.join()
    return tally


def _processor_s(pid: int) -> float:
    """Processor time of a process so far [s]; 0 where it has ended."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def summary(tallies: dict[str, Tally]) -> dict:
    """The key ``fuzz``: ``inputs``, ``crashes``, ``hangs``, and what they were."""
    total = Counter()
    for tally in tallies.values():
        total.update(inputs=tally.inputs, refused=tally.refused, crashes=tally.crashes, hangs=tally.hangs)
    examples = {f"{name}: {place}": text for name, tally in tallies.items() for place, text in tally.examples.items()}
    return {key: total[key] for key in ("inputs", "refused", "crashes", "hangs")} | {
        "targets": {name: tally.inputs for name, tally in tallies.items()},
        "examples": examples,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=200_000, help="over all targets (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="and no longer than that")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=list(TARGETS), metavar="TARGET")
    options = parser.parse_args(arguments)
    tallies = measure(
        options.inputs, options.seed, lambda share: print(f"fuzz {share:.0%}", file=sys.stderr, flush=True),
        options.only, options.seconds,
    )  # fmt: skip
    print(json.dumps(summary(tallies)))


if __name__ == "__main__":
    main()
