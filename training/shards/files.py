"""Files that are either whole or not there."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gaze_vlm_ros.training.shards.schema import DataError

PARTIAL = ".partial"


class WriteError(DataError):
    """A file could not be written; what was complete is still there."""


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the name ``path`` when it is complete; else nothing stays.

    Several processes may write the same file, the last one wins. Raises WriteError where the disk does not take it.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise WriteError(f"{path} cannot be written: {error.strerror or error}") from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """``data`` as a whole file."""
    with whole_file(path) as file:
        file.write(data)


@contextlib.contextmanager
def only_one(folder: Path, name: str) -> Iterator[None]:
    """While this lasts, no other process does ``name`` in ``folder``. Raises DataError where one does."""
    path = folder / f".{name}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        why = "it is a file" if folder.is_file() else error.strerror
        raise WriteError(f"cannot write to {folder} ({why}); name another folder") from None
    with open(path, "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataError(f"another process works in {folder}; wait for it, or name another folder") from None
        yield
