"""Worker processes for long jobs: a worker that is killed costs its job, which is then given to another one."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from gaze_vlm_ros.environment import end_with
from gaze_vlm_ros.errors import GazeVlmError

JOBS_OF_A_WORKER = 50
"""After so many jobs a worker is replaced, so that what the graphics library leaks stays small."""
_TRIES = 2


class WorkerError(GazeVlmError):
    """A job cannot be done: its worker died, again and again, or said why not."""


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    jobs: int = 0
    job: object = None


def run_jobs(function: Callable, jobs: Sequence, workers: int, what: str = "job") -> Iterator:
    """Yields each of ``jobs`` when ``function(job)`` has returned in one of ``workers`` processes, in any order.

    ``function`` is a module's own, jobs are picklable and hashable. What it raises is raised here, and ends all.
    Raises WorkerError where a job's worker was killed twice. Where this process is killed, the kernel ends the workers;
    elsewhere than on Linux they end after their job.
    """
    waiting, tries = list(reversed(jobs)), Counter()
    crew: list[_Worker] = []
    try:
        while waiting or crew:
            while waiting and len(crew) < workers:
                crew.append(_hire(function))
                _give(crew[-1], waiting)
            for pipe in wait([worker.pipe for worker in crew]):
                worker = next(worker for worker in crew if worker.pipe is pipe)
                try:
                    error = pipe.recv()
                except EOFError:
                    crew.remove(worker)
                    tries[worker.job] += 1
                    if tries[worker.job] == _TRIES:
                        raise WorkerError(_obituary(worker, what)) from None
                    waiting.append(worker.job)
                    continue
                if error is not None:
                    raise error
                done = worker.job
                if waiting and worker.jobs < JOBS_OF_A_WORKER:
                    _give(worker, waiting)
                else:
                    _dismiss(worker)
                    crew.remove(worker)
                yield done
    finally:
        for worker in crew:
            worker.process.terminate()
        for worker in crew:
            worker.process.join()


def _hire(function: Callable) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(function, theirs), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _give(worker: _Worker, waiting: list) -> None:
    worker.job = waiting.pop()
    worker.jobs += 1
    with contextlib.suppress(BrokenPipeError):  # it has died; that is found when its answer is waited for
        worker.pipe.send(worker.job)


def _dismiss(worker: _Worker) -> None:
    worker.pipe.close()
    worker.process.join()


def _obituary(worker: _Worker, what: str) -> str:
    worker.process.join()
    code = worker.process.exitcode
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"the worker of {what} {worker.job} was {how}, {_TRIES} times; is there enough memory?"


def _work(function: Callable, pipe: Connection) -> None:
    """One worker: a job, an answer, until nobody is there who asks."""
    end_with(multiprocessing.parent_process().pid)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which then ends the workers
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", LP_NUM_THREADS="1")
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            job = pipe.recv()
            try:
                function(job)
            except GazeVlmError as error:
                pipe.send(error)
            except Exception as error:
                pipe.send(WorkerError(f"{type(error).__name__}: {error}"))
                raise
            else:
                gc.collect()  # a simulation's parts know each other: unasked, its hundred megabytes stay for long
                pipe.send(None)
