"""Makes a data set of simulated episodes with several processes, on one machine or several; goes on where it was left.

An episode depends on its seed alone, and its split is drawn from the seed too, so that no test episode can have a
neighbour in training. Finished episodes are kept, whatever happens.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from gaze_vlm_ros.training.crew import run_jobs
from gaze_vlm_ros.training.shards import manifest
from gaze_vlm_ros.training.shards.files import WriteError, only_one
from gaze_vlm_ros.training.shards.lerobot import LeRobotWriter
from gaze_vlm_ros.training.shards.schema import DataError, RecordOptions
from gaze_vlm_ros.training.shards.writer import BLOCK, ShardWriter

Writer = ShardWriter | LeRobotWriter
WRITERS: dict[str, type[Writer]] = {writer.kind: writer for writer in (ShardWriter, LeRobotWriter)}


@dataclass(frozen=True)
class Request:
    """Which episodes are wanted: the seeds ``first_seed`` and on; of them machine ``shard[0]`` of ``shard[1]`` makes
    every n-th block.
    """

    episodes: int
    first_seed: int = 0
    shard: tuple[int, int] = (0, 1)
    options: RecordOptions = RecordOptions()

    def __post_init__(self) -> None:
        if self.episodes < 1 or self.first_seed < 0:
            raise DataError(
                f"at least one episode from seed 0 on is needed, got {self.episodes} from seed {self.first_seed}"
            )
        number, machines = self.shard
        if not 0 <= number < machines:
            valid = f"0/{machines} to {machines - 1}/{machines}" if machines > 1 else "0/1, or more parts"
            raise DataError(f"--shard is i/n with i from 0 to n - 1, here {valid}; got {number}/{machines}")

    @property
    def wanted(self) -> list[int]:
        """The seeds of all machines."""
        return list(range(self.first_seed, self.first_seed + self.episodes))

    @property
    def seeds(self) -> list[int]:
        """The seeds of this machine."""
        number, machines = self.shard
        return [seed for seed in self.wanted if seed // BLOCK % machines == number]


def generate(
    folder: Path,
    request: Request,
    workers: int = 2,
    kind: str = ShardWriter.kind,
    on_progress: Callable[[int, int], None] = lambda done, wanted: None,
) -> int:
    """Makes those episodes of ``request`` that ``folder`` lacks; returns how many. ``on_progress`` gets how many there
    are and how many are wanted.

    Raises DataError where the folder holds something else, another process works at it, or the disk is full.
    """
    if workers < 1:
        raise DataError(f"at least one worker is needed, got {workers}")
    WRITERS[kind].check(request.options)
    manifest.refuse_foreign(folder)
    with only_one(folder, "shard-{}-of-{}".format(*request.shard)):
        writer = WRITERS[kind](folder, request.options)
        seeds, there = request.seeds, writer.present()
        missing = [seed for seed in seeds if seed not in there]
        writer.prepare(seeds)
        try:
            for made in _make_all(writer, seeds, missing, workers):
                on_progress(len(seeds) - len(missing) + made, len(seeds))
            writer.close(request.wanted)
        except WriteError as error:
            kept = len(writer.present().intersection(seeds))
            raise WriteError(
                f"{error}; {kept} of {len(seeds)} episodes are complete and kept: make room, then run the same again"
            ) from None
        finally:
            writer.prepare(seeds)
    return len(missing)


def _make_all(writer: Writer, seeds: list[int], missing: list[int], workers: int) -> Iterator[int]:
    """Makes ``missing`` and finishes every block of ``seeds`` that is complete; yields how many are made."""
    blocks = _Blocks(seeds, missing)
    for block in blocks.complete():
        writer.finish(block)
    yield 0
    make = functools.partial(_make, str(writer.folder), writer.kind, writer.options)
    with contextlib.closing(run_jobs(make, missing, min(workers, len(missing)), "episode")) as made:
        for number, seed in enumerate(made, 1):
            if block := blocks.done(seed):
                writer.finish(block)
            yield number


class _Blocks:
    """Which blocks of seeds are complete."""

    def __init__(self, seeds: list[int], missing: list[int]) -> None:
        self._seeds: dict[int, list[int]] = {}
        for seed in seeds:
            self._seeds.setdefault(seed // BLOCK, []).append(seed)
        self._missing: dict[int, set[int]] = {block: set() for block in self._seeds}
        for seed in missing:
            self._missing[seed // BLOCK].add(seed)

    def complete(self) -> list[list[int]]:
        """The seeds of every block of which nothing is missing."""
        return [self._seeds[block] for block, missing in self._missing.items() if not missing]

    def done(self, seed: int) -> list[int]:
        """Notes that ``seed`` is there; the seeds of its block if that was the last one, else nothing."""
        missing = self._missing[seed // BLOCK]
        missing.discard(seed)
        return [] if missing else self._seeds[seed // BLOCK]


def _make(folder: str, kind: str, options: RecordOptions, seed: int) -> None:
    """In a worker: one episode."""
    from gaze_vlm_ros.training.record import record_episode  # noqa: PLC0415 - only workers need a simulator

    cv2.setNumThreads(1)
    WRITERS[kind](Path(folder), options).write(seed, record_episode(seed, options))
