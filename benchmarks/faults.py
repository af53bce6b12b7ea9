"""The faults that a running graph has to survive, as a table: what happens, to whom, and what must follow.

Streams are disturbed by ``fault_filters``, processes by signals and neighbours, and strangers speak on our topics.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from benchmarks import fault_filters as filters
from gaze_vlm_ros.types import Hypothesis, JointTrajectory, Prediction, PredictionKind

MANAGED = ("recorder", "governor", "vlm", "gaze", "gaze_target", "assist_policy", "simulator")
FRAMES, GAZE, JOINTS = "scene_camera/image_raw", "gaze/sample", "joint_states"
STRANGER_HZ = 100.0


class Follows(StrEnum):
    """What the robot must do, beside never leaving a limit."""

    STOPS = "withholds commands after a deadline, and comes to rest"
    MAY_GO_ON = "goes on or stops, within every limit"


@dataclass(frozen=True)
class Fault:
    """One row. Exactly one of ``signal_to``, ``on_topic``, ``says`` and ``surroundings`` says how it is brought about.

    ``signal_to`` is a node with the signal that it gets; ``on_topic`` a topic with what makes the filter between its
    publisher and its readers; ``says`` a topic of ours with what a stranger publishes there; ``surroundings`` makes, of
    the nodes' process ids, a context in which the graph suffers. ``restarts`` is for a process that has to be started
    again, ``fresh_graph`` for a fault after which the graph is of no use to another trial.
    """

    name: str
    follows: Follows
    signal_to: tuple[str, signal.Signals] | None = None
    on_topic: tuple[str, Callable[[], filters.Filter]] | None = None
    says: tuple[str, Callable[[int, np.random.Generator], object]] | None = None
    surroundings: Callable[[Mapping[str, int]], AbstractContextManager[None]] | None = None
    restarts: bool = False
    fresh_graph: bool = False

    def __post_init__(self) -> None:
        ways = [self.signal_to, self.on_topic, self.says, self.surroundings]
        if sum(way is not None for way in ways) != 1:
            raise ValueError(f"fault {self.name!r} must be brought about in exactly one way")


def contradicting(stamp_ns: int, random: np.random.Generator) -> Prediction:
    """Sure of another event each time."""
    thing = str(random.choice(["mug", "bottle", "bowl", "plate", "apple"]))
    best = Hypothesis(f"pick up the {thing}", "pick up", thing, probability=0.99)
    return Prediction(stamp_ns, PredictionKind.EVENT, best.text, 0.99, (best,))


def beyond_limits(names: tuple[str, ...]) -> Callable[[int, np.random.Generator], JointTrajectory]:
    """Trajectories far beyond any limit of position or velocity, or of no number at all, of the joints ``names``."""

    def say(stamp_ns: int, random: np.random.Generator) -> JointTrajectory:
        shape = (2, len(names))
        position = random.choice([1e3, -1e3, np.nan, np.inf, 7.0], shape)
        return JointTrajectory(stamp_ns, names, position, random.normal(0.0, 50.0, shape), np.array([0.0, 0.01]))

    return say


@contextmanager
def signalled(pid: int, number: signal.Signals) -> Iterator[None]:
    """Sends a process a signal; one that was stopped goes on afterwards."""
    os.kill(pid, number)
    try:
        yield
    finally:
        if number == signal.SIGSTOP:
            os.kill(pid, signal.SIGCONT)


@contextmanager
def full_disk(pids: Mapping[str, int]) -> Iterator[None]:
    """No file that the recorder writes may grow any more; it stands for a disk that is full."""
    _, hard = resource.prlimit(pids["recorder"], resource.RLIMIT_FSIZE)
    before = resource.prlimit(pids["recorder"], resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pids["recorder"], resource.RLIMIT_FSIZE, before)


@contextmanager
def starved(processes: int | None = None) -> Iterator[None]:
    """Twice as many busy processes as there are processors, at the graph's own priority."""
    context = multiprocessing.get_context("spawn")
    count = processes or 2 * (os.cpu_count() or 1)
    busy = [context.Process(target=_burn, daemon=True) for _ in range(count)]
    for process in busy:
        process.start()
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.join()


def _burn() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            pass


def _rows() -> Iterator[Fault]:
    stop, on = Follows.STOPS, Follows.MAY_GO_ON
    harmless = ("recorder", "gaze", "gaze_target")
    for node in MANAGED:
        follows = on if node in harmless else stop
        yield Fault(f"{node} killed", follows, signal_to=(node, signal.SIGKILL), restarts=True)
        yield Fault(f"{node} hangs", follows, signal_to=(node, signal.SIGSTOP))
    yield Fault("life-cycle manager killed", on, signal_to=("lifecycle_manager", signal.SIGKILL), restarts=True)
    yield Fault("life-cycle manager hangs", on, signal_to=("lifecycle_manager", signal.SIGSTOP))
    yield Fault("frames lost", stop, on_topic=(FRAMES, filters.lost))
    yield Fault("frames frozen", on, on_topic=(FRAMES, filters.frozen))
    yield Fault("frames black", on, on_topic=(FRAMES, filters.black))
    yield Fault("frames delayed by 2 s", stop, on_topic=(FRAMES, lambda: filters.delayed(2.0)))
    yield Fault("frames reordered", on, on_topic=(FRAMES, lambda: filters.reordered(0.1)))
    yield Fault("frames duplicated", on, on_topic=(FRAMES, lambda: filters.duplicated(3)))
    yield Fault("gaze lost", stop, on_topic=(GAZE, filters.lost))
    yield Fault("gaze is NaN", stop, on_topic=(GAZE, filters.nan_gaze))
    yield Fault("gaze stuck", on, on_topic=(GAZE, filters.stuck_gaze))
    yield Fault("gaze jumps", on, on_topic=(GAZE, filters.jumping_gaze))
    yield Fault("joint states lost", stop, on_topic=(JOINTS, filters.lost))
    for topic, what in ((GAZE, "eye tracker"), (JOINTS, "robot")):
        for seconds, words in ((1.0, "1 s ahead"), (-1.0, "1 s back"), (3600.0, "1 h ahead"), (-3600.0, "1 h back")):
            follows = on if topic == GAZE and seconds == -1.0 else stop
            yield Fault(f"clock of the {what} jumps {words}", follows, on_topic=(topic, _shift(seconds)))
    yield Fault("contradicting predictions at 100 Hz", on, says=("gaze_vlm/event", contradicting))
    yield Fault("trajectories beyond the limits", on, says=("assist_policy/joint_trajectory", _beyond_jaco))
    yield Fault("processors starved", on, surroundings=lambda pids: starved())
    yield Fault("disk full", on, surroundings=full_disk, fresh_graph=True)


def _shift(seconds: float) -> Callable[[], filters.Filter]:
    return lambda: filters.shifted(seconds)


def _beyond_jaco(stamp_ns: int, random: np.random.Generator) -> JointTrajectory:
    return beyond_limits(tuple(f"joint_{number}" for number in range(1, 7)))(stamp_ns, random)


FAULTS = tuple(_rows())
