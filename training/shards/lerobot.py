"""Episodes into a LeRobot data set, version 3.0, that ``lerobot.datasets.LeRobotDataset`` loads.

A finished episode is a *part*: its video and its table in ``.parts``. When all wanted episodes are there, the tables
become one, the videos get their places, and last ``meta/info.json`` is written: without it the data set does not exist.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gaze_vlm_ros.training.shards import lerobot_meta as meta
from gaze_vlm_ros.training.shards import manifest
from gaze_vlm_ros.training.shards.files import PARTIAL, only_one, whole_file, write_atomically
from gaze_vlm_ros.training.shards.index import PARTS
from gaze_vlm_ros.training.shards.schema import SPLITS, DataError, Labels, RecordOptions
from gaze_vlm_ros.training.shards.video import encode_mp4
from gaze_vlm_ros.training.shards.writer import Recording

_HEADER, _HISTOGRAM = b"episode", b"histogram"
_TASK = "task"


def is_finished(folder: Path) -> bool:
    """Whether ``folder`` is a complete LeRobot data set."""
    return (folder / meta.INFO_PATH).exists()


def lerobot_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a finished data set's files: equal for equal data, however it was made."""
    digest = hashlib.sha256()
    for path in sorted(path for part in ("data", "meta", "videos") for path in (folder / part).rglob("*")):
        if path.is_file():
            with open(path, "rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return digest.hexdigest()


class LeRobotWriter:
    """The data set in ``folder``. Any number of processes may write episodes; one finishes it."""

    kind = "lerobot"

    def __init__(self, folder: Path, options: RecordOptions) -> None:
        """Raises DataError where ``folder`` holds a data set of another kind, or the rate is no whole number."""
        self.check(options)
        self.folder, self.options = folder, options
        manifest.claim(folder, self.kind, options)
        self._parts = folder / PARTS

    @staticmethod
    def check(options: RecordOptions) -> None:
        """Raises DataError where the rate is no whole number."""
        if options.rate_hz != int(options.rate_hz):
            raise DataError(f"LeRobot wants a whole number of frames per second, got {options.rate_hz:g}")

    def present(self) -> set[int]:
        """Seeds of the complete episodes."""
        if is_finished(self.folder):
            return set(pq.read_table(self.folder / meta.EPISODES_PATH, columns=["seed"])["seed"].to_pylist())
        return {int(path.stem) for path in self._parts.glob("*.parquet")}

    def prepare(self, seeds: list[int]) -> None:
        """Removes what a killed process left of ``seeds``. Raises DataError where the data set is finished without
        them.
        """
        if is_finished(self.folder) and not self.present().issuperset(seeds):
            raise DataError(f"{self.folder} is a finished LeRobot data set of other episodes; name another folder")
        for seed in seeds:
            for left in self._parts.glob(f"{seed:08d}.*{PARTIAL}"):
                left.unlink(missing_ok=True)

    def write(self, seed: int, recording: Recording) -> None:
        """Makes the part of one episode. Raises WriteError where the disk does not take it."""
        labels: list[Labels] = []
        histogram = np.zeros((3, 256), np.int64)

        def pictures() -> Iterator[np.ndarray]:
            for frame in recording.frames:
                labels.append(frame.labels)
                histogram[:] += _histogram(frame.pictures.rgb)
                yield frame.pictures.rgb

        header = recording.header
        video = encode_mp4(pictures(), (header.width, header.height), header.rate_hz)
        columns = meta.columns_of(labels, header)
        table = pa.table({name: meta.arrow(values) for name, values in columns.items()})
        tasks = pa.array([item.event or item.activity for item in labels])
        notes = {_HEADER: json.dumps(asdict(header)), _HISTOGRAM: json.dumps(histogram.tolist())}
        self._parts.mkdir(exist_ok=True)
        write_atomically(self._part(seed, "mp4"), video)
        with whole_file(self._part(seed, "parquet")) as file:
            pq.write_table(table.append_column(_TASK, tasks).replace_schema_metadata(notes), file)

    def finish(self, seeds: list[int]) -> None:
        """Nothing: single blocks have no place of their own."""

    def close(self, wanted: list[int]) -> None:
        """Makes the data set, if all ``wanted`` episodes are there and it is not yet made."""
        with only_one(self.folder, "finish"):
            if not is_finished(self.folder) and self.present().issuperset(wanted):
                self._make(wanted)

    def _make(self, wanted: list[int]) -> None:
        order = sorted(wanted, key=lambda seed: (SPLITS.index(self.options.split_of(seed)), seed))
        parts = {seed: pq.read_table(self._part(seed, "parquet")) for seed in order}
        tasks = sorted({task for part in parts.values() for task in part[_TASK].unique().to_pylist()})
        rows, totals = [], meta.Totals()
        for first in range(0, len(order), meta.CHUNK):
            with whole_file(self._made(meta.DATA_PATH, first // meta.CHUNK)) as file:
                rows += self._write_data(file, first, order[first : first + meta.CHUNK], parts, tasks, totals)
        header = json.loads(parts[order[0]].schema.metadata[_HEADER])
        splits = [self.options.split_of(seed) for seed in order]
        with whole_file(self._made(meta.EPISODES_PATH)) as file:
            pq.write_table(pa.Table.from_pylist(rows), file)
        with whole_file(self._made(meta.TASKS_PATH)) as file:
            pq.write_table(meta.task_table(tasks), file)
        write_atomically(self._made(meta.STATS_PATH), meta.as_json(totals.statistics()))
        write_atomically(self._made(meta.INFO_PATH), meta.as_json(meta.info(header, splits, len(tasks))))
        shutil.rmtree(self._parts)

    def _write_data(self, file, first: int, seeds: list[int], parts: dict, tasks: list[str], totals) -> list[dict]:
        """Writes one file of tables, a row group for each episode, and its videos; returns the episodes' entries."""
        rows, writer = [], None
        for number, seed in enumerate(seeds, first):
            part = parts[seed]
            begin, length = number * self.options.frames, part.num_rows
            data = meta.indexed(part.drop_columns([_TASK]), number, begin, part[_TASK].to_pylist(), tasks)
            writer = writer or pq.ParquetWriter(file, data.schema)
            writer.write_table(data)
            histogram = np.array(json.loads(part.schema.metadata[_HISTOGRAM]))
            statistics = totals.add(data, histogram, length)
            rows.append(
                meta.episode_row(number, begin, length, sorted(set(part[_TASK].to_pylist())), self.options.rate_hz)
                | {"seed": seed, "split": self.options.split_of(seed)}
                | meta.flat(statistics)
            )
            write_atomically(self._made(meta.VIDEO_PATH, number), self._part(seed, "mp4").read_bytes())
        writer.close()
        return rows

    def _part(self, seed: int, kind: str) -> Path:
        return self._parts / f"{seed:08d}.{kind}"

    def _made(self, pattern: str, number: int = 0) -> Path:
        path = self.folder / meta.place(pattern, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _histogram(rgb: np.ndarray) -> np.ndarray:
    """How often each channel of (H, W, 3) uint8 has each value, (3, 256)."""
    counts = [cv2.calcHist([rgb], [channel], None, [256], [0, 256]).ravel() for channel in range(3)]
    return np.array(counts).astype(np.int64)
