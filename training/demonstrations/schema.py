"""Demonstration: one episode as it is stored, one file without pickle."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.sim.robot_eye import Panorama, PanoramaError

SPLITS = {"train": 0, "validation": 1_000_000, "test": 2_000_000}
"""The first seed of each split; an episode belongs to the split of its seed, before anything else is drawn."""
_PER_SPLIT = 1_000_000
REMEDY = "record with --panorama-every 4"
"""What to do about a demonstration in which nothing can be looked at."""
_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 88]


class DemonstrationError(GazeVlmError):
    """A stored demonstration that is missing, damaged or of another kind."""


def seeds_of(split: str, count: int, first: int = 0) -> range:
    """``count`` seeds of a split, after the ``first`` ones. Raises DemonstrationError for another split or too many."""
    if split not in SPLITS:
        raise DemonstrationError(f"no split {split!r}; use one of: {', '.join(SPLITS)}")
    if not (count > 0 <= first and first + count <= _PER_SPLIT):
        raise DemonstrationError(f"a split has 1..{_PER_SPLIT} episodes, got {count} from {first} on")
    return range(SPLITS[split] + first, SPLITS[split] + first + count)


@dataclass(frozen=True)
class Demonstration:
    """T control steps at 15 Hz; positions in metres and the base frame, joints in radians.

    ``joint_rad`` (T, n) as measured, ``target_rad`` (T, n) as commanded before the step, ``intended_rad`` (T, n) what
    the expert commanded, ``opening`` (T,) 0 closed .. 1 open as measured, ``open_wanted`` (T,) as commanded; ``places``
    (T, 2, 7) as ``places_of``, ``look_m`` (T, 3) what the expert works at, ``asked_m`` (T, 3) the thing asked for;
    ``panorama_step`` (P,) at which steps there is a panorama, ``coded`` its two pictures each.
    """

    task: str
    seed: int
    mode: str
    robot: str
    asked_for: str
    eye_m: tuple[float, float, float]
    joint_rad: np.ndarray
    target_rad: np.ndarray
    intended_rad: np.ndarray
    opening: np.ndarray
    open_wanted: np.ndarray
    places: np.ndarray
    look_m: np.ndarray
    asked_m: np.ndarray
    panorama_step: np.ndarray
    coded: tuple[bytes, ...] = ()

    @property
    def steps(self) -> int:
        return len(self.joint_rad)

    def panorama(self, index: int) -> Panorama:
        """The panorama of step ``panorama_step[index]``."""
        return Panorama(*(_decode(self.coded[2 * index + part]) for part in range(2)))

    def save(self, path: Path) -> None:
        """Writes the file in one go: it is there whole or not at all."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self) if f.type == "np.ndarray"}
        about = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in (*arrays, "coded")}
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        arrays["coded"] = np.frombuffer(b"".join(self.coded), np.uint8)
        arrays["coded_size"] = np.array([len(part) for part in self.coded], np.int64)
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(buffer.getvalue())
        os.replace(partial, path)

    @classmethod
    def load(cls, path: Path) -> Demonstration:
        """Raises DemonstrationError where the file is missing or damaged."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            about = json.loads(arrays.pop("about").tobytes())
            about["eye_m"] = tuple(about["eye_m"])
            ends = np.cumsum(arrays.pop("coded_size"))
            coded = arrays.pop("coded").tobytes()
            parts = tuple(coded[begin:end] for begin, end in zip([0, *ends], ends, strict=False))
            return cls(**about, **arrays, coded=parts)
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            remedy = "record it again with `python -m gaze_vlm_ros.training.record_demonstrations`"
            raise DemonstrationError(f"{path} is no demonstration ({error}); {remedy}") from None


def encode(panorama: Panorama) -> tuple[bytes, bytes]:
    """The fine arc and the whole sphere as JPEG."""
    return tuple(
        cv2.imencode(".jpg", picture[..., ::-1], _QUALITY)[1].tobytes() for picture in (panorama.fine, panorama.rest)
    )


def _decode(coded: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise PanoramaError("a stored panorama cannot be read; record the demonstrations again")
    return picture
