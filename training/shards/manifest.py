"""``dataset.json``: with which options and by which version of the generator the episodes of a folder were made.

It is the same on every machine that works at a data set, so that the folders can be copied together.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

import gaze_vlm_ros
from gaze_vlm_ros.training.shards.files import PARTIAL, write_atomically
from gaze_vlm_ros.training.shards.schema import FORMAT, DataError, RecordOptions

FILE = "dataset.json"
_SOURCES = (
    "types.py",
    "language",
    "geometry",
    "gaze",
    "robots",
    "sim",
    "training/record.py",
    "training/shards/codec.py",
    "training/shards/schema.py",
)
"""All that an episode's bytes depend on, below the package's folder."""
_SUFFIXES = {".py", ".yaml", ".xml"}


@cache
def generator() -> dict[str, str]:
    """Versions of the libraries and a digest of the sources that make an episode."""
    libraries = {"mujoco": version("mujoco"), "numpy": np.__version__, "opencv": cv2.__version__}
    return {"sources_sha256": _sources_digest()} | libraries


def _sources_digest() -> str:
    root = Path(gaze_vlm_ros.__file__).parent
    digest = hashlib.sha256()
    for source in _SOURCES:
        place = root / source
        files = [place] if place.is_file() else [path for path in place.rglob("*") if path.suffix in _SUFFIXES]
        for path in sorted(files):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def refuse_foreign(folder: Path) -> None:
    """Raises DataError where ``folder`` holds something, but no data set."""
    if not folder.is_dir() or (folder / FILE).exists():
        return
    found = sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and path.suffix != PARTIAL)
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise DataError(f"{folder} holds {found[0]}{more} and no data set; name an empty or a new folder")


def claim(folder: Path, kind: str, options: RecordOptions) -> None:
    """Makes ``folder`` a data set of this kind, or sees that it is one already.

    Raises DataError where it was begun with other options or by another generator: the mixture would be no data set.
    """
    wanted = {"format": FORMAT, "kind": kind, "options": asdict(options), "generator": generator()}
    path = folder / FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (json.dumps(wanted, indent=2, sort_keys=True) + "\n").encode())
        return
    found = read(folder)
    if found != wanted:
        raise DataError(f"{folder} was begun otherwise ({_difference(found, wanted)}); name another folder")


def read(folder: Path) -> dict:
    """Raises DataError where ``folder`` holds no data set."""
    try:
        return json.loads((folder / FILE).read_bytes())
    except OSError:
        raise DataError(
            f"{folder} holds no data set ({FILE} is missing); make one with gaze-vlm-ros generate"
        ) from None
    except ValueError as error:
        raise DataError(f"{folder / FILE} cannot be read ({error}); name another folder") from None


def _difference(found: dict, wanted: dict) -> str:
    """The first thing in which they differ, in words."""
    for key, value in wanted.items():
        before = found.get(key) if isinstance(found, dict) else None
        if isinstance(value, dict) and isinstance(before, dict):
            changed = [name for name in sorted(value | before) if value.get(name) != before.get(name)]
            if changed:
                return f"{key} {changed[0]}: {str(before.get(changed[0]))[:12]}, now {str(value.get(changed[0]))[:12]}"
        elif before != value:
            return f"{key}: {before}, now {value}"
    return "it has other entries"
