"""Windows streaming out of WebDataset shards: shuffled, divided among processes and data workers, resumable.

It stands on the package's own reader rather than on ``webdataset``'s: a window needs frames that lie apart, so whole
episodes are read, by the byte ranges of the shard's index; and a killed run goes on at the very sample it had reached.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from gaze_vlm_ros.training.pixels.windows import MEMBERS, EpisodeWindows, Window
from gaze_vlm_ros.training.shards.index import ShardIndex, index_of
from gaze_vlm_ros.training.shards.reader import read_episode, shard_paths
from gaze_vlm_ros.training.shards.schema import DataError
from gaze_vlm_ros.vlm.wrap.grid import TokenGrid

_EMPTY_EPOCHS = 8
"""After so many epochs without one window a stream gives up."""


@dataclass(frozen=True)
class Source:
    """What is streamed: the shards of ``split`` in ``data``; windows of ``frames`` frames ``spacing_s`` [s] apart.

    Of ``buffer`` windows that wait, each in turn is drawn at random.
    """

    data: Path
    split: str
    grid: TokenGrid
    frames: int = 5
    spacing_s: float = 1.0
    buffer: int = 512
    seed: int = 0


@dataclass(frozen=True)
class Place:
    """How far a stream has come: windows ``taken`` of its ``epoch``, bad ones among them; ``skipped`` counts bad
    samples, episodes and shards since the start, ``fault`` says what was wrong with the last."""

    epoch: int = 0
    taken: int = 0
    skipped: int = 0
    fault: str = ""


@dataclass(frozen=True)
class Batch:
    """B windows, as in ``Window``, and the ``place`` that the stream ``number`` of its process has then reached."""

    frames: Tensor
    target: Tensor
    gaze: Tensor
    activity: list[str]
    event: list[str]
    number: int = 0
    place: Place = Place()

    @classmethod
    def of(cls, windows: list[Window], number: int = 0, place: Place | None = None) -> Batch:
        tensors = (torch.stack([getattr(w, name) for w in windows]) for name in ("frames", "target", "gaze"))
        sentences = ([getattr(w, name) for w in windows] for name in ("activity", "event"))
        return cls(*tensors, *sentences, number, place or Place())


class Stream:
    """Windows of every ``of``-th shard, from ``number`` on, epoch after epoch; each epoch orders the shards anew.

    What comes depends on the arguments alone; ``place`` is moved on as windows are taken.
    """

    def __init__(self, source: Source, number: int, of: int, place: Place | None = None) -> None:
        self._source, self._number, self._of, self.place = source, number, of, place or Place()
        self._paths = shard_paths(source.data, source.split)
        if len(self._paths) < of:
            raise DataError(
                f"{source.data} has {len(self._paths)} shards of the split {source.split!r} for the {of} data workers"
                " of all processes; use fewer --workers or processes, or generate smaller shards"
            )

    def epoch(self) -> Iterator[Window]:
        """What is left of the present epoch; then the next one has begun."""
        rng = np.random.default_rng([self._source.seed, self.place.epoch])
        shards = rng.permutation(len(self._paths))[self._number :: self._of]
        rng = np.random.default_rng([self._source.seed, self.place.epoch, self._number])
        resumed = self.place
        for count, (episode, window) in enumerate(self._shuffled(shards, rng), start=1):
            if count < resumed.taken:
                continue
            if count == resumed.taken:
                self.place = resumed
                continue
            self.place = replace(self.place, taken=count)
            try:
                decoded = episode.decode(window)
            except DataError as error:
                self._skip(error)
                continue
            yield decoded
        self.place = replace(self.place, epoch=self.place.epoch + 1, taken=0)

    def windows(self) -> Iterator[Window]:
        """Windows without end. Raises DataError where one epoch after another has none."""
        empty = 0
        while empty < _EMPTY_EPOCHS:
            empty += 1
            for window in self.epoch():
                empty = 0
                yield window
        raise DataError(f"{self._source.data} has no window that can be read; the last fault: {self.place.fault}")

    def _shuffled(self, shards: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[EpisodeWindows, int]]:
        waiting: list[tuple[EpisodeWindows, int]] = []
        for episode in self._episodes(shards):
            for window in range(len(episode.indices)):
                waiting.append((episode, window))
                if len(waiting) > self._source.buffer:
                    yield _drawn(waiting, rng)
        while waiting:
            yield _drawn(waiting, rng)

    def _episodes(self, shards: np.ndarray) -> Iterator[EpisodeWindows]:
        for shard in shards:
            try:
                index = index_of(self._paths[shard])
            except (DataError, OSError) as error:
                self._skip(error)
                continue
            yield from self._episodes_of(index)

    def _episodes_of(self, index: ShardIndex) -> Iterator[EpisodeWindows]:
        for stored in index.episodes:
            try:
                found = read_episode(index, stored, MEMBERS)
                episode = EpisodeWindows(found, self._source.grid, self._source.frames, self._source.spacing_s)
                _ = episode.indices
            except (DataError, OSError) as error:
                self._skip(error)
                continue
            yield episode

    def _skip(self, error: Exception) -> None:
        self.place = replace(self.place, skipped=self.place.skipped + 1, fault=str(error))


def _drawn(waiting: list, rng: np.random.Generator):
    place = int(rng.integers(len(waiting)))
    waiting[place], waiting[-1] = waiting[-1], waiting[place]
    return waiting.pop()


class Batches(IterableDataset):
    """Batches of ``size`` windows for process ``rank`` of ``world``, without end.

    Each data worker is a stream of its own and makes whole batches, which the loader takes in turn. ``done`` batches
    were taken before, with the streams then at ``places``.
    """

    def __init__(
        self, source: Source, size: int, rank: int, world: int, done: int = 0, places: dict[int, Place] | None = None
    ) -> None:
        self._source, self._size, self._rank, self._world = source, size, rank, world
        self._done, self._places = done, places or {}

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        workers, turn = (worker.num_workers, worker.id) if worker else (1, 0)
        number = (turn + self._done) % workers
        stream = Stream(self._source, self._rank * workers + number, self._world * workers, self._places.get(number))
        windows = []
        for window in stream.windows():
            windows.append(window)
            if len(windows) == self._size:
                yield Batch.of(windows, number, stream.place)
                windows = []


def loader_of(batches: Batches, workers: int) -> DataLoader:
    """Batches made by ``workers`` processes beside this one, or in it where 0."""
    return DataLoader(batches, batch_size=None, num_workers=workers, collate_fn=_as_it_is)


def _as_it_is(batch: Batch) -> Batch:
    return batch


def first_windows(source: Source, count: int) -> list[Window]:
    """``count`` windows of one epoch, or as many as there are. Raises DataError where there is none."""
    found, stream = [], Stream(source, 0, 1)
    for window in stream.epoch():
        found.append(window)
        if len(found) == count:
            break
    if not found:
        raise DataError(f"{source.data} has no {source.split} window; the last fault: {stream.place.fault or 'none'}")
    return found


def episodes_of(data: Path, split: str) -> int:
    """How many episodes the shards of ``split`` hold, those that are damaged left out."""
    count = 0
    for path in shard_paths(data, split):
        with contextlib.suppress(DataError, OSError):
            count += len(index_of(path).episodes)
    return count
