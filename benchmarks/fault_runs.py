"""The faults of ``faults`` brought about in the running ``sim`` graph, one after the other, and what follows."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.fault_judgement import Judgement, Limits, Log, judge
from benchmarks.faults import FAULTS, Fault, Follows, signalled
from gaze_vlm_ros.cli.processes import NodeDied, ProcessGraph
from gaze_vlm_ros.environment import DomainLease, require_messages
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.graph import build
from gaze_vlm_ros.recording.reader import has_summary
from gaze_vlm_ros.recording.recovery import recover
from gaze_vlm_ros.robots.description import RobotDescription

READY_WITHIN_S, COMMANDED_WITHIN_S, BACK_WITHIN_S = 90.0, 60.0, 60.0
LASTS_S, AFTER_S = 2.5, (0.2, 1.2)
"""How long a fault lasts, and how long after the arm is commanded it comes."""
FIRST_SEED = 2_000_000
"""Added to the seed, so that no kitchen was trained on."""
QUICK = ("gaze lost", "simulator hangs", "trajectories beyond the limits")


class Unmeasured(GazeVlmError):
    """The graph does not come up, or the arm is never commanded."""


@dataclass(frozen=True)
class Trial:
    """What became of one fault. ``lost``: the graph did not outlive it."""

    fault: Fault
    judgement: Judgement
    lost: str = ""


class Running:
    """A graph that is ready, in a domain of its own, with its ``Bystander``."""

    def __init__(self, graph: ProcessGraph, bystander: object, lines: list[str]) -> None:
        self.graph, self.bystander, self.lines = graph, bystander, lines

    def commanded(self) -> None:
        """Waits until the arm is being commanded. Raises Unmeasured with the governor's reason."""
        if not self.bystander.spin(COMMANDED_WITHIN_S, self.bystander.is_commanded):
            raise Unmeasured(
                f"the arm was not commanded within {COMMANDED_WITHIN_S:.0f} s; the governor says: "
                f"{self.bystander.reason or 'nothing'}"
            )


@contextmanager
def running(record: Path, seed: int, checkpoint: str = "") -> Iterator[Running]:
    """The graph ``sim`` with recorder, streams through a bystander. Raises Unmeasured or NodeDied."""
    from benchmarks.fault_bystander import Bystander, disturbable

    arguments = {"record": str(record), "seed": str(FIRST_SEED + seed)}
    deployment = disturbable(build("sim", arguments | ({"checkpoint": checkpoint} if checkpoint else {})))
    lines: list[str] = []
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    with DomainLease() as lease, contextlib.ExitStack() as stack:
        bystander = Bystander(lease.domain_id, deployment.namespace, seed)
        stack.callback(bystander.close)
        graph = stack.enter_context(ProcessGraph(deployment, lease.domain_id, lines.append))
        is_up = bystander.spin(
            READY_WITHIN_S, lambda: any("INFO ready:" in line for line in lines) or not graph.check()
        )
        if not is_up:
            raise Unmeasured(f"the graph was not ready within {READY_WITHIN_S:.0f} s; last words: {lines[-1:]}")
        yield Running(graph, bystander, lines)


@contextmanager
def brought_about(fault: Fault, run: Running) -> Iterator[None]:
    """The fault is there inside."""
    bystander = run.bystander
    if fault.signal_to:
        node, number = fault.signal_to
        with signalled(run.graph.pids[node], number):
            yield
    elif fault.on_topic:
        topic, make = fault.on_topic
        bystander.disturb(topic, make())
        yield
        bystander.disturb(topic, None)
    elif fault.says:
        bystander.speak(*fault.says)
        yield
        bystander.speak(fault.says[0], None)
    else:
        with fault.surroundings(run.graph.pids):
            yield


