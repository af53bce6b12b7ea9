"""Episodes out of WebDataset shards."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from gaze_vlm_ros.training.shards import archive, manifest
from gaze_vlm_ros.training.shards.codec import (
    DEPTH,
    FLOW,
    INSTANCE,
    LABELS,
    MEMBERS,
    RGB,
    SEGMENTATION,
    decode_header,
    decode_labels,
    decode_picture,
)
from gaze_vlm_ros.training.shards.index import PARTS, ShardIndex, StoredRange, index_of, shards_of, split_of
from gaze_vlm_ros.training.shards.schema import SPLITS, DataError, EpisodeHeader, FrameRecord, Labels, Pictures


@dataclass(frozen=True)
class StoredEpisode:
    """One episode as it lies in a shard: ``members[name]`` is the encoded member of each frame; decoded when asked."""

    seed: int
    members: dict[str, list[bytes]]

    def __len__(self) -> int:
        return max(map(len, self.members.values()))

    @cached_property
    def header(self) -> EpisodeHeader:
        """What holds for the whole episode. Raises DataError where it cannot be read."""
        return self._named(0, LABELS, decode_header)

    @cached_property
    def labels(self) -> list[Labels]:
        """The labels of every frame. Raises DataError where they cannot be read."""
        return [self._named(index, LABELS, decode_labels) for index in range(len(self))]

    def column(self, name: str) -> np.ndarray:
        """One label of every frame, (N, ...)."""
        return np.array([getattr(labels, name) for labels in self.labels])

    def picture(self, member: str, index: int) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """``member`` of frame ``index`` as ``Pictures`` has it. Raises DataError where it is no picture."""
        return self._named(index, member, lambda data: decode_picture(member, data))

    def frame(self, index: int) -> FrameRecord:
        """All of frame ``index``. Raises DataError where the episode was read without some member."""
        flow, occluded = self.picture(FLOW, index)
        still = (self.picture(member, index) for member in (RGB, DEPTH, SEGMENTATION, INSTANCE))
        return FrameRecord(Pictures(*still, flow, occluded), self.labels[index])

    def _named(self, index: int, member: str, decode):
        if member not in self.members:
            _check_members([member])
            raise DataError(f"{member} was not read; add it to members")
        try:
            return decode(self.members[member][index])
        except DataError as error:
            raise DataError(f"frame {index} of episode {self.seed}: {error}") from None


def read_episode(index: ShardIndex, place: StoredRange, members: Collection[str] = MEMBERS) -> StoredEpisode:
    """One episode of a shard, of each frame only ``members``. Raises DataError where something is missing."""
    with open(index.path, "rb") as file:
        file.seek(place.offset)
        data = file.read(place.bytes)
    found: dict[str, list[bytes]] = {member: [] for member in members}
    for name, first, size in archive.unpack(data, index.path):
        seed, frame, member = archive.split_name(name)
        if member in found:
            if (seed, frame) != (place.seed, len(found[member])):
                raise DataError(f"{index.path} is out of order at {name}; delete it and generate it again")
            found[member].append(data[first : first + size])
    if short := [member for member, values in found.items() if len(values) != place.frames]:
        raise DataError(
            f"{index.path}: episode {place.seed} has {len(found[short[0]])} {short[0]} for {place.frames} frames; "
            "delete the shard and generate it again"
        )
    return StoredEpisode(place.seed, found)


def read_shards(
    source: Path | str, split: str | None = None, members: Collection[str] = MEMBERS
) -> Iterator[StoredEpisode]:
    """The episodes of a folder of shards, or of one shard, in order of split and seed; of ``split`` alone if given.

    ``members`` are those that each frame is to have: the fewer, the faster.
    Raises DataError where there is no shard, or one is damaged.
    """
    _check_members(members)
    for path in shard_paths(Path(source), split):
        index = index_of(path)
        for place in index.episodes:
            yield read_episode(index, place, members)


def _check_members(members: Collection[str]) -> None:
    if unknown := set(members) - set(MEMBERS):
        raise DataError(f"unknown member {sorted(unknown)[0]!r}; each frame has {', '.join(MEMBERS)}")


def shard_paths(source: Path, split: str | None = None) -> list[Path]:
    """The shards of a folder, training first, or the one shard ``source``. Raises DataError where there is none."""
    if split not in (None, *SPLITS):
        raise DataError(f"unknown split {split!r}; there are {', '.join(SPLITS)}")
    if not source.exists():
        raise DataError(f"{source} does not exist; make a data set with gaze-vlm-ros generate")
    if source.is_file() and source.suffix != ".tar":
        raise DataError(f"{source} is no shard (.tar); name a shard or a folder of shards")
    found = shards_of(source) if source.is_dir() else [source]
    wanted = [path for path in found if split in (None, split_of(path))]
    if not wanted:
        of_split = f" of the split {split!r}" if split else ""
        raise DataError(f"{source} holds no shard{of_split}; {_remedy(source)}")
    return wanted


def _remedy(source: Path) -> str:
    """What to do about a folder without the shards that are looked for."""
    if (source / manifest.FILE).exists() and manifest.read(source).get("kind") == "lerobot":
        return "it is a LeRobot data set, which LeRobot reads; only shards are read here"
    if finished := len(list((source / PARTS).glob("*.tar"))):
        return f"it is unfinished ({finished} episodes are complete): run the same generate again"
    return "make one with gaze-vlm-ros generate"


def data_digest(folder: Path) -> str:
    """SHA-256 over the names and digests of a folder's shards: equal for equal data, however it was made."""
    digest = hashlib.sha256()
    for path in shards_of(folder):
        digest.update(f"{path.name} {_digest_of(path)}\n".encode())
    return digest.hexdigest()


def _digest_of(path: Path) -> str:
    try:
        return index_of(path).sha256
    except DataError:  # a damaged shard is left out by those who read it, but it is a part of the data
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
