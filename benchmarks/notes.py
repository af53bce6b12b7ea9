"""What a node of a benchmark writes down while it runs, without growing: rows of three numbers in a file."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import FileIO
from pathlib import Path

import numpy as np

_ROW = struct.Struct("<3q")


class Notes:
    """Of each message the number of its topic, its stamp, and when it was heard or sent, both in ROS time [ns]."""

    def __init__(self, path: str) -> None:
        self._file = FileIO(path, "wb")

    def add(self, topic: int, stamp_ns: int, at_ns: int) -> None:
        self._file.write(_ROW.pack(topic, stamp_ns, at_ns))

    def close(self) -> None:
        self._file.close()


def read_notes(path: Path, topics: Sequence[str]) -> dict[str, np.ndarray]:
    """By topic, (n, 2) int64: stamps and times in the order of the file; a row that was cut off is left out."""
    data = path.read_bytes()
    rows = np.frombuffer(data[: len(data) // _ROW.size * _ROW.size], "<i8").reshape(-1, 3)
    return {topic: rows[rows[:, 0] == number, 1:] for number, topic in enumerate(topics)}