def trial(fault: Fault, run: Running, limits: Limits, random: np.random.Generator) -> Trial:
    """One fault at a random moment of motion, and the way back. Raises Unmeasured where there is no motion."""
    bystander = run.bystander
    bystander.log = Log()
    run.commanded()
    bystander.spin(random.uniform(*AFTER_S))
    run.commanded()
    is_kill = fault.signal_to is not None and fault.signal_to[1] == signal.SIGKILL
    began_s = time.time()
    with brought_about(fault, run):
        if not is_kill:
            bystander.spin(LASTS_S)
        ended_s = began_s if is_kill else time.time()
    must_stop = fault.follows is Follows.STOPS

    def judged() -> Judgement:
        return judge(bystander.log, limits, must_stop, began_s, ended_s, time.time())

    lost = _watch(run, lambda: judged().recover_s is not None)
    return Trial(fault, judged(), lost)


def _watch(run: Running, is_back: Callable[[], bool]) -> str:
    """Waits until the robot works again; why the graph ended meanwhile, or ""."""
    end = time.monotonic() + BACK_WITHIN_S
    try:
        while time.monotonic() < end:
            run.bystander.spin(0.1)
            if not run.graph.check():
                return "the graph ended"
            if is_back():
                return ""
    except NodeDied as error:
        run.bystander.spin(1.0)  # what the arm does then is part of the trial
        return str(error)
    return f"no work within {BACK_WITHIN_S:.0f} s: {run.bystander.reason}"


def measure(
    faults: Sequence[Fault], times: int, seed: int, report: Callable[[float], None] = lambda share: None,
    on_trial: Callable[[Trial], None] = lambda trial: None, checkpoint: str = "",
) -> dict:  # fmt: skip
    """The keys of the fault matrix over ``times`` trials of each of ``faults``."""
    require_messages()
    random = np.random.default_rng(seed)
    limits = Limits(RobotDescription.load("jaco"))
    todo = [fault for _ in range(times) for fault in faults]
    trials: list[Trial] = []
    recordings = unreadable = 0
    with tempfile.TemporaryDirectory() as folder:
        while len(trials) < len(todo):
            record = Path(folder) / str(recordings) / "run.mcap"
            with running(record, seed + recordings, checkpoint) as run:
                for fault in todo[len(trials) :]:
                    trials.append(trial(fault, run, limits, random))
                    on_trial(trials[-1])
                    report(len(trials) / len(todo))
                    if trials[-1].lost or fault.fresh_graph:
                        break
            recordings += 1
            unreadable += not all(map(is_readable, record.parent.glob("*.mcap")))
    return summary(faults, trials) | {"recordings": recordings, "recordings_unreadable": unreadable}


def is_readable(path: Path) -> bool:
    """Whether a recording is whole, or all of it but its end can be recovered."""
    try:
        return has_summary(path) or recover(path).messages > 0
    except GazeVlmError:
        return False


def summary(faults: Sequence[Fault], trials: Sequence[Trial]) -> dict:
    """The keys from ``faults`` on; a figure that no trial gives is None."""

    def p99(name: str) -> float | None:
        found = [getattr(t.judgement, name) for t in trials if getattr(t.judgement, name) is not None]
        return round(float(np.percentile(found, 99)), 1) if found else None

    back = [t.judgement.recover_s for t in trials if t.judgement.recover_s is not None]
    return {
        "faults": len(faults),
        "trials": len(trials),
        "unsafe": sum(len(t.judgement.unsafe) for t in trials),
        "stop_ms_p99": p99("stop_ms"),
        "rest_ms_p99": p99("rest_ms"),
        "recover_s_max": round(max(back), 2) if back else None,
        "recover_s_each": _slowest(trials),
        "not_back": sorted({t.fault.name for t in trials if t.judgement.recover_s is None}),
        "unsafe_in": sorted({f"{t.fault.name}: {what}" for t in trials for what in t.judgement.unsafe}),
    }


def _slowest(trials: Sequence[Trial]) -> dict[str, float]:
    """By fault the longest way back [s], the longest first."""
    found: dict[str, float] = {}
    for one in trials:
        if one.judgement.recover_s is not None:
            found[one.fault.name] = max(found.get(one.fault.name, -np.inf), round(one.judgement.recover_s, 2))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def chosen(quick: bool) -> list[Fault]:
    """All faults, or the three of a quick run."""
    return [fault for fault in FAULTS if not quick or fault.name in QUICK]
