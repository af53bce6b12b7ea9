"""Episodes into WebDataset shards.

A finished episode is a *part*, a file of its own in ``.parts``. When all wanted episodes of a block of seeds are there,
they become shards, one for each split: ``train-000003.tar`` holds the training episodes of the seeds 30 to 39, in their
order. So a shard's bytes depend on which seeds are wanted alone, never on who made them or how often that was stopped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from gaze_vlm_ros.training.shards import archive, manifest
from gaze_vlm_ros.training.shards.codec import encode_frame
from gaze_vlm_ros.training.shards.files import PARTIAL, whole_file, write_atomically
from gaze_vlm_ros.training.shards.index import PARTS, ShardIndex, StoredRange, index_of, shards_of, split_of
from gaze_vlm_ros.training.shards.schema import EpisodeHeader, FrameRecord, RecordOptions

BLOCK = 10
"""Seeds of one block: with all labels a shard of 30 s episodes has some 80 MB."""


class Recording(Protocol):
    """An episode while it is made: ``frames`` can be gone through once."""

    header: EpisodeHeader
    frames: Iterable[FrameRecord]


class ShardWriter:
    """The data set in ``folder``. Any number of processes may write episodes; one assembles a given block."""

    kind = "webdataset"

    def __init__(self, folder: Path, options: RecordOptions) -> None:
        """Raises DataError where ``folder`` holds a data set of another kind."""
        self.folder, self.options = folder, options
        manifest.claim(folder, self.kind, options)
        self._parts = folder / PARTS

    @staticmethod
    def check(options: RecordOptions) -> None:
        """Shards take any options."""

    def present(self) -> set[int]:
        """Seeds of the complete episodes, whether in a shard or still a part."""
        parts = {int(path.stem) for path in self._parts.glob("*.tar")}
        return parts.union(*(index_of(shard).seeds for shard in shards_of(self.folder)))

    def write(self, seed: int, recording: Recording) -> None:
        """Makes the part of one episode. Raises WriteError where the disk does not take it."""
        self._parts.mkdir(exist_ok=True)
        with whole_file(self._part(seed)) as file:
            for number, frame in enumerate(recording.frames):
                file.write(archive.pack(seed, number, encode_frame(recording.header, number, frame)))

    def finish(self, seeds: list[int]) -> None:
        """Turns the parts of ``seeds``, all of which are present, into shards."""
        shards: dict[str, list[int]] = {}
        for seed in sorted(seeds):
            shards.setdefault(f"{self.options.split_of(seed)}-{seed // BLOCK:06d}", []).append(seed)
        for name, members in shards.items():
            if parts := [path for seed in members if (path := self._part(seed)).exists()]:
                self._assemble(self.folder / f"{name}.tar", parts)

    def prepare(self, seeds: list[int]) -> None:
        """Removes what a killed process left of the parts of ``seeds``, and of their shards."""
        for seed in seeds:
            for left in self._parts.glob(f"{seed:08d}.*{PARTIAL}"):
                left.unlink(missing_ok=True)
            for left in self.folder.glob(f"*-{seed // BLOCK:06d}.*{PARTIAL}"):
                left.unlink(missing_ok=True)

    def close(self, wanted: list[int]) -> None:
        """Removes the folder of the parts, unless there still are some, of another machine."""
        with contextlib.suppress(OSError):
            self._parts.rmdir()

    def _part(self, seed: int) -> Path:
        return self._parts / f"{seed:08d}.tar"

    def _assemble(self, path: Path, parts: list[Path]) -> None:
        """``path`` anew, from the episodes that it already holds and ``parts``; then the parts go."""
        sources = {int(part.stem): (part, 0, part.stat().st_size) for part in parts}
        if path.exists():
            sources = {item.seed: (path, item.offset, item.bytes) for item in index_of(path).episodes} | sources
        digest, episodes, offset = hashlib.sha256(), [], 0
        with whole_file(path) as shard:
            for seed, (source, first, size) in sorted(sources.items()):
                with open(source, "rb") as file:
                    file.seek(first)
                    data = file.read(size)
                shard.write(data)
                digest.update(data)
                episodes.append(StoredRange(seed, self.options.frames, offset, size))
                offset += size
            shard.write(archive.END)
            digest.update(archive.END)
        index = ShardIndex(path, split_of(path), offset + len(archive.END), digest.hexdigest(), tuple(episodes))
        write_atomically(path.with_suffix(".json"), (json.dumps(index.as_dict(), indent=1) + "\n").encode())
        for part in parts:
            part.unlink()
