"""What a shard holds: ``train-000003.json`` beside ``train-000003.tar``. It can always be read off the shard again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from gaze_vlm_ros.training.shards import archive
from gaze_vlm_ros.training.shards.schema import SPLITS, DataError

PARTS = ".parts"
"""Folder of the episodes that are finished and not yet in a shard."""


@dataclass(frozen=True)
class StoredRange:
    """Where the episode ``seed`` lies in its shard [bytes]."""

    seed: int
    frames: int
    offset: int
    bytes: int

    def __post_init__(self) -> None:
        for value in (self.seed, self.frames, self.offset, self.bytes):
            if type(value) is not int or value < 0:
                raise ValueError(f"an episode's place must be whole numbers from 0 on, got {value!r}")


@dataclass(frozen=True)
class ShardIndex:
    """One shard; ``bytes`` and ``sha256`` are of the whole file."""

    path: Path
    split: str
    bytes: int
    sha256: str
    episodes: tuple[StoredRange, ...]

    @property
    def seeds(self) -> set[int]:
        return {item.seed for item in self.episodes}

    def as_dict(self) -> dict:
        return asdict(self) | {"path": self.path.name}


def shards_of(folder: Path, name: str = "*.tar") -> list[Path]:
    """The shards of ``folder``, training first, else in order of their names."""
    found = [path for path in folder.glob(name) if split_of(path) in SPLITS]
    return sorted(found, key=lambda path: (SPLITS.index(split_of(path)), path.name))


def split_of(path: Path) -> str:
    return path.name.split("-")[0]


def index_of(path: Path) -> ShardIndex:
    """The index of one shard; read off the shard itself where the file beside it is missing or of another state.

    Raises DataError where that cannot be done.
    """
    size = path.stat().st_size
    try:
        document = json.loads(path.with_suffix(".json").read_bytes())
        episodes = tuple(StoredRange(**item) for item in document["episodes"])
        index = ShardIndex(path, document["split"], document["bytes"], document["sha256"], episodes)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return _scan(path)
    inside = all(place.offset + place.bytes <= size for place in episodes)
    return index if index.bytes == size and inside else _scan(path)


def _scan(path: Path) -> ShardIndex:
    data = path.read_bytes()
    if data and not archive.begins(data):
        raise DataError(f"{path} is no shard; name a shard or a folder of shards")
    if not data.endswith(archive.END):
        raise DataError(f"{path} is cut off; delete it and generate it again")
    members = [(*archive.split_name(name), first, size) for name, first, size in archive.unpack(data, path)]
    starts = [
        (seed, len({item[1] for item in group}), group[0][3] - archive.HEADER) for seed, group in _by_seed(members)
    ]
    ends = [start for _, _, start in starts[1:]] + [len(data) - len(archive.END)]
    episodes = tuple(
        StoredRange(seed, frames, start, end - start) for (seed, frames, start), end in zip(starts, ends, strict=True)
    )
    return ShardIndex(path, split_of(path), len(data), hashlib.sha256(data).hexdigest(), episodes)


def _by_seed(members: list[tuple]) -> list[tuple[int, list[tuple]]]:
    return [(seed, list(group)) for seed, group in groupby(members, key=lambda item: item[0])]
